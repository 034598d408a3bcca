"""La requête au schéma d'OpenAI : lue et vérifiée une fois, puis transmise telle quelle au moteur.

Les champs inconnus sont laissés au moteur, qui les ignore ou les honore ; ceux de `server/chat_fields.py` sont refusés.
"""

import re
from dataclasses import dataclass
from typing import Any

import orjson

from server.chat_fields import check_fields
from server.domain import Limits
from server.engines.base import ChatKind
from server.errors import InvalidRequest, PayloadTooLarge, UnsupportedOption
from server.front.chat.grammars import check_grammars
from server.front.chat.messages import check_messages
from server.front.checks import (
    JsonObject,
    boolean,
    check_range,
    choice,
    entry,
    integer,
    joined,
    mapping,
    missing,
    number,
    refusal,
    sequence,
    text,
)
from server.json_depth import check_depth

MAX_TOOLS = 128

_TOOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NUMBERS = (
    ("temperature", 0.0, 2.0),
    ("top_p", 0.0, 1.0),
    ("presence_penalty", -2.0, 2.0),
    ("frequency_penalty", -2.0, 2.0),
)


@dataclass(frozen=True, slots=True)
class OpenAiRequest:
    """Requête vérifiée."""

    kind: ChatKind
    """Conversation ou complétion."""
    model: str
    """Clé ou alias, tel que demandé."""
    stream: bool
    """Réponse au fil de la génération."""
    payload: bytes
    """JSON à transmettre au moteur."""
    needs: tuple[tuple[str, str], ...]
    """Options du modèle que la requête exige, chacune avec le champ qui la demande."""
    choices: int = 1
    """Réponses à chaque texte de départ."""
    prompts: int = 1
    """Textes de départ."""

    def check_features(self, key: str, features: frozenset[str]) -> None:
        """Refuse ce que le modèle n'annonce pas ; un modèle qui n'annonce rien est laissé juge.

        Raises:
            UnsupportedOption: option absente du modèle.
        """
        if not features:
            return
        for feature, field in self.needs:
            if feature not in features:
                raise UnsupportedOption(
                    f"{field} : le modèle « {key} » n'offre pas cette option ({feature}).",
                    metadata={"field": field, "model": key, "value": feature},
                )


def parse(kind: ChatKind, body: bytes, limits: Limits) -> OpenAiRequest:
    """Lit et vérifie le corps d'une requête.

    Raises:
        PayloadTooLarge: corps au-delà de `limits.max_json_body_bytes`.
        InvalidRequest: JSON illisible, champ absent, de mauvais type ou hors limite.
        UnsupportedOption: champ refusé.
    """
    if len(body) > limits.max_json_body_bytes:
        raise PayloadTooLarge(
            f"Le corps de la requête compte {len(body)} octets ; la limite est {limits.max_json_body_bytes}.",
            metadata={"limit": str(limits.max_json_body_bytes), "value": str(len(body))},
        )
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(
            f"Le corps de la requête n'est pas du JSON lisible (ligne {error.lineno}, colonne {error.colno})."
        ) from None
    if not isinstance(data, dict):
        raise InvalidRequest("Le corps de la requête doit être un objet JSON.")
    return check(kind, data, limits, raw=body)


def check(kind: ChatKind, data: dict[str, Any], limits: Limits, *, raw: bytes | None = None) -> OpenAiRequest:
    """Vérifie une requête déjà lue ; `raw` est son JSON, transmis tel quel si rien n'y change."""
    check_depth(data, limits.max_json_depth)
    needs: list[tuple[str, str]] = []

    def need(feature: str, field: str) -> None:
        needs.append((feature, field))

    model = text(data, "", "model", required=True, empty=False) or ""
    mapping(data, "", "chat_template_kwargs")
    check_fields(data)
    if kind is ChatKind.CHAT:
        check_messages(data, limits, need)
        _check_chat_options(data, limits, need)
    else:
        _check_prompt(data, limits)
        _check_completion_options(data, limits, need)
    _check_response_format(data, need)
    check_grammars(data, limits)
    stream = boolean(data, "", "stream")
    _check_generation(data, limits, stream)
    payload = raw
    if data.get("max_completion_tokens") is not None:
        # Les moteurs ne connaissent pas tous ce nom, plus récent que `max_tokens`.
        data = {**data, "max_tokens": data["max_completion_tokens"]}
        del data["max_completion_tokens"]
        payload = None
    return OpenAiRequest(
        kind=kind,
        model=model,
        stream=stream,
        payload=payload if payload is not None else orjson.dumps(data, option=orjson.OPT_NON_STR_KEYS),
        needs=tuple(needs),
        choices=max(data.get("n") or 1, (data.get("best_of") or 1) if kind is ChatKind.COMPLETION else 1),
        prompts=_prompts(data["prompt"]) if kind is ChatKind.COMPLETION else 1,
    )


