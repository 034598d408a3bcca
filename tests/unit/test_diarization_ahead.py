"""Une diarisation commence dès que l'onde est entière et qu'une parole y est entendue, la détection menée à côté."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from pathlib import Path

import numpy as np
import pytest
from passerelle.v1 import diarize_pb2
from passerelle.worker.v1 import link_pb2

from server.domain import Limits
from server.engines.base_audio import SAMPLE_RATE, Diarization, DiarizationOptions, Wave
from server.speech.vad import SpeechDetector, VadModel
from server.speech.windows import WindowCutter
from server.worker.diarization import FileDiarization
from server.worker.spooled import SpeechTools
from tests.fakes.engines import FakeDiarizeEngine
from tests.support import audio_files

PATIENCE = 30.0
"""Bien plus qu'il n'en faut : ne sert qu'à finir un essai raté."""
SPEECH = np.concatenate([np.resize(audio_files.speech(), SAMPLE_RATE), np.zeros(2 * SAMPLE_RATE, np.float32)])


class Starting(FakeDiarizeEngine):
    """Dit qu'il a commencé."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = threading.Event()

    async def diarize(
        self, wave: Wave, options: DiarizationOptions, on_progress: Callable[[str, float], None]
    ) -> Diarization:
        """Comme l'autre."""
        self.begun.set()
        return await super().diarize(wave, options, on_progress)


class SlowVad(VadModel):
    """N'entend la suite d'un fichier que lorsqu'on le lui permet."""

    def __init__(self, *, free: int, gate: threading.Event) -> None:
        super().__init__()
        self.heard = 0
        self._free, self._gate = free, gate

    def run(self, steps: Wave, hidden: Wave, cell: Wave) -> tuple[Wave, Wave, Wave]:
        """Comme l'autre, les premiers blocs passés."""
        if self.heard >= self._free:
            assert self._gate.wait(PATIENCE)
        self.heard += 1
        return super().run(steps, hidden, cell)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as found:
        yield found


def call(
    folder: Path, engine: FakeDiarizeEngine, vad: VadModel, pool: ThreadPoolExecutor
) -> AsyncGenerator[bytes, None]:
    tools = SpeechTools(folder, Limits(), vad, pool)
    return FileDiarization(engine, tools).run(link_pb2.Submit(request_id="r", spool_name="f"))


async def test_the_engine_begins_before_the_whole_file_is_listened_to(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    wave = np.tile(SPEECH, 8)
    (tmp_path / "f").write_bytes(audio_files.wav(wave))
    whole = WindowCutter(SpeechDetector(VadModel()), 28.0)
    whole.push(wave)
    whole.flush()
    engine = Starting()
    vad = SlowVad(free=3, gate=engine.begun)
    items = [item async for item in call(tmp_path, engine, vad, pool)]
    found = diarize_pb2.UploadDiarizeResponse.FromString(items[-1]).result
    # Commencé tôt, il attend tout de même le compte entier de la parole.
    assert found.turns and vad.heard > 3
    assert found.coverage.speech_duration.ToMicroseconds() == round(whole.speech / SAMPLE_RATE * 1e6)


async def test_a_very_quiet_file_is_listened_to_as_it_came(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    (tmp_path / "f").write_bytes(audio_files.wav((np.tile(SPEECH, 4) * 1e-3).astype(np.float32), kind="f32"))
    gate = threading.Event()
    engine, vad = Starting(), SlowVad(free=3, gate=gate)
    running = asyncio.create_task(anext(call(tmp_path, engine, vad, pool)))
    while vad.heard < 3:
        await asyncio.sleep(0.01)
    assert not engine.begun.is_set()
    gate.set()
    await running
    assert engine.begun.is_set()


async def test_leaving_stops_the_listening(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    (tmp_path / "f").write_bytes(audio_files.wav(np.tile(SPEECH, 8)))
    gate = threading.Event()
    vad = SlowVad(free=2, gate=gate)

    async def one() -> None:
        async with aclosing(call(tmp_path, Starting(), vad, pool)) as items:
            await anext(items)

    running = asyncio.create_task(one())
    while vad.heard < 2:
        await asyncio.sleep(0.01)
    running.cancel()
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert vad.heard < 8
    assert [path.name for path in tmp_path.iterdir()] == ["f"]
