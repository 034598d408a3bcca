"""Le contrat de la conversation, joué par le faux moteur et par celui du profil embarque."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, cast

import pytest
import pytest_asyncio

from server.engines.base import ChatEngine, ChatKind, EngineSpec, LoadPhase
from server.engines.llamacpp.engine import LlamaCppEngine
from server.engines.registry import engine_factory
from server.errors import InvalidRequest, UnsupportedOption
from tests.fakes.engines import FakeChatEngine
from tests.support.chat_options_suite import *  # noqa: F403
from tests.support.chat_options_suite import answer
from tests.support.chat_suite import *  # noqa: F403
from tests.support.chat_suite import BODY, collect, events
from tests.support.llama_opened import *  # noqa: F403
from tests.support.llama_opened import opened
from tests.support.waiting import until

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
    # Le lot commencé, puis deux par place : llama.cpp n'interroge que celle qu'il avance, et enchaîne sans attendre.
    places = min(real_engine.max_running, more.get("n", 1) * (1 if kind is ChatKind.CHAT else 2))
    assert counted(real_engine, "n_decode_total") - left <= 1 + 2 * places
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
    followed = 0

    async def follow() -> None:
        nonlocal followed
        async with aclosing(real_engine.generate(ChatKind.CHAT, request, stream=True)) as frames:
            async for _ in frames:
                followed += 1

    following = asyncio.create_task(follow())
    await until(lambda: followed > 1, "une réponse en cours")
    before = followed
    for field, more in HOSTILE.items():
        with pytest.raises(InvalidRequest) as caught:
            await collect(real_engine, stream=True, **more)
        assert caught.value.metadata["field"] == field
    # Pendant ces refus, la réponse avançait ; après eux, elle n'est pas finie. Sans essai, le premier de ces schémas arrête
    # tout des dizaines de secondes, et la grammaire pour toujours.
    assert followed > before + 10 and not following.done()
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


async def test_a_schema_the_engine_cannot_read_is_refused(real_engine: ChatEngine) -> None:
    """Sans essai, llama.cpp répond comme si aucun schéma n'était demandé."""
    with pytest.raises(InvalidRequest, match="Invalid type"):
        await collect(real_engine, stream=False, **shape({"type": "strng"}))


async def test_a_lark_grammar_is_followed(real_engine: ChatEngine) -> None:
    [item] = await collect(real_engine, stream=False, grammar='%llguidance {}\nstart: "oui" | "non"')
    assert json.loads(item)["choices"][0]["message"]["content"] in ("oui", "non")


async def complete(engine: ChatEngine, *, stream: bool = False, **more: Any) -> Any:
    """Réponse entière à une complétion, ou les événements de son flux."""
    request = json.dumps({"model": "alias", "prompt": "One, two,", "temperature": 0} | more).encode()
    items = [item async for item in engine.generate(ChatKind.COMPLETION, request, stream=stream)]
    return events(items) if stream else json.loads(items[0])


async def test_a_completion_that_says_nothing_ends_at_sixteen_tokens(real_engine: ChatEngine) -> None:
    found = await complete(real_engine, ignore_eos=True)
    assert found["choices"][0]["finish_reason"] == "length" and found["usage"]["completion_tokens"] == 16


@pytest.mark.parametrize("echo", [False, True])
async def test_no_token_at_all_is_the_prompt_or_nothing(real_engine: ChatEngine, echo: bool) -> None:
    expected = "One, two," if echo else ""
    found = await complete(real_engine, max_tokens=0, echo=echo, n=2)
    assert [choice["text"] for choice in found["choices"]] == [expected] * 2
    assert found["choices"][0]["finish_reason"] == "length"
    assert found["usage"]["completion_tokens"] == 0 < found["usage"]["prompt_tokens"] == found["usage"]["total_tokens"]
    flow = await complete(real_engine, stream=True, max_tokens=0, echo=echo)
    assert "".join(event["choices"][0]["text"] for event in flow) == expected
    assert flow[-1]["choices"][0]["finish_reason"] == "length"


