"""Une transcription en répliques de sous-titres, telles qu'un diffuseur les admet.

Les phrases d'un même locuteur qui se suivent sont coupées ensemble, au moindre coût : de préférence à la fin d'une
phrase, et sans laisser, si cela se peut, un mot seul ou une réplique trop brève. Puis chaque réplique reste le temps
d'être lue, sans recouvrir la suivante.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from passerelle.v1 import audio_pb2

from server.formats.api import seconds
from server.formats.form import SubtitleStyle
from server.slices import SPACES, joint, spans, unspaced

_PAUSE = 1.0
"""Silence, en secondes, qui sépare toujours deux répliques."""
_MAX_LAG = 1.0
"""Retard d'une réplique sur sa parole, au plus, quand plusieurs parlent à la fois."""
_LEAST = 0.1
"""Durée d'une réplique que rien ne laisse durer, en secondes."""
_ORPHAN = 10
"""Lettres sous lesquelles une réplique est orpheline."""
_SENTENCE_END = (".", "!", "?", "…", "。", "！", "？", "؟", "۔", "।")
_PHRASE_END = (",", ";", ":", "—", "–", ")", "»", "،", "、", "，")
_CUE, _ALONE, _BRIEF, _TWO_SENTENCES, _MID_PHRASE, _MID_SENTENCE = 1.0, 1.5, 1.0, 1.2, 0.6, 0.3
"""Ce que coûtent une réplique, une orpheline, une trop brève, deux phrases ensemble, et les coupes moins bonnes."""


@dataclass(frozen=True, slots=True)
class Cue:
    """Réplique ; instants en secondes."""

    start: float
    end: float
    lines: tuple[str, ...]
    speaker: str
    """Nom du locuteur, vide s'il n'est pas connu ; la première ligne lui laisse sa place."""
    apart: bool = False
    """Vrai si le nom a sa propre ligne, faute de place."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """Tranche du texte, suivie de l'espace qui la sépare de la suivante s'il y en a une."""

    text: str
    start: float
    end: float


def cues_of(segments: Sequence[audio_pb2.Segment], style: SubtitleStyle) -> list[Cue]:
    """Répliques, dans l'ordre du temps, sans recouvrement."""
    cues = [
        _cue(run[start:end], speaker, style)
        for speaker, run in _runs(segments)
        for start, end in pairwise(_cuts(run, speaker, style))
    ]
    return _timed(sorted(cues, key=lambda cue: cue.start), style)


def name_of(speaker: str) -> str:
    """Ce qui annonce un locuteur, avant son texte."""
    return f"{speaker} : " if speaker else ""


def _runs(segments: Sequence[audio_pb2.Segment]) -> Iterator[tuple[str, list[_Piece]]]:
    """Suites de tranches d'un même locuteur que ne sépare aucune longue pause."""
    run: list[_Piece] = []
    speaker = ""
    for segment in segments:
        pieces = _pieces(segment)
        name = SPACES.sub(" ", segment.speaker_label).strip()
        if not pieces:
            continue
        if run and (name != speaker or not 0 <= pieces[0].start - run[-1].end < _PAUSE):
            yield speaker, run
            run = []
        if run:
            last = run[-1].text.rstrip(" ")
            run[-1] = replace(run[-1], text=last + joint(last, pieces[0].text))
        run += pieces
        speaker = name
    if run:
        yield speaker, run


def _pieces(segment: audio_pb2.Segment) -> list[_Piece]:
    """Tranches insécables du texte, dont la suite est le texte ; sans mots datés, leurs instants sont approchés."""
    text, words = segment.text, segment.words
    first, last = seconds(segment.start_offset), seconds(segment.end_offset)
    if not words:
        parts = [f"{part} " for part in SPACES.split(text) if part]
        total, at, pieces = sum(map(len, parts)), 0, []
        for part in parts:
            start, at = at, at + len(part)
            length = last - first
            pieces.append(_Piece(part, first + length * start / total, first + length * at / total))
        return pieces
    pieces = []
    starts = [0, *(start for start, _ in spans(text, [word.text for word in words])[1:]), len(text)]
    for word, (start, end) in zip(words, pairwise(starts), strict=True):
        part = SPACES.sub(" ", text[start:end])
        piece = _Piece(part, seconds(word.start_offset), seconds(word.end_offset))
        before = pieces[-1] if pieces else None
        glued = before is not None and not before.text.endswith(" ")
        if before is not None and glued and not (unspaced(before.text[-1:]) or unspaced(part[:1])):
            pieces[-1] = _Piece(before.text + part, before.start, piece.end)
        else:
            pieces.append(piece)
    return pieces


