"""La transcription en direct contre le produit entier : vraie parole, vrai modèle, à travers Envoy."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import grpc
import jiwer
import numpy as np
import pytest
from passerelle.v1 import audio_pb2, transcribe_pb2, transcribe_pb2_grpc

from server.domain import Limits
from server.errors import PasserelleError
from server.rpc.status import from_rpc_error
from tests.support import audio_files
from tests.support.audio_files import Wave
from tests.support.product import ROOT, Product

Request = transcribe_pb2.StreamTranscribeRequest
RATE = 16000
TRANSCRIPTS: dict[str, dict[str, str]] = json.loads((audio_files.DATA / "transcripts.json").read_text(encoding="utf-8"))
NORMALIZE = jiwer.Compose([jiwer.ToLowerCase(), jiwer.RemovePunctuation(), jiwer.RemoveMultipleSpaces(), jiwer.Strip()])
ENGLISH = ("en/austen-0870.wav", "en/austen-0880.wav", "en/austen-0890.wav")
FRENCH = ("fr/vm-intro.g722", "fr/tt-allbusy.g722")
MICROPHONE = str(ROOT / "tests" / "fakes" / "micro")
MARGIN = 0.1
"""Ce que le direct peut perdre sur le fichier, en WER : ses phrases sont plus courtes que les fenêtres d'un fichier."""


@dataclass
class Told:
    """Ce qu'un flux a rendu, et quand."""

    events: list[transcribe_pb2.StreamTranscribeResponse] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    sent: float = 0.0
    """Instant où le client a donné son dernier morceau."""
    error: PasserelleError | None = None

    def of(self, kind: str) -> list[Any]:
        """Événements de ce genre."""
        return [getattr(event, kind) for event in self.events if event.WhichOneof("event") == kind]

    @property
    def text(self) -> str:
        """Texte du bilan."""
        return str(self.of("summary")[0].text)


def audio(data: bytes, size: int, pace: float = 0.0) -> Iterator[Request]:
    """Morceaux de cette taille ; `pace` octets par seconde, 0 : au plus vite."""
    started = time.monotonic()
    for at in range(0, len(data), size):
        yield Request(audio=data[at : at + size])
        if pace:
            time.sleep(max(0.0, started + (at + size) / pace - time.monotonic()))


def talk(
    product: Product,
    chunks: Iterable[Request],
    *,
    encoding: "audio_pb2.AudioEncoding" = audio_pb2.AUDIO_ENCODING_PCM_S16LE,
    rate: int = RATE,
    channels: int = 1,
    language: str | None = None,
    told: Told | None = None,
) -> Told:
    """Mène un flux jusqu'à sa fin, et vérifie ce que tout flux promet."""
    told = told or Told()
    common = transcribe_pb2.TranscribeConfig(
        language=language,
        audio_format=audio_pb2.AudioFormat(encoding=encoding, sample_rate_hertz=rate, channel_count=channels),
    )

    def requests() -> Iterator[Request]:
        yield Request(config=transcribe_pb2.StreamTranscribeConfig(config=common))
        yield from chunks
        told.sent = time.monotonic()

    with grpc.insecure_channel(product.target) as channel:
        stub: Any = transcribe_pb2_grpc.TranscribeServiceStub(channel)
        try:
            for event in stub.StreamTranscribe(requests(), timeout=120):
                told.events.append(event)
                told.times.append(time.monotonic())
        except grpc.RpcError as error:
            told.error = from_rpc_error(cast(grpc.aio.AioRpcError, error))
            assert told.error is not None, error
    check(told)
    return told


def check(told: Told) -> None:
    """Ordre des événements, finales qui ne reviennent pas, provisoires d'une seule phrase à la fois, bilan exact."""
    kinds = [event.WhichOneof("event") for event in told.events]
    if told.error is not None and not kinds:
        return
    assert kinds[0] == "ready" and kinds[-1] == "summary" and kinds.count("summary") == 1
    started = ended = final = -1
    shown: dict[int, str] = {}
    for event in told.events:
        match event.WhichOneof("event"):
            case "speech_start":
                started += 1
                assert event.speech_start.utterance_index == started and ended == started - 1
            case "speech_end":
                ended += 1
                assert event.speech_end.utterance_index == ended == started
            case "partial":
                index = event.partial.utterance_index
                assert final < index <= started
                before = shown.get(index, "")
                assert event.partial.kept_length <= len(before)
                shown[index] = before[: event.partial.kept_length] + event.partial.text
            case "final":
                assert final < event.final.index <= ended
                final = event.final.index
    summary = told.of("summary")[0]
    assert summary.text == " ".join(f.text for f in told.of("final") if f.text)
    assert summary.coverage.received_duration == summary.coverage.covered_duration


