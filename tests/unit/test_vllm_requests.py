"""Ce que l'adaptateur de vLLM laisse passer d'une requête, comme le front, et ce qu'il dit d'un refus ; sans vLLM."""

from typing import Any

import orjson
import pytest

from server.chat_fields import PARTS, TEMPLATE_SWITCHES
from server.domain import Limits
from server.engines.base import ChatKind
from server.engines.vllm.echo import is_echo_only, uncounted
from server.engines.vllm.errors import invalid_field, translated
from server.engines.vllm.guard import check
from server.errors import (
    ContextLengthExceeded,
    EngineFailed,
    InvalidRequest,
    PasserelleError,
    QueueFull,
    UnsupportedOption,
)
from server.front.chat.request import check as front_check

HELD = (
    "chat_template",
    "prompt_embeds",
    "mm_processor_kwargs",
    "media_io_kwargs",
    "documents",
    "kv_transfer_params",
    "ec_transfer_params",
    "vllm_xargs",
    "request_id",
    "session_id",
    "priority",
    "cache_salt",
    "use_beam_search",
    "logits_processors",
)
"""Champs de vLLM qui donneraient la main sur le serveur, ou sur les requêtes des autres."""
PRESENT: tuple[Any, ...] = ("x", False)
PIXEL = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAACAkQBADs="


def body(**more: Any) -> dict[str, Any]:
    return {"model": "qwen", "messages": [{"role": "user", "content": "Bonjour"}]} | more


def with_part(**part: Any) -> dict[str, Any]:
    return body(messages=[{"role": "user", "content": [part]}])


def kind_of(request: dict[str, Any]) -> ChatKind:
    return ChatKind.CHAT if "messages" in request else ChatKind.COMPLETION


@pytest.mark.parametrize(
    "request_body",
    [
        body(),
        body(n=2, top_k=5, stop_token_ids=[1]),
        *(body(chat_template_kwargs={switch: False}) for switch in TEMPLATE_SWITCHES),
        *(with_part(type=kind, **{kind: {"url": PIXEL} if kind == "image_url" else "Bonjour"}) for kind in PARTS),
        {"model": "qwen", "prompt": ["a", "b"], "max_tokens": 3},
    ],
)
def test_an_ordinary_request_passes_the_front_and_the_engine_untouched(request_body: dict[str, Any]) -> None:
    kind = kind_of(request_body)
    assert check(kind, request_body, remote_media=False) == request_body
    passed = front_check(kind, request_body, Limits()).for_engine("qwen", "vllm", Limits())
    assert orjson.loads(passed) == request_body


@pytest.mark.parametrize(
    ("request_body", "field"),
    [
        *((body(**{name: value}), name) for name in HELD for value in PRESENT),
        (body(chat_template_kwargs={"tools": []}), "chat_template_kwargs.tools"),
        (body(structured_outputs={"_backend": "x"}), "structured_outputs._backend"),
        (body(stream=True, stream_options={"x": 1}), "stream_options.x"),
        (with_part(type="video_url", video_url={"url": PIXEL}), "messages[0].content[0].type"),
        (with_part(image_url=PIXEL), "messages[0].content[0].type"),
        (with_part(type="text", text="x", image_url="http://x"), "messages[0].content[0].image_url"),
        (with_part(type="image_url", image_url={"url": PIXEL}, uuid="x"), "messages[0].content[0].uuid"),
        *(
            (with_part(type="image_url", image_url={"url": url}), "messages[0].content[0].image_url.url")
            for url in ("http://a.fr/x.png", "HTTPS://a.fr/x", "file:///etc/passwd", "/etc/passwd", "", "ftp://a.fr/x")
        ),
    ],
)
def test_what_would_give_a_hold_on_the_server_is_refused_by_the_engine_and_by_the_front(
    request_body: dict[str, Any], field: str
) -> None:
    with pytest.raises(UnsupportedOption) as refused:
        check(ChatKind.CHAT, request_body, remote_media=False)
    assert refused.value.metadata["field"] == field
    with pytest.raises((UnsupportedOption, InvalidRequest)) as refused_by_front:
        front_check(ChatKind.CHAT, request_body, Limits())
    assert refused_by_front.value.metadata["field"].startswith(field)


