"""Les outils du profil embarque : ce que le modèle lit, et ce que sa réponse devient, quel que soit son découpage."""

import json
from typing import Any

import pytest

from server.engines.llamacpp.tool_calls import CallReader
from server.engines.llamacpp.tools import take_tools
from server.errors import InvalidRequest, UnsupportedOption

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
CLOCK = {"type": "function", "function": {"name": "clock"}}
USER = {"role": "user", "content": "Hi"}
HARD = '{"city": "a\\"}{\\\\", "deep": [{"x": "]"}, [1]]}'


def body(**more: Any) -> dict[str, Any]:
    return {"messages": [USER], "tools": [WEATHER, CLOCK]} | more


def read(text: str, size: int) -> list[dict[str, Any]]:
    """Morceaux d'une réponse reçue `size` caractères à la fois."""
    reader = CallReader()
    found: list[dict[str, Any]] = []
    for start in range(0, len(text), size):
        found += reader.add(text[start : start + size])
    return [*found, *reader.end()]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_calls_are_read_however_they_are_cut(size: int) -> None:
    text = f'Call: {{"name": "weather", "arguments": {HARD}}}\nCall: {{"name": "clock", "arguments": {{}}}}'
    deltas = read(text, size)
    assert deltas[0]["role"] == "assistant" and deltas[0]["content"] is None
    assert all("role" not in delta and "content" not in delta for delta in deltas[1:])
    calls: dict[int, dict[str, Any]] = {}
    for delta in deltas:
        (call,) = delta["tool_calls"]
        if call["index"] not in calls:
            assert call["type"] == "function" and call["id"].startswith("call_")
            calls[call["index"]] = {"name": call["function"]["name"], "arguments": ""}
        else:
            assert set(call) == {"index", "function"} and set(call["function"]) == {"arguments"}
        calls[call["index"]]["arguments"] += call["function"]["arguments"]
    assert [calls[index] for index in (0, 1)] == [
        {"name": "weather", "arguments": HARD},
        {"name": "clock", "arguments": "{}"},
    ]
    json.loads(HARD)


@pytest.mark.parametrize("size", [1, 5, 1000])
@pytest.mark.parametrize("text", ["Call: not a call", "Reply: again", ""])
def test_a_text_is_read_without_its_mark(text: str, size: int) -> None:
    deltas = read(f"Reply: {text}", size)
    assert deltas[0]["role"] == "assistant"
    assert "".join(delta["content"] for delta in deltas) == text


def test_a_call_cut_short_keeps_what_it_has() -> None:
    deltas = read('Call: {"name": "weather", "arguments": {"city": "Pa', 4)
    assert "".join(d["tool_calls"][0]["function"]["arguments"] for d in deltas) == '{"city": "Pa'
    assert read("Rep", 1) == read("Call: {", 1) == [{"role": "assistant", "content": ""}]


def test_what_the_model_does_not_know_is_written_out() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Rome"}'}}
    messages = [
        {"role": "system", "content": [{"type": "text", "text": "Be kind."}]},
        USER,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "Sunny"},
        {"role": "tool", "tool_call_id": "lost", "content": [{"type": "text", "text": "12"}]},
        {"role": "assistant", "content": "It is sunny."},
    ]
    request = body(messages=messages, tool_choice="none")
    assert take_tools(request, 1) is None
    plain = [
        {"role": "system", "content": [{"type": "text", "text": "Be kind."}]},
        USER,
        {"role": "assistant", "content": 'Call: {"name": "weather", "arguments": {"city": "Rome"}}'},
        {"role": "user", "content": "Result of weather: Sunny"},
        {"role": "user", "content": "Result: 12"},
        {"role": "assistant", "content": "It is sunny."},
    ]
    assert request == {"messages": plain}
    request = body(messages=messages)
    use = take_tools(request, 1)
    assert use is not None
    assert request["messages"][0]["content"] == f"Be kind.\n\n{use.system}"
    assert request["messages"][-1]["content"] == "Reply: It is sunny."
    assert '"name":"weather","description":"Weather of a city."' in use.system and "x-guidance" not in use.system


def starts(**more: Any) -> str:
    """Ce par quoi une réponse peut commencer."""
    use = take_tools(body(**more), 8)
    assert use is not None
    return use.grammar.splitlines()[1]


def test_a_choice_is_held_by_the_grammar() -> None:
    named = {"type": "function", "function": {"name": "clock"}}
    assert starts() == starts(tool_choice="auto") == "start: reply | calls"
    assert starts(tool_choice="required") == starts(tool_choice=named) == "start: calls"
    # Le petit modèle referait sans fin le même appel, à moins qu'on ne l'exige.
    read = [USER, {"role": "tool", "content": "1"}]
    assert take_tools(body(messages=read, stop=["x"]), 8) is None
    assert starts(messages=read, tool_choice="required") == "start: calls"
    use = take_tools(body(tool_choice=named), 8)
    assert use is not None and '\\"weather\\"' not in use.grammar and '"weather"' not in use.system
    assert [one.field for one in use.schemas] == ["tools[1].function.parameters"]
    several = [take_tools(body(parallel_tool_calls=wanted), 8) for wanted in (None, False, True)]
    assert ["{0,7}" in one.grammar for one in several if one is not None] == [False, False, True]


@pytest.mark.parametrize(
    ("more", "field", "error"),
    [
        ({"stop": ["x"]}, "stop", UnsupportedOption),
        ({"logprobs": True}, "logprobs", UnsupportedOption),
        ({"grammar": "%llguidance {}"}, "grammar", UnsupportedOption),
        ({"json_schema": {}}, "json_schema", UnsupportedOption),
        ({"tool_choice": "any"}, "tool_choice", InvalidRequest),
        ({"tool_choice": {"function": {"name": "other"}}}, "tool_choice", InvalidRequest),
        ({"tools": [{"type": "web_search"}]}, "tools[0]", InvalidRequest),
        (
            {"tools": [CLOCK, {"type": "function", "function": {"name": "a", "parameters": {"type": "array"}}}]},
            "tools[1].function.parameters.type",
            InvalidRequest,
        ),
    ],
)
def test_what_does_not_go_with_tools_is_named(more: dict[str, Any], field: str, error: type[InvalidRequest]) -> None:
    with pytest.raises(error) as refused:
        take_tools(body(**more), 1)
    assert refused.value.metadata["field"] == field
