"""La transcription en direct, servie : latences en temps réel, WER face au fichier, une heure au plus vite et sa mémoire.

`python -m bench.live [--parts latency,wer,hour] [--streams 1,2,4] [--seconds 120] [--recordings 100] [--hours 1]`. Écrit des tableaux.
"""

import argparse
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import jiwer
import numpy as np
import psutil
from passerelle.v1 import audio_pb2, transcribe_pb2, transcribe_pb2_grpc

from bench.speech import NORMALIZE, TRANSCRIPTS, WAVES, role
from server.engines.base_audio import Wave
from tests.support import audio_files
from tests.support.product import Product, running_product

RATE = 16000
CHUNK_SECONDS = 0.1
GAP_SECONDS = 1.2
"""Silence entre deux enregistrements : deux fois celui qui clôt une phrase."""
SAMPLED_SECONDS = 600.0
"""Audio entre deux relevés de mémoire."""
Request = transcribe_pb2.StreamTranscribeRequest


@dataclass
class Heard:
    """Événements d'un flux, chacun avec l'instant de son arrivée."""

    started: float = 0.0
    """Instant où le premier échantillon a été dit."""
    events: list[tuple[float, transcribe_pb2.StreamTranscribeResponse]] = field(default_factory=list)

    @property
    def summary(self) -> transcribe_pb2.StreamSummary:
        """Bilan."""
        return self.events[-1][1].summary


def main() -> None:
    """Joue les mesures demandées et les écrit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", default="latency,wer,hour")
    parser.add_argument("--streams", default="1,2,4")
    parser.add_argument("--seconds", type=float, default=120.0, help="durée de chaque relevé de latence")
    parser.add_argument(
        "--recordings", type=int, default=100, help="enregistrements par langue de la partie wer, au plus"
    )
    parser.add_argument("--hours", type=float, default=1.0, help="audio de la partie hour")
    options = parser.parse_args()
    parts = options.parts.split(",")
    with tempfile.TemporaryDirectory(prefix="banc-") as folder, running_product(Path(folder)) as product:
        product.ensure_ready("canary")
        run(product, pcm(joined(recordings("en"))[: 10 * RATE]), "en")
        if "latency" in parts:
            latency(product, [int(n) for n in options.streams.split(",")], options.seconds)
        if "wer" in parts:
            accuracy(product, options.recordings)
        if "hour" in parts:
            hour(product, options.hours * 3600)


def run(
    product: Product,
    chunks: Iterator[bytes],
    language: str,
    *,
    heard: Heard | None = None,
    interim: bool = True,
    timeout: float = 7000.0,
) -> Heard:
    """Mène un flux jusqu'à sa fin."""
    heard = heard or Heard()
    raw = audio_pb2.AudioFormat(encoding=audio_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate_hertz=RATE)
    config = transcribe_pb2.StreamTranscribeConfig(
        config=transcribe_pb2.TranscribeConfig(audio_format=raw, language=language), interim_results=interim
    )

    def requests() -> Iterator[Request]:
        yield Request(config=config)
        for chunk in chunks:
            yield Request(audio=chunk)

    with grpc.insecure_channel(product.target) as channel:
        stub: Any = transcribe_pb2_grpc.TranscribeServiceStub(channel)
        for event in stub.StreamTranscribe(requests(), timeout=timeout):
            heard.events.append((time.perf_counter(), event))
    return heard


def recordings(language: str) -> list[str]:
    """Enregistrements d'une langue."""
    return [name for name in TRANSCRIPTS if name.startswith(language)]


def joined(names: list[str]) -> Wave:
    """Ces enregistrements, chacun suivi d'un silence."""
    gap = np.zeros(int(GAP_SECONDS * RATE), np.float32)
    return np.concatenate([part for name in names for part in (WAVES[name], gap)])


def pcm(wave: Wave, chunk_seconds: float = CHUNK_SECONDS) -> Iterator[bytes]:
    """Une onde en morceaux, au plus vite."""
    size = int(chunk_seconds * RATE)
    for at in range(0, len(wave), size):
        yield (wave[at : at + size] * 32767).astype("<i2").tobytes()


def spoken(wave: Wave, seconds: float, heard: Heard) -> Iterator[bytes]:
    """Une onde répétée, donnée comme un microphone la donne : un morceau part quand il vient d'être dit."""
    heard.started = time.perf_counter()
    sent = 0.0
    while sent < seconds:
        for chunk in pcm(wave):
            sent += len(chunk) / 2 / RATE
            time.sleep(max(0.0, heard.started + sent - time.perf_counter()))
            yield chunk
            if sent >= seconds:
                return


def latency(product: Product, levels: list[int], seconds: float, languages: Sequence[str] = ("en", "fr")) -> None:
    """Latences à plusieurs flux en temps réel, langues mêlées."""
    print(f"\nLatences en temps réel, {seconds:g} s par relevé, morceaux de {CHUNK_SECONDS * 1000:g} ms.\n")
    print("| flux | phrases | premier provisoire p50 | p95 | finale p50 | p95 |\n|---|---|---|---|---|---|")
    for level in levels:
        with ThreadPoolExecutor(level) as pool:
            voices = partial(one_voice, product, languages, min(0.7, 10 / level), seconds)
            found = list(pool.map(voices, range(level)))
        partials = [delay for first, _ in found for delay in first]
        finals = [delay for _, final in found for delay in final]
        row = [f"{np.percentile(values, q):.2f} s" if values else "" for values in (partials, finals) for q in (50, 95)]
        print(f"| {level} | {len(finals)} | {' | '.join(row)} |", flush=True)