class _Lines:
    """Compte, tranche après tranche, les lignes d'une réplique que l'on remplit."""

    def __init__(self, speaker: str, width: int, style: SubtitleStyle) -> None:
        self._width = width
        self._length = self._name = len(name_of(speaker))
        self._alone = style.max_lines == 1
        self.count = 1
        self.apart = False

    def add(self, piece: _Piece) -> bool:
        """Vrai si la tranche commence une ligne."""
        first = self._length == self._name and self.count == 1 and not self.apart
        letters = len(piece.text.rstrip(" "))
        if self._length + letters <= self._width or (first and (not self._name or self._alone)):
            self._length += len(piece.text)
            return first
        self.apart |= first
        self.count += 1
        self._length = len(piece.text)
        return True


def _cuts(run: Sequence[_Piece], speaker: str, style: SubtitleStyle) -> list[int]:
    """Bornes des répliques d'une suite de tranches, au moindre coût."""
    best = [0.0] + [math.inf] * len(run)
    before = [0] * (len(run) + 1)
    for start in range(len(run)):
        lines = _Lines(speaker, style.max_line_length, style)
        letters = sentences = 0
        for end in range(start + 1, len(run) + 1):
            piece = run[end - 1]
            lines.add(piece)
            letters += len(piece.text)
            alone = end == start + 1
            if not alone and (lines.count > style.max_lines or piece.end - run[start].start > style.max_seconds):
                break
            shown = (run[end].start if end < len(run) else piece.end + _PAUSE) - run[start].start
            cost = best[start] + _CUE + _TWO_SENTENCES * sentences
            cost += _ALONE * (len(run) > 1 and (letters < _ORPHAN or (alone and letters < style.max_line_length)))
            cost += _BRIEF * (shown < style.min_seconds) + (_break_cost(piece) if end < len(run) else 0.0)
            if cost < best[end]:
                best[end], before[end] = cost, start
            sentences += piece.text.rstrip(" ").endswith(_SENTENCE_END)
    cuts = [len(run)]
    while cuts[-1]:
        cuts.append(before[cuts[-1]])
    return cuts[::-1]


def _break_cost(piece: _Piece) -> float:
    text = piece.text.rstrip(" ")
    if text.endswith(_SENTENCE_END):
        return 0.0
    return _MID_SENTENCE if text.endswith(_PHRASE_END) else _MID_PHRASE


def _cue(pieces: Sequence[_Piece], speaker: str, style: SubtitleStyle) -> Cue:
    """Réplique dont les lignes s'équilibrent, sans en prendre une de plus."""
    needed, apart = _wrapped(pieces, speaker, style.max_line_length, style)
    lines = needed
    for width in range(1, style.max_line_length):
        tried, name_apart = _wrapped(pieces, speaker, width, style)
        if len(tried) <= len(needed) and name_apart == apart:
            lines = tried
            break
    return Cue(pieces[0].start, max(pieces[0].start, pieces[-1].end), lines, speaker, apart)


def _wrapped(pieces: Sequence[_Piece], speaker: str, width: int, style: SubtitleStyle) -> tuple[tuple[str, ...], bool]:
    count = _Lines(speaker, width, style)
    lines: list[str] = []
    for piece in pieces:
        if count.add(piece):
            lines.append(piece.text)
        else:
            lines[-1] += piece.text
    return tuple(line.strip(" ") for line in lines), count.apart


def _timed(cues: Sequence[Cue], style: SubtitleStyle) -> list[Cue]:
    """Le temps de lire, puis l'écart avant la suivante ; une réplique trop serrée prend sur le début de celle-ci."""
    timed: list[Cue] = []
    for rank, cue in enumerate(cues):
        start = max(cue.start, timed[-1].end + style.min_gap_seconds) if timed else cue.start
        letters = sum(map(len, cue.lines)) + len(name_of(cue.speaker))
        read = letters / style.max_characters_per_second
        end = max(cue.end, min(start + style.max_seconds, start + max(style.min_seconds, read)))
        if rank + 1 < len(cues):
            following = cues[rank + 1].start
            free = following - style.min_gap_seconds
            if free < start + style.min_seconds:
                free = min(start + style.min_seconds, free + _MAX_LAG)
            end = min(end, max(free, start + _LEAST))
        timed.append(replace(cue, start=start, end=max(end, start + _LEAST)))
    return timed
