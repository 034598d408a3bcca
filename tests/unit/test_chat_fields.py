"""La table des champs : chacun de ceux du SDK d'OpenAI y a son sort, rien d'inconnu ne passe, et la page la redit."""

import json
import typing
from pathlib import Path
from typing import Any

import orjson
import pytest
from openai.types import chat as types
from openai.types import completion_create_params as completion_params
from openai.types import shared_params as shared
from openai.types.chat import chat_completion_content_part_image_param
from openai.types.chat import completion_create_params as chat_params
from openai.types.shared_params import response_format_json_schema
from passerelle.v1 import chat_pb2

from server.chat_fields import OPENAI, EngineFields, Extra, Field, Type, Use
from server.domain import Limits
from server.engines.base import ChatKind
from server.engines.chat_tables import TABLES, all_extras
from server.errors import InvalidRequest, UnsupportedOption
from server.front.chat.request import check
from server.front.chat.typed_request import chat_request, complete_request

ROOT = Path(__file__).resolve().parents[2]
LIMITS = Limits()
SDK: dict[str, tuple[type, ...]] = {
    "chat": (chat_params.CompletionCreateParamsNonStreaming, chat_params.CompletionCreateParamsStreaming),
    "completion": (
        completion_params.CompletionCreateParamsNonStreaming,
        completion_params.CompletionCreateParamsStreaming,
    ),
}
BODIES: dict[str, dict[str, Any]] = {
    "chat": {"model": "qwen", "messages": [{"role": "user", "content": "Bonjour"}]},
    "completion": {"model": "qwen", "prompt": "Bonjour", "max_tokens": 3},
}
VALUES: dict[str, Any] = {
    Type.TEXT: "x",
    Type.BOOLEAN: True,
    Type.INTEGER: 1,
    Type.NUMBER: 0.5,
    Type.OBJECT: {"a": 1},
    Type.TOKENS: [1, 2],
    Type.TEXTS: ["a"],
}
WRONG: dict[str, Any] = {
    Type.TEXT: 3,
    Type.BOOLEAN: "oui",
    Type.INTEGER: 1.5,
    Type.NUMBER: "x",
    Type.OBJECT: [],
    Type.LIST: {},
    Type.TOKENS: [-1],
    Type.TEXTS: [1],
}
FOREIGN = (
    "une_option_future",
    "n_probs",
    "samplers",
    "id_slot",
    "cache_prompt",
    "n_predict",
    "n_keep",
    "grammar_lazy",
    "grammar_triggers",
    "lora",
    "response_fields",
    "t_max_predict_ms",
    "priority",
    "cache_salt",
    "vllm_xargs",
    "prompt_embeds",
    "kv_transfer_params",
    "guided_json",
    "guided_regex",
    "chat_template",
    "use_beam_search",
)
"""Champs que des moteurs lisent, et qui ne sont dans aucune table."""


def sdk_fields() -> list[tuple[str, str]]:
    return [
        (kind, name) for kind, types in SDK.items() for name in sorted(set().union(*map(typing.get_type_hints, types)))
    ]


def passed(kind: str, engine: str, **more: Any) -> dict[str, Any]:
    """Ce que reçoit ce moteur."""
    request = check(ChatKind(kind), BODIES[kind] | more, LIMITS)
    found: dict[str, Any] = orjson.loads(request.for_engine("qwen", engine, LIMITS))
    return found


def refused(kind: str, engine: str, **more: Any) -> str:
    """Champ que nomme le refus."""
    with pytest.raises(InvalidRequest) as caught:
        passed(kind, engine, **more)
    assert caught.value.message.startswith(caught.value.metadata["field"])
    return caught.value.metadata["field"]


@pytest.mark.parametrize(("kind", "name"), sdk_fields())
def test_every_field_of_the_sdk_has_its_fate(kind: str, name: str) -> None:
    assert name in OPENAI[kind], f"{name} : un champ du SDK n'a pas de sort (server/chat_fields.py, docs/champs.md)"