def test_a_profile_may_open_the_web_but_never_the_disk() -> None:
    check(ChatKind.CHAT, with_part(type="image_url", image_url={"url": "https://images.fr/x.png"}), remote_media=True)
    with pytest.raises(UnsupportedOption):
        check(ChatKind.CHAT, with_part(type="image_url", image_url={"url": "file:///etc/passwd"}), remote_media=True)


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        body(messages=["x"]),
        with_part(type="image_url", image_url=PIXEL),
    ],
)
def test_an_unreadable_request_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidRequest):
        check(ChatKind.CHAT, wrong, remote_media=False)


@pytest.mark.parametrize(
    ("code", "kind"),
    [(400, InvalidRequest), (404, InvalidRequest), (501, UnsupportedOption), (503, QueueFull), (500, EngineFailed)],
)
def test_an_error_of_vllm_becomes_ours(code: int, kind: type[PasserelleError]) -> None:
    found = translated({"code": code, "message": "too bad", "param": "top_k"}, context_tokens=10, prompt="prompt")
    assert type(found) is kind
    assert found.metadata == {"detail": "too bad", "field": "top_k"}


@pytest.mark.parametrize(
    ("param", "message", "field", "value"),
    [
        # vLLM 0.32
        (
            "input_tokens",
            "This model's maximum context length is 64 tokens. However, your prompt contains at least 65 input tokens, which "
            "exceeds this limit even without any output tokens. Please reduce the length of the input prompt.",
            "prompt",
            "65",
        ),
        (
            "input_text",
            "This model's maximum context length is 64 tokens. However, your prompt contains 900 characters (more than 640 "
            "characters, which is the upper bound for 64 input tokens). Please reduce the length of the input prompt.",
            "prompt",
            None,
        ),
        (
            "max_completion_tokens",
            "max_completion_tokens=65 cannot be greater than max_model_len=64. Please request fewer output tokens.",
            "max_completion_tokens",
            "65",
        ),
        (
            None,
            "The decoder prompt (length 70) is longer than the maximum model length of 64. Make sure that `max_model_len` is "
            "no smaller than the number of text tokens.",
            "prompt",
            "70",
        ),
        # vLLM 0.26
        (
            "input_tokens",
            "This model's maximum context length is 64 tokens. However, you requested 40 output tokens and your prompt "
            "contains at least 25 input tokens, for a total of at least 65 tokens. Please reduce the length of the input "
            "prompt or the number of requested output tokens.",
            "prompt",
            "65",
        ),
        (
            "max_tokens",
            "'max_tokens' or 'max_completion_tokens' is too large: 65. This model's maximum context length is 64 tokens and "
            "your request has 10 input tokens (65 > 64 - 10).",
            "max_tokens",
            "65",
        ),
    ],
)
def test_a_request_longer_than_the_context_says_how_long_it_may_be(
    param: str | None, message: str, field: str, value: str | None
) -> None:
    found = translated({"code": 400, "message": message, "param": param}, context_tokens=64, prompt="prompt")
    assert type(found) is ContextLengthExceeded
    assert (found.metadata["field"], found.metadata["limit"], found.metadata.get("value")) == (field, "64", value)
    assert "This model's maximum context length is 64 tokens." in found.message and found.french.startswith(
        f"{field} : "
    )


def test_a_field_is_named_by_its_path() -> None:
    assert invalid_field(("messages", 0, "role"), "no").metadata["field"] == "messages[0].role"
    assert invalid_field((), "no").message == "valeur refusée par le moteur (no)."


@pytest.mark.parametrize("framed", [False, True])
def test_the_token_that_an_echo_does_not_give_is_not_counted(framed: bool) -> None:
    answer = {
        "choices": [{"text": "Hi", "finish_reason": "stop", "stop_reason": 7}, {"text": "", "finish_reason": None}],
        "usage": {"prompt_tokens": 2, "completion_tokens": 1, "total_tokens": 3},
    }
    item = orjson.dumps(answer)
    found = uncounted(b"data: " + item + b"\n\n" if framed else item)
    assert found.endswith(b"}\n\n") is framed
    read = orjson.loads(found.removeprefix(b"data: "))
    assert read["usage"] == {"prompt_tokens": 2, "completion_tokens": 0, "total_tokens": 2}
    assert [choice["finish_reason"] for choice in read["choices"]] == ["length", None]
    assert is_echo_only(ChatKind.COMPLETION, {"max_tokens": 0}) and not is_echo_only(ChatKind.CHAT, {"max_tokens": 0})
    assert not is_echo_only(ChatKind.COMPLETION, {"max_tokens": 1})
