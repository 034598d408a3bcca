"""La conversation, par la façade HTTP et par les messages typés : mêmes réponses, mêmes erreurs."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from google.api.httpbody_pb2 import HttpBody
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from passerelle.v1 import chat_pb2, rest_pb2

from server.domain import Limits
from server.errors import (
    ContextLengthExceeded,
    EngineFailed,
    InvalidRequest,
    PasserelleError,
    QueueFull,
    UnsupportedOption,
)
from server.rpc.metrics import expose
from tests.fakes.control import model_route
from tests.support.front_rig import FEATURES, WORDS, Rig, answer, body, front, sse, typed
from tests.support.waiting import until

TEXT = "".join(WORDS)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with front(tmp_path) as found:
        yield found


def reason(error: grpc.aio.AioRpcError) -> tuple[str, dict[str, str]]:
    status = rpc_status.from_call(error)
    assert status is not None
    info = error_details_pb2.ErrorInfo()
    assert any(detail.Unpack(info) for detail in status.details)
    return info.reason, dict(info.metadata)


async def refused(call: Any) -> grpc.aio.AioRpcError:
    """Erreur d'un appel typé, unaire ou en flux."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        if isinstance(call, grpc.aio.UnaryStreamCall):
            async for _ in call:
                pass
        else:
            await call
    return caught.value


async def test_rest_answers_in_one_body(rig: Rig) -> None:
    status, _, kind, data = await answer(rig.rest.CreateChatCompletion(body()))
    assert (status, kind) == (200, "application/json")
    found = json.loads(data)
    assert found["choices"][0]["message"]["content"] == TEXT
    assert found["model"] == "qwen"


async def test_rest_streams_and_says_done(rig: Rig) -> None:
    status, headers, kind, data = await answer(
        rig.rest.CreateChatCompletion(body(stream=True, stream_options={"include_usage": True}))
    )
    assert (status, kind, headers["cache-control"]) == (200, "text/event-stream", "no-cache")
    assert headers["x-accel-buffering"] == "no"
    events = sse(data)
    assert events[-1] == "[DONE]" and events.count("[DONE]") == 1
    assert "".join(e["choices"][0]["delta"]["content"] for e in events[:-1] if e["choices"]) == TEXT
    assert events[-2]["usage"]["completion_tokens"] == len(WORDS)


async def test_every_way_gives_the_same_text(rig: Rig) -> None:
    whole = await rig.chat.Chat(typed())
    messages = [m async for m in rig.chat.StreamChat(chat_pb2.StreamChatRequest(request=typed()))]
    _, _, _, data = await answer(rig.rest.CreateChatCompletion(body(stream=True)))
    streamed = "".join(d.content for m in messages for d in m.deltas)
    written = "".join(e["choices"][0]["delta"]["content"] for e in sse(data)[:-1])
    assert whole.choices[0].message.content[0].text == streamed == written == TEXT
    assert whole.choices[0].finish_reason == "stop"
    assert [d.finish_reason for m in messages for d in m.deltas if d.finish_reason] == ["stop"]
    assert messages[-1].usage == whole.usage and whole.usage.completion_tokens == len(WORDS)
    assert all(not m.HasField("usage") for m in messages[:-1])


async def test_completions_too(rig: Rig) -> None:
    request = chat_pb2.CompleteRequest(model="smollm2", prompt="Il")
    whole = await rig.chat.Complete(request)
    messages = [m async for m in rig.chat.StreamComplete(chat_pb2.StreamCompleteRequest(request=request))]
    _, _, _, one = await answer(rig.rest.CreateCompletion(_json({"model": "smollm2", "prompt": "Il"})))
    _, _, _, many = await answer(rig.rest.CreateCompletion(_json({"model": "smollm2", "prompt": "Il", "stream": True})))
    assert whole.choices[0].text == TEXT == "".join(d.text for m in messages for d in m.deltas)
    assert json.loads(one)["choices"][0]["text"] == TEXT == "".join(e["choices"][0]["text"] for e in sse(many)[:-1])
    assert whole.model == "smollm2" == json.loads(one)["model"]


