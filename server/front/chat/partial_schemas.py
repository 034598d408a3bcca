"""Ce que xgrammar, la bibliothèque de grammaires de vLLM, laisse tomber sans le dire de mots clés qu'elle a pourtant.

Relevé en lui faisant accepter des textes qu'un schéma exclut ; `tests/engines/test_vllm_schemas.py` le rejoue. Un
schéma de pydantic n'en a rien, sauf `multipleOf`.
"""

from collections.abc import Mapping
from typing import Any

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
        if "format" in node and node["format"] not in FORMATS:
            return "format", f"connus : {', '.join(sorted(FORMATS))}"
    properties, patterns = node.get("properties"), node.get("patternProperties")
    if isinstance(patterns, dict) and (properties or len(patterns) > 1):
        return "patternProperties", "un seul motif y est lu, sans properties"
    required = node.get("required")
    if isinstance(required, list) and not set(map(str, required)) <= set(properties or ()):
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
    """Vrai si aucun texte ne satisfait deux de ces schémas, d'après leurs types ou une propriété qui les distingue."""
    found = [_resolved(root, branch) for branch in branches]
    return all(_apart(root, one, other) for rank, one in enumerate(found) for other in found[:rank])


def _apart(root: Any, one: Any, other: Any) -> bool:
    if not isinstance(one, dict) or not isinstance(other, dict):
        return False
    mine, others = _values(one), _values(other)
    if mine is not None and others is not None:
        return not any(value in others for value in mine)
    first, second = _widened(_types(one)), _widened(_types(other))
    if first and second and not first & second:
        return True
    if first != {"object"} or second != {"object"}:
        return False
    shared = set(one.get("required") or ()) & set(other.get("required") or ())
    for name in shared:
        left = _values(_resolved(root, (one.get("properties") or {}).get(name)))
        right = _values(_resolved(root, (other.get("properties") or {}).get(name)))
        if left is not None and right is not None and not any(value in right for value in left):
            return True
    return False


def _values(node: Any) -> list[Any] | None:
    if isinstance(node, dict):
        if "const" in node:
            return [node["const"]]
        if isinstance(node.get("enum"), list):
            return list(node["enum"])
    return None


def _widened(kinds: set[str]) -> set[str]:
    return kinds | {"integer"} if "number" in kinds else kinds


def _resolved(root: Any, node: Any) -> Any:
    for _ in range(8):
        if not isinstance(node, dict) or not isinstance(node.get("$ref"), str):
            break
        node = target(root, node["$ref"])
    return node
