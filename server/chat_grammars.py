"""Où une requête de conversation porte une grammaire : une seule liste, lue par les fronts et par les moteurs.

Une grammaire est tout ce qu'un moteur compile pour contraindre sa réponse : schéma JSON, expression régulière,
grammaire écrite, liste de choix. Le front la mesure (`server/front/chat/grammars.py`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class GrammarKind(StrEnum):
    """Langue d'une grammaire."""

    JSON = "json"
    """Schéma JSON, objet ou texte."""
    TAG = "tag"
    """Étiquette structurelle de vLLM : du JSON qui contient des schémas."""
    REGEX = "regex"
    """Expression régulière."""
    GRAMMAR = "grammar"
    """Grammaire écrite : GBNF, EBNF ou Lark."""
    CHOICE = "choice"
    """Liste de textes."""


@dataclass(frozen=True, slots=True)
class Grammar:
    """Grammaire d'une requête."""

    field: str
    """Champ qui la porte."""
    kind: GrammarKind
    """Langue."""
    source: Any
    """Ce que le champ contient, pas encore vérifié."""


_FIELDS = {  # llama.cpp
    "json_schema": GrammarKind.JSON,
    "grammar": GrammarKind.GRAMMAR,
}
_STRUCTURED = {  # vLLM
    "json": GrammarKind.JSON,
    "regex": GrammarKind.REGEX,
    "choice": GrammarKind.CHOICE,
    "grammar": GrammarKind.GRAMMAR,
    "structural_tag": GrammarKind.TAG,
}
_SHAPE = {"schema": GrammarKind.JSON}
"""Ce que `response_format` porte hors de `json_schema` : le schéma d'un `json_object`."""


def grammars(body: Mapping[str, Any]) -> Iterator[Grammar]:
    """Grammaires d'une requête, outils compris ; un champ nul vaut absent, un champ d'un autre type est laissé."""
    shape = body.get("response_format")
    if isinstance(shape, dict):
        inner = shape.get("json_schema")
        if isinstance(inner, dict) and inner.get("schema") is not None:
            yield Grammar("response_format.json_schema.schema", GrammarKind.JSON, inner["schema"])
        yield from _named(shape, "response_format.", _SHAPE)
    yield from _named(body, "", _FIELDS)
    structured = body.get("structured_outputs")
    if isinstance(structured, dict):
        yield from _named(structured, "structured_outputs.", _STRUCTURED)
    tools = body.get("tools")
    for index, tool in enumerate(tools if isinstance(tools, list) else ()):
        function = tool.get("function") if isinstance(tool, dict) else None
        if isinstance(function, dict) and function.get("parameters") is not None:
            yield Grammar(f"tools[{index}].function.parameters", GrammarKind.JSON, function["parameters"])


def _named(body: Mapping[str, Any], prefix: str, names: Mapping[str, GrammarKind]) -> Iterator[Grammar]:
    for name, kind in names.items():
        if body.get(name) is not None:
            yield Grammar(prefix + name, kind, body[name])
