"""Les flux que vLLM pousse lui-même : les mêmes octets que lus, un abandon et une fin aussi sûrs."""

import asyncio
import json
import re
import signal
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from vllm.v1.engine.async_llm import AsyncLLM
from vllm.v1.engine.output_processor import RequestState

from server.engines.base import ChatKind
from server.engines.vllm import direct
from server.engines.vllm.engine import VllmEngine
from server.errors import EngineDead, EngineFailed, InvalidRequest
from tests.support.chat_suite import events
from tests.support.vllm_opened import core, opened, running, spec

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.filterwarnings("default"), pytest.mark.timeout(600)]

BODIES: dict[ChatKind, dict[str, Any]] = {
    ChatKind.CHAT: {"model": "alias", "messages": [{"role": "user", "content": "Count."}]},
    ChatKind.COMPLETION: {"model": "alias", "prompt": "Count."},
}
COUNTED = {"include_usage": True, "continuous_usage_stats": True}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def vllm(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[VllmEngine]:
    async with opened(spec(tmp_path_factory.mktemp("qwen3-vl"), tool_call_parser="hermes")) as made:
        yield made


@pytest.fixture
def made_outputs(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Sorties que vLLM a fabriquées à sa façon."""
    found: list[Any] = []
    own = RequestState.make_request_output

    def counted(self: RequestState, *arguments: Any, **more: Any) -> Any:
        found.append(own(self, *arguments, **more))
        return found[-1]

    monkeypatch.setattr(RequestState, "make_request_output", counted)
    return found


def asked(kind: ChatKind, **more: Any) -> bytes:
    """Requête dont la réponse est toujours la même : un seul jeton lui est permis (« Hello »)."""
    fixed = {"allowed_token_ids": [9707], "max_tokens": 12, "stream": True}
    return json.dumps(BODIES[kind] | fixed | more).encode()


async def pushed(engine: VllmEngine, kind: ChatKind, **more: Any) -> list[bytes]:
    """Trames poussées."""
    found: list[bytes] = []
    await engine.push(kind, asked(kind, **more), found.append)
    return found


async def _read(engine: VllmEngine, kind: ChatKind, **more: Any) -> list[bytes]:
    return [item async for item in engine.generate(kind, asked(kind, **more), stream=True)]


def same(items: list[bytes]) -> bytes:
    """Octets d'un flux, sans ce qui change d'une requête à l'autre."""
    return re.sub(rb'"id":"(chat)?cmpl-\w+"|"created":\d+', b"", b"".join(items))


@pytest.mark.parametrize("kind", ChatKind)
@pytest.mark.parametrize("options", [None, {"include_usage": True}, COUNTED])
async def test_a_pushed_stream_is_the_one_that_is_read(
    vllm: VllmEngine, made_outputs: list[Any], kind: ChatKind, options: dict[str, bool] | None
) -> None:
    found = await pushed(vllm, kind, stream_options=options)
    assert made_outputs == []
    read = await _read(vllm, kind, stream_options=options)
    assert len(made_outputs) == 12
    serving = vllm._opened()
    templates, serving.plain._templates = serving.plain._templates, {}
    try:
        theirs = await pushed(vllm, kind, stream_options=options)
    finally:
        serving.plain._templates = templates
    assert same(found) == same(read) == same(theirs)
    assert running(vllm) == 0


@pytest.mark.parametrize("kind", ChatKind)
async def test_a_stop_string_ends_it_in_the_engine_too(
    vllm: VllmEngine, kind: ChatKind, made_outputs: list[Any]
) -> None:
    found = await pushed(vllm, kind, max_tokens=1900, stop=["loHelloHe"])
    assert made_outputs == [] and running(vllm) == 0
    last = events(found)[-1]["choices"][0]
    assert (last["finish_reason"], last["stop_reason"]) == ("stop", "loHelloHe")
    assert "".join(_text(event) for event in events(found)) == "Hel"


async def test_streams_run_side_by_side_and_apart(vllm: VllmEngine, made_outputs: list[Any]) -> None:
    # Chacun n'a droit qu'à une lettre : celle d'un autre se verrait.
    letters = range(32, 40)
    work = (pushed(vllm, ChatKind.COMPLETION, allowed_token_ids=[letter]) for letter in letters)
    together = await asyncio.gather(*work)
    assert made_outputs == []
    texts = ["".join(_text(event) for event in events(items)) for items in together]
    assert texts == [chr(letter + 33) * 12 for letter in letters]


async def test_leaving_stops_the_engine_and_emits_nothing_more(vllm: VllmEngine) -> None:
    found: list[bytes] = []
    some = asyncio.Event()

    def emit(frame: bytes) -> None:
        found.append(frame)
        some.set()

    body = asked(ChatKind.CHAT, max_tokens=1900)
    task = asyncio.create_task(vllm.push(ChatKind.CHAT, body, emit))
    await some.wait()
    task.cancel()
    count = len(found)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert running(vllm) == 0
    await pushed(vllm, ChatKind.CHAT)
    # Entre l'annulation et son arrivée, une étape a pu finir ; rien après.
    assert len(found) <= count + 2 and b'"abort"' not in b"".join(found)


async def test_what_vllm_abandons_says_so(vllm: VllmEngine) -> None:
    found: list[bytes] = []
    body = asked(ChatKind.CHAT, max_tokens=1900)
    task = asyncio.create_task(vllm.push(ChatKind.CHAT, body, found.append))
    async with asyncio.timeout(60):
        while not found:
            await asyncio.sleep(0.01)
    engine = vllm._opened().engine
    await engine.abort(list(engine.output_processor.request_states), internal=True)
    await task
    assert events(found)[-1]["choices"][0]["finish_reason"] == "abort"


async def test_a_reader_that_fails_costs_only_its_stream(vllm: VllmEngine) -> None:
    def broken(_frame: bytes) -> None:
        raise RuntimeError("liaison rompue")

    other = asyncio.create_task(pushed(vllm, ChatKind.CHAT, max_tokens=40))
    with pytest.raises(Exception, match="raté cette requête"):
        await vllm.push(ChatKind.CHAT, asked(ChatKind.CHAT, max_tokens=1900), broken)
    assert events(await other)[-1]["choices"][0]["finish_reason"] == "length"
    assert running(vllm) == 0


async def test_a_grammar_is_tried_first(vllm: VllmEngine, made_outputs: list[Any]) -> None:
    free = {"allowed_token_ids": None}
    found = await pushed(vllm, ChatKind.CHAT, structured_outputs={"regex": "[ab]{3}"}, **free)
    assert made_outputs
    assert len("".join(_text(event) for event in events(found))) == 3
    with pytest.raises(InvalidRequest) as refused:
        await pushed(vllm, ChatKind.CHAT, structured_outputs={"grammar": "root ::= ("}, **free)
    assert refused.value.metadata["field"] == "structured_outputs.grammar"


async def test_a_stream_that_fails_in_the_engine_says_so(vllm: VllmEngine) -> None:
    # Aucun jeton permis n'est de cette grammaire.
    for work in (pushed, _read):
        with pytest.raises(EngineFailed, match="raté cette requête"):
            await work(vllm, ChatKind.CHAT, structured_outputs={"regex": "[ab]{3}"})
    assert running(vllm) == 0


async def test_a_refusal_names_its_field(vllm: VllmEngine) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await pushed(vllm, ChatKind.CHAT, max_tokens=10**6)
    assert refused.value.metadata["field"] == "max_tokens"


async def test_another_vllm_keeps_its_own_way(monkeypatch: pytest.MonkeyPatch) -> None:
    assert direct.unknown() == ""
    own = RequestState.make_request_output
    monkeypatch.setattr(RequestState, "make_request_output", lambda self, tokens: None)
    assert "make_request_output" in direct.unknown()
    monkeypatch.setattr(RequestState, "make_request_output", own)
    monkeypatch.setattr(AsyncLLM, "add_request", lambda self, request: None)
    assert "add_request" in direct.unknown()


async def test_the_death_of_the_model_is_seen(vllm: VllmEngine) -> None:
    """Le dernier essai de ce module : il ne reste rien à servir."""
    found: list[bytes] = []
    body = asked(ChatKind.CHAT, max_tokens=1900)
    task = asyncio.create_task(vllm.push(ChatKind.CHAT, body, found.append))
    async with asyncio.timeout(60):
        while not found:
            await asyncio.sleep(0.01)
        core().send_signal(signal.SIGKILL)
        with pytest.raises(EngineDead):
            await task


def _text(event: dict[str, Any]) -> str:
    choice = event["choices"][0] if event["choices"] else {}
    return str(choice.get("text") or choice.get("delta", {}).get("content") or "")
