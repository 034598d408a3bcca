"""La vérification des requêtes au schéma d'OpenAI : ce qui passe, et le champ nommé par chaque refus."""

import json
from typing import Any

import pytest

from server.domain import Limits
from server.engines.base import ChatKind
from server.errors import InvalidRequest, PasserelleError, PayloadTooLarge, UnsupportedOption
from server.front.chat.request import OpenAiRequest, parse

LIMITS = Limits()
PIXEL = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
GOOD: dict[str, Any] = {"model": "qwen", "messages": [{"role": "user", "content": "Bonjour"}]}
TOOL = {"type": "function", "function": {"name": "meteo", "parameters": {"type": "object"}}}


def chat(body: Any, limits: Limits = LIMITS) -> OpenAiRequest:
    return parse(ChatKind.CHAT, json.dumps(body).encode(), limits)


def completion(body: Any) -> OpenAiRequest:
    return parse(ChatKind.COMPLETION, json.dumps(body).encode(), LIMITS)


def refused(kind: ChatKind, body: Any, limits: Limits = LIMITS) -> PasserelleError:
    with pytest.raises(InvalidRequest) as caught:
        parse(kind, json.dumps(body).encode(), limits)
    return caught.value


def user(content: Any) -> dict[str, Any]:
    return {"model": "qwen", "messages": [{"role": "user", "content": content}]}


@pytest.mark.parametrize(
    "extra",
    [
        {},
        {"temperature": 0, "top_p": 1, "n": 16, "stop": ["a", "b"], "seed": -3, "max_tokens": 32768},
        {"logit_bias": {"12": -100, "13": 5.5}, "presence_penalty": -2, "frequency_penalty": 2},
        {"logprobs": True, "top_logprobs": 20},
        {"stream": True, "stream_options": {"include_usage": True}},
        {"tools": [TOOL], "tool_choice": "auto", "parallel_tool_calls": False},
        {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "meteo"}}},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object"}}}},
        {"response_format": {"type": "text"}},
        {"top_k": 5, "chat_template_kwargs": {"enable_thinking": False}},
        {"messages": [{"role": "system", "content": [{"type": "text", "text": "x"}]}, *GOOD["messages"]]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": PIXEL}}]}]},
        {
            "messages": [
                *GOOD["messages"],
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [{"id": "a", "type": "function", "function": {"name": "meteo", "arguments": "{}"}}],
                },
                {"role": "tool", "tool_call_id": "a", "content": "beau"},
            ]
        },
    ],
)
def test_good_conversations_pass_untouched(extra: dict[str, Any]) -> None:
    body = GOOD | extra
    request = chat(body)
    assert request.model == "qwen"
    assert request.stream is bool(body.get("stream"))
    assert request.payload == json.dumps(body).encode()


def message(**fields: Any) -> dict[str, Any]:
    return {"messages": [fields]}


