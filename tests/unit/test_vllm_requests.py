"""Ce que l'adaptateur de vLLM laisse passer d'une requête, et ce qu'il dit d'un refus ; vLLM n'y est pas."""

from typing import Any

import pytest

from server.engines.vllm import guard as vllm_guard
from server.engines.vllm.errors import invalid_field, translated
from server.engines.vllm.guard import check
from server.errors import EngineFailed, InvalidRequest, PasserelleError, QueueFull, UnsupportedOption
from server.front.chat import request as openai

PIXEL = "data:image/png;base64,AAAA"


def body(**more: Any) -> dict[str, Any]:
    return {"model": "qwen", "messages": [{"role": "user", "content": "Bonjour"}]} | more


def with_part(**part: Any) -> dict[str, Any]:
    return body(messages=[{"role": "user", "content": [part]}])


def test_what_the_front_refuses_is_refused_here_too() -> None:
    assert set(openai.REFUSED) <= vllm_guard.REFUSED
    assert set(openai.TEMPLATE_SWITCHES) == vllm_guard.TEMPLATE_SWITCHES


@pytest.mark.parametrize(
    "request_body",
    [
        body(),
        body(chat_template=None, use_beam_search=False, best_of=1),
        body(n=2, best_of=2),
        body(chat_template_kwargs={"enable_thinking": False}),
        with_part(type="text", text="Bonjour"),
        with_part(type="image_url", image_url={"url": PIXEL}),
        {"model": "qwen", "prompt": ["a", "b"]},
    ],
)
def test_an_ordinary_request_passes_untouched(request_body: dict[str, Any]) -> None:
    assert check(request_body, remote_media=False) == request_body


@pytest.mark.parametrize(
    ("request_body", "field"),
    [
        *((body(**{name: "x"}), name) for name in sorted(vllm_guard.REFUSED)),
        (body(chat_template_kwargs={"tools": []}), "chat_template_kwargs.tools"),
        (body(chat_template_kwargs={"enable_thinking": "oui"}), "chat_template_kwargs.enable_thinking"),
        (body(chat_template_kwargs="x"), "chat_template_kwargs"),
        (body(best_of=3), "best_of"),
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
def test_what_would_give_a_hold_on_the_server_is_refused(request_body: dict[str, Any], field: str) -> None:
    with pytest.raises(UnsupportedOption) as refused:
        check(request_body, remote_media=False)
    assert refused.value.metadata["field"] == field


def test_a_profile_may_open_the_web_but_never_the_disk() -> None:
    check(with_part(type="image_url", image_url={"url": "https://images.fr/x.png"}), remote_media=True)
    with pytest.raises(UnsupportedOption):
        check(with_part(type="image_url", image_url={"url": "file:///etc/passwd"}), remote_media=True)


@pytest.mark.parametrize("wrong", [[], body(messages=["x"]), with_part(type="image_url", image_url=PIXEL)])
def test_an_unreadable_request_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidRequest):
        check(wrong, remote_media=False)


@pytest.mark.parametrize(
    ("code", "kind"),
    [(400, InvalidRequest), (404, InvalidRequest), (501, UnsupportedOption), (503, QueueFull), (500, EngineFailed)],
)
def test_an_error_of_vllm_becomes_ours(code: int, kind: type[PasserelleError]) -> None:
    found = translated({"code": code, "message": "too bad", "param": "top_k"}, context_tokens=10)
    assert type(found) is kind
    assert found.metadata == {"detail": "too bad", "field": "top_k"}


def test_a_request_longer_than_the_context_says_how_long_it_may_be() -> None:
    found = translated({"code": 400, "message": "too long", "param": "input_tokens"}, context_tokens=2048)
    assert type(found) is InvalidRequest
    assert (found.metadata["field"], found.metadata["limit"]) == ("messages", "2048")


def test_a_field_is_named_by_its_path() -> None:
    assert invalid_field(("messages", 0, "role"), "no").metadata["field"] == "messages[0].role"
    assert invalid_field((), "no").message == "valeur refusée par le moteur (no)."
