"""Les sous-titres SubRip et WebVTT : des répliques de deux lignes au plus, coupées aux instants des mots."""

import html
from collections.abc import Iterator
from dataclasses import dataclass

from passerelle.v1 import audio_pb2, transcribe_pb2

from server.formats.api import seconds

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
        yield from _segment_cues(segment)


def _segment_cues(segment: audio_pb2.Segment) -> Iterator[Cue]:
    if not segment.words:
        if segment.text:
            lines = tuple(_wrap(segment.text.split()))
            yield Cue(seconds(segment.start_offset), seconds(segment.end_offset), lines, segment.speaker_label)
        return
    words: list[audio_pb2.Word] = []
    for word in segment.words:
        if words and len(_wrap([w.text for w in (*words, word)])) > _LINES:
            yield _cue(words, segment.speaker_label)
            words = []
        words.append(word)
    yield _cue(words, segment.speaker_label)


def _cue(words: list[audio_pb2.Word], speaker: str) -> Cue:
    lines = tuple(_wrap([word.text for word in words]))
    return Cue(seconds(words[0].start_offset), seconds(words[-1].end_offset), lines, speaker)


def _wrap(words: list[str]) -> list[str]:
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + 1 + len(word) <= LINE:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _time(value: float, mark: str) -> str:
    milliseconds = round(value * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{rest // 1000:02}{mark}{rest % 1000:03}"
