"""Ce qu'un schéma demande et qu'aucun moteur n'applique est refusé par son chemin, où que la requête le porte."""

import datetime
import enum
import json
import time
import uuid
from typing import Any, Literal

import pytest
from openai.lib._pydantic import to_strict_json_schema
from pydantic import BaseModel, Field

from server.chat_grammars import Grammar, GrammarKind
from server.domain import Limits
from server.engines.base import ChatKind
from server.engines.llamacpp.grammar_compiler import prepare
from server.errors import InvalidRequest
from server.front.chat.partial_schemas import check_partial
from server.front.chat.request import check
from server.front.chat.schemas import check_schema
from tests.support.json_schemas import APPLIED, DROPPED, NAMED, NOWHERE

LIMITS = Limits()
BODY: dict[str, Any] = {"model": "qwen", "messages": [{"role": "user", "content": "Bonjour"}]}
SCHEMA = "response_format.json_schema.schema"


def shape(schema: Any) -> dict[str, Any]:
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}}}


def tool(schema: Any, **more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "t", "parameters": schema, **more}}


def refused(engine: str, **more: Any) -> str:
    with pytest.raises(InvalidRequest) as caught:
        check(ChatKind.CHAT, BODY | more, LIMITS).for_engine("qwen", engine, LIMITS)
    assert caught.value.message.startswith(caught.value.metadata["field"])
    return caught.value.metadata["field"]


def accepted(engine: str, **more: Any) -> None:
    check(ChatKind.CHAT, BODY | more, LIMITS).for_engine("qwen", engine, LIMITS)


def grammar(schema: Any) -> Grammar:
    return Grammar("s", GrammarKind.JSON, schema)


@pytest.mark.parametrize(("schema", "where"), NOWHERE)
def test_what_no_engine_applies_is_refused_wherever_it_is(schema: Any, where: str) -> None:
    for engine in ("vllm", "llamacpp", "mien.moteur:fabrique"):
        assert refused(engine, **shape(schema)) == f"{SCHEMA}.{where}"
    assert refused("llamacpp", response_format={"type": "json_object", "schema": schema}).endswith(where)
    assert refused("llamacpp", json_schema=json.dumps(schema)) == f"json_schema.{where}"
    assert refused("vllm", structured_outputs={"json": schema}) == f"structured_outputs.json.{where}"
    tag = json.dumps({"structures": [{"begin": "<a>", "schema": schema, "end": "</a>"}], "triggers": ["<a>"]})
    assert refused("vllm", structured_outputs={"structural_tag": tag}).endswith(where)
    parameters = f"tools[0].function.parameters.{where}"
    assert refused("vllm", tools=[tool(schema)], tool_choice="required") == parameters
    assert (
        refused("vllm", tools=[tool(schema)], tool_choice={"type": "function", "function": {"name": "t"}}) == parameters
    )
    assert refused("vllm", tools=[tool(schema, strict=True)]) == parameters
    # Un outil que rien n'impose n'est qu'une description pour le modèle.
    accepted("vllm", tools=[tool(schema)])
    accepted("vllm", tools=[tool(schema)], tool_choice="none")


@pytest.mark.parametrize(("schema", "name", "_text"), DROPPED)
def test_what_a_library_applies_in_part_is_refused_for_its_engine(schema: Any, name: str, _text: str) -> None:
    accepted("llamacpp", **shape(schema))
    assert refused("vllm", **shape(schema)) == f"{SCHEMA}.{name}"
    deeper = {"type": "array", "items": schema, "$defs": schema.get("$defs", {})}
    assert refused("vllm", **shape(deeper)) == f"{SCHEMA}.items.{name}"
    assert refused("vllm", tools=[tool(schema, strict=True)]).endswith(name)


@pytest.mark.parametrize(("schema", "_text"), APPLIED)
def test_ordinary_schemas_pass(schema: Any, _text: str) -> None:
    for engine in ("vllm", "llamacpp", "mien.moteur:fabrique"):
        accepted(engine, **shape(schema))


class Color(enum.Enum):
    red = "red"
    blue = "blue"


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = Field(9, ge=0, le=9)


class Dog(BaseModel):
    kind: Literal["dog"]
    name: str = Field(min_length=1, max_length=20, description="Son nom", examples=["Rex"])


class House(BaseModel):
    """Une maison."""

    id: uuid.UUID
    built: datetime.date | None = None
    seen: datetime.datetime
    color: Color = Color.red
    size: float = Field(gt=0, json_schema_extra={"x-unit": "m²"})
    pet: Cat | Dog = Field(discriminator="kind")
    rooms: list[str] = Field(default_factory=list, max_length=5)
    notes: dict[str, int] = Field(default_factory=dict, deprecated=True)
    beside: "House | None" = None


@pytest.mark.parametrize("model", [Color, Cat, Dog, House], ids=lambda one: str(one.__name__))
def test_what_pydantic_writes_passes_and_compiles(model: Any) -> None:
    from pydantic import TypeAdapter

    compile_one = prepare({})
    schemas = [TypeAdapter(model).json_schema()]
    if model is not Color and model is not House:
        schemas.append(to_strict_json_schema(model))
    for schema in schemas:
        check_schema(grammar(schema))
        check_partial(grammar(schema))
        compile_one("json", json.dumps(schema))


def test_every_applied_schema_compiles_where_llama_cpp_serves() -> None:
    compile_one = prepare({})
    for schema, _text in APPLIED:
        compile_one("json", json.dumps(schema))


def test_types_values_and_a_property_tell_schemas_apart() -> None:
    pets = [{"$ref": "#/$defs/cat"}, {"$ref": "#/$defs/dog"}]
    mixed = [{"type": "null"}, *pets, {"enum": [1, 2]}, {"const": 3}, {"type": ["boolean", "string"]}]
    check_partial(grammar({"$defs": NAMED, "oneOf": mixed}))
    for one in ({"enum": [2.0]}, {"type": "string"}, {"const": None}, {"$ref": "#/$defs/cat"}, {}, True):
        with pytest.raises(InvalidRequest, match="oneOf"):
            check_partial(grammar({"$defs": NAMED, "oneOf": [*mixed, one]}))


def test_a_oneof_is_judged_in_a_time_in_proportion_to_its_size() -> None:
    objects = [{"type": "object", "properties": {"k": {"const": i}}, "required": ["k"]} for i in range(500)]
    texts = [{"const": f"a{i}"} for i in range(400)]
    begun = time.process_time()
    for _ in range(20):
        check_partial(grammar({"oneOf": [*objects, *texts]}))
    # Deux à deux, ce seraient huit millions de comparaisons.
    assert time.process_time() - begun < 3


def test_a_structural_tag_that_is_no_json_is_refused() -> None:
    tag = {"structures": [{"begin": "<a>", "schema": "{", "end": "</a>"}], "triggers": ["<a>"]}
    assert refused("vllm", structured_outputs={"structural_tag": json.dumps(tag)}).startswith("structured_outputs")
    assert refused("vllm", structured_outputs={"structural_tag": "{"}) == "structured_outputs.structural_tag"