@pytest.mark.parametrize(
    ("extra", "field"),
    [
        ({"model": None}, "model"),
        ({"model": 3}, "model"),
        ({"model": ""}, "model"),
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "Bonjour"}, "messages"),
        ({"messages": GOOD["messages"] * 1025}, "messages"),
        ({"messages": ["Bonjour"]}, "messages[0]"),
        (message(content="x"), "messages[0].role"),
        (message(role="chef", content="x"), "messages[0].role"),
        (message(role="user"), "messages[0].content"),
        (message(role="user", content=3), "messages[0].content"),
        (message(role="user", content=[]), "messages[0].content"),
        (message(role="assistant", content=None), "messages[0].content"),
        (message(role="user", content="x", name=3), "messages[0].name"),
        (message(role="tool", content="x"), "messages[0].tool_call_id"),
        (message(role="user", content=[{"text": "x"}]), "messages[0].content[0].type"),
        (message(role="user", content=[{"type": "son"}]), "messages[0].content[0].type"),
        (message(role="user", content=[{"type": "text"}]), "messages[0].content[0].text"),
        (message(role="user", content=["x"]), "messages[0].content[0]"),
        (message(role="user", content=[{"type": "image_url"}]), "messages[0].content[0].image_url"),
        (
            message(role="user", content=[{"type": "image_url", "image_url": {"url": "data:text/html;base64,aa"}}]),
            "messages[0].content[0].image_url.url",
        ),
        (
            message(role="system", content=[{"type": "image_url", "image_url": {"url": PIXEL}}]),
            "messages[0].content[0].type",
        ),
        (
            message(role="assistant", tool_calls=[{"id": "a", "function": {"name": "f"}}]),
            "messages[0].tool_calls[0].function.arguments",
        ),
        ({"n": "deux"}, "n"),
        ({"n": True}, "n"),
        ({"n": 1.5}, "n"),
        ({"n": 0}, "n"),
        ({"n": 17}, "n"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 32769}, "max_tokens"),
        ({"max_completion_tokens": -1}, "max_completion_tokens"),
        ({"temperature": "chaud"}, "temperature"),
        ({"temperature": 2.1}, "temperature"),
        ({"temperature": False}, "temperature"),
        ({"top_p": -0.1}, "top_p"),
        ({"presence_penalty": 3}, "presence_penalty"),
        ({"frequency_penalty": -3}, "frequency_penalty"),
        ({"seed": 1.5}, "seed"),
        ({"seed": 2**63}, "seed"),
        ({"stop": 3}, "stop"),
        ({"stop": [1]}, "stop[0]"),
        ({"stop": ["x"] * 17}, "stop"),
        ({"stream": "oui"}, "stream"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"stream": True, "stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
        ({"logit_bias": {"1": 1000}}, "logit_bias.1"),
        ({"logit_bias": {"a": 1}}, "logit_bias.a"),
        ({"logit_bias": []}, "logit_bias"),
        ({"logprobs": 3}, "logprobs"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
        ({"tools": {}}, "tools"),
        ({"tools": [{"type": "machine"}]}, "tools[0].type"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools[0].function.name"),
        ({"tools": [TOOL] * 129}, "tools"),
        ({"tool_choice": "peut-être"}, "tool_choice"),
        ({"tool_choice": "required"}, "tool_choice"),
        (
            {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "autre"}}},
            "tool_choice.function.name",
        ),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"response_format": {"type": "json_schema", "json_schema": {}}}, "response_format.json_schema.name"),
        ({"user": 3}, "user"),
        ({"logit_bias": {"1.5": 1}}, "logit_bias.1.5"),
        ({"logit_bias": {"-1": 1}}, "logit_bias.-1"),
        ({"logit_bias": {"١": 1}}, "logit_bias.١"),
        ({"logit_bias": {"9" * 10: 1}}, "logit_bias." + "9" * 10),
    ],
)
def test_bad_conversations_name_the_field(extra: dict[str, Any], field: str) -> None:
    error = refused(ChatKind.CHAT, GOOD | extra)
    assert error.metadata["field"] == field
    assert error.message.startswith(field)


