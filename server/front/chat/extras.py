"""Les champs qu'un moteur admet et pas un autre : jugés une fois le modèle connu."""

from collections.abc import Mapping
from typing import Any

import orjson

from server.chat_fields import OPENAI, EngineFields, Extra, Type
from server.domain import Limits
from server.engines.base import ChatKind
from server.errors import UnsupportedOption
from server.front.checks import boolean, check_range, integer, mapping, number, refusal, sequence


def check_asked(
    asked: Mapping[str, Any], fields: EngineFields, kind: ChatKind, key: str, limits: Limits
) -> dict[str, str]:
    """Juge ces champs d'après le moteur du modèle `key`, et rend ceux à renommer ; un nom vide est à retirer.

    Raises:
        InvalidRequest: autre type, ou hors limite.
        UnsupportedOption: champ que ce moteur n'a pas.
    """
    changes: dict[str, str] = {}
    extras = fields.extras_of(kind)
    for path, value in asked.items():
        refused, extra = fields.refused.get(path), extras.get(path)
        if refused is not None:
            if value not in refused.neutral:
                raise _missing(path, f"{refused.why} (modèle « {key} »).", key)
            changes[path] = ""
        elif extra is not None:
            _check(extra, path, value, limits)
            if extra.sent_as:
                changes[path] = extra.sent_as
        elif path not in OPENAI[kind]:
            raise _missing(path, f"le moteur du modèle « {key} » n'a pas ce champ.", key)
    return changes


def renamed(payload: bytes, changes: Mapping[str, str]) -> bytes:
    """Le même JSON, ces champs renommés ou retirés."""
    data = orjson.loads(payload)
    for name, other in changes.items():
        value = data.pop(name)
        if other:
            data.setdefault(other, value)
    return orjson.dumps(data)


def _check(extra: Extra, path: str, value: Any, limits: Limits) -> None:
    data, high = {path: value}, extra.high
    if extra.limit:
        high = getattr(limits, extra.limit)
    if extra.type is Type.BOOLEAN:
        boolean(data, "", path)
    elif extra.type is Type.OBJECT:
        mapping(data, "", path)
    elif extra.type is Type.INTEGER:
        integer(data, "", path)
        check_range(path, value, extra.low, high)
    elif extra.type is Type.NUMBER:
        number(data, "", path)
        check_range(path, value, extra.low, high)
        if extra.above is not None and not value > extra.above:
            raise refusal(path, f"la valeur doit dépasser {extra.above:g}", value, limit=f"{extra.above:g}")
    elif extra.type in (Type.TOKENS, Type.TEXTS):
        tokens = extra.type is Type.TOKENS
        for index, item in enumerate(sequence(data, "", path, high=None if high is None else int(high)) or ()):
            if not (type(item) is int and item >= 0 if tokens else isinstance(item, str)):
                raise refusal(f"{path}[{index}]", f"{extra.type} est attendue", item)


def _missing(path: str, why: str, key: str) -> UnsupportedOption:
    return UnsupportedOption(f"{path} : {why}", metadata={"field": path, "model": key})
