"""Les voix d'un flux dans l'exemplaire : un moteur en retard ne retient pas qui parle, et n'oublie aucune fenêtre."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from passerelle.v1 import audio_pb2, transcribe_pb2
from passerelle.worker.v1 import link_pb2, voices_pb2

from server.domain import Limits
from server.engines.base_audio import Wave
from server.errors import EngineFailed
from server.link.inputs import RequestInput
from server.worker.spooled import SpeechTools
from server.worker.voices import LiveVoices
from tests.fakes.engines import FakeDiarizeEngine
from tests.support.live_stream import MODEL, PHRASE, RATE
from tests.support.waiting import soon, until

BACKLOG = 2


class SteppedEngine(FakeDiarizeEngine):
    """Chaque lot attend `gate`, et se compte."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.asked = self.waves = 0
        self.broken = False

    async def embed(self, waves: Sequence[Wave]) -> list[Wave | None]:
        self.asked += 1
        await self.gate.wait()
        if self.broken:
            raise EngineFailed("raté")
        self.waves += len(waves)
        return await super().embed(waves)


class Running:
    """Un flux, son moteur et ce qu'il rend."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self.engine = SteppedEngine()
        self.inputs = RequestInput(lambda _size: None)
        self.outputs: list[voices_pb2.VoicesOutput] = []
        tools = SpeechTools(Path("/nulle-part"), Limits(max_voice_backlog=BACKLOG), MODEL, pool)
        raw = audio_pb2.AudioFormat(encoding=audio_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate_hertz=RATE)
        config = transcribe_pb2.StreamTranscribeConfig(config=transcribe_pb2.TranscribeConfig(audio_format=raw))
        request = link_pb2.Submit(payload=config.SerializeToString())
        self._run = LiveVoices(self.engine, tools).run(request, self.inputs)
        self.task = asyncio.create_task(self._collect())

    async def _collect(self) -> None:
        try:
            async for item in self._run:
                self.outputs.append(voices_pb2.VoicesOutput.FromString(item))
        finally:
            await self._run.aclose()

    def send(self, wave: Wave) -> None:
        self.inputs.receive(link_pb2.InputChunk(data=(wave * 32767).astype("<i2").tobytes()))

    async def finish(self) -> None:
        self.inputs.receive(link_pb2.InputChunk(last=True))
        await soon(self.task)

    @property
    def windows(self) -> list[voices_pb2.VoiceWindow]:
        return [window for output in self.outputs for window in output.windows]


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as found:
        yield found


@asynccontextmanager
async def running(pool: ThreadPoolExecutor) -> AsyncIterator[Running]:
    found = Running(pool)
    try:
        yield found
    finally:
        found.task.cancel()
        await asyncio.wait({found.task})


SPEECH = np.tile(PHRASE, 4)


async def test_who_speaks_is_never_held_and_no_window_is_lost(pool: ThreadPoolExecutor) -> None:
    """Une parole à la vitesse de la parole, le moteur arrêté : tout est lu, puis des fenêtres suivent leur voisine."""
    async with running(pool) as live:
        for at in range(0, len(SPEECH), RATE // 10):
            live.send(SPEECH[at : at + RATE // 10])
            await until(lambda: live.inputs.waiting == 0, "morceau lu")
        live.engine.gate.set()
        await live.finish()
    windows = live.windows
    assert len(windows) > 2 * BACKLOG and 0 < live.engine.waves < len(windows)
    spoken = sum(window.end - window.start for window in windows)
    assert spoken == pytest.approx(len(SPEECH), rel=0.25)
    assert all(before.end <= after.start for before, after in pairwise(windows))
    assert {window.label for window in windows} == {"SPEAKER_00"} and live.outputs[-1].last


async def test_a_client_faster_than_speech_waits_and_every_window_is_heard(pool: ThreadPoolExecutor) -> None:
    async with running(pool) as live:
        live.send(SPEECH)
        live.send(SPEECH)
        await until(lambda: live.engine.asked > 0, "moteur appelé")
        live.engine.gate.set()
        await live.finish()
    # Les plus courtes n'ont pas d'empreinte, mais sont données au moteur.
    assert live.engine.waves == len(live.windows) > 2 * BACKLOG


async def test_a_failed_batch_ends_the_stream(pool: ThreadPoolExecutor) -> None:
    async with running(pool) as live:
        live.engine.broken = True
        live.engine.gate.set()
        live.send(SPEECH)
        with pytest.raises(EngineFailed):
            await soon(live.task)


async def test_silence_has_no_voice(pool: ThreadPoolExecutor) -> None:
    async with running(pool) as live:
        live.send(np.zeros(3 * RATE, np.float32))
        await live.finish()
    assert not live.windows and live.outputs[-1].last and live.engine.waves == 0
