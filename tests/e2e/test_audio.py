"""Transcription et diarisation de fichiers, par REST, contre le produit entier et ses vrais modèles."""

import itertools
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import httpx
import jiwer
import numpy as np
import openai
import psutil
import pytest

from tests.support import audio_files
from tests.support.product import Product, sse_events, wait_until

OPENAI = "/v1/audio/transcriptions"
API = "/api/audio/transcribe"
DIARIZE = "/api/diarization/process"
AUSTEN = audio_files.DATA / "en" / "austen-0870.wav"
TRANSCRIPTS: dict[str, Any] = json.loads((audio_files.DATA / "transcripts.json").read_text(encoding="utf-8"))
SPEECH = audio_files.speech()
GOOD = audio_files.good_files(SPEECH)
DIALOGUE, TURNS = audio_files.dialogue()
NORMALIZE = jiwer.Compose([jiwer.ToLowerCase(), jiwer.RemovePunctuation(), jiwer.RemoveMultipleSpaces(), jiwer.Strip()])


@pytest.fixture(scope="module")
def http(product: Product) -> Iterator[httpx.Client]:
    with product.http(timeout=180) as client:
        yield client


@pytest.fixture(scope="module")
def client(product: Product) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{product.base_url}/v1", api_key="libre", max_retries=0, timeout=180) as found:
        yield found


def words(text: str) -> list[str]:
    """Mots comparables."""
    return str(NORMALIZE(text)).split()


def send(http: httpx.Client, data: bytes, **fields: str) -> httpx.Response:
    """Envoi multipart à la façade d'OpenAI."""
    return http.post(OPENAI, files={"file": ("a.wav", data)}, data={"model": "whisper-1"} | fields)


@pytest.fixture(scope="module")
def reference(http: httpx.Client) -> str:
    """Texte de l'enregistrement de référence."""
    response = send(http, AUSTEN.read_bytes())
    assert response.status_code == 200, response.text
    assert response.json()["usage"] == {"type": "duration", "seconds": 8}
    text: str = response.json()["text"]
    expected = TRANSCRIPTS["en/austen-0870.wav"]["text"]
    assert jiwer.wer(NORMALIZE(expected), NORMALIZE(text.replace("Mr.", "mister"))) < 0.1
    return text


@pytest.mark.parametrize("name", ["s16", "f32", "taille-0xffffffff", "8000-hz", "6-canaux", "flac", "mp3", "webm-opus"])
def test_an_input_form_gives_the_same_words(http: httpx.Client, reference: str, name: str) -> None:
    """Un échantillon ; toutes les formes sont décodées dans test_decode.py, et transcrites dans tests/peers."""
    same_words(http, reference, name)


def same_words(http: httpx.Client, reference: str, name: str) -> None:
    """Vérifie ce que rend une forme d'entrée."""
    response = http.post(API, content=GOOD[name], headers={"content-type": "application/octet-stream"})
    assert response.status_code == 200, response.text
    found = response.json()
    tolerance = 0.2 if name in ("8000-hz", "u8", "mp3", "ogg-opus", "webm-opus", "m4a-aac") else 0.0
    assert jiwer.wer(NORMALIZE(reference), NORMALIZE(found["text"])) <= tolerance
    assert found["language"] == "en" and found["model"] == "canary"
    coverage = found["coverage"]
    assert coverage["received_seconds"] == coverage["covered_seconds"] == found["duration"]
    assert found["duration"] == pytest.approx(len(SPEECH) / 16000, abs=0.15)
    assert 4 < coverage["speech_seconds"] <= found["duration"] and coverage["speech_without_words"] == []