def one_voice(
    product: Product, languages: Sequence[str], apart: float, seconds: float, index: int
) -> tuple[list[float], list[float]]:
    """Un flux : attente du premier provisoire depuis le début de parole, de la finale depuis sa fin."""
    language, heard = languages[index % len(languages)], Heard()
    # Les flux ne disent pas la même chose au même moment.
    time.sleep(apart * index)
    names = recordings(language)
    wave = joined(names[index % len(names) :] + names[: index % len(names)])
    run(product, spoken(wave, seconds, heard), language, heard=heard)
    starts: dict[int, float] = {}
    ends: dict[int, float] = {}
    partials: dict[int, float] = {}
    finals: list[float] = []
    for at, event in heard.events:
        match event.WhichOneof("event"):
            case "speech_start":
                starts[event.speech_start.utterance_index] = event.speech_start.offset.ToMicroseconds() / 1e6
            case "speech_end":
                ends[event.speech_end.utterance_index] = event.speech_end.offset.ToMicroseconds() / 1e6
            case "partial":
                number = event.partial.utterance_index
                partials.setdefault(number, at - heard.started - starts[number])
            case "final":
                finals.append(at - heard.started - ends[event.final.index])
    return list(partials.values()), finals


def accuracy(product: Product, most: int) -> None:
    """WER du direct, du fichier, et du direct face au fichier, sur le même audio."""
    print("\n| langue | audio | WER direct | WER fichier | direct face au fichier |\n|---|---|---|---|---|")
    for language in ("en", "fr"):
        names = recordings(language)[:most]
        wave = joined(names)
        expected = NORMALIZE(" ".join(TRANSCRIPTS[name]["text"] for name in names))
        live = NORMALIZE(run(product, pcm(wave), language).summary.text)
        with product.http(timeout=1200) as http:
            fields = {"model": "whisper-1", "language": language}
            response = http.post(
                "/v1/audio/transcriptions", files={"file": ("a.wav", audio_files.wav(wave))}, data=fields
            )
        response.raise_for_status()
        file = NORMALIZE(response.json()["text"])
        values = (jiwer.wer(expected, live), jiwer.wer(expected, file), jiwer.wer(file, live))
        shown = " | ".join(f"{value:.4f}" for value in values)
        print(f"| {language} | {len(wave) / RATE:.0f} s | {shown} |", flush=True)


def hour(product: Product, seconds: float) -> None:
    """Un long flux au plus vite, et la mémoire de chaque processus au fil de l'audio."""
    wave = joined(recordings("fr"))
    samples: list[tuple[str, dict[str, tuple[float, float]]]] = [("début", memory(product))]
    failure: list[BaseException] = []

    def sampling(at: float) -> None:
        try:
            samples.append((f"{at / 60:.0f} min", memory(product)))
        except BaseException as error:
            failure.append(error)
            raise

    def chunks() -> Iterator[bytes]:
        sent, following = 0.0, SAMPLED_SECONDS
        while sent < seconds:
            for chunk in pcm(wave, 1.0):
                yield chunk
                sent += len(chunk) / 2 / RATE
                if sent >= seconds:
                    return
                if sent >= following:
                    threading.Thread(target=sampling, args=(following,)).start()
                    following += SAMPLED_SECONDS

    started = time.perf_counter()
    heard = run(product, chunks(), "fr")
    elapsed = time.perf_counter() - started
    samples.append(("fin", memory(product)))
    if failure:
        raise failure[0]
    summary = heard.summary
    covered = summary.coverage.covered_duration.ToMicroseconds() / 1e6
    finals = sum(event.HasField("final") for _, event in heard.events)
    print(
        f"\nUn flux de {seconds / 60:g} min d'audio au plus vite : {elapsed:.0f} s, {seconds / elapsed:.1f} fois le temps réel, "
        f"{finals} phrases, {len(summary.text.split())} mots, couverture {covered:.1f} s sur {seconds:.1f} s.\n"
    )
    names = list(dict.fromkeys(name for _, found in samples for name in found))
    print("RSS / PSS en Mio :\n")
    print("| processus | " + " | ".join(when for when, _ in samples) + " |\n|---" + "|---" * len(samples) + "|")
    for name in names:
        cells = [f"{found[name][0]:.0f} / {found[name][1]:.0f}" if name in found else "" for _, found in samples]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def memory(product: Product) -> dict[str, tuple[float, float]]:
    """RSS et PSS (Mio) de chaque processus du produit, par son rôle."""
    found: dict[str, tuple[float, float]] = {}
    supervisor = psutil.Process(product.process.pid)
    for process in (supervisor, *supervisor.children(recursive=True)):
        try:
            name = "superviseur" if process == supervisor else role(process)
            full = process.memory_full_info()
        except psutil.NoSuchProcess:
            continue
        rss, pss = found.get(name, (0.0, 0.0))
        found[name] = rss + full.rss / 2**20, pss + full.pss / 2**20
    return found


if __name__ == "__main__":
    main()
