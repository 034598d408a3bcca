"""Une transcription en direct sans front ni liaison, pour les essais : son onde, son flux, ce qu'elle rend."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
from passerelle.v1 import audio_pb2, transcribe_pb2
from passerelle.worker.v1 import link_pb2

from server.domain import Limits
from server.engines.base_audio import Wave
from server.link.framing import INPUT_WINDOW_BYTES
from server.link.inputs import RequestInput
from server.speech.vad import VadModel
from server.worker.batcher import WindowBatcher
from server.worker.live import LiveTranscription
from server.worker.spooled import SpeechTools
from tests.fakes.engines import FakeTranscribeEngine
from tests.support import audio_files
from tests.support.waiting import PATIENCE

MODEL = VadModel()
PHRASE = audio_files.speech("en/austen-0880.wav")
RATE = 16000
Response = transcribe_pb2.StreamTranscribeResponse


def silence(seconds: float) -> Wave:
    return np.zeros(int(seconds * RATE), np.float32)


def talk(phrases: int, gap: float = 1.0) -> Wave:
    """Des phrases que des silences séparent."""
    return np.concatenate([silence(0.5), *(part for _ in range(phrases) for part in (PHRASE, silence(gap)))])


class Stream:
    """Un flux mené sans liaison : ce qu'on lui donne, ce qu'il rend."""

    def __init__(
        self,
        pool: ThreadPoolExecutor,
        engine: FakeTranscribeEngine,
        *,
        limits: Limits | None = None,
        batcher: WindowBatcher | None = None,
        encoding: "audio_pb2.AudioEncoding" = audio_pb2.AUDIO_ENCODING_PCM_F32LE,
        rate: int = RATE,
        language: str = "",
        vad: VadModel = MODEL,
        **config: Any,
    ) -> None:
        tools = SpeechTools(Path("/nulle-part"), limits or Limits(), vad, pool)
        common = transcribe_pb2.TranscribeConfig(
            model="canary",
            language=language,
            audio_format=audio_pb2.AudioFormat(encoding=encoding, sample_rate_hertz=rate),
        )
        payload = transcribe_pb2.StreamTranscribeConfig(config=common, **config).SerializeToString()
        self.batcher = batcher or WindowBatcher(engine)
        self.inputs = RequestInput(lambda _size: None)
        self.events: list[Response] = []
        live = LiveTranscription(engine, tools, self.batcher)
        self._run = live.run(link_pb2.Submit(id=1, payload=payload, request_id="r1"), self.inputs)
        self.task = asyncio.create_task(self._collect())

    async def _collect(self) -> None:
        try:
            async for item in self._run:
                self.events.append(Response.FromString(item))
        finally:
            await self._run.aclose()

    async def send(self, wave: Wave, chunk: int = 4000) -> None:
        """Donne une onde, sans dépasser la fenêtre de la liaison."""
        await self.send_bytes(wave.astype("<f4").tobytes(), 4 * chunk)

    async def send_bytes(self, data: bytes, chunk: int = 4000) -> None:
        for at in range(0, len(data), chunk):
            piece = data[at : at + chunk]
            while self.inputs.waiting + len(piece) > INPUT_WINDOW_BYTES:
                await asyncio.sleep(0.001)
            self.inputs.receive(link_pb2.InputChunk(id=1, data=piece))

    async def finish(self) -> None:
        """Clôt le flux et attend sa fin."""
        self.inputs.receive(link_pb2.InputChunk(id=1, last=True))
        await asyncio.wait_for(self.task, 20)

    def of(self, kind: str) -> list[Any]:
        """Événements de ce genre."""
        return [getattr(event, kind) for event in self.events if event.WhichOneof("event") == kind]

    def check(self) -> None:
        """Ce que tout flux respecte : ordre, rangs, provisoires avant la finale de leur phrase, bilan dernier."""
        kinds = [event.WhichOneof("event") for event in self.events]
        assert kinds[0] == "ready" and kinds.count("ready") == 1
        assert "summary" not in kinds[:-1]
        started = ended = final = -1
        shown: dict[int, str] = {}
        for event in self.events:
            match event.WhichOneof("event"):
                case "speech_start":
                    assert event.speech_start.utterance_index == started + 1 and ended == started
                    started += 1
                case "speech_end":
                    assert event.speech_end.utterance_index == ended + 1 == started
                    ended += 1
                case "partial":
                    index = event.partial.utterance_index
                    assert final < index <= started
                    before = shown.get(index, "")
                    assert event.partial.kept_length <= len(before)
                    shown[index] = before[: event.partial.kept_length] + event.partial.text
                    assert shown[index] != before
                case "final":
                    assert final < event.final.index <= ended
                    final = event.final.index


@asynccontextmanager
async def stream(pool: ThreadPoolExecutor, engine: FakeTranscribeEngine, **options: Any) -> AsyncIterator[Stream]:
    found = Stream(pool, engine, **options)
    try:
        yield found
    finally:
        found.task.cancel()
        await asyncio.wait({found.task}, timeout=PATIENCE)
        assert found.task.done(), "le flux ne finit pas"


def waiting(batcher: WindowBatcher) -> int:
    """Fenêtres qui attendent encore le moteur."""
    return sum(not ticket.done for queue in batcher._waiting.values() for ticket in queue.refusable())


def heard(live: Stream, count: int) -> bool:
    """Vrai quand tant de phrases sont closes et que le moteur n'a plus rien à faire."""
    idle = live.batcher._task is not None and live.batcher._task.done()
    return len(live.of("speech_end")) == count and live.inputs.waiting == 0 and idle
