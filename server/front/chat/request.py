"""La requête au schéma d'OpenAI : lue et vérifiée une fois, ramenée à ce qu'un moteur doit voir, puis transmise.

Le sort de chaque champ est dans `server/chat_fields.py` et le `fields.py` de chaque moteur ; rien d'autre ne passe.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from server.chat_fields import OPENAI, screen
from server.chat_grammars import Grammar
from server.domain import Limits
from server.engines.base import ChatKind
from server.engines.chat_tables import TABLES, all_extras, fields_of
from server.errors import InvalidRequest, PayloadTooLarge, UnsupportedOption
from server.front.chat.counts import counted
from server.front.chat.extras import check_asked, renamed
from server.front.chat.grammars import check_grammars
from server.front.chat.messages import check_messages
from server.front.chat.partial_schemas import check_partial
from server.front.chat.schemas import check_schema, constrained
from server.front.chat.shapes import check_response_format, check_tools
from server.front.checks import (
    JsonObject,
    boolean,
    check_range,
    integer,
    joined,
    mapping,
    missing,
    number,
    refusal,
    sequence,
    text,
)
from server.front.told import chat_told
from server.json_depth import check_depth
from server.shown import shown

COMPLETION_TOKENS = 16
"""Jetons d'une complétion qui n'en dit rien : ceux d'OpenAI."""

_TOKEN_DIGITS = 9
"""Chiffres d'un jeton : aucun vocabulaire n'en demande davantage."""
_UNEVEN = frozenset(name for fields in TABLES.values() for name in fields.refused)
"""Champs d'OpenAI qu'un moteur au moins n'a pas."""
_EXTRAS = {kind: all_extras(kind) for kind in ChatKind}
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

    asked: Mapping[str, Any] = field(default_factory=dict)
    """Champs qu'un moteur admet et pas un autre, par leur chemin."""
    schemas: tuple[Grammar, ...] = ()
    """Schémas JSON que le moteur impose."""
    token: tuple[int, str] = (0, "")
    """Plus grand jeton que la requête nomme par son numéro, et son champ ; 0 est de tout vocabulaire."""
    answer: int | None = None
    """Jetons que la réponse aura au plus, tous choix compris ; `None` : la requête n'en dit rien."""
    told: dict[str, Any] = field(default_factory=dict)
    """Options que la fenêtre des requêtes montre."""
    uncounted: bool = False
    """Flux dont le client ne demande pas le décompte : ce serveur le demande pour lui, et ne le rend pas."""

    def check_features(self, key: str, features: frozenset[str]) -> None:
        """Refuse ce que le modèle n'annonce pas ; un modèle qui n'annonce rien est laissé juge.

        Raises:
            UnsupportedOption: option absente du modèle.
        """
        if not features:
            return
        for feature, asking in self.needs:
            if feature not in features:
                raise UnsupportedOption(
                    f"{asking} : le modèle « {key} » n'offre pas cette option ({feature}).",
                    metadata={"field": asking, "model": key, "value": feature},
                )

    def for_engine(self, key: str, engine: str, limits: Limits) -> bytes:
        """JSON à transmettre au moteur du modèle `key`.

        Raises:
            InvalidRequest: champ de plus d'un autre type ou hors limite, ou schéma que ce moteur n'applique pas entier.
            UnsupportedOption: champ que ce moteur n'a pas.
        """
        fields = fields_of(engine)
        changes = check_asked(self.asked, fields, self.kind, key, limits)
        for schema in self.schemas if fields.partial_schemas else ():
            check_partial(schema)
        payload = renamed(self.payload, changes) if changes else self.payload
        return counted(payload) if self.uncounted else payload


def parse(kind: ChatKind, body: bytes, limits: Limits) -> OpenAiRequest:
    """Lit et vérifie le corps d'une requête.

    Raises:
        PayloadTooLarge: corps au-delà de `limits.max_json_body_bytes`.
        InvalidRequest: JSON illisible, champ absent, de mauvais type ou hors limite.
        UnsupportedOption: champ refusé.
    """
    return check(kind, read_object(body, limits), limits, raw=body)


