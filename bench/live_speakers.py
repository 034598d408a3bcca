"""Les locuteurs d'un direct, servis : mots mal attribués et cpWER, du fichier et du direct, délais, et ce qu'ils coûtent aux textes.

`python -m bench.live_speakers --sounds DOSSIER [--parts words,load] [--streams 1,4,8] [--seconds 40]` (`bench/dialogues.py` dit
d'où viennent les voix). Écrit des tableaux.
"""

import argparse
import itertools
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import jiwer
import numpy as np
from passerelle.v1 import audio_pb2, diarize_pb2, transcribe_pb2, transcribe_pb2_grpc

from bench.dialogues import Dialogue, dialogues, voices
from bench.live import RATE, Heard, pcm, spoken
from bench.load import machine
from bench.speech import NORMALIZE
from tests.support import audio_files
from tests.support.product import Product, running_product

Request = transcribe_pb2.StreamTranscribeRequest
Words = list[tuple[float, str, str]]
"""Milieu, texte et locuteur de chaque mot."""


def main() -> None:
    """Joue les mesures demandées et les écrit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sounds", type=Path)
    parser.add_argument("--parts", default="words,load")
    parser.add_argument("--streams", default="1,4,8")
    parser.add_argument("--seconds", type=float, default=40.0)
    asked = parser.parse_args()
    print(machine())
    found = dialogues(voices(asked.sounds))
    with tempfile.TemporaryDirectory(prefix="banc-") as folder, running_product(Path(folder)) as product:
        for model in ("canary", "pyannote"):
            product.ensure_ready(model)
        if "words" in asked.parts.split(","):
            attribution(product, found)
        if "load" in asked.parts.split(","):
            load(product, found[0], [int(count) for count in asked.streams.split(",")], asked.seconds)


def live(product: Product, chunks: Iterator[bytes], speakers: int | None, *, heard: Heard | None = None) -> Heard:
    """Mène un flux ; `speakers` : 0, autant qu'il s'en entend ; `None`, sans locuteurs."""
    heard = heard or Heard()
    config = transcribe_pb2.TranscribeConfig(
        audio_format=audio_pb2.AudioFormat(encoding=audio_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate_hertz=RATE)
    )
    if speakers is not None:
        config.diarization.CopyFrom(diarize_pb2.DiarizeConfig(max_speakers=speakers or None))

    def requests() -> Iterator[Request]:
        yield Request(config=transcribe_pb2.StreamTranscribeConfig(config=config))
        for chunk in chunks:
            yield Request(audio=chunk)

    with grpc.insecure_channel(product.target) as channel:
        stub: Any = transcribe_pb2_grpc.TranscribeServiceStub(channel)
        for event in stub.StreamTranscribe(requests(), timeout=7000):
            heard.events.append((time.perf_counter(), event))
    return heard


def attribution(product: Product, found: Sequence[Dialogue]) -> None:
    """Mots mal attribués, et cpWER, par dialogue : fichier, direct aussitôt, direct corrigé."""
    print(
        "\n| dialogue | audio (s) | mots | fichier | direct aussitôt | direct corrigé | cpWER fichier | aussitôt | corrigé |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for one in found:
        heard = live(product, pcm(one.wave), 0)
        at_once, revised = told(heard, revised=False), told(heard, revised=True)
        whole = by_file(product, one)
        shares = [misattributed(one, words) for words in (whole, at_once, revised)]
        rates = [cpwer(one, words) for words in (whole, at_once, revised)]
        row = [f"{value:.1%}" for value in (*shares, *rates)]
        print(f"| {one.name} | {len(one.wave) / RATE:.0f} | {len(revised)} | {' | '.join(row)} |", flush=True)


def by_file(product: Product, one: Dialogue) -> Words:
    """Les mots du fichier entier."""
    config = transcribe_pb2.TranscribeConfig(word_timestamps=True, diarization=diarize_pb2.DiarizeConfig())
    with grpc.insecure_channel(product.target) as channel:
        stub: Any = transcribe_pb2_grpc.TranscribeServiceStub(channel)
        asked = transcribe_pb2.TranscribeRequest(config=config, audio=audio_files.wav(one.wave))
        result = stub.Transcribe(asked, timeout=600)
    return [(_middle(word), word.text, word.speaker_label) for segment in result.segments for word in segment.words]


def told(heard: Heard, *, revised: bool) -> Words:
    """Les mots d'un direct, tels que rendus ou une fois corrigés."""
    phrases: dict[int, list[list[Any]]] = {}
    for _, event in heard.events:
        if event.HasField("final"):
            words = event.final.words
            phrases[event.final.index] = [[_middle(word), word.text, word.speaker_label] for word in words]
        elif revised:
            for one in (*event.speaker_revisions.revisions, *event.summary.speaker_revisions):
                for rank in range(one.first_word, one.first_word + one.word_count):
                    phrases[one.utterance_index][rank][2] = one.to_label
    return [(word[0], word[1], word[2]) for index in sorted(phrases) for word in phrases[index]]


