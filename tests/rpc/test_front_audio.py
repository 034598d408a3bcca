"""Un fichier transcrit par un vrai front et un exemplaire dont le moteur est écrit d'avance : avec et sans mots datés."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from google.api.httpbody_pb2 import HttpBody
from passerelle.control.v1 import control_pb2
from passerelle.v1 import model_pb2, rest_pb2

from server.domain import Limits
from server.link.server import LinkServer
from server.rpc.metrics import expose
from server.worker.handlers import handlers_for
from server.worker.host import WorkerHost
from tests.fakes.control import model_route
from tests.fakes.engines import FakeTranscribeEngine, WordlessTranscribeEngine
from tests.support import audio_files
from tests.support.front_rig import MAX_FRAME, Bench, answer, front, sse, until

SPOKEN = audio_files.wav(audio_files.speech("en/austen-0880.wav"))
ENGINES = {True: FakeTranscribeEngine, False: WordlessTranscribeEngine}


@asynccontextmanager
async def transcribing(folder: Path, *, dated: bool) -> AsyncIterator[Bench]:
    """Un front et un modèle de transcription, à charger par la première requête ; `dated` : il sait dater les mots."""
    limits = Limits(load_wait_seconds=20.0)
    async with front(folder, workers=0, limits=limits) as bench:
        engine, path = ENGINES[dated](), folder / "canary-0.sock"
        handlers = handlers_for(engine, folder / "spool", limits)
        host = WorkerHost(engine, max_waiting=4, on_dead=lambda _reason: None, handlers=handlers)
        server = LinkServer(host, name="canary-0", max_frame_bytes=MAX_FRAME)
        await server.start(str(path))
        bench.stack.push_async_callback(server.stop)

        async def load(key: str, _timeout: float) -> control_pb2.ModelRoute:
            capability = model_pb2.CAPABILITY_TRANSCRIBE
            route = model_route(key, path, capability=capability, features=tuple(sorted(engine.features)))
            bench.control.publish(route)
            return route

        bench.control.loader = load
        bench.control.publish(model_route("canary", capability=model_pb2.CAPABILITY_TRANSCRIBE))
        yield bench


async def transcribe(bench: Bench, **query: Any) -> tuple[int, bytes]:
    """Code et corps de la réponse de `POST /api/audio/transcribe`."""
    body = HttpBody(content_type="audio/wav", data=SPOKEN)
    code, _, _, data = await answer(
        bench.rest.TranscribeAudio(iter([rest_pb2.TranscribeAudioRequest(body=body, **query)]))
    )
    return code, data


@pytest.mark.parametrize("dated", [True, False])
async def test_a_stream_takes_the_words_a_model_dates_and_does_without_otherwise(tmp_path: Path, dated: bool) -> None:
    async with transcribing(tmp_path, dated=dated) as bench:
        for _ in ("qui charge le modèle", "qui le trouve chargé"):
            code, data = await transcribe(bench, stream=True)
            assert code == 200, data
            segments = [event["segment"] for event in sse(data) if event["type"] == "segment"]
            assert segments and all(("words" in segment) is dated for segment in segments)
        assert bench.control.loads == ["canary"]


async def test_words_that_were_asked_for_are_refused_by_a_model_that_cannot_date_them(tmp_path: Path) -> None:
    async with transcribing(tmp_path, dated=False) as bench:
        for query in ({"word_timestamps": True, "stream": True}, {"response_format": "srt"}):
            code, data = await transcribe(bench, **query)
            assert code == 400 and b"word_timestamps" in data


@pytest.mark.parametrize("stream", [True, False])
async def test_a_transcription_that_ends_is_counted_as_such(tmp_path: Path, stream: bool) -> None:
    async with transcribing(tmp_path, dated=True) as bench:
        code, data = await transcribe(bench, stream=stream)
        assert code == 200, data
        wanted = b'passerelle_generations_total{kind="transcribe",model="canary",status="OK"} 1.0'
        await until(lambda: wanted in expose(bench.registry), "transcription comptée")
