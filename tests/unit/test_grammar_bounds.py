"""Les bornes des grammaires : ce qui exploserait chez qui la compile est refusé en la mesurant, champ et limite nommés."""

import json
import time
from typing import Any

import pytest

from server.control.services.messages import to_limits
from server.domain import Limits
from server.engines.base import ChatKind
from server.errors import InvalidRequest
from server.front.chat.request import OpenAiRequest, parse

LIMITS = Limits()
BODY: dict[str, Any] = {"model": "qwen", "messages": [{"role": "user", "content": "Bonjour"}]}
PROMPT: dict[str, Any] = {"model": "qwen", "prompt": "Bonjour"}
HUGE = {"type": "array", "minItems": 2_000_000}


def chat(limits: Limits = LIMITS, **more: Any) -> OpenAiRequest:
    return parse(ChatKind.CHAT, json.dumps(BODY | more).encode(), limits)


def refused(limits: Limits = LIMITS, **more: Any) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as caught:
        chat(limits, **more)
    return caught.value.metadata


def shape(schema: Any) -> dict[str, Any]:
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}}}


def tool(schema: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "t", "parameters": schema}}


def nested(levels: int) -> Any:
    schema: Any = {}
    for _ in range(levels):
        schema = {"items": schema}
    return schema


def doubling(levels: int) -> Any:
    """Chaque définition nomme deux fois la suivante : 2^levels, déroulée."""
    named = {f"d{i}": {"anyOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 2} for i in range(levels)}
    return {"$defs": {**named, f"d{levels}": {"type": "null"}}, "$ref": "#/$defs/d0"}


@pytest.mark.parametrize(
    ("more", "field"),
    [
        (shape(HUGE), "response_format.json_schema.schema"),
        ({"response_format": {"type": "json_object", "schema": HUGE}}, "response_format.schema"),
        ({"tools": [tool({}), tool(HUGE)]}, "tools[1].function.parameters"),
        ({"json_schema": HUGE}, "json_schema"),
        ({"json_schema": json.dumps(HUGE)}, "json_schema"),
        ({"structured_outputs": {"json": HUGE}}, "structured_outputs.json"),
        ({"structured_outputs": {"json": json.dumps(HUGE)}}, "structured_outputs.json"),
        (
            {"structured_outputs": {"structural_tag": json.dumps({"structures": [{"schema": HUGE}]})}},
            "structured_outputs",
        ),
        ({"structured_outputs": {"regex": "(a{1,200}){1,100}"}}, "structured_outputs.regex"),
        ({"structured_outputs": {"choice": ["x"] * 1001}}, "structured_outputs.choice"),
        ({"structured_outputs": {"grammar": 'root ::= "a"{20000}'}}, "structured_outputs.grammar"),
        ({"grammar": 'root ::= "a"{20000}'}, "grammar"),
    ],
)
def test_every_field_that_carries_a_grammar_is_measured(more: dict[str, Any], field: str) -> None:
    assert refused(**more)["field"].startswith(field)
    if "tools" not in more and more.get("response_format", {}).get("type") != "json_object":
        # La complétion prend les mêmes champs.
        with pytest.raises(InvalidRequest) as caught:
            parse(ChatKind.COMPLETION, json.dumps(PROMPT | more).encode(), LIMITS)
        assert caught.value.metadata["field"].startswith(field)


@pytest.mark.parametrize(
    "keyword", ["minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"]
)
@pytest.mark.parametrize("value", [10_001, 2e6, 1e300])
def test_every_repetition_is_bounded(keyword: str, value: float) -> None:
    found = refused(**shape({"properties": {"default": {keyword: value}}}))
    assert found["field"] == f"response_format.json_schema.schema.properties.default.{keyword}"
    assert found["limit"] == "10000"
    chat(**shape({"properties": {"a": {keyword: 10_000}}}))


@pytest.mark.parametrize(
    "schema",
    [
        {"maxItems": 200, "items": {"maxItems": 100}},
        {"maxItems": 200, "items": {"type": "string", "maxLength": 100}},
        {"maxItems": 200, "prefixItems": [{}, {"anyOf": [{"maxProperties": 100}]}]},
        {"maxItems": 200, "items": {"pattern": "^([a-z]{2,10}-){10}$"}},
        {"maxItems": 200, "additionalProperties": {"patternProperties": {"^x{100}$": {}}}},
        {"$defs": {"a": {"maxItems": 200, "items": {"$ref": "#/$defs/b"}}, "b": {"maxItems": 100}}},
        {
            "maxItems": 200,
            "items": {"$ref": "#/%24defs/b"},
            "$defs": {"b": {"items": {"$ref": "#/x/0"}}},
            "x": [{"maxItems": 100}],
        },
        {"pattern": r"^(?:\(|[)\]]|(b{20}c){20}){200}$"},
        {"pattern": "a{2}{100}{100}"},
        {"pattern": "a{" + "9" * 5000 + "}"},
    ],
)
def test_nested_repetitions_are_multiplied(schema: Any) -> None:
    assert refused(**shape(schema))["limit"] == "10000"


@pytest.mark.parametrize(
    "grammar",
    [
        'root ::= ("a" b){100}\nb ::= [{] c{100}\nc ::= "x"{2}',
        'root ::= ("a"{200}) {1, 100}',
        'start: (A B~50..200)~100\nA: "a"\nB: "b"',
        "start: A{200}\nA: /b{100}/",
        'start: ["a" "b"{20000}]',
        '%llguidance {}\nstart: %json {"type": "array", "maxItems": 200, "items": {"maxItems": 100}}',
    ],
)
def test_nested_repetitions_of_a_grammar_are_multiplied_through_its_rules(grammar: str) -> None:
    assert refused(grammar=grammar)["field"].startswith("grammar")


def test_references_are_counted_as_if_unrolled() -> None:
    assert int(refused(**shape(doubling(30)))["value"]) > 2**30
    chat(**shape(doubling(8)))
    wide = {"properties": {f"p{i}": {"type": "array", "maxItems": 1000} for i in range(250)}}
    assert refused(**shape(wide))["limit"] == "200000"


def test_depth_size_and_choices_are_bounded() -> None:
    assert refused(**shape(nested(33)))["limit"] == "32"
    chat(**shape(nested(32)))
    assert refused(grammar="root ::= " + "(" * 33 + '"a"' + ")" * 33)["limit"] == "32"
    assert refused(structured_outputs={"regex": "(" * 30_000})["limit"] == "32"
    assert refused(**shape({"const": "x" * 70_000}))["limit"] == "65536"
    assert refused(grammar="# " + "x" * 65_535)["limit"] == "65536"
    assert refused(grammar="#" * 40_000, structured_outputs={"grammar": "#" * 40_000})["limit"] == "65536"
    assert refused(tools=[tool({"const": "x" * 60_000}) for _ in range(9)])["field"] == "tools"
    assert refused(**shape({"enum": list(range(1001))}))["field"] == "response_format.json_schema.schema.enum"
    assert refused(**shape({"oneOf": [{"const": i} for i in range(1001)]}))["limit"] == "1000"
    assert refused(**shape({"properties": {f"p{i}": {} for i in range(1001)}}))["limit"] == "1000"


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {
            "$defs": {"n": {"properties": {"next": {"maxItems": 9, "items": {"$ref": "#/$defs/n"}}}}},
            "$ref": "#/$defs/n",
        },
        {"enum": [{"minItems": 2_000_000}], "const": {"pattern": "a{20000}"}},
        {"properties": {"minItems": {"type": "integer"}, "enum": {"type": "string"}}},
        {"minItems": True, "maxLength": None, "pattern": 3},
        {"properties": {f"p{i}": {"type": "string", "maxLength": 2000} for i in range(40)}},
        {"pattern": r"^\d{4}-\d{2}-\d{2}T[0-9:{}()]{8}Z?$"},
        {"items": [True, False]},
    ],
)
def test_ordinary_schemas_pass(schema: Any) -> None:
    chat(**shape(schema), tools=[tool(schema)])