@pytest.mark.parametrize(
    ("extra", "field"),
    [
        ({"chat_template": "{{ x }}"}, "chat_template"),
        ({"prompt_embeds": "AAAA"}, "prompt_embeds"),
        ({"chat_template_kwargs": {"tokenize": False}}, "chat_template_kwargs.tokenize"),
        ({"mm_processor_kwargs": {}}, "mm_processor_kwargs"),
        (
            user([{"type": "image_url", "image_url": {"url": "http://169.254.169.254/"}}]),
            "messages[0].content[0].image_url.url",
        ),
        (
            user([{"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}]),
            "messages[0].content[0].image_url.url",
        ),
        (user([{"type": "video_url", "video_url": {"url": PIXEL}}]), "messages[0].content[0].type"),
    ],
)
def test_what_would_hand_over_the_server_is_refused(extra: dict[str, Any], field: str) -> None:
    error = refused(ChatKind.CHAT, GOOD | extra)
    assert isinstance(error, UnsupportedOption)
    assert error.metadata["field"] == field


def test_images_are_counted_over_the_whole_request() -> None:
    part = {"type": "image_url", "image_url": {"url": PIXEL}}
    body = {"model": "qwen", "messages": [{"role": "user", "content": [part]}] * 3}
    assert chat(body, Limits(max_images=3)).needs
    error = refused(ChatKind.CHAT, body, Limits(max_images=2))
    assert error.metadata == {"field": "messages[2].content", "limit": "2", "value": "3"}


def test_a_limit_and_a_value_are_named() -> None:
    error = refused(ChatKind.CHAT, GOOD | {"n": 17})
    assert error.metadata == {"field": "n", "limit": "16", "value": "17"}
    assert "16" in error.message and "17" in error.message


def test_the_newer_name_of_max_tokens_is_translated() -> None:
    payload = json.loads(chat(GOOD | {"max_completion_tokens": 7, "max_tokens": 9}).payload)
    assert payload == GOOD | {"max_tokens": 7}


def test_a_large_logit_bias_is_refused_by_its_count() -> None:
    # Ses jetons sont faux eux aussi : ce n'est pas d'en avoir lu un qu'il est refusé.
    error = refused(ChatKind.CHAT, GOOD | {"logit_bias": {f"t{i}": 1 for i in range(100_000)}})
    assert error.metadata == {"field": "logit_bias", "limit": "1024", "value": "100000"}
    chat(GOOD | {"logit_bias": {str(i): 1 for i in range(1024)}})
    assert refused(ChatKind.CHAT, GOOD | {"logit_bias": {"1": 1}}, Limits(max_logit_bias=0)).metadata["limit"] == "0"


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b'{"model": NaN}', b"[" * 100_000])
def test_unreadable_json(body: bytes) -> None:
    with pytest.raises(InvalidRequest, match="JSON lisible"):
        parse(ChatKind.CHAT, body, LIMITS)


@pytest.mark.parametrize("field", ["messages", "temperature", "tools", "logit_bias", "inconnu"])
@pytest.mark.parametrize("opening", ["[", '{"a":'])
@pytest.mark.parametrize("depth", [100, 253, 300, 1000, 5000])
def test_json_too_deep(depth: int, opening: str, field: str) -> None:
    closing = ("]" if opening == "[" else "}") * depth
    body = f'{{"model": "qwen", "max_completion_tokens": 1, "{field}": {opening * depth}0{closing}}}'
    with pytest.raises(InvalidRequest) as caught:
        parse(ChatKind.CHAT, body.encode(), LIMITS)
    assert caught.value.metadata.get("limit") == "100" or "JSON lisible" in caught.value.message


def test_json_deep_enough_is_kept() -> None:
    deep: Any = 0
    for _ in range(98):
        deep = [deep]
    assert chat(GOOD | {"metadata": {"a": deep}})
    with pytest.raises(InvalidRequest) as caught:
        chat(GOOD | {"metadata": {"a": [deep]}})
    assert caught.value.metadata == {"field": "body", "limit": "100"}


@pytest.mark.parametrize("body", [b"[]", b"null", b'"x"', b"3"])
def test_json_that_is_no_object(body: bytes) -> None:
    with pytest.raises(InvalidRequest, match="objet JSON"):
        parse(ChatKind.CHAT, body, LIMITS)


def test_a_body_over_the_limit_is_refused_unread() -> None:
    with pytest.raises(PayloadTooLarge) as caught:
        parse(ChatKind.CHAT, b"{" * 11, Limits(max_json_body_bytes=10))
    assert caught.value.metadata == {"limit": "10", "value": "11"}


def test_a_model_must_offer_what_is_asked() -> None:
    request = chat(
        GOOD
        | user([{"type": "image_url", "image_url": {"url": PIXEL}}])
        | {"tools": [TOOL], "logprobs": True, "response_format": {"type": "json_object"}}
    )
    request.check_features("qwen", frozenset())
    request.check_features("qwen", frozenset({"images", "tools", "logprobs", "json_schema"}))
    for lacking, field in (
        ("images", "messages[0].content[0]"),
        ("tools", "tools"),
        ("logprobs", "logprobs"),
        ("json_schema", "response_format"),
    ):
        offered = frozenset({"images", "tools", "logprobs", "json_schema"}) - {lacking}
        with pytest.raises(UnsupportedOption) as caught:
            request.check_features("qwen", offered)
        assert caught.value.metadata["field"] == field


@pytest.mark.parametrize("prompt", ["Il était", ["a", "b"], [1, 2, 3], [[1], [2, 3]]])
def test_good_completions(prompt: Any) -> None:
    request = {"model": "qwen", "prompt": prompt, "echo": True, "logprobs": 5, "n": 2, "best_of": 2}
    assert completion(request).needs == (("logprobs", "logprobs"),)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "prompt"),
        ({"prompt": None}, "prompt"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": 3}, "prompt"),
        ({"prompt": [-1]}, "prompt[0]"),
        ({"prompt": ["a", ""]}, "prompt[1]"),
        ({"prompt": ["a", [True]]}, "prompt[1]"),
        ({"prompt": "a", "logprobs": True}, "logprobs"),
        ({"prompt": "a", "best_of": 17}, "best_of"),
        ({"prompt": "a", "best_of": 2}, "best_of"),
        ({"prompt": "a", "logprobs": 6}, "logprobs"),
        ({"prompt": "a", "max_tokens": 0}, "max_tokens"),
        ({"prompt": "a", "max_tokens": 0, "echo": False}, "max_tokens"),
        ({"prompt": "a", "max_tokens": -1, "echo": True}, "max_tokens"),
        ({"prompt": "a", "echo": 1}, "echo"),
        ({"prompt": "a", "suffix": 1}, "suffix"),
    ],
)
def test_bad_completions_name_the_field(body: dict[str, Any], field: str) -> None:
    assert refused(ChatKind.COMPLETION, {"model": "qwen"} | body).metadata["field"] == field
