"""`StreamTranscribe` avec locuteurs, par un vrai front, un exemplaire de transcription et un de diarisation."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from passerelle.v1 import diarize_pb2, model_pb2
from passerelle.worker.v1 import link_pb2

from server.domain import Limits
from server.engines.base_audio import Wave
from server.errors import EngineFailed
from server.link.server import LinkServer
from server.worker.host import WorkerHost
from server.worker.spooled import SpeechTools
from server.worker.voices import LiveVoices
from tests.fakes.control import model_route
from tests.fakes.engines import FakeDiarizeEngine, SteppedTranscribeEngine
from tests.rpc.test_front_live import MODEL, PHRASE, RATE, Live, Request, Response, config, kinds, live_front, read
from tests.support.front_rig import MAX_FRAME
from tests.support.waiting import PATIENCE, soon, until

QUIET = PHRASE * np.float32(0.15)
"""La même phrase, d'une voix que la fausse diarisation distingue."""


class SteppedVoices(FakeDiarizeEngine):
    """Chaque lot d'empreintes attend `gate`."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = 0
        self.broken: Exception | None = None

    async def embed(self, waves: Sequence[Wave]) -> list[Wave | None]:
        self.asked += 1
        await self.gate.wait()
        if self.broken is not None:
            raise self.broken
        return await super().embed(waves)


@asynccontextmanager
async def speaking_front(
    folder: Path, *, limits: Limits | None = None, engine: Any = None
) -> AsyncIterator[tuple[Live, SteppedVoices]]:
    """Le direct, et un exemplaire de diarisation."""
    limits = limits or Limits(load_wait_seconds=PATIENCE)
    with ThreadPoolExecutor(2) as pool:
        async with live_front(folder, limits=limits, engine=engine) as live:
            voices = SteppedVoices()
            handlers = {link_pb2.REQUEST_KIND_VOICES: LiveVoices(voices, SpeechTools(folder, limits, MODEL, pool)).run}
            host = WorkerHost(
                voices, max_waiting=4, on_dead=lambda _reason: None, handlers=handlers, max_live=limits.max_live_streams
            )
            server = LinkServer(host, name="pyannote-0", max_frame_bytes=MAX_FRAME)
            path = folder / "pyannote-0.sock"
            await server.start(str(path))
            live.rig.stack.push_async_callback(server.stop)
            live.rig.control.publish(
                model_route("canary", folder / "canary-0.sock", capability=model_pb2.CAPABILITY_TRANSCRIBE),
                model_route("pyannote", path, capability=model_pb2.CAPABILITY_DIARIZE),
            )
            await until(lambda: bool(server.links), "exemplaire de diarisation relié")
            yield live, voices


def asked(**diarization: Any) -> Request:
    return config(common={"diarization": diarize_pb2.DiarizeConfig(**diarization)})


def audio(*waves: Wave) -> list[Request]:
    data = (np.concatenate(waves) * 32767).astype("<i2").tobytes()
    return [Request(audio=data[at : at + 3200]) for at in range(0, len(data), 3200)]


async def served(live: Live, *messages: Request) -> tuple[list[Response], Any]:
    return await read(live.stub.StreamTranscribe(iter(messages)))


def spoken(events: list[Response]) -> dict[int, list[str]]:
    """Locuteur de chaque mot de chaque phrase, corrections faites ; vérifie qu'elles partent de ce qui était dit."""
    words: dict[int, list[str]] = {}
    for event in events:
        match event.WhichOneof("event"):
            case "final":
                words[event.final.index] = [word.speaker_label for word in event.final.words]
            case "speaker_revisions":
                _revise(words, event.speaker_revisions.revisions)
            case "summary":
                _revise(words, event.summary.speaker_revisions)
    return words


def _revise(words: dict[int, list[str]], revisions: Any) -> None:
    for one in revisions:
        assert one.word_count and one.from_label != one.to_label
        reach = range(one.first_word, one.first_word + one.word_count)
        assert {words[one.utterance_index][rank] for rank in reach} == {one.from_label}
        for rank in reach:
            words[one.utterance_index][rank] = one.to_label


async def test_each_word_has_its_speaker_in_the_end(tmp_path: Path) -> None:
    async with speaking_front(tmp_path) as (live, _):
        events, error = await served(live, asked(), *audio(PHRASE, QUIET, PHRASE, QUIET))
    assert error is None
    assert kinds(events)[0] == "ready" and kinds(events)[-1] == "summary"
    finals = [event.final for event in events if event.HasField("final")]
    assert len(finals) == 4 and all(word.HasField("speaker_label") for final in finals for word in final.words)
    found = [set(labels) for _, labels in sorted(spoken(events).items())]
    assert found[0] == found[2] == {"SPEAKER_00"} and found[1] == found[3] == {"SPEAKER_01"}
    assert all(event.partial.speaker_label for event in events if event.HasField("partial"))
    summary = events[-1].summary
    assert [(one.speaker_label, one.turn_count) for one in summary.speakers] == [("SPEAKER_00", 2), ("SPEAKER_01", 2)]
    assert all(not one.embedding for one in summary.speakers)
    told = sum(one.speech_duration.ToMicroseconds() for one in summary.speakers)
    assert told == pytest.approx(summary.coverage.speech_duration.ToMicroseconds(), rel=0.1)


