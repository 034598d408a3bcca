"""Les trames d'un flux ordinaire, écrites d'un gabarit pris à vLLM lui-même ; n'importe pas vLLM.

vLLM bâtit chaque trame par ses classes pydantic : près de la moitié de ce que coûte un jeton à son processus. Or d'une
trame à l'autre, seuls changent le texte et quelques nombres. On lui fait écrire une fois un flux aux valeurs connues
(`MADE`) ; ses trames, ces valeurs ôtées, sont le gabarit. Elles restent donc les siennes, octet pour octet, à chaque
version.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

import orjson


class Hole(Enum):
    """Ce qui change d'une trame à l'autre, ou d'un flux à l'autre."""

    ID = auto()
    CREATED = auto()
    MODEL = auto()
    ROLE = auto()
    TEXT = auto()
    FINISH = auto()
    STOP = auto()
    PROMPT = auto()
    COUNT = auto()
    TOTAL = auto()


@dataclass(frozen=True, slots=True)
class MadeOutput:
    """Sortie d'un flux fait exprès."""

    text: str
    tokens: int
    finish: str | None = None
    stop: int | str | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """Flux fait exprès, aux valeurs que rien d'autre ne porte."""

    id: str
    model: str
    prompt_tokens: int
    outputs: tuple[MadeOutput, ...]


_TEXT, _FINISH, _STOP = "gabarit-texte", "gabarit-fin", "gabarit-motif"
_WORD = MadeOutput(_TEXT, 1009)
MADE: Final = (
    Made("gabarit-id", "gabarit-modele", 70_001, (_WORD, MadeOutput("", 13), MadeOutput(_TEXT, 17, _FINISH, _STOP))),
    Made("gabarit-id", "gabarit-modele", 70_001, (_WORD, MadeOutput("", 13, _FINISH, _STOP))),
)
"""Un texte, une sortie sans texte, une fin ; puis une fin sans texte."""

_NAMES: Final[Mapping[Hole, tuple[str, ...]]] = {
    Hole.ID: ("id",),
    Hole.CREATED: ("created",),
    Hole.MODEL: ("model",),
    Hole.ROLE: ("role",),
    Hole.TEXT: ("content", "text"),
    Hole.FINISH: ("finish_reason",),
    Hole.STOP: ("stop_reason",),
    Hole.PROMPT: ("prompt_tokens",),
    Hole.COUNT: ("completion_tokens",),
    Hole.TOTAL: ("total_tokens",),
}
"""Champ de chaque valeur, selon la route."""

Piece = bytes | Hole
Pieces = tuple[Piece, ...]


class UnknownFrames(Exception):
    """Ce que vLLM a écrit ne se lit pas comme un gabarit."""


@dataclass(frozen=True, slots=True)
class Template:
    """Trames d'une sorte de flux."""

    first: Pieces
    """Avant la première sortie : le rôle ; vide s'il n'y en a pas."""
    word: Pieces
    silent: bool
    """Vrai si une sortie sans texte n'écrit rien."""
    last: Pieces
    last_empty: Pieces
    """La fin, quand la dernière sortie n'a pas de texte."""
    usage: Pieces
    """Après la fin : les comptes ; vide s'ils ne sont pas demandés."""

    @classmethod
    def learn(cls, streams: Sequence[Sequence[str]]) -> "Template":
        """Gabarit des trames que vLLM a écrites pour chaque flux de `MADE`.

        Raises:
            UnknownFrames: une trame attendue manque, ou ne porte pas les valeurs données.
        """
        if len(streams) != len(MADE):
            raise UnknownFrames(f"{len(streams)} flux au lieu de {len(MADE)}")
        whole, cut = (list(stream) for stream in streams)
        first: Pieces = ()
        if whole and "role" in _delta(whole[0]):
            first = _pieces(whole.pop(0), 0, (Hole.ROLE,))
            cut = cut[1:]
        with_usage = bool(whole) and _object(whole[-1]).get("choices") == []
        silent = len(whole) == len(cut)
        total = 3 - silent
        if len(whole) != total + with_usage or len(cut) != 2 + with_usage:
            raise UnknownFrames(f"{len(whole)} et {len(cut)} trames")
        word = _pieces(whole[0], 1009, (Hole.TEXT,))
        if not silent and _filled(word, _values(whole[1], 1022) | {Hole.TEXT: ""}) != whole[1].encode():
            raise UnknownFrames(f"une sortie sans texte n'a pas la forme des autres : {whole[1]}")
        ends = (Hole.FINISH, Hole.STOP)
        return cls(
            first=first,
            word=word,
            silent=silent,
            last=_pieces(whole[total - 1], 1039, (Hole.TEXT, *ends)),
            last_empty=_pieces(cut[1], 1022, ends),
            usage=_pieces(whole[total], 1039, (Hole.PROMPT, Hole.COUNT, Hole.TOTAL)) if with_usage else (),
        )

    def open(self, *, id: str, created: int, model: str, role: str) -> "Frames":
        """Trames d'un flux qui commence."""
        return Frames(self, {Hole.ID: id, Hole.CREATED: created, Hole.MODEL: model, Hole.ROLE: role})


