"""La langue d'une fenêtre, ou de ses parties : Whisper n'en suit qu'une par décodage, et paraphrase les autres.

Une fenêtre se partage à ses silences en morceaux assez longs pour que leur langue soit sûre ; ceux qui se suivent dans
une même langue se décodent d'un trait.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from server.engines.base_audio import SAMPLE_RATE

FIRM = 0.8
"""Probabilité à partir de laquelle un morceau a sa propre langue."""
_LEAST = int(1.5 * SAMPLE_RATE)
"""Durée d'un morceau au moins : plus court, sa langue serait tirée au sort."""


@dataclass(frozen=True, slots=True)
class Run:
    """Partie d'une fenêtre dite dans une langue, en échantillons ; fin exclue."""

    start: int
    end: int
    language: str
    probability: float


def pieces_of(speech: Sequence[tuple[int, int]], length: int) -> list[tuple[int, int]]:
    """Morceaux d'une fenêtre, coupés au milieu de ses silences ; une parole trop courte suit la plus proche.

    Args:
        speech: prises de parole, dans le repère de la fenêtre.
        length: échantillons de la fenêtre.
    """
    spans = list(speech)
    while len(spans) > 1:
        short = min(range(len(spans)), key=lambda index: spans[index][1] - spans[index][0])
        if spans[short][1] - spans[short][0] >= _LEAST:
            break
        before = spans[short][0] - spans[short - 1][1] if short else length
        after = spans[short + 1][0] - spans[short][1] if short + 1 < len(spans) else length
        first = short - 1 if before <= after else short
        spans[first : first + 2] = [(spans[first][0], spans[first + 1][1])]
    cuts = [(end + start) // 2 for (_, end), (start, _) in pairwise(spans)]
    return list(pairwise([0, *cuts, length]))


def longest_pause(speech: Sequence[tuple[int, int]]) -> int:
    """Milieu du plus long silence entre deux prises de parole ; 0 s'il n'y en a pas."""
    pauses = [(start - end, (start + end) // 2) for (_, end), (start, _) in pairwise(speech)]
    return max(pauses, default=(0, 0))[1]


def runs_of(pieces: Sequence[tuple[int, int]], heard: Sequence[tuple[str, float]]) -> list[Run]:
    """Parties d'une fenêtre, d'après la langue de chaque morceau ; un morceau peu sûr suit son voisin.

    Args:
        heard: langue de chaque morceau, et sa probabilité.
    """
    firm = [found for found in heard if found[1] >= FIRM]
    following = firm[0] if firm else likeliest(pieces, heard)
    runs: list[Run] = []
    for (start, end), found in zip(pieces, heard, strict=True):
        language, probability = following = found if firm and found[1] >= FIRM else following
        if runs and runs[-1].language == language:
            last = runs.pop()
            weight = (end - start) / (end - last.start)
            start, probability = last.start, last.probability + (probability - last.probability) * weight
        runs.append(Run(start, end, language, probability))
    return runs


def likeliest(pieces: Sequence[tuple[int, int]], heard: Sequence[tuple[str, float]]) -> tuple[str, float]:
    """Langue la plus probable de toute la fenêtre, au poids des durées."""
    votes: dict[str, float] = {}
    for (start, end), (language, probability) in zip(pieces, heard, strict=True):
        votes[language] = votes.get(language, 0.0) + probability * (end - start)
    language = max(votes, key=votes.__getitem__)
    return language, votes[language] / (pieces[-1][1] - pieces[0][0] or 1)
