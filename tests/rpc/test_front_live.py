"""`StreamTranscribe` par un vrai front, relié à un exemplaire dont le moteur est écrit d'avance."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from itertools import chain, repeat
from pathlib import Path
from typing import Any, cast

import grpc
import grpc.aio
import numpy as np
import pytest
from passerelle.v1 import audio_pb2, diarize_pb2, model_pb2, transcribe_pb2, transcribe_pb2_grpc
from passerelle.worker.v1 import link_pb2

from server.domain import Limits
from server.errors import EngineFailed, PasserelleError
from server.link.server import LinkServer
from server.quotas import Quota
from server.rpc.status import from_rpc_error
from server.speech.vad import VadModel
from server.worker.batcher import WindowBatcher
from server.worker.host import WorkerHost
from server.worker.live import LiveTranscription
from server.worker.spooled import SpeechTools
from tests.fakes.control import model_route
from tests.fakes.engines import FakeTranscribeEngine, SteppedTranscribeEngine
from tests.support import audio_files
from tests.support.clock import LONG, Clock
from tests.support.front_rig import AWAY, MAX_FRAME, Rig, front
from tests.support.waiting import PATIENCE, soon, until

Request = transcribe_pb2.StreamTranscribeRequest
Response = transcribe_pb2.StreamTranscribeResponse
MODEL = VadModel()
RATE = 16000
PCM = audio_pb2.AudioFormat(encoding=audio_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate_hertz=RATE)
PHRASE = np.concatenate([audio_files.speech("en/austen-0880.wav"), np.zeros(RATE, np.float32)])
SPOKEN = (PHRASE * 32767).astype("<i2").tobytes()


def config(audio_format: audio_pb2.AudioFormat | None = PCM, **fields: Any) -> Request:
    """Premier message ; `common` va aux réglages communs."""
    common = transcribe_pb2.TranscribeConfig(audio_format=audio_format, **fields.pop("common", {}))
    return Request(config=transcribe_pb2.StreamTranscribeConfig(config=common, **fields))


def milliseconds(value: int) -> Any:
    return {"seconds": value // 1000, "nanos": value % 1000 * 1_000_000}


class Live:
    """Un front, un exemplaire de transcription, et leurs bouts."""

    def __init__(self, rig: Rig, host: WorkerHost, server: LinkServer, engine: FakeTranscribeEngine) -> None:
        self.rig = rig
        self.host = host
        self.server = server
        self.engine = engine
        self.stub: Any = transcribe_pb2_grpc.TranscribeServiceStub(rig.channel)

    @property
    def running(self) -> int:
        """Flux menés par l'exemplaire."""
        return self.host.load().running


@asynccontextmanager
async def live_front(
    folder: Path,
    *,
    limits: Limits | None = None,
    engine: FakeTranscribeEngine | None = None,
    ready: bool = True,
    quota: Quota | None = None,
) -> AsyncIterator[Live]:
    """Démarre le tout ; sans `ready`, aucun exemplaire n'est annoncé ; `quota` : celui de la clé « cle »."""
    limits = limits or Limits(load_wait_seconds=PATIENCE)
    engine = engine or FakeTranscribeEngine()
    with ThreadPoolExecutor(2) as pool:
        async with front(folder, workers=0, limits=limits, keys=("cle",) if quota else (), default_quota=quota) as rig:
            live = LiveTranscription(engine, SpeechTools(folder, limits, MODEL, pool), WindowBatcher(engine))
            host = WorkerHost(
                engine,
                max_waiting=4,
                on_dead=lambda _reason: None,
                handlers={link_pb2.REQUEST_KIND_LIVE: live.run},
                max_live=limits.max_live_streams,
                spare_live=limits.spare_live_streams,
            )
            server = LinkServer(host, name="canary-0", max_frame_bytes=MAX_FRAME)
            path = folder / "canary-0.sock"
            await server.start(str(path))
            rig.stack.push_async_callback(server.stop)
            if ready:
                route = model_route("canary", path, capability=model_pb2.CAPABILITY_TRANSCRIBE, aliases=("whisper-1",))
                rig.control.publish(route, model_route("qwen"))
                await until(lambda: bool(server.links), "exemplaire relié")
            yield Live(rig, host, server, engine)


