"""Des mots datés aux segments : une phrase finie ou une pause ouvre le suivant."""

import math
from collections.abc import Collection, Iterable, Sequence

from server.engines.base_audio import RecognizedSegment, RecognizedWord

_PAUSE = 0.8
"""Silence entre deux mots, en secondes, qui sépare deux segments."""
_SENTENCE_END = (".", "!", "?", "…", "。", "؟")


def segments_of(
    text: str,
    words: Sequence[RecognizedWord],
    seconds: float,
    confidence: float | None = None,
    *,
    no_speech: float | None = None,
    attached: Collection[int] = (),
) -> tuple[RecognizedSegment, ...]:
    """Segments d'un texte ; sans mots datés, un seul, de toute la fenêtre.

    Args:
        seconds: durée de la fenêtre.
        confidence: celle du texte, pour un segment sans mots datés.
        no_speech: probabilité que rien n'y soit dit.
        attached: rangs des mots qui suivent le précédent sans espace ; rien ne se coupe entre eux.
    """
    if not text.strip():
        return ()
    if not words:
        return (RecognizedSegment(text.strip(), 0.0, seconds, (), confidence, no_speech),)
    groups: list[list[RecognizedWord]] = []
    texts: list[str] = []
    for index, word in enumerate(words):
        last = groups[-1][-1] if groups else None
        if last is not None and index in attached:
            texts[-1] += word.text
        elif last is None or last.text.endswith(_SENTENCE_END) or word.start - last.end > _PAUSE:
            groups.append([])
            texts.append(word.text)
        else:
            texts[-1] += " " + word.text
        groups[-1].append(word)
    return tuple(
        RecognizedSegment(
            whole,
            group[0].start,
            group[-1].end,
            tuple(group),
            mean([w.confidence for w in group if w.confidence is not None]),
            no_speech,
        )
        for whole, group in zip(texts, groups, strict=True)
    )


def timed_words(
    found: Iterable[tuple[str, float, float]], seconds: float, confidences: Sequence[float] = ()
) -> tuple[RecognizedWord, ...]:
    """Mots dans l'ordre du temps et dans la fenêtre ; une borne inconnue (négative) prend celle qui précède.

    Args:
        found: texte, début et fin de chaque mot, en secondes.
        confidences: confiance de chaque mot ; d'une autre longueur, elle est ignorée.
    """
    items = [(text.strip(), start, end) for text, start, end in found if text.strip()]
    paired = len(confidences) == len(items)
    words: list[RecognizedWord] = []
    clock = 0.0
    for index, (text, start, end) in enumerate(items):
        begin = min(seconds, max(clock, start))
        finish = min(seconds, max(begin, end))
        words.append(RecognizedWord(text, begin, finish, unit(confidences[index]) if paired else None))
        clock = begin
    return tuple(words)


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
