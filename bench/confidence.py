"""La confiance des mots face à leurs erreurs : ce qu'elle vaut, et ce que chaque seuil trouve.

`python -m bench.confidence [--model canary] [--snr none,10,0]` : le moteur du profil embarque, appelé directement, sur les enregistrements
d'essai et leurs textes, tels quels puis couverts d'un bruit blanc à tant de décibels. Un mot est faux s'il en remplace un
autre, ou s'il n'a pas été dit ; un mot oublié n'a pas de confiance. Écrit trois tableaux.
"""

import argparse
import asyncio
import itertools
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import jiwer
import numpy as np

from bench.load import machine
from bench.speech import NORMALIZE, TRANSCRIPTS, WAVES
from server.engines.base_audio import RecognitionOptions, RecognitionWindow, TranscribeEngine, Wave
from tests.support.speech_engines import embedded

_BINS = (0.0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
_THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
Judged = list[tuple[float, bool]]
"""Confiance de chaque mot rendu, et s'il est juste."""


def main() -> None:
    """Mesure et écrit les tableaux."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="canary")
    parser.add_argument("--snr", default="none,10,0")
    asked = parser.parse_args()
    levels = [None if text == "none" else float(text) for text in asked.snr.split(",")]
    print(machine())
    with tempfile.TemporaryDirectory(prefix="banc-") as folder:
        engine = cast("TranscribeEngine", embedded(asked.model, Path(folder)))
        write(asyncio.run(measure(engine, levels)))


async def measure(engine: TranscribeEngine, levels: Sequence[float | None]) -> Judged:
    """Mots de tous les enregistrements, à chaque bruit."""
    await engine.open()
    await engine.warm_up()
    print("\n| bruit | enregistrements | mots rendus | faux | oubliés |\n|---|---|---|---|---|")
    total: Judged = []
    chance = np.random.default_rng(1)
    names = [name for name, wave in WAVES.items() if len(wave) <= engine.max_window_seconds * 16000]
    for level in levels:
        judged: Judged = []
        lost = 0
        for start in range(0, len(names), engine.max_batch):
            batch = names[start : start + engine.max_batch]
            windows = [
                RecognitionWindow(
                    noisy(WAVES[name], level, chance),
                    RecognitionOptions(language=TRANSCRIPTS[name]["language"], words=True),
                )
                for name in batch
            ]
            for name, found in zip(batch, await engine.transcribe(windows), strict=True):
                words = [word for segment in found.segments for word in segment.words]
                marks = [(word.text, word.confidence) for word in words if word.confidence is not None]
                one, missed = judge(TRANSCRIPTS[name]["text"], marks)
                judged += one
                lost += missed
        wrong = sum(not right for _, right in judged)
        told = "aucun" if level is None else f"{level:g} dB"
        print(f"| {told} | {len(names)} | {len(judged)} | {wrong} | {lost} |", flush=True)
        total += judged
    await engine.close()
    return total


def noisy(wave: Wave, level: float | None, chance: np.random.Generator) -> Wave:
    """Onde couverte d'un bruit blanc, à `level` décibels sous elle."""
    if level is None:
        return wave
    noise = chance.standard_normal(len(wave)).astype(np.float32)
    power = float(np.mean(wave**2)) / 10 ** (level / 10)
    return np.clip(wave + noise * np.float32(power**0.5), -1, 1).astype(np.float32)


def judge(text: str, marks: Sequence[tuple[str, float]]) -> tuple[Judged, int]:
    """Chaque mot rendu, juste ou non, et combien de mots dits n'ont pas été rendus."""
    # La normalisation peut couper un mot en plusieurs, ou n'en rien laisser.
    said: list[str] = []
    sure: list[float] = []
    for word, confidence in marks:
        parts = NORMALIZE(word).split()
        said += parts
        sure += [confidence] * len(parts)
    if not said:
        return [], len(NORMALIZE(text).split())
    found = jiwer.process_words(NORMALIZE(text), " ".join(said))
    right = [False] * len(said)
    for chunk in found.alignments[0]:
        if chunk.type == "equal":
            right[chunk.hyp_start_idx : chunk.hyp_end_idx] = [True] * (chunk.hyp_end_idx - chunk.hyp_start_idx)
    return list(zip(sure, right, strict=True)), found.deletions


def write(judged: Judged) -> None:
    """La courbe : justesse par tranche de confiance, puis ce que chaque seuil signale."""
    sure = np.array([confidence for confidence, _ in judged])
    right = np.array([good for _, good in judged])
    print("\n| confiance | mots | confiance moyenne | justes |\n|---|---|---|---|")
    gap = 0.0
    for low, high in itertools.pairwise(_BINS):
        inside = (sure >= low) & ((sure < high) | (high == 1.0))
        if inside.any():
            gap += abs(sure[inside].mean() - right[inside].mean()) * inside.mean()
            row = f"{inside.sum()} | {sure[inside].mean():.2f} | {right[inside].mean():.1%}"
            print(f"| {low:g} à {high:g} | {row} |")
    print(f"\nÉcart moyen de la confiance à la justesse (ECE) : {gap:.3f}.")
    print("\n| seuil | mots signalés | erreurs trouvées | signalés qui sont faux |\n|---|---|---|---|")
    for threshold in _THRESHOLDS:
        flagged = sure < threshold
        caught = f"{(flagged & ~right).sum() / max(1, (~right).sum()):.1%}"
        wrong = f"{(flagged & ~right).sum() / max(1, flagged.sum()):.1%}"
        print(f"| {threshold:g} | {flagged.mean():.1%} | {caught} | {wrong} |")


if __name__ == "__main__":
    main()
