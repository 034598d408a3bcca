"""Les bornes des grammaires d'une requête : ce qu'un moteur aurait à dérouler, mesuré avant qu'aucun ne le voie.

Une grammaire de deux cents octets peut en demander des milliards à qui la compile. La mesure, elle, ne déroule rien et
visite chaque nœud une fois.
"""

from collections.abc import Hashable, Mapping
from typing import Any
from urllib.parse import unquote

import orjson

from server.chat_grammars import Grammar, GrammarKind, grammars
from server.domain import Limits
from server.front.chat.growth import CEILING, Part, unrolled
from server.front.chat.patterns import grammar_readings, regex_part
from server.front.checks import refusal

_REPEATS = frozenset(f"{end}{what}" for end in ("min", "max") for what in ("Items", "Length", "Properties", "Contains"))
_BY_NAME = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"})
"""Mots clés dont l'objet associe des noms à des schémas."""
_DATA = frozenset({"enum", "const", "default", "examples", "example"})
"""Mots clés dont la valeur n'est pas un schéma."""
_REFERENCES = frozenset({"$ref", "$dynamicRef", "$recursiveRef"})
_PATTERNS = frozenset({"pattern", "regex"})
_TOOLS = "tools"
_SHOWN = 120
"""Caractères montrés d'un chemin : ses noms sont ceux de l'appelant."""


def check_grammars(data: Mapping[str, Any], limits: Limits) -> None:
    """Refuse une requête dont une grammaire dépasse les limites.

    Raises:
        InvalidRequest: `metadata["field"]` nomme la grammaire, et l'endroit du dépassement s'il y en a un.
    """
    found = list(grammars(data))
    sizes = {_TOOLS: 0, "": 0}
    for grammar in found:
        group, most = (_TOOLS, limits.max_tools_bytes) if _is_tool(grammar) else ("", limits.max_grammar_bytes)
        sizes[group] += _size(grammar, limits)
        if sizes[group] > most:
            expected = f"les grammaires d'une requête comptent ensemble au plus {most} octets"
            raise refusal(group or grammar.field, expected, sizes[group], limit=most)
    measure = _Measure(limits)
    for grammar in found:
        measure.check(grammar)


def _is_tool(grammar: Grammar) -> bool:
    return grammar.field.startswith(f"{_TOOLS}[")


def _size(grammar: Grammar, limits: Limits) -> int:
    source = grammar.source
    text = source.encode("utf-8", "surrogatepass") if isinstance(source, str) else orjson.dumps(source)
    if len(text) > limits.max_grammar_bytes:
        expected = f"un schéma ou une grammaire compte au plus {limits.max_grammar_bytes} octets"
        raise refusal(grammar.field, expected, len(text), limit=limits.max_grammar_bytes)
    return len(text)