async def test_late_voices_delay_neither_words_nor_change_their_text(tmp_path: Path) -> None:
    """Les voix retenues, les phrases partent quand même ; leurs locuteurs sont corrigés ensuite."""
    async with speaking_front(tmp_path) as (live, voices):
        voices.gate.clear()
        call = live.stub.StreamTranscribe()
        await call.write(asked())
        for request in audio(PHRASE, QUIET):
            await call.write(request)
        events: list[Response] = []
        while kinds(events).count("final") < 2:
            events.append(await soon(call.read()))
        assert {label for labels in spoken(events).values() for label in labels} == {"SPEAKER_00"}
        texts = [event.final.text for event in events if event.HasField("final")]
        voices.gate.set()
        while "speaker_revisions" not in kinds(events):
            events.append(await soon(call.read()))
        await call.done_writing()
        rest, error = await read(call)
    assert error is None
    assert [set(labels) for labels in spoken(events + rest).values()] == [{"SPEAKER_00"}, {"SPEAKER_01"}]
    assert rest[-1].summary.text == " ".join(texts)


async def test_late_words_take_the_voices_already_known(tmp_path: Path) -> None:
    """La transcription en retard : les mots partent avec leur locuteur, sans correction."""
    engine = SteppedTranscribeEngine()
    async with speaking_front(tmp_path, engine=engine) as (live, voices):
        call = live.stub.StreamTranscribe()
        await call.write(asked())
        for request in audio(PHRASE, QUIET):
            await call.write(request)
        await call.done_writing()
        await until(lambda: voices.asked >= 2, "voix entendues")
        engine.allow(100)
        events, error = await read(call)
    assert error is None
    assert [set(labels) for labels in spoken(events).values()] == [{"SPEAKER_00"}, {"SPEAKER_01"}]


@pytest.mark.parametrize("bound", [{"num_speakers": 1}, {"max_speakers": 1}])
async def test_the_number_of_speakers_is_bounded_when_told(tmp_path: Path, bound: dict[str, int]) -> None:
    async with speaking_front(tmp_path) as (live, _):
        events, error = await served(live, asked(**bound), *audio(PHRASE, QUIET, PHRASE))
    assert error is None and "speaker_revisions" not in kinds(events)
    assert {label for labels in spoken(events).values() for label in labels} == {"SPEAKER_00"}


async def test_a_resumed_stream_places_its_voices_where_its_words_are(tmp_path: Path) -> None:
    first = config(common={"diarization": diarize_pb2.DiarizeConfig()}, resume_sample=3600 * RATE)
    async with speaking_front(tmp_path) as (live, _):
        events, error = await served(live, first, *audio(PHRASE, QUIET))
    assert error is None
    assert [set(labels) for labels in spoken(events).values()] == [{"SPEAKER_00"}, {"SPEAKER_01"}]
    assert events[-1].summary.resume_sample > 3600 * RATE


async def test_lost_voices_close_the_stream_after_what_was_heard(tmp_path: Path) -> None:
    async with speaking_front(tmp_path) as (live, voices):
        voices.gate.clear()
        call = live.stub.StreamTranscribe()
        for request in (asked(), *audio(PHRASE, QUIET)):
            await call.write(request)
        await until(lambda: voices.asked >= 1, "une voix demandée")
        voices.broken = EngineFailed("raté")
        voices.gate.set()
        events, error = await read(call)
    assert kinds(events)[-1] == "summary" and "final" in kinds(events)
    assert error is not None and error.reason == "ENGINE_FAILED" and int(error.metadata["resume_sample"]) > 0


async def test_full_or_absent_voices_are_refused_by_name(tmp_path: Path) -> None:
    async with speaking_front(tmp_path, limits=Limits(load_wait_seconds=PATIENCE, max_live_streams=1)) as (live, _):
        held = live.stub.StreamTranscribe()
        await held.write(asked())
        assert (await soon(held.read())).HasField("ready")
        events, error = await served(live, asked())
        assert not events and error.reason == "QUEUE_FULL" and error.metadata["field"] == "max_live_streams"
        held.cancel()
    async with live_front(tmp_path) as live:
        events, error = await served(live, asked())
        assert not events and error.reason == "MODEL_NOT_FOUND" and error.metadata["field"] == "diarization.model"
        events, error = await served(live, asked(num_speakers=99))
        assert not events and error.metadata == {"field": "num_speakers", "limit": "32", "value": "99"}


async def test_leaving_frees_both_engines(tmp_path: Path) -> None:
    async with speaking_front(tmp_path) as (live, voices):
        call = live.stub.StreamTranscribe()
        await call.write(asked())
        for request in audio(PHRASE):
            await call.write(request)
        await until(lambda: voices.asked >= 1, "une voix entendue")
        call.cancel()
        assert await call.code() == grpc.StatusCode.CANCELLED
        await until(lambda: not live.running, "transcription rendue")
        events, error = await served(live, asked(), *audio(PHRASE))
    assert error is None and kinds(events)[-1] == "summary"
