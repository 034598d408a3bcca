"""Les sous-titres SubRip et WebVTT : la même suite de répliques, écrite de deux façons."""

import html

from passerelle.v1 import transcribe_pb2

from server.formats.cues import cues_of, name_of
from server.formats.form import STYLE, SubtitleStyle


def srt(response: transcribe_pb2.TranscribeResponse, style: SubtitleStyle = STYLE) -> str:
    """Sous-titres SubRip."""
    blocks = []
    for rank, cue in enumerate(cues_of(response.segments, style), 1):
        name = name_of(cue.speaker)
        prefix = f"{name.rstrip(' ')}\n" if cue.apart else name
        text = "\n".join(cue.lines)
        blocks.append(f"{rank}\n{_time(cue.start, ',')} --> {_time(cue.end, ',')}\n{prefix}{text}\n")
    return "\n".join(blocks)


def vtt(response: transcribe_pb2.TranscribeResponse, style: SubtitleStyle = STYLE) -> str:
    """Sous-titres WebVTT ; le locuteur y est une voix, que le lecteur montre ou non."""
    blocks = ["WEBVTT\n"]
    for cue in cues_of(response.segments, style):
        prefix = f"<v {html.escape(cue.speaker, quote=False)}>" if cue.speaker else ""
        text = html.escape("\n".join(cue.lines), quote=False)
        blocks.append(f"{_time(cue.start, '.')} --> {_time(cue.end, '.')}\n{prefix}{text}\n")
    return "\n".join(blocks)


def _time(value: float, mark: str) -> str:
    milliseconds = round(value * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{rest // 1000:02}{mark}{rest % 1000:03}"