async def test_several_prompts_and_tokens_by_rest_and_by_grpc(rig: Rig) -> None:
    prompts = [
        chat_pb2.CompletionPrompt(text="Il"),
        chat_pb2.CompletionPrompt(tokens=chat_pb2.TokenIds(ids=[5, 9])),
        chat_pb2.CompletionPrompt(text="Elle"),
    ]
    request = chat_pb2.CompleteRequest(model="qwen", prompts=prompts)
    whole = await rig.chat.Complete(request)
    typed_prompts = [one["prompt"] for one in rig.engine.requests]
    messages = [m async for m in rig.chat.StreamComplete(chat_pb2.StreamCompleteRequest(request=request))]
    rig.engine.requests.clear()
    _, _, _, data = await answer(
        rig.rest.CreateCompletion(_json({"model": "qwen", "prompt": ["Il", [5, 9], "Elle"], "max_tokens": 16}))
    )
    assert typed_prompts == [one["prompt"] for one in rig.engine.requests] == ["Il", [5, 9], "Elle"]
    rest = json.loads(data)
    assert [(c.index, c.text) for c in whole.choices] == [(c["index"], c["text"]) for c in rest["choices"]]
    assert [c.index for c in whole.choices] == [0, 1, 2]
    assert whole.usage.total_tokens == rest["usage"]["total_tokens"]
    for rank in range(3):
        assert "".join(d.text for m in messages for d in m.deltas if d.index == rank) == TEXT


def _json(data: Any) -> HttpBody:
    return HttpBody(content_type="application/json", data=json.dumps(data).encode())


async def test_rest_bytes_reach_the_engine_untouched(rig: Rig) -> None:
    request = body(top_k=5, temperature=0.5)
    await answer(rig.rest.CreateChatCompletion(request))
    assert rig.engine.payloads == [request.data]


async def test_fields_follow_the_engine_of_the_model(rig: Rig) -> None:
    """Le même champ, reçu par REST et par gRPC, selon le moteur qu'annonce la route."""

    async def outcome(**fields: Any) -> tuple[int, str, str]:
        status, _, _, data = await answer(rig.rest.CreateChatCompletion(body(**fields)))
        extra = chat_pb2.GenerationOptions()
        extra.extra.update(fields)
        try:
            await rig.chat.Chat(typed(options=extra))
            reason = ""
        except grpc.aio.AioRpcError as caught:
            reason = caught.code().name
        error = json.loads(data).get("error") or {}
        return status, str(error.get("param") or ""), reason

    assert await outcome(repetition_penalty=1.5, store=True) == (200, "", "")
    assert rig.engine.requests[-1]["repetition_penalty"] == rig.engine.requests[-2]["repetition_penalty"] == 1.5
    assert "store" not in rig.engine.requests[-1]
    assert await outcome(repeat_penalty=1.5) == (400, "repeat_penalty", "INVALID_ARGUMENT")
    assert await outcome(priority=1) == (400, "priority", "INVALID_ARGUMENT")
    rig.control.publish(model_route("qwen", rig.workers[0].path, features=FEATURES, engine="llamacpp"))
    while (await outcome(repeat_penalty=1.5))[0] != 200:
        await asyncio.sleep(0.005)
    assert await outcome(repetition_penalty=1.5) == (200, "", "")
    assert rig.engine.requests[-1]["repeat_penalty"] == 1.5 and "repetition_penalty" not in rig.engine.requests[-1]
    assert await outcome(min_tokens=3) == (400, "min_tokens", "INVALID_ARGUMENT")


async def test_a_token_out_of_the_vocabulary_is_refused_before_the_engine(rig: Rig) -> None:
    rig.engine.vocab_size = 1000
    for fields, param in (
        ({"logit_bias": {"999": 1, "1000": 1}}, "logit_bias.1000"),
        ({"stop_token_ids": [5, 4000]}, "stop_token_ids"),
    ):
        status, _, _, data = await answer(rig.rest.CreateChatCompletion(body(**fields)))
        error = json.loads(data)["error"]
        assert (status, error["param"]) == (400, param)
        assert "1000 jetons" in error["message"]
    for prompt, param in (([1, 1000], "prompt"), (["a", [3, 1001]], "prompt[1]")):
        status, _, _, data = await answer(rig.rest.CreateCompletion(_json({"model": "qwen", "prompt": prompt})))
        assert (status, json.loads(data)["error"]["param"]) == (400, param)
    assert not rig.engine.requests
    assert (await answer(rig.rest.CreateChatCompletion(body(logit_bias={"999": 1}))))[0] == 200


async def test_models_are_listed_by_key_then_alias(rig: Rig) -> None:
    _, _, _, data = await answer(rig.rest.ListOpenAiModels(rest_pb2.ListOpenAiModelsRequest()))
    found = json.loads(data)
    assert found["object"] == "list"
    assert [m["id"] for m in found["data"]] == ["qwen", "canary", "smollm2", "whisper-1"]
    assert found["data"][0] == {
        "id": "qwen",
        "object": "model",
        "created": 1_700_000_000,
        "owned_by": "passerelle",
        "root": "qwen",
        "max_model_len": 4096,
        "capabilities": ["chat", "completions", "vision", "tools", "json_schema", "logprobs"],
    }
    assert found["data"][1]["capabilities"] == ["audio.transcriptions", "audio.live"]
    assert found["data"][1]["max_model_len"] is None
    for name in ("qwen", "whisper-1"):
        request = rest_pb2.RetrieveOpenAiModelRequest(model=name)
        assert json.loads((await answer(rig.rest.RetrieveOpenAiModel(request)))[3])["id"] == name
    status, _, _, data = await answer(
        rig.rest.RetrieveOpenAiModel(rest_pb2.RetrieveOpenAiModelRequest(model="org/inconnu"))
    )
    assert status == 404 and json.loads(data)["error"]["code"] == "model_not_found"


