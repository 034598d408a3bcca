"""Les sous-titres SubRip et WebVTT : des répliques de deux lignes au plus, coupées aux instants des mots."""

import html
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from passerelle.v1 import audio_pb2, transcribe_pb2

from server.formats.api import seconds
from server.slices import SPACES, spans, unspaced

LINE = 42
"""Caractères d'une ligne, au plus, sauf un mot plus long."""
_LINES = 2


@dataclass(frozen=True, slots=True)
class Cue:
    """Réplique ; instants en secondes."""

    start: float
    end: float
    lines: tuple[str, ...]
    speaker: str


@dataclass(frozen=True, slots=True)
class _Piece:
    """Tranche du texte, suivie de l'espace qui la sépare de la suivante s'il y en a une."""

    text: str
    start: float
    end: float


def srt(response: transcribe_pb2.TranscribeResponse) -> str:
    """Sous-titres SubRip."""
    blocks = []
    for rank, cue in enumerate(_cues(response), 1):
        prefix = f"{cue.speaker} : " if cue.speaker else ""
        text = "\n".join(cue.lines)
        blocks.append(f"{rank}\n{_time(cue.start, ',')} --> {_time(cue.end, ',')}\n{prefix}{text}\n")
    return "\n".join(blocks)


def vtt(response: transcribe_pb2.TranscribeResponse) -> str:
    """Sous-titres WebVTT."""
    blocks = ["WEBVTT\n"]
    for cue in _cues(response):
        prefix = f"<v {html.escape(cue.speaker, quote=False)}>" if cue.speaker else ""
        text = html.escape("\n".join(cue.lines), quote=False)
        blocks.append(f"{_time(cue.start, '.')} --> {_time(cue.end, '.')}\n{prefix}{text}\n")
    return "\n".join(blocks)


def _cues(response: transcribe_pb2.TranscribeResponse) -> Iterator[Cue]:
    for segment in response.segments:
        pieces: list[_Piece] = []
        for piece in _pieces(segment):
            if pieces and segment.words and len(_wrap([*pieces, piece])) > _LINES:
                yield _cue(pieces, segment.speaker_label)
                pieces = []
            pieces.append(piece)
        if pieces:
            yield _cue(pieces, segment.speaker_label)


def _pieces(segment: audio_pb2.Segment) -> list[_Piece]:
    """Tranches insécables du texte, dont la suite est le texte ; les instants sont ceux des mots, ou du segment."""
    text, words = segment.text, segment.words
    if not words:
        whole = _Piece("", seconds(segment.start_offset), seconds(segment.end_offset))
        return [replace(whole, text=f"{part} ") for part in SPACES.split(text) if part]
    pieces: list[_Piece] = []
    starts = [0, *(start for start, _ in spans(text, [word.text for word in words])[1:]), len(text)]
    for word, (start, end) in zip(words, pairwise(starts), strict=True):
        part = SPACES.sub(" ", text[start:end])
        piece = _Piece(part, seconds(word.start_offset), seconds(word.end_offset))
        last = pieces[-1] if pieces else None
        if last is not None and not last.text.endswith(" ") and not (unspaced(last.text[-1:]) or unspaced(part[:1])):
            pieces[-1] = _Piece(last.text + part, last.start, piece.end)
        else:
            pieces.append(piece)
    return pieces


def _cue(pieces: list[_Piece], speaker: str) -> Cue:
    return Cue(pieces[0].start, pieces[-1].end, _wrap(pieces), speaker)


def _wrap(pieces: list[_Piece]) -> tuple[str, ...]:
    lines: list[str] = []
    for piece in pieces:
        if lines and len(lines[-1]) + len(piece.text.rstrip(" ")) <= LINE:
            lines[-1] += piece.text
        else:
            lines.append(piece.text)
    return tuple(line.strip(" ") for line in lines)


def _time(value: float, mark: str) -> str:
    milliseconds = round(value * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{rest // 1000:02}{mark}{rest % 1000:03}"
