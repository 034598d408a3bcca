"""Ce que l'adaptateur de vLLM laisse passer d'une requête, comme le front, et ce qu'il dit d'un refus ; sans vLLM."""

from typing import Any

import orjson
import pytest

from server.chat_fields import PARTS, REFUSED, TEMPLATE_SWITCHES
from server.domain import Limits
from server.engines.base import ChatKind
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

PIXEL = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAACAkQBADs="


def body(**more: Any) -> dict[str, Any]:
    return {"model": "qwen", "messages": [{"role": "user", "content": "Bonjour"}]} | more


def with_part(**part: Any) -> dict[str, Any]:
    return body(messages=[{"role": "user", "content": [part]}])


@pytest.mark.parametrize(
    "request_body",
    [
        body(),
        body(chat_template=None, use_beam_search=False, best_of=1),
        body(n=2, best_of=2),
        *(body(chat_template_kwargs={switch: False}) for switch in TEMPLATE_SWITCHES),
        *(with_part(type=kind, **{kind: {"url": PIXEL} if kind == "image_url" else "Bonjour"}) for kind in PARTS),
        {"model": "qwen", "prompt": ["a", "b"]},
    ],
)
def test_an_ordinary_request_passes_the_front_and_the_engine_untouched(request_body: dict[str, Any]) -> None:
    assert check(request_body, remote_media=False) == request_body
    kind = ChatKind.CHAT if "messages" in request_body else ChatKind.COMPLETION
    assert orjson.loads(front_check(kind, request_body, Limits()).payload) == request_body


@pytest.mark.parametrize(
    ("request_body", "field"),
    [
        *((body(**{name: "x"}), name) for name in REFUSED),
        (body(chat_template_kwargs={"tools": []}), "chat_template_kwargs.tools"),
        (body(chat_template_kwargs={"enable_thinking": "oui"}), "chat_template_kwargs.enable_thinking"),
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
        check(request_body, remote_media=False)
    assert refused.value.metadata["field"] == field
    with pytest.raises((UnsupportedOption, InvalidRequest)) as refused_by_front:
        front_check(ChatKind.CHAT, request_body, Limits())
    assert refused_by_front.value.metadata["field"].startswith(field)


def test_best_of_is_never_a_way_to_sort_answers() -> None:
    with pytest.raises(UnsupportedOption, match="best_of"):
        check(body(best_of=3), remote_media=False)


def test_a_profile_may_open_the_web_but_never_the_disk() -> None:
    check(with_part(type="image_url", image_url={"url": "https://images.fr/x.png"}), remote_media=True)
    with pytest.raises(UnsupportedOption):
        check(with_part(type="image_url", image_url={"url": "file:///etc/passwd"}), remote_media=True)


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        body(messages=["x"]),
        body(chat_template_kwargs="x"),
        with_part(type="image_url", image_url=PIXEL),
    ],
)
def test_an_unreadable_request_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidRequest):
        check(wrong, remote_media=False)


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