async def read(call: Any) -> tuple[list[Response], PasserelleError | None]:
    """Tout ce que rend un flux, et l'erreur qui le finit."""
    events: list[Response] = []
    try:
        async with asyncio.timeout(PATIENCE):
            while (event := await call.read()) is not grpc.aio.EOF:
                events.append(event)
    except grpc.aio.AioRpcError as error:
        found = from_rpc_error(error)
        assert found is not None, error
        return events, found
    return events, None


async def read_until(call: Any, kind: str) -> list[Response]:
    """Ce que rend un flux, jusqu'à ce genre d'événement."""
    events: list[Response] = []
    while kind not in kinds(events):
        events.append(await soon(call.read()))
    return events


def kinds(events: list[Response]) -> list[str | None]:
    return [event.WhichOneof("event") for event in events]


async def test_the_whole_way_in_order(tmp_path: Path) -> None:
    async with live_front(tmp_path) as live:
        chunks = [Request(audio=SPOKEN[at : at + 641]) for at in range(0, len(SPOKEN), 641)]
        call = live.stub.StreamTranscribe(metadata=(("x-request-id", "r-7"),))
        for request in (config(), *chunks[: len(chunks) // 2]):
            await call.write(request)
        events: list[Response] = []
        while "partial" not in kinds(events):  # une parole envoyée d'un trait peut finir avant son premier texte
            events.append(await soon(call.read()))
        for request in chunks[len(chunks) // 2 :]:
            await call.write(request)
        await call.done_writing()
        rest, error = await read(call)
        events += rest
        assert error is None
        assert kinds(events)[0] == "ready" and kinds(events)[-2:] == ["final", "summary"]
        assert (events[0].ready.id, events[0].ready.model) == ("r-7", "canary")
        assert kinds(events).index("speech_start") < kinds(events).index("partial") < kinds(events).index("speech_end")
        summary = events[-1].summary
        assert summary.text == events[-2].final.text and summary.language == "fr"
        coverage = summary.coverage
        assert coverage.received_duration == coverage.covered_duration
        assert coverage.covered_duration.ToMicroseconds() == pytest.approx(len(SPOKEN) / 2 / RATE * 1e6, abs=1)
        await until(lambda: live.running == 0, "place rendue")


async def test_ready_comes_before_any_audio(tmp_path: Path) -> None:
    async with live_front(tmp_path) as live:
        call = live.stub.StreamTranscribe()
        await call.write(config())
        first = await soon(call.read())
        assert first.HasField("ready")
        await call.done_writing()
        events, error = await read(call)
        assert kinds(events) == ["summary"] and error is None


AUDIO = Request(audio=SPOKEN)
NO_RATE = audio_pb2.AudioFormat(encoding=audio_pb2.AUDIO_ENCODING_PCM_S16LE)
SLOW = audio_pb2.AudioFormat(encoding=audio_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate_hertz=4000)
WIDE = audio_pb2.AudioFormat(encoding=audio_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate_hertz=RATE, channel_count=9)


@pytest.mark.parametrize(
    ("messages", "reason", "metadata"),
    [
        ([], "AUDIO_CONFIG_EXPECTED", {"field": "config"}),
        ([AUDIO], "AUDIO_CONFIG_EXPECTED", {"field": "config", "value": "audio"}),
        ([Request()], "AUDIO_CONFIG_EXPECTED", {"field": "config", "value": ""}),
        ([config(), AUDIO, config()], "AUDIO_CONFIG_EXPECTED", {"field": "audio", "value": "config"}),
        ([config(), Request()], "AUDIO_CONFIG_EXPECTED", {"field": "audio", "value": ""}),
        ([config(), Request(audio=b"")], "INVALID_REQUEST", {"field": "audio", "limit": "1", "value": "0"}),
        ([config(None)], "INVALID_REQUEST", {"field": "audio_format.encoding"}),
        ([config(NO_RATE)], "INVALID_REQUEST", {"field": "sample_rate_hertz"}),
        ([config(SLOW)], "AUDIO_LIMIT_EXCEEDED", {"field": "sample_rate_hertz", "limit": "8000", "value": "4000"}),
        ([config(WIDE)], "AUDIO_LIMIT_EXCEEDED", {"field": "channel_count", "limit": "8", "value": "9"}),
        (
            [config(common={"diarization": diarize_pb2.DiarizeConfig(embeddings=True)})],
            "UNSUPPORTED_OPTION",
            {"field": "diarization.embeddings", "value": "true"},
        ),
        ([config(common={"language": "xx"})], "UNSUPPORTED_OPTION", {"field": "language", "value": "xx"}),
        (
            [config(common={"temperature": 2.0})],
            "INVALID_REQUEST",
            {"field": "temperature", "limit": "1", "value": "2.0"},
        ),
        (
            [config(endpoint_silence=milliseconds(50))],
            "INVALID_REQUEST",
            {"field": "endpoint_silence", "limit": "0.1", "value": "0.05"},
        ),
        (
            [config(endpoint_silence=milliseconds(5001))],
            "INVALID_REQUEST",
            {"field": "endpoint_silence", "limit": "5", "value": "5.001"},
        ),
        (
            [config(max_utterance=milliseconds(1000))],
            "INVALID_REQUEST",
            {"field": "max_utterance", "limit": "2", "value": "1.0"},
        ),
        (
            [config(max_utterance=milliseconds(31000))],
            "INVALID_REQUEST",
            {"field": "max_utterance", "limit": "30", "value": "31.0"},
        ),
        ([config(), AUDIO, Request(audio=b"\0")], "INVALID_AUDIO", {"field": "audio", "limit": "2", "value": "1"}),
    ],
)
async def test_a_bad_stream_is_refused_by_name(
    tmp_path: Path, messages: list[Request], reason: str, metadata: dict[str, str]
) -> None:
    async with live_front(tmp_path) as live:
        call = live.stub.StreamTranscribe(iter(messages))
        _, error = await read(call)
        assert error is not None and error.reason == reason
        assert {k: v for k, v in error.metadata.items() if k in ("field", "limit", "value")} == metadata
        assert await call.code() is grpc.StatusCode.INVALID_ARGUMENT
        if reason != "AUDIO_CONFIG_EXPECTED":
            assert metadata["field"] in error.message
        await until(lambda: live.running == 0, "place rendue")


@pytest.mark.parametrize(("name", "reason"), [("absent", "MODEL_NOT_FOUND"), ("qwen", "WRONG_CAPABILITY")])
async def test_the_model_is_checked(tmp_path: Path, name: str, reason: str) -> None:
    async with live_front(tmp_path) as live:
        _, error = await read(live.stub.StreamTranscribe(iter([config(common={"model": name})])))
        assert error is not None and error.reason == reason


async def test_a_refusal_in_mid_stream_gives_first_what_was_heard(tmp_path: Path) -> None:
    async with live_front(tmp_path) as live:
        events, error = await read(live.stub.StreamTranscribe(iter([config(), AUDIO, Request(audio=b"")])))
        assert kinds(events)[-2:] == ["final", "summary"]
        assert error is not None and error.reason == "INVALID_REQUEST"


async def test_not_a_number_is_refused_after_what_precedes(tmp_path: Path) -> None:
    floats = audio_pb2.AudioFormat(encoding=audio_pb2.AUDIO_ENCODING_PCM_F32LE, sample_rate_hertz=RATE)
    data = np.concatenate([PHRASE, np.array([np.nan], np.float32), PHRASE]).astype("<f4").tobytes()
    async with live_front(tmp_path) as live:
        events, error = await read(live.stub.StreamTranscribe(iter([config(floats), Request(audio=data)])))
        assert kinds(events)[-2:] == ["final", "summary"] and kinds(events).count("final") == 1
        assert error is not None and error.reason == "INVALID_AUDIO" and error.metadata["field"] == "audio"


async def test_one_stream_too_many_is_refused_at_once(tmp_path: Path) -> None:
    async with live_front(tmp_path, limits=Limits(max_live_streams=1)) as live:
        first = live.stub.StreamTranscribe()
        await first.write(config())
        assert (await soon(first.read())).HasField("ready")
        call = live.stub.StreamTranscribe(iter([config()]))
        events, error = await read(call)
        assert not events and error is not None and error.reason == "QUEUE_FULL"
        assert await call.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert error.metadata == {"field": "max_live_streams", "limit": "1", "value": "2"} and error.retry_after
        first.cancel()
        await until(lambda: live.running == 0, "place rendue")
        events, error = await read(live.stub.StreamTranscribe(iter([config(), AUDIO])))
        assert error is None and kinds(events)[-1] == "summary"


async def test_a_silent_client_is_heard_then_told(tmp_path: Path) -> None:
    async with live_front(tmp_path, limits=Limits(max_stream_silence_seconds=LONG)) as live:
        clock, call = Clock(), live.stub.StreamTranscribe()
        await call.write(config())
        await call.write(Request(audio=SPOKEN[: -RATE * 2]))
        begun = await read_until(call, "speech_start")
        clock.advance()
        events, error = await read(call)
        events = begun + events
        assert kinds(events)[-2:] == ["final", "summary"]
        assert error is not None and error.reason == "DEADLINE_EXCEEDED"
        assert await call.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        resume = str(events[-1].summary.resume_sample)
        assert error.metadata == {
            "field": "max_stream_silence", "limit": "600", "value": "600", "resume_sample": resume
        } and "600 s" in error.message  # fmt: skip
        await until(lambda: live.running == 0, "place rendue")


async def test_a_client_that_speaks_now_and_then_is_not_cut(tmp_path: Path) -> None:
    async with live_front(tmp_path, limits=Limits(max_stream_silence_seconds=LONG)) as live:
        clock, call = Clock(), live.stub.StreamTranscribe()
        await call.write(config(progress=True))
        for _ in range(3):
            clock.advance(0.7 * LONG)
            await call.write(Request(audio=bytes(2 * RATE * 2)))
            await read_until(call, "progress")
        await call.done_writing()
        events, error = await read(call)
        assert error is None and kinds(events)[-1] == "summary"


async def test_a_client_without_configuration_is_told(tmp_path: Path) -> None:
    async with live_front(tmp_path, limits=Limits(max_stream_silence_seconds=1.0)) as live:
        call = live.stub.StreamTranscribe()
        events, error = await read(call)
        assert not events and error is not None and error.metadata["field"] == "max_stream_silence"


async def test_a_slowed_client_is_not_a_silent_one(tmp_path: Path) -> None:
    engine = SteppedTranscribeEngine()
    async with live_front(tmp_path, limits=Limits(max_stream_silence_seconds=5.0), engine=engine) as live:
        call = live.stub.StreamTranscribe()
        await call.write(config(interim_results=False))

        async def send() -> None:
            for _ in range(60):
                await call.write(AUDIO)
            await call.done_writing()

        sending = asyncio.create_task(send())
        reading = asyncio.create_task(read(call))
        # Le moteur ne rend rien plus longtemps que le silence permis : le client est retenu, pas coupé. Le silence permis
        # est plus long que les arrêts d'une machine chargée, où le client et le serveur partagent cette boucle.
        await asyncio.wait({reading}, timeout=6.5)
        assert not reading.done()
        # gRPC a pu prendre au client plus que le front n'a lu : la fin de l'audio, elle, n'est pas passée.
        assert live.host._inputs and not any(i._ended for i in live.host._inputs.values())
        engine.allow(1000)
        await soon(sending)
        events, error = await reading
        assert error is None and kinds(events).count("final") == 60


SHORT_LIVED = Limits(max_stream_duration_seconds=LONG, max_stream_silence_seconds=2 * LONG)


async def test_a_stream_is_closed_before_its_longest_duration(tmp_path: Path) -> None:
    async with live_front(tmp_path, limits=SHORT_LIVED) as live:
        clock, call = Clock(), live.stub.StreamTranscribe()
        await call.write(config())
        await call.write(Request(audio=SPOKEN[: -RATE * 2]))
        begun = await read_until(call, "speech_start")
        clock.advance()
        events, error = await read(call)
        events = begun + events
        assert kinds(events)[-2:] == ["final", "summary"]
        assert error is not None and error.reason == "DEADLINE_EXCEEDED"
        (final,), resume = [e.final for e in events if e.HasField("final")], events[-1].summary.resume_sample
        assert error.metadata == {
            "field": "max_stream_duration", "limit": "600", "value": "600", "resume_sample": str(resume)
        }  # fmt: skip
        # La durée a coupé la phrase : un autre flux la reprend à son début.
        assert final.cut and 0 < resume <= final.start_offset.ToMicroseconds() * RATE // 1_000_000


async def test_a_stream_that_the_server_closes_in_mid_sample_says_why(tmp_path: Path) -> None:
    async with live_front(tmp_path, limits=SHORT_LIVED) as live:
        clock, call = Clock(), live.stub.StreamTranscribe()
        await call.write(config())
        await call.write(Request(audio=SPOKEN[: -RATE * 2 - 1]))
        await read_until(call, "speech_start")
        clock.advance()
        _, error = await read(call)
        assert error is not None and error.reason == "DEADLINE_EXCEEDED" and int(error.metadata["resume_sample"]) > 0


def flood(address: str) -> tuple[list[Response], PasserelleError | None]:
    """Envoie de l'audio tant que le flux dure ; client synchrone, car celui d'asyncio perd le statut d'un flux que le
    serveur clôt pendant une écriture."""
    events: list[Response] = []
    with grpc.insecure_channel(address, options=(("grpc.default_authority", "localhost"),)) as channel:
        stub: Any = transcribe_pb2_grpc.TranscribeServiceStub(channel)
        try:
            for event in stub.StreamTranscribe(chain([config(interim_results=False)], repeat(AUDIO)), timeout=3 * LONG):
                events.append(event)
        except grpc.RpcError as error:
            return events, from_rpc_error(cast(grpc.aio.AioRpcError, error))
    return events, None


async def test_the_longest_duration_also_ends_a_slowed_stream(tmp_path: Path) -> None:
    engine = SteppedTranscribeEngine()
    async with live_front(tmp_path, limits=SHORT_LIVED, engine=engine) as live:
        clock = Clock()
        flooding = asyncio.create_task(asyncio.to_thread(flood, f"unix:{tmp_path / 'front-0.sock'}"))
        await until(lambda: bool(live.host._inputs), "flux ouvert")
        clock.advance()
        await until(lambda: all(i._ended for i in live.host._inputs.values()), "flux clos par le front")
        engine.allow(10_000)
        events, error = await flooding
        assert kinds(events)[-1] == "summary"
        assert error is not None and error.metadata["field"] == "max_stream_duration"


async def test_a_stream_longer_than_its_audio_limit(tmp_path: Path) -> None:
    async with live_front(tmp_path, limits=Limits(max_audio_seconds=2.0)) as live:
        events, error = await read(live.stub.StreamTranscribe(iter([config(), AUDIO])))
        assert events[-1].summary.coverage.covered_duration.seconds == 2
        assert error is not None and error.reason == "AUDIO_LIMIT_EXCEEDED"
        assert (error.metadata["field"], error.metadata["limit"]) == ("audio", "2")


async def test_a_lost_worker_is_said_in_mid_stream(tmp_path: Path) -> None:
    async with live_front(tmp_path) as live:
        call = live.stub.StreamTranscribe()
        await call.write(config())
        assert (await soon(call.read())).HasField("ready")
        await live.server.stop()
        _, error = await read(call)
        assert error is not None and error.reason == "WORKER_LOST"
        assert await call.code() is grpc.StatusCode.UNAVAILABLE


async def test_an_engine_failure_is_said(tmp_path: Path) -> None:
    engine = FakeTranscribeEngine()
    engine.broken = EngineFailed("Le moteur a raté ce lot.")
    async with live_front(tmp_path, engine=engine) as live:
        events, error = await read(live.stub.StreamTranscribe(iter([config(), AUDIO])))
        assert error is not None and error.reason == "ENGINE_FAILED" and "summary" not in kinds(events)
        await until(lambda: live.running == 0, "place rendue")


async def test_a_client_deadline_frees_the_worker(tmp_path: Path) -> None:
    async with live_front(tmp_path) as live:
        call = live.stub.StreamTranscribe(timeout=3.0)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call.write(config())
            await call.write(AUDIO)
            async for _ in call:
                pass
        assert raised.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        await until(lambda: live.running == 0, "place rendue")


@pytest.mark.parametrize("slowed", [False, True])
async def test_a_client_that_leaves_frees_the_worker(tmp_path: Path, slowed: bool) -> None:
    engine = SteppedTranscribeEngine() if slowed else FakeTranscribeEngine()
    async with live_front(tmp_path, engine=engine) as live:
        call = live.stub.StreamTranscribe()
        await call.write(config())
        assert (await soon(call.read())).HasField("ready")

        async def send() -> None:
            for _ in range(60):
                await call.write(AUDIO)

        sending = asyncio.create_task(send())
        await until(lambda: bool(engine.batches), "moteur au travail")
        call.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        await until(lambda: live.running == 0 and not live.host._ending, "flux libéré")
        if isinstance(engine, SteppedTranscribeEngine):
            engine.allow(1000)
        events, error = await read(live.stub.StreamTranscribe(iter([config(), AUDIO])))
        assert error is None and kinds(events)[-1] == "summary"


async def test_a_front_that_stops_closes_its_streams(tmp_path: Path) -> None:
    async with live_front(tmp_path) as live:
        call = live.stub.StreamTranscribe()
        await call.write(config())
        await call.write(Request(audio=SPOKEN[: -RATE * 2]))
        assert (await soon(call.read())).HasField("ready")
        await until(lambda: bool(live.engine.batches), "moteur au travail")
        live.rig.server.ending.set()
        events, error = await read(call)
        assert kinds(events)[-2:] == ["final", "summary"]
        assert error is not None and (error.reason, error.retry_after) == ("SHUTTING_DOWN", AWAY)
        assert await call.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_worker_that_stops_closes_its_streams(tmp_path: Path) -> None:
    async with live_front(tmp_path) as live:
        call = live.stub.StreamTranscribe()
        await call.write(config())
        await call.write(Request(audio=SPOKEN[: -RATE * 2]))
        await until(lambda: bool(live.engine.batches), "moteur au travail")
        draining = asyncio.create_task(live.host.drain(5.0))
        for inputs in live.host._inputs.values():
            inputs.end()
        events, error = await read(call)
        assert kinds(events)[-2:] == ["final", "summary"]
        assert error is not None and error.reason == "SHUTTING_DOWN"
        await soon(draining)


async def test_a_stream_waits_for_its_model_to_load(tmp_path: Path) -> None:
    async with live_front(tmp_path, ready=False) as live:

        async def load(_key: str, _timeout: float) -> Any:
            return model_route("canary", tmp_path / "canary-0.sock", capability=model_pb2.CAPABILITY_TRANSCRIBE)

        live.rig.control.loader = load
        events, error = await read(live.stub.StreamTranscribe(iter([config(), AUDIO])))
        assert error is None and kinds(events)[-1] == "summary" and live.rig.control.loads == ["canary"]