@pytest.mark.parametrize(
    "grammar",
    [
        'root ::= object\nobject ::= "{" (pair ("," pair)*)? "}"\npair ::= [a-z]{1,20} ":" value\nvalue ::= object | [0-9]+',
        'start: sum\nsum: NUMBER ("+" NUMBER)*\nNUMBER: /[0-9]{1,9}/',
        "",
    ],
)
def test_ordinary_grammars_pass(grammar: str) -> None:
    chat(grammar=grammar)


def test_a_schema_that_is_no_json_is_refused() -> None:
    assert refused(structured_outputs={"json": "{"})["field"] == "structured_outputs.json"
    assert refused(grammar={})["field"] == "grammar"


def test_they_are_announced() -> None:
    announced = to_limits(LIMITS, 30.0).chat
    assert announced.max_grammar_compilation.ToSeconds() == LIMITS.max_grammar_seconds
    for field in announced.DESCRIPTOR.fields:
        if field.message_type is None:
            assert getattr(announced, field.name) == getattr(LIMITS, field.name), field.name


def test_limits_are_those_of_the_configuration() -> None:
    assert refused(Limits(max_grammar_repetitions=5), **shape({"maxItems": 6}))["limit"] == "5"
    assert refused(Limits(max_grammar_depth=1), **shape(nested(2)))["limit"] == "1"
    assert refused(Limits(max_grammar_bytes=10), **shape(nested(2)))["limit"] == "10"
    assert refused(Limits(max_tools_bytes=10), tools=[tool(nested(2))])["limit"] == "10"
    assert refused(Limits(max_grammar_nodes=3), **shape(nested(2)))["limit"] == "3"
    assert refused(Limits(max_grammar_choices=1), **shape({"enum": [1, 2]}))["limit"] == "1"
    chat(Limits(max_grammar_repetitions=2_000_000, max_grammar_nodes=9_000_000), **shape(HUGE))


@pytest.mark.parametrize(
    "text",
    [
        "[" * 60_000,
        '"' * 59_999,
        "[" * 60_000 + "\\",
        '"a' * 30_000,
        "/a\n" * 20_000,
        "{ " * 30_000,
        '%json {"' * 7_500,
    ],
)
def test_measuring_takes_a_time_in_proportion_to_the_text(text: str) -> None:
    begun = time.process_time()
    for field, more in (
        ("grammar", {"grammar": text}),
        ("structured_outputs.regex", {"structured_outputs": {"regex": text}}),
    ):
        try:
            chat(LIMITS, **more)
        except InvalidRequest as error:
            assert error.metadata["field"] == field
    # Au carré du texte, ce serait des minutes.
    assert time.process_time() - begun < 3
