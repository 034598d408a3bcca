"""Plusieurs ondes dans les mêmes lots de pyannote : ce que chacune rend seule, et aucune ne souffre d'une autre."""

import asyncio
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from server.engines.base import EngineSpec, unheard
from server.engines.base_audio import Diarization, DiarizationOptions, Wave
from server.engines.pyannote.batches import Part, SharedBatches
from server.engines.pyannote.engine import PyannoteLoader
from server.engines.pyannote.leaving import Cancelled, stopped_by
from server.engines.pyannote.pipeline import diarization_of
from server.errors import EngineFailed
from tests.support import tiny_pyannote
from tests.support.speech_engines import production

pytestmark = pytest.mark.filterwarnings("ignore")

OPTIONS = DiarizationOptions(embeddings=True)


def noise(seed: int, *levels: float) -> Wave:
    """Un bruit par niveau, de deux secondes chacun : assez pour que les petits modèles y voient des tours."""
    random = np.random.default_rng(seed)
    return np.concatenate([random.standard_normal(32000) * level for level in levels]).astype(np.float32)


WAVES = [
    noise(3, 0.05, 0.2, 0.01, 0.1, 0.3, 0.02),
    noise(5, 0.2, 0.02, 0.1, 0.05, 0.3, 0.01, 0.1),
    noise(7, 0.1, 0.3),
]