def read_object(body: bytes, limits: Limits) -> dict[str, Any]:
    """Objet JSON d'un corps.

    Raises:
        PayloadTooLarge: corps au-delà de `limits.max_json_body_bytes`.
        InvalidRequest: JSON illisible, ou autre qu'un objet.
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
    return data


def check(kind: ChatKind, data: dict[str, Any], limits: Limits, *, raw: bytes | None = None) -> OpenAiRequest:
    """Vérifie une requête déjà lue ; `raw` est son JSON, transmis tel quel si rien n'y change."""
    check_depth(data, limits.max_json_depth)
    needs: list[tuple[str, str]] = []

    def need(feature: str, field: str) -> None:
        needs.append((feature, field))

    model = text(data, "", "model", required=True, empty=False) or ""
    if kind is ChatKind.CHAT:
        check_messages(data, limits, need)
        _check_chat_options(data, limits, need)
    else:
        _check_prompt(data, limits)
        _check_completion_options(data, limits, need)
    check_response_format(data, need)
    stream = boolean(data, "", "stream")
    _check_generation(data, limits, stream, least=0 if kind is ChatKind.COMPLETION else 1)
    kept, extras = screen(OPENAI[kind], data, _EXTRAS[kind])
    check_grammars(kept, limits)
    schemas = constrained(kept)
    for schema in schemas:
        check_schema(schema)
    kept = _normal_chat(kept) if kind is ChatKind.CHAT else _normal_completion(kept)
    uncounted = stream and not any((kept.get("stream_options") or {}).values())
    if uncounted and "stream_options" in kept:
        kept = {name: value for name, value in kept.items() if name != "stream_options"}
    choices = data.get("n") or 1
    prompts = _prompts(data["prompt"]) if kind is ChatKind.COMPLETION else 1
    longest = kept.get("max_tokens")
    return OpenAiRequest(
        kind=kind,
        model=model,
        stream=stream,
        payload=raw if raw is not None and kept == data else orjson.dumps(kept, option=orjson.OPT_NON_STR_KEYS),
        needs=tuple(needs),
        choices=choices,
        prompts=prompts,
        asked=extras | {name: kept[name] for name in _UNEVEN if name in kept},
        token=_largest_token(kept),
        schemas=schemas,
        answer=None if longest is None else longest * choices * prompts,
        told=chat_told(kept),
        uncounted=uncounted,
    )


def _normal_chat(data: dict[str, Any]) -> dict[str, Any]:
    """La conversation sous les seuls noms et valeurs que tous les moteurs lisent de même."""
    data = dict(data)
    if "max_completion_tokens" in data:
        data["max_tokens"] = data.pop("max_completion_tokens")
    if data.get("logprobs"):
        # Absent, un moteur en rendrait vingt, un autre aucun.
        data.setdefault("top_logprobs", 0)
    else:
        data.pop("top_logprobs", None)
    if not data.get("tools"):
        # Sans outils, « none » et « auto » ne demandent rien ; certains moteurs les refusent.
        for name in ("tools", "tool_choice", "parallel_tool_calls"):
            data.pop(name, None)
    return data


def _normal_completion(data: dict[str, Any]) -> dict[str, Any]:
    if "max_tokens" not in data:
        data = {**data, "max_tokens": COMPLETION_TOKENS}
    if data["max_tokens"] == 0 and not data.get("echo"):
        raise refusal("max_tokens", "0 n'est permis qu'avec « echo: true », qui ne rend que le texte de départ", 0)
    return data


def _largest_token(data: JsonObject) -> tuple[int, str]:
    """Plus grand jeton nommé par son numéro, et son champ."""
    found = [(int(token), joined("logit_bias", token)) for token in data.get("logit_bias") or ()]
    prompt = data.get("prompt")
    if isinstance(prompt, list):
        several = enumerate(prompt) if not is_tokens(prompt) else ((None, prompt),)
        for rank, one in several:
            if isinstance(one, list):
                found.append((max(one), "prompt" if rank is None else f"prompt[{rank}]"))
    for name in ("stop_token_ids", "allowed_token_ids"):
        if is_tokens(data.get(name)):
            found.append((max(data[name]), name))
    return max(found, default=(0, ""))


def _check_generation(data: JsonObject, limits: Limits, stream: bool, *, least: int) -> None:
    for name, low, high in _NUMBERS:
        number(data, "", name, low, high)
    integer(data, "", "max_tokens", least, limits.max_tokens)
    integer(data, "", "max_completion_tokens", 1, limits.max_tokens)
    integer(data, "", "n", 1, limits.max_n)
    integer(data, "", "seed", -(2**63), 2**63 - 1)
    _check_stop(data, limits)
    bias = mapping(data, "", "logit_bias") or {}
    if len(bias) > limits.max_logit_bias:
        most = limits.max_logit_bias
        raise refusal("logit_bias", f"au plus {most} jetons sont attendus", len(bias), limit=most)
    for token, value in bias.items():
        where = joined("logit_bias", token)
        if not (token.isascii() and token.isdecimal() and len(token) <= _TOKEN_DIGITS):
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
    check_tools(data, need)


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
    if is_tokens(prompt):
        return
    sequence(data, "", "prompt", low=1, high=limits.max_messages)
    for index, value in enumerate(prompt):
        if not (isinstance(value, str) and value) and not is_tokens(value):
            raise refusal(f"prompt[{index}]", "une chaîne non vide ou une liste de jetons est attendue", value)


def is_tokens(value: Any) -> bool:
    """Vrai d'une liste de jetons, par leurs numéros."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(type(token) is int and 0 <= token < 10**_TOKEN_DIGITS for token in value)
    )


def _prompts(prompt: Any) -> int:
    return 1 if isinstance(prompt, str) or is_tokens(prompt) else len(prompt)


def _check_completion_options(data: JsonObject, limits: Limits, need: Any) -> None:
    if integer(data, "", "logprobs", 0, limits.max_completion_logprobs) is not None:
        need("logprobs", "logprobs")
    best, count = integer(data, "", "best_of", 1, limits.max_n), data.get("n") or 1
    if best is not None and best != count:
        raise UnsupportedOption(
            f"best_of : les réponses ne sont pas triées ; laissez best_of égal à n ({shown(str(count))}).",
            metadata={"field": "best_of", "value": str(best), "limit": shown(str(count))},
        )
    boolean(data, "", "echo")
    text(data, "", "suffix")
