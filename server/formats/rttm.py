"""La forme RTTM d'une diarisation (NIST Rich Transcription) : une ligne par tour."""

from passerelle.v1 import diarize_pb2

from server.formats.api import seconds


def rttm(response: diarize_pb2.DiarizeResponse) -> str:
    """Tours, recouvrements compris ; le nom du fichier est l'identifiant de la requête."""
    name = response.id or "audio"
    lines = []
    for turn in response.turns:
        start, end = seconds(turn.start_offset), seconds(turn.end_offset)
        lines.append(f"SPEAKER {name} 1 {start:.3f} {end - start:.3f} <NA> <NA> {turn.speaker_label} <NA> <NA>\n")
    return "".join(lines)