NESTED: list[tuple[type, str]] = [
    (types.ChatCompletionStreamOptionsParam, "stream_options"),
    (shared.ResponseFormatJSONSchema, "response_format"),
    (response_format_json_schema.JSONSchema, "response_format.json_schema"),
    (types.ChatCompletionFunctionToolParam, "tools"),
    (shared.FunctionDefinition, "tools.function"),
    (types.ChatCompletionNamedToolChoiceParam, "tool_choice"),
    (types.ChatCompletionSystemMessageParam, "messages"),
    (types.ChatCompletionUserMessageParam, "messages"),
    (types.ChatCompletionAssistantMessageParam, "messages"),
    (types.ChatCompletionToolMessageParam, "messages"),
    (types.ChatCompletionFunctionMessageParam, "messages"),
    (types.ChatCompletionContentPartTextParam, "messages.content"),
    (types.ChatCompletionContentPartRefusalParam, "messages.content"),
    (types.ChatCompletionContentPartImageParam, "messages.content"),
    (chat_completion_content_part_image_param.ImageURL, "messages.content.image_url"),
    (types.ChatCompletionMessageFunctionToolCallParam, "messages.tool_calls"),
]


@pytest.mark.parametrize(("sdk", "path"), NESTED)
def test_every_nested_field_of_the_sdk_has_its_fate(sdk: type, path: str) -> None:
    table: typing.Mapping[str, Field] = OPENAI["chat"]
    for step in path.split("."):
        table = table[step].inside or {}
    assert set(typing.get_type_hints(sdk)) <= set(table)


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, table in OPENAI.items() for name in table])
@pytest.mark.parametrize("engine", [*TABLES, "mien.moteur:fabrique"])
def test_a_field_is_honored_dropped_or_refused(kind: str, name: str, engine: str) -> None:
    found = OPENAI[kind][name]
    own = TABLES.get(engine, EngineFields()).refused.get(name)
    if found.use is Use.IGNORED:
        value = VALUES[found.type]
        assert passed(kind, engine, **{name: value}) == passed(kind, engine)
        assert refused(kind, engine, **{name: WRONG[found.type]}) == name
    elif found.use is Use.REFUSED:
        assert refused(kind, engine, **{name: {"a": 1}}) == name
        for neutral in found.neutral:
            assert passed(kind, engine, **{name: neutral}) == passed(kind, engine)
    elif own is not None:
        assert refused(kind, engine, **{name: "x"}) == name
        for neutral in own.neutral:
            assert passed(kind, engine, **{name: neutral}) == passed(kind, engine)
    assert passed(kind, engine, **{name: None} if name not in BODIES[kind] else {}) == passed(kind, engine)


@pytest.mark.parametrize("kind", OPENAI)
@pytest.mark.parametrize("name", FOREIGN)
def test_nothing_unknown_reaches_an_engine(kind: str, name: str) -> None:
    values: tuple[Any, ...] = ("x", 0, False, [], {})
    for value in values:
        with pytest.raises(UnsupportedOption) as caught:
            check(ChatKind(kind), BODIES[kind] | {name: value}, LIMITS)
        assert caught.value.metadata["field"] == name


EXTRAS = [(kind, name) for kind in OPENAI for name in all_extras(kind) if "." not in name]


@pytest.mark.parametrize(("kind", "name"), EXTRAS)
@pytest.mark.parametrize("engine", [*TABLES, "mien.moteur:fabrique"])
def test_an_extra_is_only_for_its_engines(kind: str, name: str, engine: str) -> None:
    extra = TABLES.get(engine, EngineFields()).extras_of(kind).get(name)
    value = sample(name, extra or all_extras(kind)[name])
    if extra is None:
        assert refused(kind, engine, **{name: value}) == name
        return
    assert passed(kind, engine, **{name: value})[extra.sent_as or name] == value
    assert passed(kind, engine, **{name: None}) == passed(kind, engine)


def sample(name: str, extra: Extra) -> Any:
    """Une bonne valeur de ce champ."""
    by_name = {
        "chat_template_kwargs": {"enable_thinking": True},
        "structured_outputs": {"regex": "[ab]"},
        "response_format": {"type": "json_object"},
        "json_schema": {"type": "object"},
        "grammar": "%llguidance {}\nstart: /a/",
    }
    return by_name[name] if name in by_name else VALUES[extra.type]


BOUNDED = [
    (engine, kind, name, value)
    for engine, fields in TABLES.items()
    for kind in OPENAI
    for name, extra in fields.extras_of(kind).items()
    if "." not in name
    for value in [
        *([WRONG[extra.type]] if extra.type in WRONG else []),
        *([extra.low - 1] if extra.low is not None else []),
        *([extra.high + 1] if extra.high is not None else []),
        *([extra.above] if extra.above is not None else []),
        *([getattr(LIMITS, extra.limit) + 1] if extra.limit and extra.type is Type.INTEGER else []),
        *([VALUES[extra.type] * getattr(LIMITS, extra.limit)] if extra.type in (Type.TOKENS,) else []),
        *([["a"] * (getattr(LIMITS, extra.limit) + 1)] if extra.type is Type.TEXTS else []),
    ]
]


