"""Le contrat de la conversation, joué par le faux moteur et par celui du profil embarque."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, cast

import pytest
import pytest_asyncio

from server.engines.base import ChatEngine, ChatKind, EngineSpec, LoadPhase
from server.engines.llamacpp.engine import LlamaCppEngine
from server.engines.registry import engine_factory
from server.errors import InvalidRequest
from tests.fakes.engines import FakeChatEngine
from tests.support.chat_options_suite import *  # noqa: F403
from tests.support.chat_suite import *  # noqa: F403
from tests.support.chat_suite import BODY, collect
from tests.support.llama_opened import *  # noqa: F403
from tests.support.llama_opened import opened

pytestmark = pytest.mark.asyncio(loop_scope="module")


def shape(schema: Any) -> dict[str, Any]:
    """`response_format` de ce schéma."""
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}}}


@pytest.fixture(scope="module")
def phases() -> list[LoadPhase]:
    """Étapes que le moteur en cours d'essai a dites."""
    return []


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["fake", "llamacpp"])
async def engine(
    request: pytest.FixtureRequest, spec: EngineSpec, phases: list[LoadPhase]
) -> AsyncIterator[ChatEngine]:
    phases.clear()
    made = FakeChatEngine(spec) if request.param == "fake" else engine_factory("llamacpp")(spec)
    async with opened(made, phases.append) as made:
        yield made


def counted(engine: ChatEngine, name: str) -> int:
    """Compteur de llama.cpp."""
    calls = cast(LlamaCppEngine, engine).calls
    assert calls is not None
    return calls.metric(name)


LONG = "one two three four five six seven eight nine ten " * 300
"""Un texte de départ d'une cinquantaine de lots."""


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        (ChatKind.CHAT, {"messages": [{"role": "user", "content": LONG}]}),
        (ChatKind.CHAT, {"messages": [{"role": "user", "content": LONG}], "n": 6, "seed": 1}),
        (ChatKind.COMPLETION, {"prompt": [LONG, LONG], "messages": None}),
        # Rien ne vient avant la fin d'une réponse d'un seul tenant : le moteur doit pourtant savoir qu'on l'a quittée.
        (ChatKind.CHAT, {"max_tokens": 3500, "ignore_eos": True}),
    ],
    ids=["prompt", "answers", "prompts", "answer"],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_an_abandoned_request_is_let_go_before_its_place_is_given_back(
    real_engine: ChatEngine, kind: ChatKind, more: dict[str, Any], stream: bool
) -> None:
    request = json.dumps(BODY | {"stream": stream} | more).encode()

    async def read() -> None:
        async with aclosing(real_engine.generate(kind, request, stream=stream)) as items:
            async for _ in items:
                pass

    before = counted(real_engine, "n_decode_total")
    task = asyncio.create_task(read())
    while counted(real_engine, "n_decode_total") < before + 2:
        await asyncio.sleep(0.01)
    left = counted(real_engine, "n_decode_total")
    assert counted(real_engine, "requests_processing") > 0
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert counted(real_engine, "requests_processing") == 0
    # Le lot commencé, et ceux que llama.cpp enchaîne avant que son rappel ne soit entendu.
    assert counted(real_engine, "n_decode_total") - left <= 4
    assert await collect(real_engine, stream=False)


HOSTILE: dict[str, dict[str, Any]] = {
    # Ce que le front refuse déjà, et ce qui passerait ses bornes.
    "response_format.json_schema.schema": shape({"type": "array", "minItems": 200_000_000}),
    "response_format.schema": {
        "response_format": {
            "type": "json_object",
            "schema": {"allOf": [{"anyOf": [{"required": [f"a{i}{j}"]} for j in range(4)]} for i in range(12)]},
        }
    },
    "json_schema": {"json_schema": {"type": "object", "properties": {f"p{i}": {} for i in range(1000)}}},
    "grammar": {"grammar": "root ::= " + '"a"? ' * 200},
    "grammar_triggers": {"grammar_triggers": [{"type": 2, "value": "(a+)+$"}]},
}


async def test_hostile_grammars_are_refused_beside_an_answer_that_goes_on(real_engine: ChatEngine) -> None:
    request = json.dumps(BODY | {"max_tokens": 3500, "ignore_eos": True}).encode()
    gaps: list[float] = []

    async def follow() -> None:
        async with aclosing(real_engine.generate(ChatKind.CHAT, request, stream=True)) as frames:
            await anext(frames)
            last = time.monotonic()
            async for _ in frames:
                gaps.append(time.monotonic() - last)
                last += gaps[-1]

    following = asyncio.create_task(follow())
    while not gaps:
        await asyncio.sleep(0.01)
    gaps.clear()
    for field, more in HOSTILE.items():
        with pytest.raises(InvalidRequest) as caught:
            await collect(real_engine, stream=True, **more)
        assert caught.value.metadata["field"] == field
    await asyncio.sleep(0.2)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    # Sans essai, le premier de ces schémas arrête tout des dizaines de secondes, et la grammaire pour toujours.
    assert gaps and max(gaps) < 3.0


async def test_a_schema_the_engine_cannot_read_is_refused(real_engine: ChatEngine) -> None:
    """Sans essai, llama.cpp répond comme si aucun schéma n'était demandé."""
    with pytest.raises(InvalidRequest, match="Invalid type"):
        await collect(real_engine, stream=False, **shape({"type": "strng"}))


async def test_a_lark_grammar_is_followed(real_engine: ChatEngine) -> None:
    [item] = await collect(real_engine, stream=False, grammar='%llguidance {}\nstart: "oui" | "non"')
    assert json.loads(item)["choices"][0]["message"]["content"] in ("oui", "non")