class Frames:
    """Trames d'un flux."""

    __slots__ = ("_begun", "_count", "_head", "_prompt", "_tail", "_template", "_values", "_word", "id")

    def __init__(self, template: Template, values: Mapping[Hole, Any]) -> None:
        self.id: str = values[Hole.ID]
        self._template = template
        self._values = dict(values)
        self._word = _fixed(template.word, values)
        self._head = self._tail = b""
        if len(self._word) == 3 and self._word[1] is Hole.TEXT:
            head, _, tail = self._word
            assert isinstance(head, bytes) and isinstance(tail, bytes)
            self._head, self._tail = head, tail
        self._begun = False
        self._count = 0
        self._prompt = 0

    def add(self, text: str, tokens: int, finish: str | None, stop: int | str | None, prompt_tokens: int) -> bytes:
        """Trames d'une sortie ; vide quand vLLM se tairait."""
        before = b""
        if not self._begun:
            self._begun = True
            self._prompt = prompt_tokens
            before = self._fill(self._template.first)
        if not text and not tokens and not self._count:
            return before
        self._count += tokens
        if finish is not None:
            pieces = self._template.last if text else self._template.last_empty
            return before + self._fill(pieces, {Hole.TEXT: text, Hole.FINISH: finish, Hole.STOP: stop})
        if not text and self._template.silent:
            return before
        if self._head:
            return before + self._head + orjson.dumps(text) + self._tail
        return before + self._fill(self._word, {Hole.TEXT: text})

    def end(self) -> bytes:
        """Trame des comptes, si elle est demandée."""
        return self._fill(self._template.usage)

    def _fill(self, pieces: Pieces, more: Mapping[Hole, Any] | None = None) -> bytes:
        if not pieces:
            return b""
        counts = {Hole.PROMPT: self._prompt, Hole.COUNT: self._count, Hole.TOTAL: self._prompt + self._count}
        return _filled(pieces, {**self._values, **counts, **(more or {})})


def _delta(frame: str) -> Mapping[str, Any]:
    choices = _object(frame).get("choices") or [{}]
    found: Mapping[str, Any] = choices[0].get("delta") or {}
    return found


def _object(frame: str) -> Mapping[str, Any]:
    try:
        found = orjson.loads(frame.removeprefix("data: "))
    except orjson.JSONDecodeError as error:
        raise UnknownFrames(f"trame illisible : {frame[:100]}") from error
    if not isinstance(found, dict) or not frame.startswith("data: ") or not frame.endswith("\n\n"):
        raise UnknownFrames(f"trame illisible : {frame[:100]}")
    return found


def _pieces(frame: str, count: int, wanted: Sequence[Hole] = ()) -> Pieces:
    """Coupe une trame aux valeurs de `MADE`, dont celles de `wanted` ; `count` jetons y sont comptés."""
    said = _object(frame)
    rest: list[str | Hole] = [frame]
    seen: set[Hole] = set()
    for hole, value in _values(frame, count).items():
        if value is None:
            continue
        for name in _NAMES[hole]:
            mark, cut = f'"{name}":{orjson.dumps(value).decode()}', list[str | Hole]()
            for piece in rest:
                if isinstance(piece, Hole) or mark not in piece:
                    cut.append(piece)
                    continue
                before, _, after = piece.partition(mark)
                # Un nombre plus long commencerait de même.
                if hole in seen or after[:1] not in (",", "}") or mark in after:
                    raise UnknownFrames(f"{name} : {said}")
                seen.add(hole)
                cut += [f'{before}"{name}":', hole, after]
            rest = cut
    missing = {Hole.ID, Hole.CREATED, Hole.MODEL, *wanted} - seen
    if missing:
        raise UnknownFrames(f"{', '.join(sorted(hole.name for hole in missing))} : {said}")
    return tuple(piece if isinstance(piece, Hole) else piece.encode() for piece in rest)


def _values(frame: str, count: int) -> dict[Hole, Any]:
    """Valeurs qu'une trame de `MADE` peut porter."""
    made = MADE[0]
    return {
        Hole.ID: made.id,
        Hole.CREATED: _object(frame).get("created"),
        Hole.MODEL: made.model,
        Hole.ROLE: _delta(frame).get("role"),
        Hole.TEXT: _TEXT,
        Hole.FINISH: _FINISH,
        Hole.STOP: _STOP,
        Hole.PROMPT: made.prompt_tokens,
        Hole.COUNT: count,
        Hole.TOTAL: made.prompt_tokens + count,
    }


def _fixed(pieces: Pieces, values: Mapping[Hole, Any]) -> Pieces:
    """Remplit ce qui ne changera plus du flux, et joint ce qui se touche."""
    found: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, Hole) and piece in values:
            piece = orjson.dumps(values[piece])
        if found and isinstance(piece, bytes) and isinstance(found[-1], bytes):
            found[-1] += piece
        else:
            found.append(piece)
    return tuple(found)


def _filled(pieces: Pieces, values: Mapping[Hole, Any]) -> bytes:
    """Trame entière."""
    return b"".join(piece if isinstance(piece, bytes) else orjson.dumps(values[piece]) for piece in pieces)