def test_an_extra_has_its_type_and_its_bounds() -> None:
    for engine, kind, name, value in BOUNDED:
        assert refused(kind, engine, **{name: value}).partition("[")[0] == name


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"stream": True, "stream_options": {"x": 1}}, "stream_options.x"),
        ({"response_format": {"type": "text", "x": 1}}, "response_format.x"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {}, "type": "hiccup"}}},
            "response_format.json_schema.type",
        ),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "a"}}},
            "response_format.json_schema.schema",
        ),
        ({"tools": [{"type": "function", "function": {"name": "a"}, "x": 1}]}, "tools[0].x"),
        ({"tools": [{"type": "function", "function": {"name": "a", "x": 1}}]}, "tools[0].function.x"),
        ({"tools": [{"type": "custom", "custom": {"name": "a"}}]}, "tools[0].type"),
        ({"tool_choice": {"type": "allowed_tools", "allowed_tools": {}}}, "tool_choice.type"),
        ({"messages": [{"role": "user", "content": "a", "x": 1}]}, "messages[0].x"),
        (
            {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "function_call": {"name": "a"}}]},
            "messages[1].content",
        ),
        (
            {"messages": [{"role": "assistant", "content": "a", "function_call": {"name": "a"}}]},
            "messages[0].function_call",
        ),
        ({"messages": [{"role": "assistant", "content": "a", "audio": {"id": "a"}}]}, "messages[0].audio"),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "a", "x": 1}]}]},
            "messages[0].content[0].x",
        ),
        ({"chat_template_kwargs": {"x": True}}, "chat_template_kwargs.x"),
        ({"chat_template_kwargs": {"enable_thinking": "x"}}, "chat_template_kwargs.enable_thinking"),
        ({"structured_outputs": {"whitespace_pattern": " "}}, "structured_outputs.whitespace_pattern"),
        ({"response_format": {"type": "json_object", "schema": {}}}, "response_format.schema"),
    ],
)
def test_a_nested_field_has_its_fate_too(more: dict[str, Any], field: str) -> None:
    assert refused("chat", "vllm", **more) == field


def test_what_an_answer_carried_comes_back_without_effect() -> None:
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    plain = [
        {"role": "assistant", "content": "a", "tool_calls": [call]},
        {"role": "user", "content": [{"type": "text", "text": "b"}]},
    ]
    rich = json.loads(json.dumps(plain))
    rich[0] |= {"annotations": [], "parsed": {"x": 1}, "audio": None, "function_call": None}
    rich[0]["tool_calls"][0] |= {"index": 0}
    rich[0]["tool_calls"][0]["function"] |= {"parsed_arguments": {"x": 1}}
    rich[1]["content"][0] |= {"prompt_cache_breakpoint": {"mode": "explicit"}}
    assert passed("chat", "vllm", messages=rich) == passed("chat", "vllm", messages=plain)


@pytest.mark.parametrize(
    ("kind", "more", "added"),
    [
        ("chat", {"logprobs": True}, {"logprobs": True, "top_logprobs": 0}),
        ("chat", {"logprobs": True, "top_logprobs": None}, {"logprobs": True, "top_logprobs": 0}),
        ("chat", {"logprobs": False, "top_logprobs": 0}, {"logprobs": False}),
        ("chat", {"tools": [], "tool_choice": "auto", "parallel_tool_calls": True}, {}),
        ("chat", {"tool_choice": "none"}, {}),
        ("chat", {"max_completion_tokens": 4}, {"max_tokens": 4}),
        ("completion", {"max_tokens": None}, {"max_tokens": 16}),
        ("completion", {"max_tokens": 0, "echo": True}, {"max_tokens": 0, "echo": True}),
        ("completion", {"n": 2, "best_of": 2}, {"n": 2}),
        ("completion", {"n": None, "stream": None, "logit_bias": None}, {}),
    ],
)
@pytest.mark.parametrize("engine", [*TABLES, "mien.moteur:fabrique"])
def test_every_engine_receives_the_same_meaning(kind: str, more: dict[str, Any], added: Any, engine: str) -> None:
    assert passed(kind, engine, **more) == BODIES[kind] | added


