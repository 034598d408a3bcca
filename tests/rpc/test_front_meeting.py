"""Un long fichier avec locuteurs : ce que disent les deux moteurs se voit à mesure, et annuler les libère tous deux."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from google.api.httpbody_pb2 import HttpBody
from passerelle.v1 import rest_pb2, transcribe_pb2, transcribe_pb2_grpc

from server.engines.base_audio import Diarization, DiarizationOptions, Recognition, RecognitionWindow, Wave
from server.errors import EngineFailed
from tests.fakes.engines import FakeDiarizeEngine, SteppedTranscribeEngine
from tests.rpc.test_front_channels import SPEECH, form, send, with_speakers
from tests.support import audio_files
from tests.support.front_rig import Rig, sse
from tests.support.waiting import until

LONG = audio_files.wav(np.tile(SPEECH, 3))
Event = transcribe_pb2.UploadTranscribeResponse


class Stepped(SteppedTranscribeEngine):
    """Des fenêtres courtes, une par permis ; compte celles qu'il calcule."""

    max_window_seconds = 2.0

    def __init__(self) -> None:
        super().__init__()
        self.computing = 0

    async def transcribe(self, windows: Sequence[RecognitionWindow]) -> list[Recognition]:
        """Comme l'autre."""
        self.computing += 1
        try:
            return await super().transcribe(windows)
        finally:
            self.computing -= 1


class Gated(FakeDiarizeEngine):
    """Finit quand on le lui permet, et dit s'il calcule."""

    def __init__(self, *, free: bool = False) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.computing = 0
        if free:
            self.gate.set()

    async def diarize(
        self, wave: Wave, options: DiarizationOptions, on_progress: Callable[[str, float], None]
    ) -> Diarization:
        """Dit sa première étape, puis attend."""
        self.computing += 1
        try:
            on_progress("segmentation", 0.25)
            await self.gate.wait()
            return await super().diarize(wave, options, on_progress)
        finally:
            self.computing -= 1


def upload(rig: Rig) -> Any:
    """Envoi typé, avec locuteurs."""
    config = transcribe_pb2.TranscribeConfig(diarization={})
    first = transcribe_pb2.UploadTranscribeRequest(config=config)
    stub: Any = transcribe_pb2_grpc.TranscribeServiceStub(rig.channel)
    return stub.UploadTranscribe(iter([first, transcribe_pb2.UploadTranscribeRequest(chunk=LONG)]))


async def event_where(call: Any, wanted: Callable[[Event], bool], seen: list[Event]) -> Event:
    """Lit jusqu'au premier événement voulu ; `seen` les retient tous."""
    while True:
        event = await call.read()
        assert event is not grpc.aio.EOF, [one.WhichOneof("event") for one in seen]
        seen.append(event)
        if wanted(event):
            return seen[-1]


async def test_both_engines_are_followed_while_they_work(tmp_path: Path) -> None:
    transcriber, engine, seen = Stepped(), Gated(), list[Event]()
    async with with_speakers(tmp_path, [], engine=engine, transcriber=transcriber) as rig:
        call = upload(rig)
        # La transcription est arrêtée à sa première fenêtre : l'avancement de l'autre se voit pourtant.
        found = await event_where(call, lambda event: event.progress.stage == "segmentation", seen)
        assert found.progress.completed_ratio == 0.25 and not any(event.HasField("draft") for event in seen)
        transcriber.allow()
        found = await event_where(call, lambda event: event.HasField("draft"), seen)
        assert found.draft.text and not found.draft.HasField("speaker_label")
        engine.gate.set()
        found = await event_where(call, lambda event: event.HasField("segment"), seen)
        assert found.segment.HasField("speaker_label") and len(transcriber.batches) < 4
        transcriber.allow(100)
        found = await event_where(call, lambda event: event.HasField("result"), seen)
        assert await call.read() is grpc.aio.EOF
        assert [event.segment for event in seen if event.HasField("segment")] == list(found.result.segments)
        drafts = [event.draft for event in seen if event.HasField("draft")]
        assert " ".join(draft.text for draft in drafts) == found.result.text
        assert [draft.index for draft in drafts] == list(range(len(drafts)))


async def test_leaving_frees_both_engines(tmp_path: Path) -> None:
    for leave_by_rest in (False, True):
        transcriber, engine = Stepped(), Gated()
        folder = tmp_path / str(leave_by_rest)
        folder.mkdir()
        async with with_speakers(folder, [], engine=engine, transcriber=transcriber) as rig:
            if leave_by_rest:
                body = HttpBody(content_type="audio/wav", data=LONG)
                request = rest_pb2.TranscribeAudioRequest(body=body, diarize=True, stream=True)
                call = rig.rest.TranscribeAudio(iter([request]))
            else:
                call = upload(rig)
            await call.read()
            await until(lambda t=transcriber, e=engine: t.computing + e.computing == 2, "les deux moteurs calculent")  # type: ignore[misc]
            call.cancel()
            await until(lambda e=engine: not e.computing, "la diarisation s'arrête")  # type: ignore[misc]
            # Un lot commencé finit ; aucun autre ne le suit.
            transcriber.allow(100)
            await until(lambda f=folder: not list((f / "spool").iterdir()), "la réserve est vide")  # type: ignore[misc]
            await until(lambda t=transcriber: not t.computing, "la transcription s'arrête")  # type: ignore[misc]
            assert len(transcriber.batches) <= 2


async def test_one_engine_that_fails_frees_the_other(tmp_path: Path) -> None:
    transcriber, engine = Stepped(), Gated()
    async with with_speakers(tmp_path, [], engine=engine, transcriber=transcriber) as rig:
        answering = asyncio.create_task(send(rig, LONG, diarize=True))
        await until(lambda: transcriber.computing + engine.computing == 2, "les deux moteurs calculent")
        transcriber.broken = EngineFailed("cassé")
        transcriber.allow(100)
        code, data = await answering
        assert code == 500, data
        await until(lambda: not engine.computing, "la diarisation s'arrête")


async def test_openai_events_say_the_text_before_its_speakers(tmp_path: Path) -> None:
    async with with_speakers(tmp_path, []) as rig:
        for shape in ("json", "diarized_json"):
            code, data = await form(rig, LONG, response_format=shape, diarize="true", stream="true")
            assert code == 200, data
            *events, done = sse(data)
            assert done == "[DONE]"
            assert "".join(event.get("delta", "") for event in events) == events[-1]["text"]
            segments = [event for event in events if event["type"] == "transcript.text.segment"]
            assert bool(segments) is (shape == "diarized_json")
            assert {event["speaker"] for event in segments} <= {"A", "B"}
