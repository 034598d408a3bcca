"""Les outils, sur le petit modèle du profil embarque : chaque choix tenu, des arguments toujours au schéma."""

import json
from typing import Any

import pytest

from server.engines.base import ChatEngine
from server.errors import InvalidRequest
from tests.support.chat_options_suite import answer
from tests.support.chat_suite import collect, events
from tests.support.llama_opened import *  # noqa: F403

pytestmark = pytest.mark.asyncio(loop_scope="module")

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the current weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"$ref": "#/$defs/City"}, "unit": {"enum": ["C", "F"]}},
            "required": ["city", "unit"],
            "additionalProperties": False,
            "$defs": {"City": {"type": "string", "maxLength": 20}},
        },
    },
}
NOW = {"type": "function", "function": {"name": "now"}}
TOOLS = [WEATHER, NOW]
ASK = [{"role": "user", "content": "What is the weather in Paris?"}]


def named(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


async def call(engine: ChatEngine, **more: Any) -> Any:
    """Premier choix d'une réponse entière."""
    request: dict[str, Any] = {"messages": ASK, "tools": TOOLS, "max_tokens": 120, "temperature": 0}
    return (await answer(engine, **request | more))["choices"][0]


def arguments(found: dict[str, Any]) -> Any:
    """Arguments de l'appel d'un choix, de la forme d'OpenAI."""
    assert found["finish_reason"] == "tool_calls" and found["message"]["content"] is None
    (made,) = found["message"]["tool_calls"]
    assert made["type"] == "function" and made["id"]
    return made["function"]["name"], json.loads(made["function"]["arguments"])


@pytest.mark.parametrize("choice", ["auto", "required", named("get_weather")], ids=["auto", "required", "named"])
async def test_a_tool_is_called_with_arguments_of_its_schema(real_engine: ChatEngine, choice: Any) -> None:
    name, values = arguments(await call(real_engine, tool_choice=choice))
    assert name == "get_weather" and set(values) == {"city", "unit"}
    assert values["unit"] in ("C", "F") and len(values["city"]) <= 20


@pytest.mark.parametrize("seed", range(2))
async def test_a_hot_model_still_follows_the_schema(real_engine: ChatEngine, seed: int) -> None:
    name, values = arguments(await call(real_engine, tool_choice="required", temperature=2, seed=seed))
    assert (name, set(values)) in (("get_weather", {"city", "unit"}), ("now", set()))


async def test_the_named_tool_is_the_one_called(real_engine: ChatEngine) -> None:
    assert arguments(await call(real_engine, tool_choice=named("now"))) == ("now", {})


async def test_none_calls_nothing_and_a_result_is_answered_in_words(real_engine: ChatEngine) -> None:
    found = await call(real_engine, tool_choice="none", max_tokens=8)
    assert found["message"]["content"] and "tool_calls" not in found["message"]
    made = {"id": "c1", "type": "function", "function": {"name": "now", "arguments": "{}"}}
    messages = [
        *ASK,
        {"role": "assistant", "content": None, "tool_calls": [made]},
        {"role": "tool", "tool_call_id": "c1", "content": "noon"},
    ]
    found = await call(real_engine, messages=messages, max_tokens=12)
    assert found["message"]["content"] and "Reply" not in found["message"]["content"]
    assert "tool_calls" not in found["message"] and found["finish_reason"] in ("stop", "length")


async def test_several_calls_only_when_asked_for(real_engine: ChatEngine) -> None:
    found = await call(real_engine, tool_choice="required", parallel_tool_calls=True, max_tokens=90)
    assert 1 < len(found["message"]["tool_calls"]) <= 8
    assert len({made["id"] for made in found["message"]["tool_calls"]}) == len(found["message"]["tool_calls"])


@pytest.mark.parametrize("choice", ["auto", "none", "required"])
async def test_a_stream_says_what_the_whole_says(real_engine: ChatEngine, choice: str) -> None:
    more = {"messages": ASK, "tools": TOOLS, "tool_choice": choice, "max_tokens": 60, "temperature": 0, "seed": 1}
    whole = (await answer(real_engine, **more))["choices"][0]
    found = [event["choices"][0] for event in events(await collect(real_engine, stream=True, **more))]
    assert found[0]["delta"]["role"] == "assistant"
    assert [one["finish_reason"] for one in found if one["finish_reason"]] == [whole["finish_reason"]]
    assert "".join(one["delta"].get("content") or "" for one in found) == (whole["message"]["content"] or "")
    pieces = [made["function"] for one in found for made in one["delta"].get("tool_calls", ())]
    made = [made["function"] for made in whole["message"].get("tool_calls", ())]
    assert [piece["name"] for piece in pieces if "name" in piece] == [one["name"] for one in made]
    assert "".join(piece["arguments"] for piece in pieces) == "".join(one["arguments"] for one in made)


async def test_a_shape_holds_the_words_and_a_schema_the_call(real_engine: ChatEngine) -> None:
    shape = {"type": "json_schema", "json_schema": {"name": "s", "schema": {"enum": ["yes", "no"]}}}
    messages = [*ASK, {"role": "tool", "tool_call_id": "c", "content": "noon"}]
    found = await call(real_engine, messages=messages, response_format=shape)
    assert json.loads(found["message"]["content"]) in ("yes", "no")
    assert arguments(await call(real_engine, response_format=shape, tool_choice="required"))


async def test_every_answer_has_its_own_call(real_engine: ChatEngine) -> None:
    found = await answer(real_engine, messages=ASK, tools=TOOLS, tool_choice="required", n=2, max_tokens=120, seed=3)
    assert [arguments(choice)[0] for choice in found["choices"]]
    assert len({choice["message"]["tool_calls"][0]["id"] for choice in found["choices"]}) == 2


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"type": "object", "properties": {"a": {"type": "hiccup"}}}, "tools[1].function.parameters"),
        ({"type": "object", "properties": {"a": {"pattern": "(?=x)"}}}, "tools[1].function.parameters"),
        ({"type": "object", "properties": {f"p{i}": {} for i in range(1000)}}, "tools[1].function.parameters"),
    ],
    ids=["type", "pattern", "huge"],
)
async def test_a_schema_that_cannot_be_held_names_its_tool(
    real_engine: ChatEngine, parameters: dict[str, Any], field: str
) -> None:
    tool = {"type": "function", "function": {"name": "odd", "parameters": parameters}}
    with pytest.raises(InvalidRequest) as refused:
        await call(real_engine, tools=[NOW, tool])
    assert refused.value.metadata["field"] == field