def test_a_completion_without_max_tokens_has_sixteen() -> None:
    request = check(ChatKind.COMPLETION, {"model": "qwen", "prompt": "a"}, LIMITS)
    assert orjson.loads(request.payload)["max_tokens"] == 16
    typed = complete_request(chat_pb2.CompleteRequest(model="qwen", prompt="a"), stream=False)
    assert orjson.loads(check(ChatKind.COMPLETION, typed, LIMITS).payload)["max_tokens"] == 16


def test_the_largest_token_goes_with_the_request() -> None:
    def largest(kind: str, **more: Any) -> tuple[int, str]:
        return check(ChatKind(kind), BODIES[kind] | more, LIMITS).token

    assert largest("chat") == (0, "")
    assert largest("chat", logit_bias={"7": 1, "50000": -1, "12": 0}) == (50_000, "logit_bias.50000")
    assert largest("chat", stop_token_ids=[3, 9], logit_bias={"7": 1}) == (9, "stop_token_ids")
    assert largest("completion", prompt=[5, 900, 2]) == (900, "prompt")
    assert largest("completion", prompt=["a", [1, 4], [70]]) == (70, "prompt[2]")


@pytest.mark.parametrize("engine", [*TABLES, "mien.moteur:fabrique"])
@pytest.mark.parametrize(
    "more",
    [
        {"store": True},
        {"metadata": {"a": "b"}},
        {"une_option_future": 1},
        {"priority": 3},
        {"n_probs": 9},
        {"top_k": 5},
        {"top_k": 1.5},
        {"repetition_penalty": 1.1},
        {"repetition_penalty": 0},
        {"verbosity": "high"},
        {"min_p": 2},
        {"chat_template_kwargs": {"x": 1}},
        {"ignore_eos": True},
    ],
)
def test_grpc_decides_as_rest_does(engine: str, more: dict[str, Any]) -> None:
    options = chat_pb2.GenerationOptions(max_tokens=3)
    options.extra.update(more)
    message = chat_pb2.ChatMessage(role=chat_pb2.CHAT_ROLE_USER, content=[chat_pb2.ContentPart(text="Bonjour")])
    chat = chat_pb2.ChatRequest(model="qwen", messages=[message], options=options)
    completion = chat_pb2.CompleteRequest(model="qwen", prompt="Bonjour", options=options)

    def outcome(kind: str, body: dict[str, Any]) -> Any:
        try:
            return orjson.loads(check(ChatKind(kind), body, LIMITS).for_engine("qwen", engine, LIMITS))
        except InvalidRequest as error:
            return error.reason, error.message, error.metadata

    for kind, typed in (
        ("chat", chat_request(chat, stream=False)),
        ("completion", complete_request(completion, stream=False)),
    ):
        rest = BODIES[kind] | {"max_tokens": 3, "stream": False} | more
        assert outcome(kind, typed) == outcome(kind, rest)


def rows() -> list[str]:
    """Lignes du tableau de la page, telles que la table les donne."""
    names = sorted(
        {name for table in OPENAI.values() for name in table} | {n for kind in OPENAI for n in all_extras(kind)}
    )
    return [f"| `{name}` | {' | '.join(_cell(kind, name, engine) for kind, engine in COLUMNS)} |" for name in names]


COLUMNS = [(kind, engine) for kind in OPENAI for engine in TABLES]


def _cell(kind: str, name: str, engine: str) -> str:
    fields = TABLES[engine]
    if name in OPENAI[kind]:
        found: Field = fields.refused.get(name, OPENAI[kind][name])
        return str(found.use)
    extra = fields.extras_of(kind).get(name)
    if extra is None:
        return "refusé"
    most = f"`PASSERELLE_{extra.limit.upper()}`" if extra.limit else "" if extra.high is None else str(extra.high)
    least = "" if extra.low is None else f"{extra.low:g} à "
    if extra.above is not None:
        least = f"au-delà de {extra.above:g}, jusqu'à "
    if not least and most:
        most = f"{most} au plus"
    bounds = f" ({least}{most})" if most else ""
    return f"de plus{bounds}"


def test_the_page_says_what_the_table_says() -> None:
    page = (ROOT / "docs" / "champs.md").read_text().partition("## Les valeurs")[0]
    written = [line for line in page.splitlines() if line.startswith("| `")]
    assert written == rows(), "\n" + "\n".join(rows())