def pcm(wave: Wave) -> bytes:
    return (wave * 32767).astype("<i2").tobytes()


def joined(names: Iterable[str]) -> tuple[Wave, str]:
    """Enregistrements séparés de silences, et leur texte."""
    parts = [np.zeros(RATE // 2, np.float32)]
    for name in names:
        parts += [audio_files.speech(name), np.zeros(RATE, np.float32)]
    return np.concatenate(parts), " ".join(TRANSCRIPTS[name]["text"] for name in names)


def wer(expected: str, found: str) -> float:
    return float(jiwer.wer(NORMALIZE(expected), NORMALIZE(found.replace("Mr.", "mister"))))


def from_file(product: Product, wave: Wave, language: str) -> str:
    """Le même audio, par la route des fichiers."""
    with product.http(timeout=180) as http:
        data = {"model": "whisper-1", "language": language}
        response = http.post("/v1/audio/transcriptions", files={"file": ("a.wav", audio_files.wav(wave))}, data=data)
    assert response.status_code == 200, response.text
    return str(response.json()["text"])


@pytest.fixture(scope="module", autouse=True)
def ready(product: Product) -> None:
    product.ensure_ready("canary")


@pytest.mark.parametrize(("language", "names"), [("en", ENGLISH), ("fr", FRENCH)])
def test_live_words_are_those_of_the_file(product: Product, language: str, names: tuple[str, ...]) -> None:
    wave, expected = joined(names)
    told = talk(product, audio(pcm(wave), 4999), language=language)
    assert told.error is None
    summary = told.of("summary")[0]
    assert summary.language == language
    assert summary.coverage.covered_duration.ToMicroseconds() == pytest.approx(len(wave) / RATE * 1e6, abs=1)
    assert wer(expected, told.text) <= wer(expected, from_file(product, wave, language)) + MARGIN


def test_speech_in_real_time_is_shown_then_final_while_the_stream_goes_on(product: Product) -> None:
    told = Told()

    def chunks() -> Iterator[Request]:
        yield from audio(pcm(audio_files.speech()), 641, pace=2 * RATE)
        # Le silence dure jusqu'à ce que la phrase finale soit là : elle n'attend pas la fin du flux.
        end = time.monotonic() + 60
        while not told.of("final") and time.monotonic() < end:
            yield Request(audio=bytes(3200))
            time.sleep(0.1)

    talk(product, chunks(), told=told)
    kinds = [event.WhichOneof("event") for event in told.events]
    assert kinds.index("speech_start") < kinds.index("partial") < kinds.index("final")
    assert told.times[kinds.index("final")] < told.sent
    assert "Dashwood" in told.text and told.of("summary")[0].language == "en"


@pytest.mark.parametrize("kind", ["silence", "bruit blanc"])
def test_no_speech_gives_no_word_and_is_covered(product: Product, kind: str) -> None:
    noise = np.random.default_rng(4).standard_normal(30 * RATE).astype(np.float32) * 0.1
    told = talk(product, audio(pcm(noise if kind != "silence" else noise * 0), 3333))
    assert [event.WhichOneof("event") for event in told.events] == ["ready", "summary"]
    assert told.of("summary")[0].coverage.covered_duration.seconds == 30 and not told.text


def test_two_streams_and_a_file_at_once_keep_their_own_words(product: Product) -> None:
    english, english_text = joined(ENGLISH[1:3])
    french, french_text = joined(FRENCH[:1])
    with ThreadPoolExecutor(3) as pool:
        one = pool.submit(talk, product, audio(pcm(english), 1234), language="en")
        other = pool.submit(talk, product, audio(pcm(french), 333), language="fr")
        file = pool.submit(from_file, product, english, "en")
        assert wer(english_text, one.result().text) < 0.3
        assert wer(french_text, other.result().text) < 0.6
        assert wer(english_text, file.result()) < 0.3


def test_the_limits_of_live_streams_are_told(product: Product) -> None:
    with product.http() as http:
        told = http.get("/api/capabilities").json()["limits"]["audio"]
    limits = Limits()
    assert told["max_live_streams"] == limits.max_live_streams
    assert told["max_stream_silence"] == f"{limits.max_stream_silence_seconds:g}s"
    for name in ("endpoint_silence", "utterance"):
        for bound in ("", "min_", "max_"):
            assert float(told[f"{bound}{name}"].rstrip("s")) == getattr(limits, f"{bound}{name}_seconds")


def test_a_refusal_crosses_envoy_with_its_reason(product: Product) -> None:
    told = talk(product, [], encoding=audio_pb2.AUDIO_ENCODING_UNSPECIFIED)
    assert told.error is not None and told.error.metadata["field"] == "audio_format.encoding"
    half = talk(product, [Request(audio=b"\0\0\0")])
    assert half.error is not None and half.error.reason == "INVALID_AUDIO" and half.of("summary")


def example(product: Product, *arguments: str, stdin: bytes | None = None) -> tuple[str, str]:
    """Sorties de `examples/direct.py`."""
    result = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "direct.py"), "--adresse", product.target, *arguments],
        input=stdin, capture_output=True, timeout=120, check=False, cwd=ROOT,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr.decode()
    return result.stdout.decode(), result.stderr.decode()


