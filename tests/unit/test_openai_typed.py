"""Les traductions entre messages typés et JSON d'OpenAI."""

import json
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from passerelle.v1 import chat_pb2

from server.domain import Limits
from server.engines.base import ChatKind
from server.errors import EngineFailed, InvalidRequest
from server.front.chat.request import check
from server.front.chat.typed_request import chat_request, complete_request
from server.front.chat.typed_response import chat_deltas, chat_response, complete_deltas, complete_response

PIXEL = "R0lGODlhAQABAAAAACwAAAAAAQABAAACAkQBADs="
"""Un GIF d'un point."""


def full_request() -> chat_pb2.ChatRequest:
    return ParseDict(
        {
            "model": "qwen",
            "messages": [
                {"role": "CHAT_ROLE_SYSTEM", "content": [{"text": "Soyez bref."}], "name": "chef"},
                {
                    "role": "CHAT_ROLE_USER",
                    "content": [
                        {"text": "Qu'est-ce ?"},
                        {"image": {"data": PIXEL, "mime_type": "image/png"}},
                    ],
                },
                {
                    "role": "CHAT_ROLE_ASSISTANT",
                    "tool_calls": [{"id": "a1", "name": "meteo", "arguments": '{"ville":"Paris"}'}],
                },
                {"role": "CHAT_ROLE_TOOL", "tool_call_id": "a1", "content": [{"text": "beau"}]},
            ],
            "options": {
                "max_tokens": 64,
                "temperature": 0.5,
                "top_p": 0.75,
                "n": 2,
                "stop": ["fin"],
                "seed": "-9007199254740993",
                "presence_penalty": 0.25,
                "frequency_penalty": -0.25,
                "logit_bias": {"12": 1.5},
                "logprobs": True,
                "top_logprobs": 3,
                "extra": {"top_k": 20, "min_p": 0.05, "ignore_eos": True},
            },
            "tools": [
                {
                    "name": "meteo",
                    "description": "Météo d'une ville",
                    "parameters": {"type": "object", "properties": {"ville": {"type": "string", "maxLength": 10}}},
                    "strict": True,
                }
            ],
            "tool_choice": "meteo",
            "parallel_tool_calls": False,
            "response_format": {"json_schema": {"name": "s", "schema": {"type": "object"}, "strict": True}},
            "reasoning_effort": "low",
        },
        chat_pb2.ChatRequest(),
    )


def test_a_conversation_becomes_openai_json() -> None:
    data = chat_request(full_request(), stream=True)
    assert data == {
        "model": "qwen",
        "messages": [
            {"role": "system", "content": "Soyez bref.", "name": "chef"},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Qu'est-ce ?"},
                    {
                        "type": "image_url",
                        "image_url": {"url": "data:image/png;base64," + PIXEL},
                    },
                ],
            },
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {"id": "a1", "type": "function", "function": {"name": "meteo", "arguments": '{"ville":"Paris"}'}}
                ],
            },
            {"role": "tool", "content": "beau", "tool_call_id": "a1"},
        ],
        "max_tokens": 64,
        "temperature": 0.5,
        "top_p": 0.75,
        "n": 2,
        "stop": ["fin"],
        "seed": -9007199254740993,
        "presence_penalty": 0.25,
        "frequency_penalty": -0.25,
        "logit_bias": {"12": 1.5},
        "logprobs": True,
        "top_logprobs": 3,
        "top_k": 20,
        "min_p": 0.05,
        "ignore_eos": True,
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "meteo",
                    "description": "Météo d'une ville",
                    "parameters": {"type": "object", "properties": {"ville": {"type": "string", "maxLength": 10}}},
                    "strict": True,
                },
            }
        ],
        "tool_choice": {"type": "function", "function": {"name": "meteo"}},
        "parallel_tool_calls": False,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "s", "schema": {"type": "object"}, "strict": True},
        },
        "reasoning_effort": "low",
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    checked = check(ChatKind.CHAT, data, Limits())
    assert checked.stream and json.loads(checked.payload) == data
    assert isinstance(json.loads(checked.payload)["top_k"], int)


def test_absent_settings_stay_absent() -> None:
    request = chat_pb2.ChatRequest(
        model="qwen",
        messages=[chat_pb2.ChatMessage(role=chat_pb2.CHAT_ROLE_USER, content=[chat_pb2.ContentPart(text="Bonjour")])],
    )
    assert chat_request(request, stream=False) == {
        "model": "qwen",
        "messages": [{"role": "user", "content": "Bonjour"}],
        "stream": False,
    }


def test_a_completion_becomes_openai_json() -> None:
    request = chat_pb2.CompleteRequest(
        model="qwen",
        prompt="Il était",
        options=chat_pb2.GenerationOptions(max_tokens=3, top_logprobs=2),
        echo=True,
        suffix="fin",
    )
    assert complete_request(request, stream=False) == {
        "model": "qwen",
        "prompt": "Il était",
        "max_tokens": 3,
        "logprobs": 2,
        "echo": True,
        "suffix": "fin",
        "stream": False,
    }


