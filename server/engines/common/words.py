"""Des jetons d'un moteur aux mots d'un texte : chaque mot est une tranche du texte, avec ses instants.

Un moteur coupe où son vocabulaire coupe (« ill » et « -disposed », « l » et « 'eau »), et n'aligne pas tout. Un mot est
ce que séparent les espaces du texte ; dans une écriture sans espaces, ce que le moteur a séparé.
"""

import math
import unicodedata
from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import pairwise

from server.engines.base_audio import RecognizedWord
from server.slices import SPACES, unspaced

_LEAST = 0.02
"""Durée d'un mot au moins, en secondes."""
_LETTER = 0.08
"""Durée d'une lettre d'un mot que rien ne date, en secondes."""

_Bounds = tuple[float, float] | None


def words_of(text: str, tokens: Sequence[RecognizedWord], seconds: float) -> list[tuple[int, RecognizedWord]]:
    """Mots du texte et leur place, dans l'ordre.

    Args:
        text: texte, aux espaces simples.
        tokens: ce que le moteur a daté ; une borne négative est inconnue.
        seconds: durée de la fenêtre, dont aucune borne ne sort.
    """
    owners = _owners(text, tokens)
    places = list(_places(text, owners))
    bounds = [_heard(owners[start:end], tokens) for start, end in places]
    settled = _settled(bounds, [end - start for start, end in places], seconds)
    return [
        (start, RecognizedWord(text[start:end], begin, finish, _confidence(owners[start:end], tokens)))
        for (start, end), (begin, finish) in zip(places, settled, strict=True)
    ]


_Owner = tuple[int, float, float] | None
"""Jeton d'un caractère, et la part de sa durée où il commence et finit."""


def _owners(text: str, tokens: Sequence[RecognizedWord]) -> list[_Owner]:
    """Jeton de chaque caractère du texte, espaces à part ; aucun là où texte et jetons diffèrent."""
    heard: list[_Owner] = []
    letters: list[str] = []
    for rank, token in enumerate(tokens):
        own = [letter for letter in token.text if not letter.isspace()]
        letters += own
        heard += [(rank, at / len(own), (at + 1) / len(own)) for at in range(len(own))]
    written = [at for at, letter in enumerate(text) if not letter.isspace()]
    owners: list[_Owner] = [None] * len(text)
    said = "".join(letters)
    plain = "".join(text[at] for at in written)
    # Presque toujours égaux ; sinon un moteur a normalisé l'un des deux, et ce qui coïncide garde ses instants.
    blocks = [(0, 0, len(said))] if said == plain else SequenceMatcher(None, plain, said, False).get_matching_blocks()
    for one, other, size in blocks:
        for step in range(size):
            owners[written[one + step]] = heard[other + step]
    return owners


def _places(text: str, owners: Sequence[_Owner]) -> list[tuple[int, int]]:
    """Début et fin de chaque mot."""
    places: list[tuple[int, int]] = []
    edges = [0, *(edge for found in SPACES.finditer(text) for edge in found.span()), len(text)]
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        if start == end:
            continue
        cuts = [start]
        last: int | None = None
        for at in range(start, end):
            owner = owners[at]
            rank = last if owner is None else owner[0]
            if at > start and rank != last and _parted(text[at - 1], text[at]):
                cuts.append(at)
            last = rank
        places += pairwise([*cuts, end])
    return places


def _parted(before: str, after: str) -> bool:
    """Vrai si deux caractères qui se touchent peuvent être de deux mots."""
    if not (unspaced(before) or unspaced(after)):
        return False
    closing = unicodedata.category(after) in ("Mn", "Mc", "Me", "Lm", "Pe", "Pf", "Po")
    return not closing and unicodedata.category(before) not in ("Ps", "Pi")


def _heard(owners: Sequence[_Owner], tokens: Sequence[RecognizedWord]) -> _Bounds:
    """Bornes d'un mot, d'après celles de ses jetons qui en ont."""
    known = [
        (token.start + (token.end - token.start) * low, token.start + (token.end - token.start) * high)
        for token, low, high in ((tokens[owner[0]], owner[1], owner[2]) for owner in owners if owner is not None)
        if math.isfinite(token.start) and math.isfinite(token.end) and token.start >= 0
    ]
    return (known[0][0], max(end for _, end in known)) if known else None


def _confidence(owners: Sequence[_Owner], tokens: Sequence[RecognizedWord]) -> float | None:
    ranks = dict.fromkeys(owner[0] for owner in owners if owner is not None)
    known = [found for found in (tokens[rank].confidence for rank in ranks) if found is not None]
    return sum(known) / len(known) if known else None


def _settled(heard: Sequence[_Bounds], letters: Sequence[int], seconds: float) -> list[tuple[float, float]]:
    """Bornes dans l'ordre, dans la fenêtre, sans recouvrement ni durée nulle.

    Un mot sans borne prend sa part du temps libre entre ses voisins, ou partage le leur s'il n'y en a pas.
    """
    bounds = _ordered(heard, letters, seconds)
    while (run := _unknown(bounds)) is not None:
        first, last = run
        low = _edge(bounds, first - 1, 1, 0.0)
        high = _edge(bounds, last, 0, seconds)
        if high - low >= _LEAST * (last - first):
            # Contre le voisin, s'il y en a un : le reste du temps libre est un silence.
            taken = _LETTER * sum(letters[first:last])
            if first:
                high = min(high, low + taken)
            elif last < len(bounds):
                low = max(low, high - taken)
        while high - low < _LEAST * (last - first) and (first or last < len(bounds)):
            if first:
                first -= 1
                low = _edge(bounds, first, 0, low)
            else:
                high = _edge(bounds, last, 1, high)
                last += 1
        if not first and last == len(bounds) and high - low < _LEAST * last:
            low, high = 0.0, seconds
        spread = sum(letters[first:last])
        for index in range(first, last):
            end = low + (high - low) * letters[index] / spread
            spread -= letters[index]
            bounds[index] = (low, end)
            low = end
    return [bound for bound in bounds if bound is not None]


def _edge(bounds: Sequence[_Bounds], index: int, side: int, otherwise: float) -> float:
    """Début (0) ou fin (1) d'un mot s'il en a."""
    bound = bounds[index] if 0 <= index < len(bounds) else None
    return otherwise if bound is None else bound[side]


def _ordered(heard: Sequence[_Bounds], letters: Sequence[int], seconds: float) -> list[_Bounds]:
    """Bornes connues, dans l'ordre ; celles qui ne laissent pas de place au mot sont oubliées."""
    bounds: list[_Bounds] = []
    clock = 0.0
    for found in heard:
        if found is None:
            bounds.append(None)
            continue
        clock = min(seconds, max(clock, found[0]))
        bounds.append((clock, min(seconds, found[1])))
    following = seconds
    for index in range(len(bounds) - 1, -1, -1):
        bound = bounds[index]
        if bound is None:
            continue
        start, end = bound
        end = min(following, end if end - start >= _LEAST else start + _LETTER * letters[index])
        bounds[index] = (start, end) if end - start >= _LEAST else None
        following = start
    return bounds


def _unknown(bounds: Sequence[_Bounds]) -> tuple[int, int] | None:
    """Première suite de mots sans bornes."""
    first = next((index for index, bound in enumerate(bounds) if bound is None), None)
    if first is None:
        return None
    return first, next((index for index in range(first, len(bounds)) if bounds[index] is not None), len(bounds))
