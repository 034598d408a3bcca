"""Les services audio typés, que cette version annonce sans pouvoir les rendre."""

from collections.abc import AsyncIterator
from typing import Any

from passerelle.v1 import diarize_pb2, diarize_pb2_grpc, transcribe_pb2, transcribe_pb2_grpc

from server.errors import EngineUnavailable

Context = Any
"""`grpc.aio.ServicerContext`."""


def no_transcription() -> EngineUnavailable:
    """Erreur de toute demande de transcription."""
    return EngineUnavailable(
        "Aucun moteur de transcription n'est chargé dans cette version ; seule la conversation est servie.",
        metadata={"capability": "transcribe"},
    )


def no_diarization() -> EngineUnavailable:
    """Erreur de toute demande de diarisation."""
    return EngineUnavailable(
        "Aucun moteur de diarisation n'est chargé dans cette version ; seule la conversation est servie.",
        metadata={"capability": "diarize"},
    )


class TranscribeService(transcribe_pb2_grpc.TranscribeServiceServicer):
    """Reconnaissance de la parole : aucun moteur ici."""

    async def Transcribe(
        self, _request: transcribe_pb2.TranscribeRequest, _context: Context
    ) -> transcribe_pb2.TranscribeResponse:
        """Refuse, en disant pourquoi."""
        raise no_transcription()

    async def UploadTranscribe(
        self, _requests: AsyncIterator[transcribe_pb2.UploadTranscribeRequest], _context: Context
    ) -> None:
        """Refuse, en disant pourquoi."""
        raise no_transcription()

    async def StreamTranscribe(
        self, _requests: AsyncIterator[transcribe_pb2.StreamTranscribeRequest], _context: Context
    ) -> None:
        """Refuse, en disant pourquoi."""
        raise no_transcription()


class DiarizeService(diarize_pb2_grpc.DiarizeServiceServicer):
    """Diarisation : aucun moteur ici."""

    async def Diarize(self, _request: diarize_pb2.DiarizeRequest, _context: Context) -> diarize_pb2.DiarizeResponse:
        """Refuse, en disant pourquoi."""
        raise no_diarization()

    async def UploadDiarize(
        self, _requests: AsyncIterator[diarize_pb2.UploadDiarizeRequest], _context: Context
    ) -> None:
        """Refuse, en disant pourquoi."""
        raise no_diarization()
