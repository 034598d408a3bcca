"""Ce qu'un schéma JSON demande, face à ce qu'un moteur en applique : rien n'est laissé tomber sans le dire.

Une bibliothèque de grammaires ignore souvent un mot clé qu'elle n'a pas, et répond comme s'il n'était pas là. Ce qui
n'est ni appliqué, ni une simple annotation, est refusé par son chemin ; docs/champs.md dit ce qui l'est. Le reste
(valeurs d'un mot clé, schéma que rien ne satisfait) se voit à l'essai de la compilation, chez le moteur.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from server.chat_grammars import Grammar, GrammarKind, grammars
from server.front.chat.grammars import read_schema, shown_path, target
from server.front.chat.shapes import forced_tools
from server.front.checks import JsonObject, refusal

_APPLIED = """
type enum const properties required additionalProperties patternProperties minProperties maxProperties items prefixItems
additionalItems minItems maxItems minLength maxLength pattern format minimum maximum exclusiveMinimum exclusiveMaximum
multipleOf anyOf oneOf allOf $ref $defs definitions
"""
APPLIED = frozenset(_APPLIED.split())
"""Mots clés que tous les moteurs appliquent, ou refusent."""
_ANNOTATIONS = """
title description default examples example $comment $schema $id $anchor deprecated readOnly writeOnly contentEncoding
contentMediaType contentSchema discriminator nullable externalDocs
"""
ANNOTATIONS = frozenset(_ANNOTATIONS.split())
"""Mots clés qui ne font que décrire ; `x-…` de même."""
_SETTING = "x-guidance"
"""Réglages de llguidance : l'un d'eux lui fait ignorer ce qu'elle n'a pas."""
_TYPES = ("object", "array", "string", "number", "integer", "boolean", "null")
_NAMED = ("properties", "patternProperties", "$defs", "definitions")
_ONE = ("items", "additionalProperties", "additionalItems")
_LISTS = ("items", "prefixItems", "anyOf", "oneOf", "allOf")

Path = tuple[str, ...]


def constrained(data: JsonObject) -> tuple[Grammar, ...]:
    """Schémas d'une requête que son moteur impose, dont les arguments d'un outil exigé, nommé ou strict."""
    tools = {f"tools[{index}].function.parameters" for index in forced_tools(data)}
    found = []
    for grammar in grammars(data):
        if grammar.kind is GrammarKind.TAG:
            found += list(_tagged(grammar.field, read_schema(grammar.source, grammar.field)))
        elif grammar.kind is GrammarKind.JSON and (not grammar.field.startswith("tools[") or grammar.field in tools):
            found.append(Grammar(grammar.field, grammar.kind, read_schema(grammar.source, grammar.field)))
    return tuple(found)


def check_schema(grammar: Grammar) -> None:
    """Refuse un schéma qui porte un mot clé qu'aucun moteur n'applique, un type inconnu ou une référence sans cible.

    Raises:
        InvalidRequest: `metadata["field"]` dit où.
    """
    for path, node in nodes(grammar.source):
        where = shown_path(grammar.field, path)
        if isinstance(node, bool):
            continue
        if not isinstance(node, dict):
            raise refusal(where, "un schéma JSON est attendu, objet ou booléen", node)
        for name in node:
            if name not in APPLIED and name not in ANNOTATIONS and (name == _SETTING or not name.startswith("x-")):
                at = shown_path(grammar.field, (*path, name))
                raise refusal(at, "aucun moteur n'applique ce mot clé de schéma ; retirez-le", node[name])
        _check_type(node, shown_path(grammar.field, (*path, "type")))
        reference = node.get("$ref")
        if reference is not None and not _is_local(grammar.source, reference):
            at = shown_path(grammar.field, (*path, "$ref"))
            raise refusal(at, "un pointeur vers ce même schéma est attendu (#/$defs/…)", reference)


def nodes(schema: Any) -> Iterator[tuple[Path, Any]]:
    """Chaque schéma de celui-ci, avec son chemin ; une référence n'est pas suivie."""
    stack: list[tuple[Path, Any]] = [((), schema)]
    while stack:
        path, node = stack.pop()
        yield path, node
        if not isinstance(node, dict):
            continue
        for name in _NAMED:
            if isinstance(node.get(name), dict):
                stack += [((*path, name, key), child) for key, child in node[name].items()]
        for name in _ONE:
            if name in node and not isinstance(node[name], list):
                stack.append(((*path, name), node[name]))
        for name in _LISTS:
            if isinstance(node.get(name), list):
                stack += [((*path, name, str(index)), child) for index, child in enumerate(node[name])]


def _is_local(root: Any, reference: Any) -> bool:
    if not isinstance(reference, str):
        return False
    return reference == "#" or (reference.startswith("#/") and target(root, reference) is not None)


def _check_type(node: Mapping[str, Any], where: str) -> None:
    if "type" not in node:
        return
    kinds = node["type"] if isinstance(node["type"], list) else [node["type"]]
    for kind in kinds or [None]:
        if not isinstance(kind, str) or kind not in _TYPES:
            allowed = ", ".join(_TYPES)
            raise refusal(where, f"un de ces types est attendu : {allowed}", kind, limit=allowed)


def _tagged(field: str, tag: Any) -> Iterator[Grammar]:
    """Schémas d'une étiquette structurelle."""
    stack: list[tuple[Path, Any]] = [((), tag)]
    while stack:
        path, node = stack.pop()
        children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
        for name, child in children:
            if name in ("schema", "json_schema"):
                where = shown_path(field, (*path, str(name)))
                yield Grammar(where, GrammarKind.JSON, read_schema(child, where))
            else:
                stack.append(((*path, str(name)), child))
