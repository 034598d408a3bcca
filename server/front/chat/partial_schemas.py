"""Ce que xgrammar, la bibliothèque de grammaires de vLLM, laisse tomber sans le dire de mots clés qu'elle a pourtant.

Relevé en lui faisant accepter des textes qu'un schéma exclut ; `tests/engines/test_vllm_schemas.py` le rejoue. Un
schéma de pydantic n'en a rien, sauf `multipleOf`.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from server.chat_grammars import Grammar
from server.front.chat.grammars import shown_path, target
from server.front.chat.schemas import APPLIED, nodes
from server.front.checks import refusal

_FORMATS = """
email date time date-time duration ipv4 ipv6 hostname uuid uri uri-reference uri-template json-pointer
relative-json-pointer
"""
FORMATS = frozenset(_FORMATS.split())
"""Formats que xgrammar applique à un texte."""
_DEFINITIONS = frozenset({"$defs", "definitions"})
_BRANCHES = ("$ref", "anyOf", "oneOf", "allOf")
_NEEDING_A_TYPE = """
minimum maximum exclusiveMinimum exclusiveMaximum minLength maxLength pattern format minItems maxItems prefixItems
minProperties maxProperties patternProperties
"""
_TYPED = tuple(_NEEDING_A_TYPE.split())
"""Mots clés que xgrammar ne lit qu'à côté d'un type."""
_LENGTHS = ("minLength", "maxLength")
_KINDS: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "null": (type(None),),
}


def check_partial(grammar: Grammar) -> None:
    """Refuse un schéma dont xgrammar n'appliquerait qu'une partie.

    Raises:
        InvalidRequest: `metadata["field"]` dit où.
    """
    for path, node in nodes(grammar.source):
        if isinstance(node, dict):
            found = _dropped(grammar.source, node)
            if found is not None:
                name, why = found
                where = shown_path(grammar.field, (*path, name))
                raise refusal(where, f"la bibliothèque de ce moteur ne l'applique pas : {why}", node[name])


def _dropped(root: Any, node: Mapping[str, Any]) -> tuple[str, str] | None:
    """Mot clé laissé de côté dans ce schéma, et pourquoi."""
    asked = [name for name in node if name in APPLIED and name not in _DEFINITIONS]
    for branch in _BRANCHES:
        beside = [name for name in asked if name != branch]
        if branch in node and beside:
            return beside[0], f"il est à côté de {branch}"
    if isinstance(node.get("allOf"), list) and len(node["allOf"]) > 1:
        return "allOf", "un seul schéma y est lu"
    if isinstance(node.get("oneOf"), list) and not _disjoint(root, node["oneOf"]):
        return "oneOf", "rien ne dit que ses schémas s'excluent ; écrivez anyOf"
    for values in ("enum", "const"):
        if values in node:
            beside = [name for name in asked if name not in (values, "type")]
            return (beside[0], f"il est à côté de {values}") if beside else _mistyped(node, values)
    kinds = _types(node)
    if not kinds and not any(branch in node for branch in _BRANCHES):
        untyped = next((name for name in _TYPED if name in node), None)
        if untyped is not None:
            return untyped, "type manque"
    return _dropped_by_type(node, kinds)


def _dropped_by_type(node: Mapping[str, Any], kinds: set[str]) -> tuple[str, str] | None:
    if "multipleOf" in node:
        return "multipleOf", "aucun nombre n'y est compté"
    if "string" in kinds:
        shape = next((name for name in ("pattern", "format") if name in node), None)
        length = next((name for name in _LENGTHS if name in node), None)
        if "pattern" in node and "format" in node:
            return "format", "il est à côté de pattern"
        if shape and length:
            return length, f"il est à côté de {shape}"
        if "format" in node and (not isinstance(node["format"], str) or node["format"] not in FORMATS):
            return "format", f"connus : {', '.join(sorted(FORMATS))}"
    properties, patterns = node.get("properties"), node.get("patternProperties")
    if isinstance(patterns, dict) and (properties or len(patterns) > 1):
        return "patternProperties", "un seul motif y est lu, sans properties"
    if not set(_names(node.get("required"))) <= _mapping(properties).keys():
        return "required", "un nom exigé n'est pas dans properties"
    return None


def _mistyped(node: Mapping[str, Any], values: str) -> tuple[str, str] | None:
    wanted = node["enum"] if values == "enum" else [node["const"]]
    kinds = _types(node)
    if kinds and isinstance(wanted, list) and not all(any(_is(value, kind) for kind in kinds) for value in wanted):
        return values, "une de ses valeurs n'est pas du type demandé"
    return None


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, _KINDS.get(kind, ())) or (
        kind == "integer" and isinstance(value, float) and value.is_integer()
    )


def _types(node: Mapping[str, Any]) -> set[str]:
    kind = node.get("type")
    return {kind} if isinstance(kind, str) else set(kind) if isinstance(kind, list) else set()


def _disjoint(root: Any, branches: list[Any]) -> bool:
    """Vrai si aucun texte ne satisfait deux de ces schémas, d'après leurs valeurs, leurs types ou une propriété."""
    kinds: set[str] = set()
    objects: list[Mapping[str, Any]] = []
    literals: list[list[Any]] = []
    for branch in (_resolved(root, one) for one in branches):
        values = _values(branch)
        if values is not None:
            literals.append(values)
            continue
        found = _widened(_types(branch)) if isinstance(branch, dict) else set()
        if found == {"object"}:
            objects.append(branch)
            continue
        if not found or found & kinds:
            return False
        kinds |= found
    if objects:
        if "object" in kinds or (len(objects) > 1 and not _told_apart(root, objects)):
            return False
        kinds.add("object")
    return _distinct(literals) and not any(
        _is(value, kind) for values in literals for value in values for kind in kinds
    )


def _told_apart(root: Any, objects: list[Mapping[str, Any]]) -> bool:
    """Vrai si une propriété exigée de tous a dans chacun d'autres valeurs."""
    shared = set.intersection(*(set(_names(one.get("required"))) for one in objects))
    for name in shared:
        found = [_values(_resolved(root, _mapping(one.get("properties")).get(name))) for one in objects]
        told = [values for values in found if values is not None]
        if len(told) == len(objects) and _distinct(told):
            return True
    return False


def _distinct(groups: list[list[Any]]) -> bool:
    """Vrai si aucune valeur n'est de deux groupes."""
    seen: set[bytes] = set()
    for values in groups:
        keys = {orjson.dumps(_plain(value), option=orjson.OPT_SORT_KEYS) for value in values}
        if keys & seen:
            return False
        seen |= keys
    return True


def _plain(value: Any) -> Any:
    """2,0 et 2 sont en JSON la même valeur."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _values(node: Any) -> list[Any] | None:
    if isinstance(node, dict):
        if "const" in node:
            return [node["const"]]
        if isinstance(node.get("enum"), list):
            return list(node["enum"])
    return None


def _names(names: Any) -> list[str]:
    return [str(name) for name in names] if isinstance(names, list) else []


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _widened(kinds: set[str]) -> set[str]:
    return kinds | {"integer"} if "number" in kinds else kinds


def _resolved(root: Any, node: Any) -> Any:
    for _ in range(8):
        if not isinstance(node, dict) or not isinstance(node.get("$ref"), str):
            break
        node = target(root, node["$ref"])
    return node