def _check_generation(data: JsonObject, limits: Limits, stream: bool) -> None:
    for name, low, high in _NUMBERS:
        number(data, "", name, low, high)
    for name in ("max_tokens", "max_completion_tokens"):
        integer(data, "", name, 1, limits.max_tokens)
    integer(data, "", "n", 1, limits.max_n)
    integer(data, "", "seed", -(2**63), 2**63 - 1)
    text(data, "", "user")
    _check_stop(data, limits)
    bias = mapping(data, "", "logit_bias") or {}
    if len(bias) > limits.max_logit_bias:
        most = limits.max_logit_bias
        raise refusal("logit_bias", f"au plus {most} jetons sont attendus", len(bias), limit=most)
    for token, value in bias.items():
        where = joined("logit_bias", token)
        if not token.isdecimal():
            raise refusal(where, "un identifiant de jeton est attendu", token)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise refusal(where, "un nombre est attendu", value)
        check_range(where, value, -100, 100)
    options = mapping(data, "", "stream_options")
    if options is not None:
        if not stream:
            raise refusal("stream_options", "ce champ n'est permis qu'avec « stream: true »", options)
        boolean(options, "stream_options", "include_usage")


def _check_stop(data: JsonObject, limits: Limits) -> None:
    stop = data.get("stop")
    if stop is None or isinstance(stop, str):
        return
    if not isinstance(stop, list):
        raise refusal("stop", "une chaîne ou une liste de chaînes est attendue", stop)
    sequence(data, "", "stop", high=limits.max_stop)
    for index, value in enumerate(stop):
        if not isinstance(value, str):
            raise refusal(f"stop[{index}]", "une chaîne est attendue", value)


def _check_chat_options(data: JsonObject, limits: Limits, need: Any) -> None:
    if boolean(data, "", "logprobs"):
        need("logprobs", "logprobs")
    top = integer(data, "", "top_logprobs", 0, limits.max_top_logprobs)
    if top and not data.get("logprobs"):
        raise refusal("top_logprobs", "ce champ n'est permis qu'avec « logprobs: true »", top)
    boolean(data, "", "parallel_tool_calls")
    text(data, "", "reasoning_effort")
    tools = sequence(data, "", "tools", high=MAX_TOOLS) or []
    if tools:
        need("tools", "tools")
    names = [_tool_name(entry(tool, f"tools[{i}]"), f"tools[{i}]") for i, tool in enumerate(tools)]
    _check_tool_choice(data, names)


def _check_response_format(data: JsonObject, need: Any) -> None:
    shape = mapping(data, "", "response_format")
    if shape is None:
        return
    kind = choice(shape, "response_format", "type", ("text", "json_object", "json_schema"), required=True)
    if kind == "text":
        return
    need("json_schema", "response_format")
    if kind == "json_schema":
        schema = mapping(shape, "response_format", "json_schema", required=True) or {}
        text(schema, "response_format.json_schema", "name", required=True, empty=False)
        mapping(schema, "response_format.json_schema", "schema")
    else:
        mapping(shape, "response_format", "schema")


def _tool_name(tool: JsonObject, path: str) -> str:
    choice(tool, path, "type", ("function",), required=True)
    function = mapping(tool, path, "function", required=True) or {}
    name = text(function, f"{path}.function", "name", required=True) or ""
    if not _TOOL_NAME.fullmatch(name):
        raise refusal(
            f"{path}.function.name", "64 caractères au plus, parmi lettres, chiffres, « _ » et « - »", name, limit=64
        )
    mapping(function, f"{path}.function", "parameters")
    text(function, f"{path}.function", "description")
    return name


def _check_tool_choice(data: JsonObject, names: list[str]) -> None:
    wanted = data.get("tool_choice")
    if wanted is None:
        return
    if isinstance(wanted, str):
        choice(data, "", "tool_choice", ("none", "auto", "required"))
        if wanted == "required" and not names:
            raise refusal("tool_choice", "« required » suppose au moins un outil dans tools", wanted)
        return
    function = mapping(mapping(data, "", "tool_choice") or {}, "tool_choice", "function", required=True) or {}
    name = text(function, "tool_choice.function", "name", required=True) or ""
    if name not in names:
        raise refusal("tool_choice.function.name", "le nom d'un outil de tools est attendu", name)


def _check_prompt(data: JsonObject, limits: Limits) -> None:
    prompt = data.get("prompt")
    if prompt is None:
        raise missing("prompt", "une chaîne, une liste de chaînes ou de jetons est attendue")
    if isinstance(prompt, str):
        if not prompt:
            raise refusal("prompt", "une chaîne non vide est attendue", prompt)
        return
    if not isinstance(prompt, list):
        raise refusal("prompt", "une chaîne, une liste de chaînes ou de jetons est attendue", prompt)
    if _is_tokens(prompt):
        return
    sequence(data, "", "prompt", low=1, high=limits.max_messages)
    for index, value in enumerate(prompt):
        if not (isinstance(value, str) and value) and not _is_tokens(value):
            raise refusal(f"prompt[{index}]", "une chaîne non vide ou une liste de jetons est attendue", value)


def _is_tokens(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(type(token) is int and token >= 0 for token in value)


def _prompts(prompt: Any) -> int:
    return 1 if isinstance(prompt, str) or _is_tokens(prompt) else len(prompt)


def _check_completion_options(data: JsonObject, limits: Limits, need: Any) -> None:
    if integer(data, "", "logprobs", 0, limits.max_top_logprobs) is not None:
        need("logprobs", "logprobs")
    integer(data, "", "best_of", 1, limits.max_n)
    boolean(data, "", "echo")
    text(data, "", "suffix")
