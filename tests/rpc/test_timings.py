"""Les durées rendues à l'appelant : les mêmes que celles de la fenêtre, dans chaque forme d'appel."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from google.api.httpbody_pb2 import HttpBody
from passerelle.v1 import chat_pb2, rest_pb2, transcribe_pb2, transcribe_pb2_grpc

from server.control.requests.window import Request
from server.rpc.timings import HEADER
from tests.rpc.test_front_audio import SPOKEN, transcribing
from tests.rpc.test_requests import ended
from tests.support.front_calls import calls
from tests.support.front_rig import Rig, answer, body, front, sse, typed

COMMENT = f": {HEADER} ".encode()
UNKNOWN = "inconnu"


def durations(text: str) -> dict[str, float]:
    """Millisecondes par nom, d'une valeur de `Server-Timing`."""
    found = (part.split(";dur=") for part in text.split(", ") if part)
    return {name: float(value) for name, value in found}


def told(request: Request) -> dict[str, float]:
    """Les mêmes, d'après la fenêtre."""
    found = {"total": request.ended}
    if request.HasField("asked"):
        found["receive"] = request.asked
    if request.HasField("sent"):
        found |= {"load": request.sent - request.asked, "queue": request.queued}
    if request.HasField("first"):
        found["first"] = request.first
    return {name: seconds * 1000 for name, seconds in found.items()}


def comment(data: bytes) -> str:
    """Durées du commentaire d'un corps SSE, qui précède sa fin."""
    frames = data.split(b"\n\n")
    [place] = [index for index, frame in enumerate(frames) if frame.startswith(COMMENT)]
    assert place == len(frames) - 3, "juste avant le dernier événement"
    return frames[place][len(COMMENT) :].decode()


def same(text: str, request: Request) -> None:
    # La fenêtre garde des flottants de 32 bits.
    assert durations(text) == pytest.approx(told(request), rel=1e-4, abs=2e-3)


async def trailer(call: Any) -> str:
    """Durées des métadonnées de fin."""
    return str(dict(await call.trailing_metadata()).get(HEADER, ""))


async def finished(call: Any) -> str:
    """Mène un appel typé à sa fin, même en erreur ; rend ses durées."""
    try:
        if isinstance(call, grpc.aio.UnaryStreamCall | grpc.aio.StreamStreamCall):
            async for _ in call:
                pass
        else:
            await call
    except grpc.aio.AioRpcError as error:
        return str(dict(error.trailing_metadata() or ()).get(HEADER, ""))
    return await trailer(call)


@pytest.mark.parametrize("fields", [{}, {"model": UNKNOWN}, {"temperature": "tiède"}])
async def test_a_whole_answer_says_its_timings_in_its_header(tmp_path: Path, fields: dict[str, Any]) -> None:
    async with front(tmp_path) as rig:
        _, headers, _, _ = await answer(rig.rest.CreateChatCompletion(body(**fields)))
        [request] = await ended(rig)
        same(headers[HEADER], request)
        assert ("queue" in durations(headers[HEADER])) is (not fields)


async def test_a_stream_says_at_its_head_what_is_known_and_the_rest_before_its_end(tmp_path: Path) -> None:
    async with front(tmp_path) as rig:
        call = rig.rest.CreateChatCompletion(body(stream=True))
        _, headers, _, data = await answer(call)
        [request] = await ended(rig)
        head, end = durations(headers[HEADER]), durations(comment(data))
        assert set(end) - set(head) == {"total"} and head.items() <= end.items()
        same(comment(data), request)
        assert comment(data) == await trailer(call), "HTTP/2 a aussi des en-têtes de fin"
        assert sse(data)[-1] == "[DONE]"


@pytest.mark.parametrize("way", ["typed", "typed-stream"])
@pytest.mark.parametrize("model", ["qwen", UNKNOWN])
async def test_grpc_says_them_in_its_trailing_metadata(tmp_path: Path, way: str, model: str) -> None:
    ways: dict[str, Callable[[Rig], Any]] = {
        "typed": lambda rig: rig.chat.Chat(typed(model=model)),
        "typed-stream": lambda rig: rig.chat.StreamChat(chat_pb2.StreamChatRequest(request=typed(model=model))),
    }
    async with front(tmp_path) as rig:
        text = await finished(ways[way](rig))
        [request] = await ended(rig)
        same(text, request)
        assert (request.status == "OK") is (model == "qwen")


async def test_a_stream_cut_by_an_error_says_them_too(tmp_path: Path) -> None:
    async with front(tmp_path) as rig:
        rig.engine.error, rig.engine.error_after = RuntimeError("panne"), 2
        for name in ("rest-stream", "typed-stream"):
            text = await finished(calls(rig)[name]())
            request = (await ended(rig, 1 if name == "rest-stream" else 2))[0]
            assert request.status == "ENGINE_FAILED"
            same(text, request)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_file_says_how_long_its_model_took_to_load(tmp_path: Path, stream: bool) -> None:
    async with transcribing(tmp_path) as rig:
        sent = HttpBody(content_type="audio/wav", data=SPOKEN)
        _, headers, _, data = await answer(
            rig.rest.TranscribeAudio(iter([rest_pb2.TranscribeAudioRequest(body=sent, stream=stream)]))
        )
        [request] = await ended(rig)
        text = comment(data) if stream else headers[HEADER]
        same(text, request)
        assert durations(text)["load"] > 0


async def test_uploads_and_live_say_them_too(tmp_path: Path) -> None:
    async with transcribing(tmp_path) as rig:
        stub: Any = transcribe_pb2_grpc.TranscribeServiceStub(rig.channel)
        upload = transcribe_pb2.UploadTranscribeRequest
        sent = [upload(config=transcribe_pb2.TranscribeConfig()), upload(chunk=SPOKEN)]
        whole = transcribe_pb2.TranscribeRequest(audio=SPOKEN)
        silent = transcribe_pb2.StreamTranscribeRequest(audio=b"sans configuration")
        asked = ((stub.Transcribe, whole), (stub.UploadTranscribe, iter(sent)), (stub.StreamTranscribe, iter([silent])))
        for count, (method, sending) in enumerate(asked, 1):
            text = await finished(method(sending))
            same(text, (await ended(rig, count))[0])


async def test_what_is_not_an_inference_says_nothing(tmp_path: Path) -> None:
    async with front(tmp_path) as rig:
        _, headers, _, _ = await answer(rig.rest.ListOpenAiModels(rest_pb2.ListOpenAiModelsRequest()))
        assert HEADER not in headers
