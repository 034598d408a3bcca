"""La mesure d'une expression régulière ou d'une grammaire écrite : ses répétitions, ses règles, sa profondeur.

Rien n'est vérifié de la syntaxe : c'est au moteur de la refuser. GBNF, EBNF et Lark se lisent ici de la même façon.
"""

import json
import re
from collections.abc import Callable, Hashable
from typing import Any

from server.front.chat.growth import CEILING, Part

# Une chaîne ou une classe jamais close va jusqu'au bout : y revenir à chaque ouverture coûterait le carré du texte.
_REGEX = re.compile(
    r"\\.|\[\^?\]?(?:\\.|[^\]\\])*(?:\]|\\?\Z)|[()]|\{\s*(\d+)\s*(?:,\s*(\d*)\s*)?\}|[*+?]|.", re.DOTALL
)
_GRAMMAR = r"""
      (?P<text>"(?:\\.|[^"\\])*(?:"i?|\\?\Z)|'(?:\\.|[^'\\])*(?:'|\\?\Z)CLASS)
    | (?P<comment>\#[^\n]*|//[^\n]*)
    | (?P<regex>/(?:\\.|[^/\\\n])+/[a-z]*)
    | (?P<json>%json\s*(?=\{))
    | (?P<define>::=|:)
    | (?P<name>[A-Za-z_][\w-]*)
    | (?P<repeat>\{\s*(?P<low>\d+)\s*(?:,\s*(?P<high>\d*)\s*)?\}|~\s*(?P<from>\d+)(?:\s*\.\.\s*(?P<to>\d+))?)
    | (?P<open>[(\[])
    | (?P<close>[)\]])
    | (?P<other>[^\s*+?])
"""
_FLAGS = re.VERBOSE | re.DOTALL
_READINGS = (
    re.compile(_GRAMMAR.replace("CLASS", r"|\[\^?(?:\\.|[^\]\\])*(?:\]|\\?\Z)"), _FLAGS),
    re.compile(_GRAMMAR.replace("CLASS", ""), _FLAGS),
)
"""Les crochets sont une classe de caractères en EBNF, un groupe facultatif en Lark : les deux lectures comptent."""

MeasureJson = Callable[[Any], Part]
TooDeep = Callable[[int], None]
"""Reçoit chaque profondeur de parenthèses atteinte, et refuse la première de trop."""


class _Groups:
    """Les groupes ouverts d'une règle : ce que chacun contient sera multiplié s'il est répété."""

    def __init__(self, deep: TooDeep) -> None:
        self._deep = deep
        self._stack: list[Part] = []
        self._here = Part(nodes=0)
        self._last, self._times = Part(nodes=0), 1

    def atom(self, part: Part | None = None) -> None:
        """Un élément de plus ; sans `part`, un caractère ou une classe."""
        self._settle()
        self._last = part or Part()

    def open(self) -> None:
        self._settle()
        self._stack.append(self._here)
        self._deep(len(self._stack))
        self._here = Part(nodes=0)

    def close(self) -> None:
        if self._stack:
            self._settle()
            self._here, self._last = self._stack.pop(), self._here

    def repeat(self, times: int) -> None:
        """Répète le dernier élément."""
        self._times = min(CEILING, self._times * max(1, times))

    def forget(self) -> None:
        """Le dernier élément n'en était pas un : c'était le nom d'une règle qui commence."""
        self._last, self._times = Part(nodes=0), 1

    def end(self) -> Part:
        while self._stack:
            self.close()
        self._settle()
        return self._here

    def _settle(self) -> None:
        last, times = self._last, self._times
        self._last, self._times = Part(nodes=0), 1
        self._here.repetitions = min(CEILING, max(self._here.repetitions, last.repetitions * times))
        self._here.nodes = min(CEILING, self._here.nodes + last.nodes * times)
        self._here.calls += [(name, min(CEILING, factor * times)) for name, factor in last.calls]


def _count(*numbers: str | None) -> int:
    return max(int(number) if len(number) < 18 else CEILING for number in numbers if number)


def regex_part(text: str, deep: TooDeep) -> Part:
    """Mesure une expression régulière."""
    groups = _Groups(deep)
    for found in _REGEX.finditer(text):
        token = found[0]
        if token == "(":
            groups.open()
        elif token == ")":
            groups.close()
        elif found[1] is not None:
            groups.repeat(_count(found[1], found[2]))
        elif token not in ("*", "+", "?"):
            groups.atom()
    return groups.end()


def grammar_readings(text: str, deep: TooDeep, measure_json: MeasureJson) -> list[dict[Hashable, Part]]:
    """Mesure chaque règle d'une grammaire écrite, lecture par lecture ; avant la première règle, le nom est vide."""
    readings = _READINGS if "[" in text else _READINGS[:1]
    return [_parts(reading, text, deep, measure_json) for reading in readings]


def _parts(reading: re.Pattern[str], text: str, deep: TooDeep, measure_json: MeasureJson) -> dict[Hashable, Part]:
    parts: dict[Hashable, Part] = {}
    name = last = ""
    groups = _Groups(deep)

    def store() -> None:
        ended = groups.end()
        before = parts.setdefault(name, Part(nodes=0))
        before.repetitions = max(before.repetitions, ended.repetitions)
        before.nodes += ended.nodes
        before.calls += ended.calls

    position = 0
    while found := reading.search(text, position):
        position = found.end()
        match found.lastgroup:
            case "name":
                last = found[0]
                groups.atom(Part(calls=[(last, 1)]))
            case "define":
                if last:
                    groups.forget()
                    store()
                    name, groups = last, _Groups(deep)
            case "open":
                groups.open()
            case "close":
                groups.close()
            case "regex":
                groups.atom(regex_part(found[0][1:], deep))
            case "json":
                schema, position = _inline_json(text, position)
                groups.atom(measure_json(schema))
            case "text" | "other":
                groups.atom()
            case "comment":
                pass
            case _:
                groups.repeat(_count(found["low"], found["high"], found["from"], found["to"]))
    store()
    return parts


def _inline_json(text: str, position: int) -> tuple[Any, int]:
    try:
        return json.JSONDecoder().raw_decode(text, position)
    except (ValueError, RecursionError):
        return {}, position