def test_raw_samples_need_only_their_description(http: httpx.Client, reference: str) -> None:
    samples = (SPEECH * 32767).astype("<i2").tobytes()
    query = {"encoding": "pcm_s16le", "sample_rate_hertz": "16000", "word_timestamps": "true"}
    found = http.post(API, params=query, content=samples, headers={"content-type": "audio/pcm"}).json()
    assert words(found["text"]) == words(reference)
    spoken = [word for segment in found["segments"] for word in segment["words"]]
    assert [w["text"] for w in spoken] == found["text"].split()
    assert all(0 <= a["start"] <= a["end"] <= b["end"] <= 7.2 for a, b in itertools.pairwise(spoken))


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
def test_every_answer_form_has_the_same_words(http: httpx.Client, client: openai.OpenAI, reference: str) -> None:
    data = AUSTEN.read_bytes()
    file = ("austen.wav", data)
    expected = words(reference)

    def subtitle_words(text: str) -> list[str]:
        lines = [x for x in text.splitlines() if x and "-->" not in x and not x.isdigit() and x != "WEBVTT"]
        return words(" ".join(lines))

    assert words(client.audio.transcriptions.create(model="whisper-1", file=file).text) == expected
    text = client.audio.transcriptions.create(model="whisper-1", file=file, response_format="text")
    assert words(text) == expected
    for shape in ("srt", "vtt"):
        assert subtitle_words(send(http, data, response_format=shape).text) == expected
    verbose = client.audio.transcriptions.create(
        model="whisper-1", file=file, response_format="verbose_json", timestamp_granularities=["word", "segment"]
    )
    assert verbose.language == "english" and verbose.duration == pytest.approx(7.1)
    assert verbose.words is not None and verbose.segments is not None
    assert words(" ".join(w.word for w in verbose.words)) == expected
    assert words(" ".join(s.text for s in verbose.segments)) == expected
    assert all(s.avg_logprob <= 0 <= s.no_speech_prob <= 1 for s in verbose.segments)
    assert words(client.audio.translations.create(model="whisper-1", file=file).text) == expected
    stream = client.audio.transcriptions.create(model="whisper-1", file=file, stream=True)
    events = list(stream)
    deltas = "".join(e.delta for e in events if e.type == "transcript.text.delta")
    assert events[-1].type == "transcript.text.done" and events[-1].text == deltas
    assert words(deltas) == expected


def test_french_is_recognised_by_itself(http: httpx.Client) -> None:
    wave = audio_files.speech("fr/demo-congrats.g722")
    found = http.post(API, content=audio_files.wav(wave)).json()
    assert found["language"] == "fr" and found["language_probability"] > 0.5
    expected = TRANSCRIPTS["fr/demo-congrats.g722"]["text"]
    assert jiwer.wer(NORMALIZE(expected), NORMALIZE(found["text"])) < 0.5


def test_a_very_quiet_dialogue_keeps_its_voices(http: httpx.Client) -> None:
    wave = audio_files.speech_of(DIALOGUE)[: 15 * 16000] * np.float32(3e-4)
    found = http.post(DIARIZE, content=audio_files.wav(wave, kind="f32")).json()
    assert len(found["speakers"]) == 2


def test_a_change_of_language_is_heard_and_told(http: httpx.Client) -> None:
    """Un mot d'anglais devant, une phrase d'anglais après une courte pause : le français reste du français."""
    english, french = audio_files.speech("en/austen-0880.wav"), audio_files.speech("fr/demo-congrats.g722")
    first, long, short = english[:14_000], np.zeros(40_000, np.float32), np.zeros(8_000, np.float32)
    wave = np.concatenate([first, long, french[: 11 * 16000], short, english])
    found = http.post(API, content=audio_files.wav(wave), params={"word_timestamps": "true"}).json()
    assert found["language"] == "fr"
    spoken = {
        language: " ".join(s["text"] for s in found["segments"] if s["language"] == language and s["start"] > 3)
        for language in ("fr", "en")
    }
    assert "fichiers audio" in spoken["fr"]
    expected = TRANSCRIPTS["en/austen-0880.wav"]["text"]
    assert jiwer.wer(NORMALIZE(expected), NORMALIZE(spoken["en"])) < 0.4
    assert all(segment["text"].split() == [word["text"] for word in segment["words"]] for segment in found["segments"])