async def test_health(rig: Rig) -> None:
    status, _, _, data = await answer(rig.rest.CheckHealth(rest_pb2.CheckHealthRequest()))
    assert (status, data) == (200, b'{"status":"ok"}')


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("fields", "status", "code", "param"),
    [
        ({"model": "gpt-4o"}, 404, "model_not_found", "model"),
        ({"model": "canary"}, 400, "wrong_capability", "model"),
        ({"messages": []}, 400, "invalid_request", "messages"),
        ({"n": 17}, 400, "invalid_request", "n"),
        ({"chat_template": "x"}, 400, "unsupported_option", "chat_template"),
    ],
)
async def test_rest_errors_have_openais_shape(
    rig: Rig, stream: bool, fields: dict[str, Any], status: int, code: str, param: str
) -> None:
    found, _, kind, data = await answer(rig.rest.CreateChatCompletion(body(stream=stream, **fields)))
    error = json.loads(data)["error"]
    assert (found, kind) == (status, "application/json")
    assert (error["type"], error["code"], error["param"]) == ("invalid_request_error", code, param)
    assert not rig.engine.requests


@pytest.mark.parametrize("data", [b"", b"{", b"[]"])
async def test_rest_refuses_what_is_no_json_object(rig: Rig, data: bytes) -> None:
    status, _, _, found = await answer(rig.rest.CreateChatCompletion(HttpBody(data=data)))
    assert status == 400 and json.loads(found)["error"]["param"] is None


@pytest.mark.parametrize("method", ["Chat", "StreamChat", "Complete", "StreamComplete"])
async def test_typed_errors_carry_a_reason(rig: Rig, method: str) -> None:
    def call(model: str) -> Any:
        chat, complete = typed(model=model), chat_pb2.CompleteRequest(model=model, prompt="x")
        requests = {
            "Chat": chat,
            "StreamChat": chat_pb2.StreamChatRequest(request=chat),
            "Complete": complete,
            "StreamComplete": chat_pb2.StreamCompleteRequest(request=complete),
        }
        return getattr(rig.chat, method)(requests[method])

    unknown = await refused(call("gpt-4o"))
    assert unknown.code() is grpc.StatusCode.NOT_FOUND
    assert reason(unknown) == (
        "MODEL_NOT_FOUND",
        {"field": "model", "model": "gpt-4o", "available": "qwen, canary"},
    )
    wrong = await refused(call("canary"))
    assert (wrong.code(), reason(wrong)[0]) == (grpc.StatusCode.INVALID_ARGUMENT, "WRONG_CAPABILITY")
    empty = await refused(call(""))
    assert reason(empty) == ("INVALID_REQUEST", {"field": "model", "value": ""})
    rig.engine.error = EngineFailed("Cassé.")
    broken = await refused(call("qwen"))
    assert (broken.code(), reason(broken)[0]) == (grpc.StatusCode.INTERNAL, "ENGINE_FAILED")


async def test_an_engines_refusal_keeps_its_class(rig: Rig) -> None:
    rig.engine.error = UnsupportedOption("Pas d'outil ici.", metadata={"field": "tools"})
    status, _, _, data = await answer(rig.rest.CreateChatCompletion(body(stream=True)))
    assert status == 400 and json.loads(data)["error"]["param"] == "tools"


PHRASES: list[tuple[PasserelleError, str, str]] = [
    (
        ContextLengthExceeded.of("messages", 4096, 5210),
        "context_length_exceeded",
        "maximum context length is 4096 tokens",
    ),
    (ContextLengthExceeded.of("max_tokens", 4096, 9000), "context_length_exceeded", "maximum context length is 4096"),
    (QueueFull("La file est pleine.", retry_after=4.2), "queue_full", "Rate limit reached. Please try again in 5s."),
    (
        InvalidRequest("Schéma illisible.", metadata={"field": "response_format.json_schema.schema"}),
        "invalid_request",
        "Invalid schema for response_format",
    ),
]


