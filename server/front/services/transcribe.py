"""`TranscribeService` : la transcription typée."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from passerelle.v1 import transcribe_pb2, transcribe_pb2_grpc

from server.domain import Limits
from server.front.audio.analysis import SpeechAnalysis, transcript_of
from server.front.audio.live import LiveAnalysis
from server.front.audio.options import check_transcribe
from server.front.audio.spool import Spool
from server.front.audio.upload import receive_chunks, receive_message
from server.front.audio.written import transcript_forms
from server.rpc.deadline import time_left

Context = Any
"""`grpc.aio.ServicerContext`."""


class TranscribeService(transcribe_pb2_grpc.TranscribeServiceServicer):
    """Reconnaissance de la parole."""

    def __init__(self, analysis: SpeechAnalysis, live: LiveAnalysis, spool: Spool, limits: Limits) -> None:
        self._analysis = analysis
        self._live = live
        self._spool = spool
        self._limits = limits

    async def Transcribe(
        self, request: transcribe_pb2.TranscribeRequest, context: Context
    ) -> transcribe_pb2.TranscribeResponse:
        """Transcrit un fichier reçu en un message."""
        check_transcribe(request.config, self._limits)
        async with self._spool.file() as file:
            await receive_message(request.audio, file, self._limits)
            timeout = time_left(context)
            return await transcript_of(self._analysis.transcribe(request.config, file.name, timeout, stream=False))

    async def UploadTranscribe(
        self, requests: AsyncIterator[transcribe_pb2.UploadTranscribeRequest], context: Context
    ) -> AsyncIterator[transcribe_pb2.UploadTranscribeResponse]:
        """Transcrit un fichier reçu par morceaux ; avancements, segments, puis le résultat."""
        async with self._spool.file() as file:
            config = await receive_chunks(requests, file, self._limits)
            check_transcribe(config, self._limits)
            timeout = time_left(context)
            async with aclosing(self._analysis.transcribe(config, file.name, timeout, stream=True)) as events:
                async for event in events:
                    yield event

    async def WriteTranscript(
        self, request: transcribe_pb2.WriteTranscriptRequest, _context: Context
    ) -> transcribe_pb2.WriteTranscriptResponse:
        """Écrit une transcription sous ses autres formes."""
        return transcribe_pb2.WriteTranscriptResponse(forms=await transcript_forms(request))

    async def StreamTranscribe(
        self, requests: AsyncIterator[transcribe_pb2.StreamTranscribeRequest], context: Context
    ) -> AsyncIterator[transcribe_pb2.StreamTranscribeResponse]:
        """Transcrit de l'audio en direct ; le bilan vient en dernier."""
        async with aclosing(self._live.transcribe(requests, time_left(context))) as events:
            async for event in events:
                yield event