class _Measure:
    """Mesure des grammaires d'une requête, une à une ; ce qu'elle visite est compté pour toutes."""

    def __init__(self, limits: Limits) -> None:
        self._field = ""
        self._limits = limits
        self._visited = 0

    def check(self, grammar: Grammar) -> None:
        """Refuse une grammaire de trop grande taille une fois déroulée."""
        self._field, source = grammar.field, grammar.source
        if grammar.kind is GrammarKind.CHOICE:
            self._choices(source, ())
        elif grammar.kind in (GrammarKind.JSON, GrammarKind.TAG):
            self._whole(self._json(read_schema(source, self._field)))
        elif not isinstance(source, str):
            raise refusal(self._field, "une chaîne est attendue", source)
        elif grammar.kind is GrammarKind.REGEX:
            self._whole(regex_part(source, self._deep))
        else:
            for parts in grammar_readings(source, self._deep, self._json):
                self._whole(unrolled(parts, parts))

    def _whole(self, part: Part) -> None:
        self._repetitions(part.repetitions, ())
        most = self._limits.max_grammar_nodes
        if part.nodes > most:
            expected = f"répétitions et références déroulées, au plus {most} éléments sont attendus"
            raise refusal(self._field, expected, part.nodes, limit=most)

    def _json(self, schema: Any) -> Part:
        parts: dict[Hashable, Part] = {}
        waiting = [schema]
        while waiting:
            node = waiting.pop()
            if id(node) not in parts:
                part = parts[id(node)] = Part(nodes=0)
                waiting += self._walk(schema, node, part)
        return unrolled(parts, [id(schema)])

    def _walk(self, root: Any, node: Any, part: Part) -> list[Any]:
        """Mesure `node` sans suivre ses références, et rend ce qu'elles désignent."""
        found: list[Any] = []
        stack: list[tuple[Any, int, tuple[str, ...], bool]] = [(node, 1, (), True)]
        while stack:
            value, factor, path, is_schema = stack.pop()
            self._visit(path)
            part.nodes = min(CEILING, part.nodes + factor)
            part.repetitions = max(part.repetitions, factor)
            if isinstance(value, list):
                self._choices(value, path)
                stack += [(item, factor, (*path, str(i)), is_schema) for i, item in enumerate(value)]
            elif isinstance(value, dict):
                self._choices(value, path)
                if is_schema:
                    factor = self._repeated(value, factor, path)
                    part.repetitions = max(part.repetitions, factor)
                    part.nodes = min(CEILING, part.nodes + factor)
                for name, child in value.items():
                    if is_schema and name in _REFERENCES and isinstance(child, str):
                        named = target(root, child)
                        if named is not None:
                            found.append(named)
                            part.calls.append((id(named), factor))
                    elif is_schema and name in _BY_NAME and isinstance(child, dict):
                        self._by_name(name, child, factor, (*path, name), part)
                        stack += [(one, factor, (*path, name, key), True) for key, one in child.items()]
                    elif isinstance(child, dict | list):
                        stack.append((child, factor, (*path, name), is_schema and name not in _DATA))
                    elif is_schema and isinstance(child, str):
                        self._text(name, child, factor, (*path, name), part)
        return found

    def _by_name(self, name: str, named: Mapping[str, Any], factor: int, path: tuple[str, ...], part: Part) -> None:
        self._choices(named, path)
        if name == "patternProperties":
            for pattern in named:
                self._text("pattern", pattern, factor, path, part)

    def _text(self, name: str, text: str, factor: int, path: tuple[str, ...], part: Part) -> None:
        """Un texte qu'un moteur lirait comme une expression ou une grammaire."""
        if name in _PATTERNS:
            inner = [regex_part(text, self._deep)]
        elif name == "grammar":
            inner = [unrolled(parts, parts) for parts in grammar_readings(text, self._deep, self._json)]
        else:
            return
        for one in inner:
            part.repetitions = min(CEILING, max(part.repetitions, factor * one.repetitions))
            part.nodes = min(CEILING, part.nodes + factor * one.nodes)

    def _repeated(self, schema: Mapping[str, Any], factor: int, path: tuple[str, ...]) -> int:
        times = 1
        for name in _REPEATS & schema.keys():
            value = schema[name]
            if isinstance(value, int | float):
                self._repetitions(factor * value, (*path, name))
                times = max(times, int(value))
        return factor * times

    def _repetitions(self, value: float, path: tuple[str, ...]) -> None:
        most = self._limits.max_grammar_repetitions
        # Écrite ainsi, la comparaison refuse aussi NaN.
        if not value <= most:
            expected = f"les répétitions, multipliées quand elles s'imbriquent, sont au plus {most}"
            raise refusal(self._at(path), expected, value, limit=most)

    def _choices(self, values: Any, path: tuple[str, ...]) -> None:
        most = self._limits.max_grammar_choices
        if isinstance(values, list | dict) and len(values) > most:
            raise refusal(self._at(path), f"au plus {most} éléments sont attendus ici", len(values), limit=most)

    def _visit(self, path: tuple[str, ...]) -> None:
        self._visited += 1
        if self._visited > self._limits.max_grammar_nodes:
            most = self._limits.max_grammar_nodes
            raise refusal(self._field, f"au plus {most} éléments sont attendus", self._visited, limit=most)
        if len(path) > self._limits.max_grammar_depth:
            self._deep(len(path))

    def _deep(self, depth: int) -> None:
        most = self._limits.max_grammar_depth
        if depth > most:
            raise refusal(self._field, f"au plus {most} niveaux imbriqués sont attendus", depth, limit=most)

    def _at(self, path: tuple[str, ...]) -> str:
        return shown_path(self._field, path)


def shown_path(field: str, path: tuple[str, ...]) -> str:
    """Chemin dans une grammaire, abrégé : ses noms sont ceux de l'appelant."""
    return ".".join((field, *path))[:_SHOWN]


def read_schema(source: Any, field: str) -> Any:
    """Schéma, qu'il soit donné en objet ou en texte."""
    if not isinstance(source, str):
        return source
    try:
        return orjson.loads(source)
    except orjson.JSONDecodeError:
        raise refusal(field, "un schéma JSON est attendu", source) from None


def target(root: Any, reference: str) -> Any:
    """Ce que désigne un pointeur JSON de ce document, sinon `None` : une autre référence n'est suivie par personne."""
    if not reference.startswith("#"):
        return None
    node = root
    for step in reference[1:].split("/")[1:]:
        name = unquote(step).replace("~1", "/").replace("~0", "~")
        if isinstance(node, list) and name.isdecimal() and len(name) < 6 and int(name) < len(node):
            node = node[int(name)]
        elif isinstance(node, dict) and name in node:
            node = node[name]
        else:
            return None
    return node if isinstance(node, dict | list) else None