def misattributed(one: Dialogue, words: Words) -> float:
    """Part des mots d'un autre que celui qui parle, aux meilleures correspondances d'étiquettes."""
    pairs = [(one.speaker_at(middle), label) for middle, _, label in words]
    return 1 - max(sum(names.get(label) == name for name, label in pairs) for names in _matches(one, words)) / len(
        pairs
    )


def cpwer(one: Dialogue, words: Words) -> float:
    """WER des textes de chaque locuteur mis bout à bout, aux meilleures correspondances."""
    names = sorted({turn.speaker for turn in one.turns})
    reference = {name: NORMALIZE(" ".join(turn.text for turn in one.turns if turn.speaker == name)) for name in names}
    total = sum(len(text.split()) for text in reference.values())
    labels = {label for _, _, label in words}
    spoken_by = {label: NORMALIZE(" ".join(text for _, text, who in words if who == label)) for label in labels}
    best = float("inf")
    for match in _matches(one, words):
        errors = sum(len(spoken_by[label].split()) for label in labels if label not in match)
        for name, text in reference.items():
            said = " ".join(spoken_by[label] for label in labels if match.get(label) == name)
            found = jiwer.process_words(text, said)
            errors += found.substitutions + found.deletions + found.insertions
        best = min(best, errors)
    return best / total


def _matches(one: Dialogue, words: Words) -> Iterator[dict[str, str]]:
    """Correspondances d'étiquettes à locuteurs, une étiquette par locuteur ; les étiquettes de trop n'en ont pas."""
    names = sorted({turn.speaker for turn in one.turns})
    labels = sorted({label for _, _, label in words})
    size = max(len(names), len(labels))
    for order in itertools.permutations([*labels, *[""] * (size - len(labels))], size):
        yield {label: name for name, label in zip(names, order, strict=False) if label}


def load(product: Product, one: Dialogue, levels: Sequence[int], seconds: float) -> None:
    """Premiers provisoires, finales et locuteurs de plusieurs flux en temps réel, sans et avec locuteurs."""
    print(f"\n{seconds:g} s par relevé, à la vitesse de la parole.\n")
    print(
        "| flux | locuteurs | premier provisoire p50 / p95 | finale p50 / p95 | correction p50 / p95 |\n|---|---|---|---|---|"
    )
    for level in levels:
        for speakers in (None, 0):
            with ThreadPoolExecutor(level) as pool:
                found = list(pool.map(partial(one_stream, product, one, seconds, speakers), range(level)))
            columns = [[delay for each in found for delay in each[kind]] for kind in range(3)]
            row = [f"{np.percentile(c, 50):.2f} / {np.percentile(c, 95):.2f} s" if c else "" for c in columns]
            print(f"| {level} | {'avec' if speakers is not None else 'sans'} | {' | '.join(row)} |", flush=True)


def one_stream(
    product: Product, one: Dialogue, seconds: float, speakers: int | None, rank: int
) -> tuple[list[float], list[float], list[float]]:
    """Un flux : attentes du premier provisoire, de la finale depuis la fin de parole, d'une correction depuis sa phrase."""
    time.sleep(rank * 0.7)
    heard = Heard()
    live(product, spoken(one.wave, seconds, heard), speakers, heard=heard)
    starts: dict[int, float] = {}
    ends: dict[int, float] = {}
    rendered: dict[int, float] = {}
    first: list[float] = []
    final: list[float] = []
    late: list[float] = []
    for at, event in heard.events:
        match event.WhichOneof("event"):
            case "speech_start":
                starts[event.speech_start.utterance_index] = _seconds(event.speech_start.offset)
            case "speech_end":
                ends[event.speech_end.utterance_index] = _seconds(event.speech_end.offset)
            case "partial" if (begun := starts.pop(event.partial.utterance_index, None)) is not None:
                first.append(at - heard.started - begun)
            case "final":
                final.append(at - heard.started - ends[event.final.index])
                rendered[event.final.index] = at
            case "speaker_revisions":
                late += [at - rendered[each.utterance_index] for each in event.speaker_revisions.revisions]
    return first, final, late


def _middle(word: audio_pb2.Word) -> float:
    return (_seconds(word.start_offset) + _seconds(word.end_offset)) / 2


def _seconds(value: Any) -> float:
    return float(value.ToMicroseconds()) / 1e6


if __name__ == "__main__":
    main()