@pytest.mark.parametrize("kind", ["silence", "bruit", "un échantillon"])
def test_what_is_not_speech_gives_no_word(http: httpx.Client, kind: str) -> None:
    noise = np.random.default_rng(3).standard_normal(16000 * 5).astype(np.float32) * 0.1
    wave = {"silence": np.zeros(16000 * 5, np.float32), "bruit": noise, "un échantillon": noise[:1]}[kind]
    data = audio_files.wav(wave)
    assert send(http, data).json()["text"] == ""
    assert send(http, data, response_format="text").text.strip() == ""
    assert send(http, data, response_format="srt").text == ""
    assert send(http, data, response_format="vtt").text.strip() == "WEBVTT"
    assert send(http, data, response_format="verbose_json").json()["segments"] == []
    turns = http.post(DIARIZE, content=data).json()
    assert turns["turns"] == turns["exclusive_turns"] == turns["speakers"] == []
    assert turns["coverage"]["received_seconds"] == turns["coverage"]["covered_seconds"] == turns["duration"]


def diarize(http: httpx.Client, **query: str) -> dict[str, Any]:
    """Diarisation du dialogue de référence."""
    response = http.post(DIARIZE, params=query, content=DIALOGUE.read_bytes(), headers={"content-type": "audio/wav"})
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def error_rate(turns: list[dict[str, Any]]) -> float:
    """Taux d'erreur de diarisation (DER), sans tolérance aux bornes, recouvrements comptés."""
    from pyannote.core import Annotation
    from pyannote.core import Segment as Span
    from pyannote.metrics.diarization import DiarizationErrorRate

    expected, found = Annotation(), Annotation()
    for line in TURNS.read_text().splitlines():
        _, _, _, start, length, _, _, speaker, *_ = line.split()
        expected[Span(float(start), float(start) + float(length)), len(expected)] = speaker
    for track, turn in enumerate(turns):
        found[Span(turn["start"], turn["end"]), track] = turn["speaker"]
    rate = DiarizationErrorRate(collar=0.0, skip_overlap=False)(expected, found, uem=None)
    return float(rate)


@pytest.mark.filterwarnings("ignore:'uem' was approximated")
def test_diarization_finds_both_speakers(http: httpx.Client) -> None:
    found = diarize(http, embeddings="true")
    assert error_rate(found["turns"]) < 0.08
    assert len(found["speakers"]) == 2
    for speaker in found["speakers"]:
        own = [t for t in found["turns"] if t["speaker"] == speaker["speaker"]]
        assert speaker["turns"] == len(own)
        assert speaker["speech_seconds"] == pytest.approx(sum(t["end"] - t["start"] for t in own), abs=0.05)
        assert len(speaker["embedding"]) == 192
    exclusive = sorted(found["exclusive_turns"], key=lambda t: t["start"])
    assert all(a["end"] <= b["start"] + 1e-3 for a, b in itertools.pairwise(exclusive))
    overlapping = sorted(found["turns"], key=lambda t: t["start"])
    assert any(a["end"] > b["start"] for a, b in itertools.pairwise(overlapping))


def test_the_number_of_speakers_is_obeyed(http: httpx.Client) -> None:
    assert len(diarize(http, num_speakers="1")["speakers"]) == 1
    assert len(diarize(http, max_speakers="1")["speakers"]) == 1
    rttm = http.post(
        DIARIZE, params={"response_format": "rttm", "num_speakers": "2"}, content=DIALOGUE.read_bytes()
    ).text.splitlines()
    assert len(rttm) > 5 and {line.split()[7] for line in rttm} == {"SPEAKER_00", "SPEAKER_01"}