def test_the_example_streams_a_file_and_its_standard_input(product: Product) -> None:
    path = audio_files.DATA / "en" / "austen-0880.wav"
    options = ("--langue", "en", "--silence", "0.4")
    output, summary = example(product, "--fichier", str(path), "--provisoires", *options)
    lines = output.splitlines()
    assert any(line.startswith("… ") for line in lines)
    assert (
        lines[-1].startswith("[00:00.")
        and wer(TRANSCRIPTS["en/austen-0880.wav"]["text"], lines[-1].split("] ")[1]) < 0.3
    )
    assert "langue : en" in summary
    raw = np.repeat(audio_files.speech("en/austen-0880.wav"), 3).astype("<f4").tobytes()
    piped, _ = example(product, "--brut", "-", "--codage", "f32", "--frequence", "48000", *options, stdin=raw)
    assert wer(TRANSCRIPTS["en/austen-0880.wav"]["text"], piped.splitlines()[-1].split("] ")[1]) < 0.3


def test_the_example_says_what_the_server_refuses(product: Product) -> None:
    result = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "direct.py"), "--adresse", product.target, "--brut", "-", "--silence", "9"],
        input=b"", capture_output=True, timeout=120, check=False, cwd=ROOT,
    )  # fmt: skip
    assert result.returncode == 1
    assert "INVALID_ARGUMENT" in result.stderr.decode() and "endpoint_silence" in result.stderr.decode()


def test_the_example_listens_to_a_microphone_until_it_is_interrupted(product: Product, tmp_path: Path) -> None:
    raw = tmp_path / "micro.raw"
    raw.write_bytes(pcm(audio_files.speech("en/austen-0880.wav")))
    command = [sys.executable, str(ROOT / "examples" / "direct.py"), "--adresse", product.target, "--micro"]
    environ = os.environ | {"PYTHONPATH": os.pathsep.join((MICROPHONE, *sys.path)), "MICRO_BRUT": str(raw)}
    with subprocess.Popen(
        [*command, "--langue", "en"], env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        heard = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, summary = process.communicate(timeout=60)
    assert process.returncode == 0, summary
    assert wer(TRANSCRIPTS["en/austen-0880.wav"]["text"], heard.split("] ")[1]) < 0.3
    assert "langue : en" in summary


def test_the_example_says_what_a_microphone_needs(tmp_path: Path) -> None:
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')")
    command = [sys.executable, str(ROOT / "examples" / "direct.py"), "--micro"]
    environ = os.environ | {"PYTHONPATH": os.pathsep.join((str(tmp_path), *sys.path))}
    result = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 1 and "pip install sounddevice" in result.stderr
