"""Un fichier transcrit par un vrai front et un exemplaire dont le moteur est écrit d'avance : avec et sans mots datés."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from google.api.httpbody_pb2 import HttpBody
from passerelle.control.v1 import control_pb2
from passerelle.v1 import (
    diarize_pb2,
    diarize_pb2_grpc,
    model_pb2,
    rest_pb2,
    transcribe_pb2,
    transcribe_pb2_grpc,
)

from server.domain import Limits
from server.link.server import LinkServer
from server.quotas import Quota
from server.rpc.metrics import expose
from server.worker.handlers import handlers_for
from server.worker.host import WorkerHost
from tests.fakes.control import model_route
from tests.fakes.engines import FakeTranscribeEngine, WordlessTranscribeEngine
from tests.support import audio_files
from tests.support.front_rig import MAX_FRAME, Rig, answer, front, sse
from tests.support.waiting import until

SPOKEN = audio_files.wav(audio_files.speech("en/austen-0880.wav"))
STAMPS = "00:00:00,000 --> 00:00:00,000"
ENGINES = {True: FakeTranscribeEngine, False: WordlessTranscribeEngine}


@asynccontextmanager
async def transcribing(
    folder: Path,
    *,
    dated: bool = True,
    delay: float = 0.0,
    engine: FakeTranscribeEngine | None = None,
    quota: Quota | None = None,
    **changed: Any,
) -> AsyncIterator[Rig]:
    """Un front et un modèle de transcription, à charger par la première requête ; `dated` : il sait dater les mots ;
    `quota` : celui de la clé « cle », alors exigée."""
    limits = Limits(load_wait_seconds=20.0, **changed)
    async with front(folder, workers=0, limits=limits, keys=("cle",) if quota else (), default_quota=quota) as rig:
        engine, path = engine or ENGINES[dated](delay), folder / "canary-0.sock"
        handlers = handlers_for(engine, folder / "spool", limits)
        host = WorkerHost(engine, max_waiting=4, on_dead=lambda _reason: None, handlers=handlers)
        server = LinkServer(host, name="canary-0", max_frame_bytes=MAX_FRAME)
        await server.start(str(path))
        rig.stack.push_async_callback(server.stop)

        async def load(key: str, _timeout: float) -> control_pb2.ModelRoute:
            capability = model_pb2.CAPABILITY_TRANSCRIBE
            route = model_route(key, path, capability=capability, features=tuple(sorted(engine.features)))
            rig.control.publish(route)
            return route

        rig.control.loader = load
        rig.control.publish(model_route("canary", capability=model_pb2.CAPABILITY_TRANSCRIBE))
        yield rig


async def transcribe(rig: Rig, **query: Any) -> tuple[int, bytes]:
    """Code et corps de la réponse de `POST /api/audio/transcribe`."""
    body = HttpBody(content_type="audio/wav", data=SPOKEN)
    code, _, _, data = await answer(
        rig.rest.TranscribeAudio(iter([rest_pb2.TranscribeAudioRequest(body=body, **query)]))
    )
    return code, data


@pytest.mark.parametrize("dated", [True, False])
async def test_a_stream_takes_the_words_a_model_dates_and_does_without_otherwise(tmp_path: Path, dated: bool) -> None:
    async with transcribing(tmp_path, dated=dated) as rig:
        for _ in ("qui charge le modèle", "qui le trouve chargé"):
            code, data = await transcribe(rig, stream=True)
            assert code == 200, data
            segments = [event["segment"] for event in sse(data) if event["type"] == "segment"]
            assert segments and all(("words" in segment) is dated for segment in segments)
        assert rig.control.loads == ["canary"]


async def test_words_that_were_asked_for_are_refused_by_a_model_that_cannot_date_them(tmp_path: Path) -> None:
    async with transcribing(tmp_path, dated=False) as rig:
        for query in ({"word_timestamps": True, "stream": True}, {"response_format": "srt"}):
            code, data = await transcribe(rig, **query)
            assert code == 400 and b"word_timestamps" in data


def _uploads(pieces: list[bytes]) -> dict[str, list[Any]]:
    """Les mêmes morceaux, dans les messages de chaque route d'envoi."""
    bodies = [HttpBody(content_type="audio/wav", data=piece) for piece in pieces]
    form = [HttpBody(content_type="multipart/form-data; boundary=x", data=piece) for piece in pieces]
    typed = transcribe_pb2.UploadTranscribeRequest
    spoken = diarize_pb2.UploadDiarizeRequest
    return {
        "TranscribeAudio": [rest_pb2.TranscribeAudioRequest(body=body) for body in bodies],
        "ProcessDiarization": [rest_pb2.ProcessDiarizationRequest(body=body) for body in bodies],
        "CreateTranscription": form,
        "CreateTranslation": form,
        "UploadTranscribe": [typed(config={}), *(typed(chunk=piece) for piece in pieces)],
        "UploadDiarize": [spoken(config={}), *(spoken(chunk=piece) for piece in pieces)],
    }


