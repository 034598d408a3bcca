"""La ligne de journal d'une requête : ce que la fenêtre en garde, et rien de ce qu'elle contient."""

import contextlib
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from google.api.httpbody_pb2 import HttpBody
from passerelle.v1 import rest_pb2

from server.control.requests.window import Request
from server.rpc.metrics import expose
from tests.rpc.test_front_audio import SPOKEN, transcribing
from tests.rpc.test_requests import CANARY, ended
from tests.rpc.test_timings import told
from tests.support.front_rig import WORDS, answer, body, front, typed
from tests.support.journal import Written, journal

CLIENT = (("x-passerelle-client", "203.0.113.7"),)


def line_of(written: Written, request: Request) -> dict[str, Any]:
    """Seule ligne d'une requête, comparée à ce qu'en garde la fenêtre."""
    # Le plan de contrôle, à qui le front demande un chargement, a la sienne, du même identifiant.
    mine = (line for line in written.lines("rpc_finished") if "/passerelle.v1." in line["method"])
    [line] = [line for line in mine if line["request_id"] == request.id]
    timings = {name.removesuffix("_ms"): value for name, value in line.items() if name.endswith("_ms")}
    timings.pop("duration")
    assert timings == pytest.approx(told(request), rel=1e-4, abs=2e-3)
    assert (line["reason"] or line["code"], line.get("model", "")) == (request.status, request.model)
    assert line.get("client", "") == request.client and line.get("key", "") == request.key
    assert line.get("audio_seconds", 0.0) == pytest.approx(request.audio_seconds, abs=1e-3)
    for count in ("tokens_in", "tokens_out"):
        assert line.get(count) == (getattr(request, count) if request.HasField(count) else None)
    return line


@pytest.mark.parametrize("stream", [False, True])
async def test_a_conversation_leaves_its_tokens_and_its_waits(tmp_path: Path, stream: bool) -> None:
    with journal() as written:
        async with front(tmp_path, keys=("cle",)) as rig:
            metadata = (*CLIENT, ("authorization", "Bearer cle"))
            await answer(rig.rest.CreateChatCompletion(body(stream=stream), metadata=metadata))
            [request] = await ended(rig)
            line = line_of(written, request)
    assert (line["tokens_in"], line["tokens_out"]) == (3, len(WORDS))
    assert (line["key"], line["client"], line["replicas"]) == ("k0", "203.0.113.7", ["qwen-0"])
    assert ("first_ms" in line) is stream is line.get("stream", False)


async def test_a_file_leaves_its_audio(tmp_path: Path) -> None:
    with journal() as written:
        async with transcribing(tmp_path) as rig:
            sent = HttpBody(content_type="audio/wav", data=SPOKEN)
            await answer(rig.rest.TranscribeAudio(iter([rest_pb2.TranscribeAudioRequest(body=sent)])))
            [request] = await ended(rig)
            assert line_of(written, request)["audio_seconds"] > 1


async def test_a_refusal_leaves_its_reason_and_its_client(tmp_path: Path) -> None:
    with journal() as written:
        async with front(tmp_path, keys=("cle",)) as rig:
            key = (*CLIENT, ("authorization", "Bearer cle"))
            for fields, metadata in (({"model": "absent"}, key), ({"stop": [1]}, key), ({}, CLIENT)):
                await answer(rig.rest.CreateChatCompletion(body(**fields), metadata=metadata))
            for request in await ended(rig, 3):
                assert line_of(written, request)["client"] == "203.0.113.7"
            reasons = [line["reason"] for line in written.lines("rpc_finished")]
    assert reasons == ["MODEL_NOT_FOUND", "INVALID_REQUEST", "MISSING_API_KEY"]


async def test_nothing_of_a_request_is_written_but_its_measures(tmp_path: Path) -> None:
    tool = {"type": "function", "function": {"name": CANARY, "parameters": {"type": "object", "title": CANARY}}}
    call = {"id": "1", "type": "function", "function": {"name": CANARY, "arguments": f'{{"mot": "{CANARY}"}}'}}
    said = [
        {"role": "system", "content": CANARY},
        {"role": "user", "content": [{"type": "text", "text": CANARY}]},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": CANARY},
    ]
    wrong: tuple[dict[str, Any], ...] = (
        {"messages": [{"role": CANARY, "content": CANARY}]},
        {"model": CANARY},
        {"stop": [{CANARY: CANARY}]},
        {"temperature": CANARY},
        {CANARY: CANARY},
        {"response_format": {"type": "json_schema", "json_schema": {"name": CANARY, "schema": {"type": CANARY}}}},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": f"data:{CANARY}"}}]}]},
    )
    with journal() as written:
        async with front(tmp_path, keys=(f"cle-{CANARY}",)) as rig:
            rig.engine.words = (CANARY, " fin")
            key = (("authorization", f"Bearer cle-{CANARY}"), ("x-entete", CANARY), ("cookie", CANARY))
            for stream in (False, True):
                request = body(messages=said, tools=[tool], user=CANARY, metadata={"mot": CANARY}, stream=stream)
                await answer(rig.rest.CreateChatCompletion(request, metadata=key))
                for fields in wrong:
                    await answer(rig.rest.CreateChatCompletion(body(**fields, stream=stream), metadata=key))
            await answer(rig.rest.CreateChatCompletion(HttpBody(data=f'{{"{CANARY}'.encode()), metadata=key))
            form = (
                f'--b\r\ncontent-disposition: form-data; name="file"; filename="{CANARY}.wav"\r\n\r\n{CANARY}\r\n--b--'
            )
            sent = HttpBody(content_type="multipart/form-data; boundary=b", data=form.encode())
            await answer(rig.rest.CreateTranscription(iter([sent]), metadata=key))
            # Un moteur qui échoue sur ce qu'on lui a dit.
            rig.engine.error = ValueError("raté")
            await answer(rig.rest.CreateChatCompletion(body(messages=said), metadata=key))
            for metadata in (key, (("authorization", f"Bearer {CANARY}"),)):
                with contextlib.suppress(grpc.aio.AioRpcError):
                    await rig.chat.Chat(typed(CANARY, model=CANARY), metadata=metadata)
            found = await ended(rig, len(wrong) * 2 + 7)
            text = written.getvalue() + expose(rig.registry).decode() + "".join(map(str, found))
    assert written.lines("rpc_finished") and "MODEL_NOT_FOUND" in text and "engine_failed" in text
    assert CANARY not in text
