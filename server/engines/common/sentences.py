"""Des mots datés aux segments : une phrase finie ou une pause ouvre le suivant."""

import math
from collections.abc import Iterable, Sequence

from server.engines.base_audio import RecognizedSegment, RecognizedWord
from server.engines.common.words import words_of
from server.slices import SPACES, cuttable

_PAUSE = 0.8
"""Silence entre deux mots, en secondes, qui sépare deux segments."""
_SENTENCE_END = (".", "!", "?", "…", "。", "！", "？", "؟", "۔", "।")


def segments_of(
    text: str,
    words: Sequence[RecognizedWord],
    seconds: float,
    confidence: float | None = None,
    *,
    no_speech: float | None = None,
) -> tuple[RecognizedSegment, ...]:
    """Segments d'un texte, dont ils sont des tranches comme leurs mots ; sans mots datés, un seul, de toute la fenêtre.

    Args:
        words: ce que le moteur a daté, coupé comme il l'a coupé ; une borne négative est inconnue.
        seconds: durée de la fenêtre.
        confidence: celle du texte, pour un segment sans mots datés.
        no_speech: probabilité que rien n'y soit dit.
    """
    text = SPACES.sub(" ", text).strip()
    if not text:
        return ()
    if not words:
        return (RecognizedSegment(text, 0.0, seconds, (), confidence, no_speech),)
    groups: list[list[tuple[int, RecognizedWord]]] = []
    for place, word in words_of(text, words, seconds):
        if not groups or _ends(text, groups[-1][-1], place, word):
            groups.append([])
        groups[-1].append((place, word))
    return tuple(
        RecognizedSegment(
            text[group[0][0] : group[-1][0] + len(group[-1][1].text)],
            group[0][1].start,
            group[-1][1].end,
            tuple(word for _, word in group),
            mean([word.confidence for _, word in group if word.confidence is not None]),
            no_speech,
        )
        for group in groups
    )


def _ends(text: str, last: tuple[int, RecognizedWord], place: int, word: RecognizedWord) -> bool:
    """Vrai si un segment finit entre deux mots ; seulement là où leurs textes se rejoignent sans rien perdre."""
    at, before = last
    over = before.text.endswith(_SENTENCE_END) or word.start - before.end > _PAUSE
    return over and cuttable(text, at + len(before.text), place)


def timed_words(
    found: Iterable[tuple[str, float, float]], seconds: float, confidences: Sequence[float] = ()
) -> tuple[RecognizedWord, ...]:
    """Ce qu'un moteur a daté, tel qu'il l'a coupé ; une borne inconnue (négative, ou pas un nombre) le reste.

    Args:
        found: texte, début et fin de chaque mot, en secondes.
        seconds: durée de la fenêtre.
        confidences: confiance de chaque mot ; d'une autre longueur, elle est ignorée.
    """
    items = [(text.strip(), start, end) for text, start, end in found if text.strip()]
    paired = len(confidences) == len(items)
    return tuple(
        RecognizedWord(text, start, min(end, seconds), unit(confidences[index]) if paired else None)
        for index, (text, start, end) in enumerate(items)
    )


def word_confidences(pieces: Sequence[str], confidences: Sequence[float]) -> list[float]:
    """Confiance de chaque mot : la moyenne de ses morceaux ; « ▁ » ouvre un mot, un jeton `<|…|>` n'en est pas."""
    words: list[list[float]] = []
    opening = True
    for piece, confidence in zip(pieces, confidences, strict=False):
        if piece.startswith("<|"):
            opening = True
            continue
        if opening or piece.startswith("▁"):
            words.append([])
        opening = False
        words[-1].append(confidence)
    return [sum(word) / len(word) for word in words]


def mean(values: Sequence[float]) -> float | None:
    """Moyenne, dans [0, 1] ; `None` sans valeur."""
    return unit(sum(values) / len(values)) if values else None


def unit(value: float) -> float:
    """Ramène une confiance dans [0, 1] ; une valeur qui n'est pas un nombre vaut 0."""
    return min(1.0, max(0.0, value)) if math.isfinite(value) else 0.0