def _stub(rig: Rig, method: str) -> Any:
    stubs = (
        rig.rest,
        transcribe_pb2_grpc.TranscribeServiceStub(rig.channel),
        diarize_pb2_grpc.DiarizeServiceStub(rig.channel),
    )
    return next(getattr(stub, method) for stub in stubs if hasattr(stub, method))


@pytest.mark.parametrize("method", sorted(_uploads([])))
@pytest.mark.parametrize("pieces", [[], [b"--x", b"\r\n"]])
async def test_an_upload_that_falls_silent_is_refused(tmp_path: Path, method: str, pieces: list[bytes]) -> None:
    async def silent() -> AsyncIterator[Any]:
        for message in _uploads(pieces)[method]:
            yield message
        await asyncio.Event().wait()

    async with transcribing(tmp_path, max_body_silence_seconds=0.3) as rig:
        call = _stub(rig, method)(silent())
        if method.startswith("Upload"):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call.read()
            assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
            assert "0.3 s" in str(caught.value.details())
        else:
            code, _, _, data = await answer(call)
            assert code == 504 and b"0.3 s" in data
        await until(lambda: not list((tmp_path / "spool").iterdir()), "la réserve est vide")


async def test_a_refused_upload_is_not_read_for_ever(tmp_path: Path) -> None:
    async def dripping() -> AsyncIterator[HttpBody]:
        while True:
            yield HttpBody(content_type="text/plain", data=b"x")
            await asyncio.sleep(0.05)

    async with transcribing(tmp_path, max_body_silence_seconds=2.0) as rig:
        code, _, _, data = await answer(rig.rest.CreateTranscription(dripping()))
        assert code == 400, data


async def test_a_slow_engine_is_no_silence(tmp_path: Path) -> None:
    async with transcribing(tmp_path, delay=2.5, max_body_silence_seconds=2.0) as rig:
        code, data = await transcribe(rig)
        assert code == 200, data


@pytest.mark.parametrize("stream", [True, False])
async def test_a_transcription_that_ends_is_counted_as_such(tmp_path: Path, stream: bool) -> None:
    async with transcribing(tmp_path, dated=True) as rig:
        code, data = await transcribe(rig, stream=stream)
        assert code == 200, data
        wanted = b'passerelle_generations_total{kind="transcribe",model="canary",status="OK"} 1.0'
        await until(lambda: wanted in expose(rig.registry), "transcription comptée")


async def test_a_typed_result_is_written_again_as_the_routes_would_have(tmp_path: Path) -> None:
    async with transcribing(tmp_path) as rig:
        stub: Any = transcribe_pb2_grpc.TranscribeServiceStub(rig.channel)
        config = transcribe_pb2.TranscribeConfig(word_timestamps=True)
        result = await stub.Transcribe(transcribe_pb2.TranscribeRequest(config=config, audio=SPOKEN))
        answered = await stub.WriteTranscript(transcribe_pb2.WriteTranscriptRequest(transcript=result))
        for form in answered.forms:
            if form.format not in ("json", "verbose_json"):
                code, data = await transcribe(rig, response_format=form.format)
                assert (code, data.decode()) == (200, form.text)
        assert {form.format for form in answered.forms} == {"json", "text", "srt", "vtt", "verbose_json"}
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.WriteTranscript(transcribe_pb2.WriteTranscriptRequest(transcript=result, formats=["docx"]))
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT and "docx" in str(refused.value.details())
        narrow = transcribe_pb2.SubtitleStyle(max_line_length=12, max_lines=1)
        again = transcribe_pb2.WriteTranscriptRequest(transcript=result, formats=["srt"], subtitles=narrow)
        [form] = (await stub.WriteTranscript(again)).forms
        code, data = await transcribe(rig, response_format="srt", subtitles=narrow)
        assert (code, data.decode()) == (200, form.text) and max(map(len, form.text.splitlines())) == len(STAMPS)
        twice = transcribe_pb2.WriteTranscriptRequest(transcript=result, formats=["srt"] * 1000)
        assert [form.format for form in (await stub.WriteTranscript(twice)).forms] == ["srt"]
        # Un client envoie ce qu'il veut : une raison inconnue, une durée hors de toute mesure.
        result.warnings.add(reason=77)  # type: ignore[arg-type]
        unknown = transcribe_pb2.WriteTranscriptRequest(transcript=result)
        del result.warnings[:]
        result.segments.add(text="x").start_offset.seconds = 2**63 - 1
        for hostile in (unknown, transcribe_pb2.WriteTranscriptRequest(transcript=result)):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await stub.WriteTranscript(hostile)
            assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
            assert "transcript" in str(refused.value.details())