def test_a_completion_takes_several_prompts_and_tokens() -> None:
    prompts = [
        chat_pb2.CompletionPrompt(text="Il était"),
        chat_pb2.CompletionPrompt(tokens=chat_pb2.TokenIds(ids=[5, 900, 2])),
    ]
    data = complete_request(chat_pb2.CompleteRequest(model="qwen", prompts=prompts), stream=False)
    assert data["prompt"] == ["Il était", [5, 900, 2]]
    checked = check(ChatKind.COMPLETION, data, Limits())
    assert (checked.prompts, checked.token) == (2, (900, "prompt[1]"))
    one = complete_request(chat_pb2.CompleteRequest(model="qwen", prompts=prompts[1:]), stream=True)
    assert check(ChatKind.COMPLETION, one, Limits()).prompts == 1


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (chat_pb2.CompleteRequest(model="qwen"), "prompt"),
        (chat_pb2.CompleteRequest(model="qwen", prompt="a", prompts=[chat_pb2.CompletionPrompt(text="b")]), "prompts"),
        (chat_pb2.CompleteRequest(model="qwen", prompts=[chat_pb2.CompletionPrompt()]), "prompts[0]"),
        (chat_pb2.CompleteRequest(model="qwen", prompts=[chat_pb2.CompletionPrompt(text="")]), "prompt[0]"),
        (
            chat_pb2.CompleteRequest(model="qwen", prompts=[chat_pb2.CompletionPrompt(tokens=chat_pb2.TokenIds())]),
            "prompt[0]",
        ),
        (
            chat_pb2.CompleteRequest(model="qwen", prompts=[chat_pb2.CompletionPrompt(text="a")] * 1025),
            "prompt",
        ),
    ],
)
def test_a_bad_prompt_is_named(request_: chat_pb2.CompleteRequest, field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check(ChatKind.COMPLETION, complete_request(request_, stream=False), Limits())
    assert caught.value.metadata["field"] == field


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"messages": [{"content": [{"text": "x"}]}]}, "messages[0].role"),
        ({"messages": [{"role": "CHAT_ROLE_USER", "content": [{}]}]}, "messages[0].content[0]"),
        (
            {"messages": [{"role": "CHAT_ROLE_USER", "content": [{"image": {"mime_type": "image/png"}}]}]},
            "messages[0].content[0].image.data",
        ),
        (
            {
                "messages": [
                    {"role": "CHAT_ROLE_USER", "content": [{"image": {"mime_type": "text/html", "data": "aGE="}}]}
                ]
            },
            "messages[0].content[0].image_url.url",
        ),
        ({"messages": []}, "messages"),
        ({"model": ""}, "model"),
        ({"options": {"n": 17}}, "n"),
        ({"options": {"extra": {"model": "autre"}}}, "options.extra.model"),
        ({"options": {"extra": {"stream": True}}}, "options.extra.stream"),
        ({"options": {"extra": {"chat_template": "{{ x }}"}}}, "chat_template"),
        ({"response_format": {"json_schema": {}}}, "response_format.json_schema.name"),
        ({"tool_choice": "inconnu"}, "tool_choice.function.name"),
    ],
)
def test_bad_typed_requests_name_the_field(change: dict[str, Any], field: str) -> None:
    base: dict[str, Any] = {
        "model": "qwen",
        "messages": [{"role": "CHAT_ROLE_USER", "content": [{"text": "Bonjour"}]}],
    }
    request = ParseDict(base | change, chat_pb2.ChatRequest())
    with pytest.raises(InvalidRequest) as caught:
        check(ChatKind.CHAT, chat_request(request, stream=False), Limits())
    assert caught.value.metadata["field"] == field


def test_an_answer_becomes_typed() -> None:
    body = {
        "id": "c1",
        "model": "qwen",
        "choices": [
            {
                "index": 1,
                "finish_reason": "tool_calls",
                "message": {
                    "role": "assistant",
                    "content": None,
                    "reasoning_content": "je pense",
                    "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
                },
                "logprobs": {
                    "content": [
                        {
                            "token": "é",
                            "logprob": -0.5,
                            "bytes": [195, 169],
                            "top_logprobs": [{"token": "e", "logprob": -1.5, "bytes": None}],
                        }
                    ]
                },
            },
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Oui"}},
        ],
        "usage": {
            "prompt_tokens": 3,
            "completion_tokens": 2,
            "total_tokens": 5,
            "prompt_tokens_details": {"cached_tokens": 1},
        },
    }
    answer = chat_response(json.dumps(body).encode())
    first, second = answer.choices
    assert (answer.id, answer.model, first.index, first.finish_reason) == ("c1", "qwen", 1, "tool_calls")
    assert not first.message.content and first.reasoning_content == "je pense"
    assert (first.message.tool_calls[0].name, first.message.tool_calls[0].arguments) == ("f", "{}")
    assert first.logprobs[0].token_bytes == "é".encode()
    assert first.logprobs[0].top_logprobs[0].token_bytes == b"e"
    assert second.message.content[0].text == "Oui"
    assert (answer.usage.total_tokens, answer.usage.cached_tokens) == (5, 1)


