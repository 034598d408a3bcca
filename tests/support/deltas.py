"""Le texte que portent les événements SSE d'OpenAI."""

from passerelle.v1 import audio_pb2, transcribe_pb2

from server.formats import openai_audio as openai


def delta_of(writer: openai.EventWriter, segment: audio_pb2.Segment) -> str:
    """Texte de l'événement d'un segment."""
    told = writer.spoken(transcribe_pb2.UploadTranscribeResponse(segment=segment))
    return str(told["delta"]) if told else ""
