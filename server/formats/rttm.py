"""La forme RTTM (NIST Rich Transcription) : une ligne par tour, ou par segment d'une transcription."""

import re

from google.protobuf.duration_pb2 import Duration
from passerelle.v1 import diarize_pb2, transcribe_pb2

from server.formats.api import seconds

_CHANNEL = re.compile(r"CHANNEL_(\d+)", re.ASCII)


def rttm(response: diarize_pb2.DiarizeResponse) -> str:
    """Tours, recouvrements compris ; le nom du fichier est l'identifiant de la requête."""
    return "".join(_line(response.id, t.start_offset, t.end_offset, t.speaker_label) for t in response.turns)


def spoken(response: transcribe_pb2.TranscribeResponse) -> str:
    """Segments qui ont un locuteur."""
    return "".join(
        _line(response.id, s.start_offset, s.end_offset, s.speaker_label)
        for s in response.segments
        if s.HasField("speaker_label")
    )


def _line(name: str, start_offset: Duration, end_offset: Duration, speaker: str) -> str:
    start, end = seconds(start_offset), seconds(end_offset)
    # Un canal transcrit à part est aussi celui de sa ligne.
    apart = _CHANNEL.fullmatch(speaker)
    channel = apart[1] if apart else "1"
    # Les champs y sont séparés par des espaces : un nom n'en a pas.
    speaker = "_".join(speaker.split())
    return f"SPEAKER {name or 'audio'} {channel} {start:.3f} {end - start:.3f} <NA> <NA> {speaker} <NA> <NA>\n"
