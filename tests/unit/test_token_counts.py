"""Les jetons qu'un moteur compte : demandés pour tout flux, lus sans lire la réponse, rendus à qui les a demandés."""

import json

import pytest
from passerelle.v1 import requests_pb2

from server.domain import Limits
from server.engines.base import ChatKind
from server.front.chat.counts import is_count, take_counts, without_null
from server.front.chat.request import parse
from server.rpc.notes import Note

TRICKY = 'dit "usage":{"prompt_tokens":1,"completion_tokens":2} et "choices":[]'


def sent(**fields: object) -> dict[str, object]:
    """Ce que le moteur reçoit d'une conversation."""
    body = {"model": "m", "messages": [{"role": "user", "content": "a"}], **fields}
    request = parse(ChatKind.CHAT, json.dumps(body).encode() + b" \n", Limits())
    found: dict[str, object] = json.loads(request.for_engine("m", "vllm", Limits()))
    return found


def counts(data: bytes) -> tuple[int, int]:
    """Jetons lus et rendus."""
    found = Note(requests_pb2.REQUEST_SORT_CHAT, "r", "", 0.0)
    take_counts(found, data)
    return found.tokens_in, found.tokens_out


@pytest.mark.parametrize("options", [None, {}, {"include_usage": False}, {"include_usage": True}])
def test_every_stream_is_counted_by_its_engine(options: object) -> None:
    more = {} if options is None else {"stream_options": options}
    assert sent(stream=True, **more)["stream_options"] == {"include_usage": True}


def test_a_whole_answer_needs_no_question() -> None:
    assert "stream_options" not in sent()


def test_what_a_client_asks_beside_the_count_is_kept() -> None:
    asked = {"continuous_usage_stats": True}
    assert sent(stream=True, stream_options=asked)["stream_options"] == asked


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
@pytest.mark.parametrize("order", [("prompt_tokens", "completion_tokens"), ("completion_tokens", "prompt_tokens")])
def test_the_count_is_read_whatever_its_order_and_never_in_a_text(
    separators: tuple[str, str], order: tuple[str, str]
) -> None:
    values = {"prompt_tokens": 12, "completion_tokens": 34}
    usage = {name: values[name] for name in order} | {"prompt_tokens_details": {"cached_tokens": 5}}
    whole = {"choices": [{"message": {"content": TRICKY}}], "usage": usage, "system_fingerprint": None}
    assert counts(json.dumps(whole, separators=separators).encode()) == (12, 34)
    frame = b"data: " + json.dumps({"choices": [], "usage": usage}, separators=separators).encode() + b"\n\n"
    assert is_count(frame) and counts(frame) == (12, 34)
    text = b"data: " + json.dumps({"choices": [{"delta": {"content": TRICKY}}]}, separators=separators).encode()
    for end in (b"\n\n", b',"usage":null}\n\n', b',"x":{}}\n\n'):
        assert not is_count(text + end)
    assert counts(text) == (-1, -1)


def test_a_stream_that_asked_for_no_count_has_no_null_either() -> None:
    assert without_null(b'data: {"choices":[1],"usage":null}\n\n') == b'data: {"choices":[1]}\n\n'
    assert without_null(b'data: {"choices":[1]}\n\n') == b'data: {"choices":[1]}\n\n'