def frames(*events: dict[str, Any]) -> bytes:
    return b"".join(b"data: " + json.dumps(e).encode() + b"\n\n" for e in events)


def delta(index: int = 0, finish: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"id": "c1", "model": "qwen", "choices": [{"index": index, "delta": fields, "finish_reason": finish}]}


def test_frames_of_one_flush_make_one_message() -> None:
    message = chat_deltas(
        frames(
            delta(role="assistant", content=""),
            delta(content="Bon"),
            delta(1, content="Sa"),
            delta(content="jour", reasoning_content="hm"),
            delta(1, "stop", content="lut"),
        )
    )
    assert message is not None
    assert [(d.index, d.content, d.finish_reason) for d in message.deltas] == [(0, "Bonjour", ""), (1, "Salut", "stop")]
    assert message.deltas[0].reasoning_content == "hm"
    assert (message.id, message.model, message.HasField("usage")) == ("c1", "qwen", False)


def test_tool_calls_are_put_together() -> None:
    def call(index: int, **fields: Any) -> dict[str, Any]:
        return delta(tool_calls=[{"index": index, **fields}])

    message = chat_deltas(
        frames(
            call(0, id="a", function={"name": "f", "arguments": "{"}),
            call(0, function={"arguments": "}"}),
            call(1, id="b", function={"name": "g", "arguments": "[]"}),
        )
    )
    assert message is not None
    calls = [(c.index, c.id, c.name, c.arguments) for c in message.deltas[0].tool_calls]
    assert calls == [(0, "a", "f", "{}"), (1, "b", "g", "[]")]


def test_usage_alone_makes_a_message_and_nothing_makes_none() -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    message = chat_deltas(frames({"id": "c1", "choices": [], "usage": usage}))
    assert message is not None and message.usage.total_tokens == 3 and not message.deltas
    assert chat_deltas(b": chargement\n\n") is None
    assert chat_deltas(frames(delta(role="assistant", content=""))) is None
    assert chat_deltas(b"data: [DONE]\n\n") is None


def test_an_error_written_by_the_engine_is_raised() -> None:
    with pytest.raises(EngineFailed, match="cassé"):
        chat_deltas(frames({"error": {"message": "cassé"}}))


def test_completions_both_ways() -> None:
    logprobs = {"tokens": ["a"], "token_logprobs": [-0.5], "top_logprobs": [{"b": -1.0}], "text_offset": [0]}
    choice = {"index": 0, "text": "a", "finish_reason": "length", "logprobs": logprobs}
    body = {"id": "c", "model": "qwen", "choices": [choice], "usage": {"total_tokens": 2}}
    answer = complete_response(json.dumps(body).encode())
    assert (answer.choices[0].text, answer.choices[0].finish_reason) == ("a", "length")
    assert answer.choices[0].logprobs[0].top_logprobs[0].token == "b"
    message = complete_deltas(frames(body | {"usage": None}, body))
    assert message is not None and message.deltas[0].text == "aa" and message.usage.total_tokens == 2


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_json_cannot_write_is_refused_by_name(number: float) -> None:
    deep: Any = {"a": [1, {"b": number}]}
    extra = chat_pb2.ChatRequest(options=chat_pb2.GenerationOptions(extra=deep))
    tool = chat_pb2.ChatRequest(tools=[chat_pb2.Tool(name="a"), chat_pb2.Tool(name="b", parameters=deep)])
    schema = chat_pb2.ChatRequest()
    schema.response_format.json_schema.schema.update(deep)
    fields = ("options.extra", "tools[1].parameters", "response_format.json_schema.schema")
    for request, field in zip((extra, tool, schema), fields, strict=True):
        with pytest.raises(InvalidRequest) as caught:
            chat_request(request, stream=False)
        assert caught.value.metadata["field"] == field


@pytest.mark.parametrize("number", [1e300, -1e300, 2.0**63, 2.0**80])
def test_a_number_too_large_for_an_integer_stays_as_it_came(number: float) -> None:
    request = full_request()
    request.options.extra.update({"structured_outputs": {"json": {"const": number}}})
    checked = check(ChatKind.CHAT, chat_request(request, stream=False), Limits())
    assert json.loads(checked.payload)["structured_outputs"]["json"]["const"] == number
