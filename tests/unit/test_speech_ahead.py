"""La détection de parole en avance sur le moteur : sur plusieurs fils, et d'un lot entier."""

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from passerelle.v1 import transcribe_pb2
from passerelle.worker.v1 import link_pb2

from server.domain import Limits
from server.engines.base_audio import SAMPLE_RATE, Recognition, RecognitionWindow, Wave
from server.speech.vad import VadModel
from server.worker.batcher import WindowBatcher
from server.worker.handlers import Handler, handlers_for
from server.worker.spooled import SpeechTools
from server.worker.transcription import FileTranscription
from tests.fakes.engines import FakeTranscribeEngine
from tests.support import audio_files

PATIENCE = 60.0
"""Bien plus qu'il n'en faut : ne sert qu'à finir un essai raté."""


def file_of(count: int) -> bytes:
    """Autant de paroles d'une seconde, qui font chacune sa fenêtre."""
    speech = np.resize(audio_files.speech(), SAMPLE_RATE)
    return audio_files.wav(np.tile(np.concatenate([speech, np.zeros(2 * SAMPLE_RATE, np.float32)]), count))


async def transcribed(call: Handler, request: link_pb2.Submit) -> list[bytes]:
    return [item async for item in call(request, None)]


async def test_as_many_files_are_listened_to_at_once_as_there_are_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = 4
    meeting, heard = threading.Barrier(files), VadModel.run

    def together(self: VadModel, steps: Wave, hidden: Wave, cell: Wave) -> tuple[Wave, Wave, Wave]:
        if not met.is_set():
            meeting.wait(PATIENCE)
            met.set()
        return heard(self, steps, hidden, cell)

    met = threading.Event()
    monkeypatch.setattr(VadModel, "run", together)
    handler = handlers_for(FakeTranscribeEngine(), tmp_path, Limits(), files)[link_pb2.REQUEST_KIND_TRANSCRIBE]
    for index in range(files):
        (tmp_path / f"f{index}").write_bytes(file_of(1))
    requests = [link_pb2.Submit(request_id="r", spool_name=f"f{index}") for index in range(files)]
    found = await asyncio.gather(*(transcribed(handler, request) for request in requests))
    assert met.is_set() and len(found) == files


class Hungry(FakeTranscribeEngine):
    """Ne rend un lot que lorsque le suivant est entier, ou le fichier tout lu."""

    batcher: WindowBatcher
    left: int

    def fits(self, batch: Sequence[RecognitionWindow], window: RecognitionWindow) -> bool:
        return True

    async def transcribe(self, windows: Sequence[RecognitionWindow]) -> list[Recognition]:
        self.left -= len(windows)
        while self.batcher.backlog < min(self.max_batch, self.left):
            await asyncio.sleep(0.01)
        return await super().transcribe(windows)


async def test_the_next_batch_is_whole_before_the_engine_needs_it(tmp_path: Path) -> None:
    engine = Hungry(max_batch=3)
    engine.left, engine.batcher = 10, WindowBatcher(engine)
    (tmp_path / "f").write_bytes(file_of(engine.left))
    request = link_pb2.Submit(request_id="r", spool_name="f")
    with ThreadPoolExecutor(2) as pool:
        run = FileTranscription(engine, SpeechTools(tmp_path, Limits(), VadModel(), pool), engine.batcher)
        async with asyncio.timeout(PATIENCE):
            *_, last = await transcribed(run.run, request)
    assert [len(batch) for batch in engine.batches] == [1, 3, 3, 3]
    assert len(transcribe_pb2.UploadTranscribeResponse.FromString(last).result.segments) == 10


class Held(FakeTranscribeEngine):
    """Retient son premier lot jusqu'à ce qu'on le lâche."""

    def __init__(self, max_batch: int) -> None:
        super().__init__(max_batch=max_batch)
        self.released = asyncio.Event()

    def fits(self, batch: Sequence[RecognitionWindow], window: RecognitionWindow) -> bool:
        return True

    async def transcribe(self, windows: Sequence[RecognitionWindow]) -> list[Recognition]:
        await self.released.wait()
        return await super().transcribe(windows)


async def test_many_files_together_keep_two_batches_of_waves_in_memory(tmp_path: Path) -> None:
    """Chacun a pourtant sa fenêtre en attente, et la suivante."""
    files, engine = 8, Held(max_batch=4)
    batcher = WindowBatcher(engine)
    with ThreadPoolExecutor(2) as pool:
        run = FileTranscription(engine, SpeechTools(tmp_path, Limits(), VadModel(), pool), batcher)
        tasks = []
        for index in range(files):
            (tmp_path / f"f{index}").write_bytes(file_of(4))
            request = link_pb2.Submit(request_id="r", spool_name=f"f{index}")
            tasks.append(asyncio.create_task(transcribed(run.run, request)))
        async with asyncio.timeout(PATIENCE):
            while batcher.backlog < 2 * engine.max_batch:
                await asyncio.sleep(0.01)
            for _ in range(20):
                await asyncio.sleep(0.02)
                assert batcher.backlog < 2 * engine.max_batch + 2 * files
            engine.released.set()
            found = await asyncio.gather(*tasks)
    assert sum(len(batch) for batch in engine.batches) == 4 * files and len(found) == files