@pytest.fixture(scope="module", params=["community", "legacy"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(getattr(tiny_pyannote, request.param)(tmp_path_factory.mktemp(request.param)))


@pytest.fixture(scope="module")
def expected(folder: Path) -> list[Diarization]:
    """Ce que rend le pipeline de pyannote tel quel, une onde après l'autre."""
    spec = EngineSpec("pyannote", folder, threads=1, device="cpu")
    pipeline = PyannoteLoader(spec).load(spec, unheard)
    files = [{"waveform": torch.from_numpy(wave)[None], "sample_rate": 16000, "uri": "audio"} for wave in WAVES]
    return [diarization_of(pipeline(f), len(w) / 16000, embeddings=True) for f, w in zip(files, WAVES, strict=True)]


def same(one: Diarization, other: Diarization) -> bool:
    """Mêmes tours, et mêmes empreintes aux arrondis d'un lot près."""
    return (
        one.turns == other.turns
        and one.exclusive_turns == other.exclusive_turns
        and one.embeddings.keys() == other.embeddings.keys()
        and all(np.allclose(one.embeddings[key], other.embeddings[key], atol=1e-4) for key in one.embeddings)
    )


class Held:
    """Un moteur dont le fil des modèles est tenu, et ce que ses modèles ont calculé."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self.batches: list[int] = []
        self._gate = threading.Event()
        model = engine._pipeline._segmentation.model
        model.register_forward_pre_hook(lambda _model, given: self.batches.append(len(given[0])))

    def hold(self) -> None:
        """Retient les modèles jusqu'à `release`."""
        self.engine._owner.submit(self._gate.wait)

    async def release(self, waiting: int) -> None:
        """Les relâche quand autant d'ondes les attendent."""
        while len(self.engine._batches._waiting) < waiting:
            await asyncio.sleep(0.005)
        self._gate.set()


@asynccontextmanager
async def held(folder: Path) -> AsyncIterator[Held]:
    engine: Any = production("pyannote", folder, parallel=len(WAVES), segmentation_batch_size=16)
    await engine.open()
    try:
        yield Held(engine)
    finally:
        await engine.close()


def diarize(held: Held, wave: Wave) -> "asyncio.Task[Diarization]":
    return asyncio.create_task(held.engine.diarize(wave, OPTIONS, lambda _stage, _ratio: None))


async def test_waves_in_the_same_batch_are_what_pyannote_makes_of_each(
    folder: Path, expected: list[Diarization]
) -> None:
    assert all(len({turn.speaker for turn in one.turns}) > 1 for one in expected)
    async with held(folder) as rig:
        rig.hold()
        tasks = [diarize(rig, wave) for wave in WAVES]
        await rig.release(len(WAVES))
        found = await asyncio.gather(*tasks)
    # Les fenêtres entières des deux longues, 3 et 5, et celle de la courte, complétée : un seul lot.
    assert rig.batches[0] == 9
    assert all(same(one, other) for one, other in zip(found, expected, strict=True))


async def test_a_wave_that_leaves_takes_nothing_from_the_others(folder: Path, expected: list[Diarization]) -> None:
    async with held(folder) as rig:
        rig.hold()
        tasks = [diarize(rig, wave) for wave in WAVES]
        while len(rig.engine._batches._waiting) < len(WAVES):
            await asyncio.sleep(0.005)
        tasks[1].cancel()
        await asyncio.sleep(0)
        await rig.release(len(WAVES))
        with pytest.raises(asyncio.CancelledError):
            await tasks[1]
        found = [await tasks[0], await tasks[2]]
        assert same(found[0], expected[0]) and same(found[1], expected[2])
        assert not rig.engine._batches._waiting


async def test_a_wave_that_fails_fails_alone(folder: Path, expected: list[Diarization]) -> None:
    marked = np.concatenate([WAVES[1], np.full(1600, 7.0, np.float32)])

    def refuse(_model: Any, given: Any) -> None:
        if float(given[0].max()) == 7.0:
            raise RuntimeError("onde refusée")

    async with held(folder) as rig:
        rig.engine._pipeline._segmentation.model.register_forward_pre_hook(refuse)
        rig.hold()
        tasks = [diarize(rig, wave) for wave in (WAVES[0], marked, WAVES[2])]
        await rig.release(len(WAVES))
        first, failed, last = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(failed, EngineFailed)
    assert isinstance(first, Diarization) and isinstance(last, Diarization)
    assert same(first, expected[0]) and same(last, expected[2])


def part(most: int, sizes: list[int]) -> Part:
    def compute(rows: Any, scale: Any) -> Any:
        sizes.append(len(rows))
        return (rows * scale).numpy()

    return Part("essai", compute, lambda: most)


def test_no_batch_exceeds_its_size_and_each_gets_its_rows_back() -> None:
    sizes: list[int] = []
    gate = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        batches = SharedBatches(pool.submit)
        pool.submit(gate.wait)
        doubled, other = part(4, sizes), part(4, [])
        counts = (3, 1, 2, 9, 1)
        rows = [torch.arange(float(count))[:, None] + 10 * index for index, count in enumerate(counts)]
        asked = [batches.ask(doubled, row, torch.full((len(row), 1), 2.0)) for row in rows]
        apart = batches.ask(other, torch.ones(1, 1), torch.ones(1, 1))
        gate.set()
        for row, one in zip(rows, asked, strict=True):
            assert np.array_equal(one.result(), (row * 2).numpy())
        assert apart.result().tolist() == [[1.0]]
    assert sizes == [4, 3, 4, 4, 1] and sum(sizes) == sum(counts)


def test_what_waits_when_the_engine_closes_is_told() -> None:
    gate, stop = threading.Event(), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        batches = SharedBatches(pool.submit)
        pool.submit(gate.wait)
        with stopped_by(stop):
            left = batches.ask(part(1, []), torch.ones(1, 1), torch.ones(1, 1))
        stop.set()
        after = batches.ask(part(1, []), torch.ones(1, 1), torch.ones(1, 1))
        gate.set()
        with pytest.raises(Cancelled):
            left.result()
        after.result()
        gate.clear()
        pool.submit(gate.wait)
        waiting = batches.ask(part(1, []), torch.ones(1, 1), torch.ones(1, 1))
        batches.close()
        gate.set()
        with pytest.raises(EngineFailed):
            waiting.result()
        with pytest.raises(EngineFailed):
            batches.ask(part(1, []), torch.ones(1, 1), torch.ones(1, 1))