@pytest.mark.parametrize("top", [None, 0, 1, 3])
async def test_as_many_neighbours_as_asked_for(real_engine: ChatEngine, top: int | None) -> None:
    more = {} if top is None else {"top_logprobs": top}
    content = (await answer(real_engine, logprobs=True, max_tokens=4, **more))["choices"][0]["logprobs"]["content"]
    assert len(content) == 4 and all(len(token["top_logprobs"]) == (top or 0) for token in content)
    assert (await answer(real_engine, max_tokens=2))["choices"][0]["logprobs"] is None


@pytest.mark.parametrize("top", [0, 2])
async def test_a_completion_always_gives_the_chosen_token(real_engine: ChatEngine, top: int) -> None:
    found = (await complete(real_engine, logprobs=top, max_tokens=4, seed=5, temperature=2))["choices"][0]["logprobs"]
    assert "".join(found["tokens"]) and len(found["token_logprobs"]) == len(found["text_offset"]) == 4
    for token, neighbours in zip(found["tokens"], found["top_logprobs"], strict=True):
        assert token in neighbours and top <= len(neighbours) <= top + 1


@pytest.mark.parametrize(
    "field",
    ["n_probs", "id_slot", "cache_prompt", "grammar_lazy", "samplers", "suffix", "return_progress", "n_predict"],
)
@pytest.mark.parametrize("kind", ChatKind)
async def test_the_engine_reads_nothing_unknown(real_engine: ChatEngine, kind: ChatKind, field: str) -> None:
    more: dict[str, Any] = {field: 4}
    asked = collect(real_engine, stream=False, **more) if kind is ChatKind.CHAT else complete(real_engine, **more)
    with pytest.raises(UnsupportedOption) as refused:
        await asked
    assert refused.value.metadata["field"] == field


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"prompt": ""}, "prompt"),
        ({"prompt": ["One", ""]}, "prompt[1]"),
        ({"prompt": [[]]}, "prompt[0]"),
        ({"echo": True, "logprobs": 0}, "echo"),
        ({"echo": True, "prompt": [1, 2]}, "echo"),
    ],
)
async def test_what_a_completion_cannot_have_is_named(
    real_engine: ChatEngine, more: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await complete(real_engine, **more)
    assert refused.value.metadata["field"] == field


async def test_a_token_out_of_the_vocabulary_is_refused(real_engine: ChatEngine) -> None:
    size = cast(LlamaCppEngine, real_engine).vocab_size
    assert (await complete(real_engine, prompt=[size - 1], max_tokens=1))["usage"]["prompt_tokens"] == 1
    with pytest.raises(InvalidRequest):
        await complete(real_engine, prompt=[size], max_tokens=1)


@pytest.mark.parametrize(
    "more",
    [
        {"stop": ["five, six"]},
        {"stop": ["ive, s", "never"]},
        {"n": 2, "seed": 9, "temperature": 1.0},
        {"echo": True},
        {"seed": -1, "temperature": 1.0},
        {"seed": 2**63 - 1, "temperature": 1.0},
        {"prompt": ["One, two,", [1, 2, 3]]},
    ],
    ids=str,
)
async def test_a_stream_adds_up_to_the_whole(real_engine: ChatEngine, more: dict[str, Any]) -> None:
    more = {"prompt": "One, two, three, four,", "max_tokens": 10, **more}
    whole = await complete(real_engine, **more)
    flow = await complete(real_engine, stream=True, stream_options={"include_usage": True}, **more)
    assert flow[-1] | {"choices": whole["choices"]} == whole | {name: flow[-1][name] for name in ("id", "created")}
    for choice in whole["choices"]:
        own = [event["choices"][0] for event in flow[:-1] if event["choices"][0]["index"] == choice["index"]]
        assert "".join(one["text"] for one in own) == choice["text"]
        assert [one["finish_reason"] for one in own if one["finish_reason"]] == [choice["finish_reason"]]
        assert not any(stop in choice["text"] for stop in more.get("stop", ()))
    assert all(event["usage"] is None for event in flow[:-1])