def test_words_meet_speakers(http: httpx.Client, client: openai.OpenAI) -> None:
    found = http.post(API, params={"diarize": "true", "stream": "true"}, content=DIALOGUE.read_bytes()).text
    events = sse_events(found)
    assert {"recognition", "segmentation"} <= {e["stage"] for e in events if e["type"] == "progress"}
    result = events[-1]["result"]
    assert [e["segment"] for e in events if e["type"] == "segment"] == result["segments"]
    speakers = [s["speaker"] for s in result["segments"]]
    assert set(speakers) == {"SPEAKER_00", "SPEAKER_01"} == {s["speaker"] for s in result["speakers"]}
    for segment in result["segments"]:
        assert {w["speaker"] for w in segment["words"]} == {segment["speaker"]}
        assert all(w["end"] >= w["start"] >= 0 for w in segment["words"])
    assert words(" ".join(s["text"] for s in result["segments"])) == words(result["text"])
    diarized = client.audio.transcriptions.create(
        model="whisper-1", file=("d.wav", DIALOGUE.read_bytes()), response_format="diarized_json"
    )
    assert words(diarized.text) == words(result["text"])
    assert {s.speaker for s in diarized.segments} == {"A", "B"} and diarized.segments[0].speaker == "A"


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"language": "xx"}, "language", "unsupported_option"),
        ({"response_format": "xml"}, "response_format", "invalid_request"),
        ({"temperature": "2"}, "temperature", "invalid_request"),
        ({"include[]": "logprobs"}, "include[]", "unsupported_option"),
        ({"stream": "true", "response_format": "vtt"}, "stream", "unsupported_option"),
        ({"model": "inconnu"}, "model", "model_not_found"),
        ({"model": "qwen"}, "model", "wrong_capability"),
    ],
)
def test_what_cannot_be_honoured_is_named(http: httpx.Client, fields: dict[str, str], param: str, code: str) -> None:
    response = send(http, AUSTEN.read_bytes(), **fields)
    assert response.status_code in (400, 404)
    error = response.json()["error"]
    assert error["param"] == param and error["code"] == code and error["message"]


@pytest.mark.parametrize("name", audio_files.bad_files())
def test_bad_audio_is_a_clear_error(http: httpx.Client, name: str) -> None:
    data, reason = audio_files.bad_files()[name]
    answers = [http.post(API, content=data), http.post(DIARIZE, content=data)]
    for response in answers:
        assert response.status_code == 400, response.text
        error = response.json()["error"]
        assert error["reason"] == reason and error["metadata"]["field"] and error["message"]
    streamed = http.post(API, params={"stream": "true"}, content=data)
    # Un défaut trouvé après le premier avancement arrive dans le flux.
    last = streamed.json() if streamed.status_code == 400 else sse_events(streamed.text)[-1]
    assert last["error"]["reason"] == reason
    openai_error = send(http, data)
    assert openai_error.status_code == 400 and openai_error.json()["error"]["code"] == reason.lower()


def test_bad_forms_are_clear_errors(http: httpx.Client) -> None:
    audio = AUSTEN.read_bytes()
    part = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    bodies = {
        b"x": "multipart/form-data",
        part * 10_000 + b"--x--\r\n": "multipart/form-data; boundary=x",
        part: "multipart/form-data; boundary=x",
        audio: "audio/wav",
    }
    for body, kind in bodies.items():
        response = http.post(OPENAI, content=body, headers={"content-type": kind})
        assert response.status_code == 400 and response.json()["error"]["param"], response.text
    form = http.post(OPENAI, files={"file": ("../../../tmp/evasion.wav", audio)}, data={"model": "whisper-1"})
    assert form.status_code == 200


BAD = [data for data, _ in audio_files.bad_files().values()]


def refused(http: httpx.Client, index: int) -> int:
    """Statut que reçoit un mauvais fichier, à l'une puis à l'autre route."""
    return http.post((API, DIARIZE)[index % 2], content=BAD[index % len(BAD)]).status_code


def memory(product: Product) -> dict[str, float]:
    """Mémoire (Mio) de chaque front et de chaque exemplaire d'audio."""
    found = {}
    for process in psutil.Process(product.process.pid).children(recursive=True):
        line = " ".join(process.cmdline())
        if " front " in f"{line} " or "--key canary" in line or "--key pyannote" in line:
            found[line[-20:]] = process.memory_info().rss / 2**20
    return found


def unchanged(product: Product, before: dict[str, float]) -> None:
    """Vérifie que ni la mémoire ni la réserve n'ont grossi."""
    for name, size in memory(product).items():
        assert size < before[name] + 48, f"{name} : {before[name]:.0f} → {size:.0f} Mio"
    wait_until(lambda: not list((product.run_dir / "spool").iterdir()), 60, "réserve vide")


def test_bad_files_leave_nothing(product: Product, http: httpx.Client, reference: str) -> None:
    before = memory(product)
    assert len(before) >= 3
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(partial(refused, http), range(2 * len(BAD)))) == {400}
    assert words(send(http, AUSTEN.read_bytes()).json()["text"]) == words(reference)
    unchanged(product, before)