@pytest.mark.parametrize(("error", "code", "phrase"), PHRASES, ids=lambda value: str(value)[:20])
async def test_every_way_says_what_clients_branch_on(rig: Rig, error: PasserelleError, code: str, phrase: str) -> None:
    rig.engine.error = error
    raised = [
        await refused(rig.chat.Chat(typed())),
        await refused(rig.chat.StreamChat(chat_pb2.StreamChatRequest(request=typed()))),
    ]
    for stream in (False, True):
        _, headers, _, data = await answer(rig.rest.CreateChatCompletion(body(stream=stream)))
        told = json.loads(data)["error"]
        assert (told["code"], told["param"]) == (code, error.metadata.get("field"))
        assert told["message"].startswith(error.french + "\n") and phrase in told["message"]
        assert headers.get("retry-after") == ("5" if error.retry_after else None)
        for one in raised:
            assert one.details() == told["message"]
            assert reason(one) == (error.reason, error.metadata)


async def test_an_unknown_model_and_a_wrong_key_are_said_in_english_too(tmp_path: Path) -> None:
    async with front(tmp_path, keys=("bonne",)) as rig:
        for key, model, phrase in (
            ("", "qwen", "You didn't provide an API key."),
            ("fausse", "qwen", "Incorrect API key provided."),
            ("bonne", "gpt-4o", "The model `gpt-4o` does not exist."),
        ):
            metadata = (("authorization", f"Bearer {key}"),)
            _, _, _, data = await answer(rig.rest.CreateChatCompletion(body(model=model), metadata=metadata))
            error = await refused(rig.chat.Chat(typed(model=model), metadata=metadata))
            assert error.details() == json.loads(data)["error"]["message"]
            assert phrase in (error.details() or "")


async def test_an_error_after_the_first_frame_ends_the_stream(tmp_path: Path) -> None:
    async with front(tmp_path, limits=Limits(coalesce_ms=0)) as rig:
        rig.engine.error, rig.engine.error_after = EngineFailed("Cassé."), 1
        call = rig.rest.CreateChatCompletion(body(stream=True))
        status, _, kind, data = await answer(call)
        events = sse(data)
        assert (status, kind) == (200, "text/event-stream")
        assert events[0]["choices"][0]["delta"]["content"] == WORDS[0]
        assert events[-1]["error"]["code"] == "engine_failed" and "[DONE]" not in events
        streamed = rig.chat.StreamChat(chat_pb2.StreamChatRequest(request=typed()))
        first = await streamed.read()
        assert first.deltas[0].content == WORDS[0]
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await streamed.read()
        assert reason(caught.value)[0] == "ENGINE_FAILED"


async def test_keys_guard_every_way(tmp_path: Path) -> None:
    async with front(tmp_path, keys=("bonne",)) as rig:
        status, _, _, data = await answer(rig.rest.CreateChatCompletion(HttpBody(data=b"{")))
        assert status == 401 and json.loads(data)["error"]["code"] == "invalid_api_key"
        error = await refused(rig.chat.Chat(typed()))
        assert (error.code(), reason(error)[0]) == (grpc.StatusCode.UNAUTHENTICATED, "MISSING_API_KEY")
        error = await refused(rig.chat.Chat(typed(), metadata=(("x-api-key", "fausse"),)))
        assert reason(error)[0] == "INVALID_API_KEY"
        bearer = (("authorization", "Bearer bonne"),)
        assert (await rig.chat.Chat(typed(), metadata=bearer)).choices
        assert (await answer(rig.rest.CreateChatCompletion(body(), metadata=bearer)))[0] == 200
        assert (await answer(rig.rest.CheckHealth(rest_pb2.CheckHealthRequest())))[0] == 200


async def test_a_body_over_the_limit_is_413(tmp_path: Path) -> None:
    async with front(tmp_path, limits=Limits(max_json_body_bytes=200)) as rig:
        status, _, _, data = await answer(rig.rest.CreateChatCompletion(body(user="x" * 300)))
        assert status == 413 and json.loads(data)["error"]["code"] == "payload_too_large"


async def test_measures_name_the_model_not_what_was_asked(rig: Rig) -> None:
    await answer(rig.rest.CreateChatCompletion(body(model="smollm2", stream=True)))
    await answer(rig.rest.CreateChatCompletion(body(model="inconnu")))
    wanted = b'passerelle_generations_total{kind="chat",model="qwen",status="OK"} 1.0'
    await until(lambda: wanted in expose(rig.registry), "génération comptée")
    text = expose(rig.registry)
    assert b"inconnu" not in text and b"smollm2" not in text
    assert b'passerelle_first_output_seconds_count{model="qwen"} 1.0' in text
    assert b'passerelle_stream_frames_total{model="qwen"} 6.0' in text
    assert b'passerelle_generations_in_flight{model="qwen"} 0.0' in text
