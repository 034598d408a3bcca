"""`DiarizeService` : la diarisation typée."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from passerelle.v1 import diarize_pb2, diarize_pb2_grpc

from server.domain import Limits
from server.front.audio.analysis import SpeechAnalysis, diarization_of
from server.front.audio.options import check_diarize
from server.front.audio.spool import Spool
from server.front.audio.upload import receive_chunks, receive_message
from server.front.audio.written import diarization_forms
from server.rpc.deadline import time_left

Context = Any
"""`grpc.aio.ServicerContext`."""


class DiarizeService(diarize_pb2_grpc.DiarizeServiceServicer):
    """Qui parle, et quand."""

    def __init__(self, analysis: SpeechAnalysis, spool: Spool, limits: Limits) -> None:
        self._analysis = analysis
        self._spool = spool
        self._limits = limits

    async def Diarize(self, request: diarize_pb2.DiarizeRequest, context: Context) -> diarize_pb2.DiarizeResponse:
        """Analyse un fichier reçu en un message."""
        check_diarize(request.config, self._limits)
        async with self._spool.file() as file:
            await receive_message(request.audio, file, self._limits)
            timeout = time_left(context)
            return await diarization_of(self._analysis.diarize(request.config, file.name, timeout, stream=False))

    async def UploadDiarize(
        self, requests: AsyncIterator[diarize_pb2.UploadDiarizeRequest], context: Context
    ) -> AsyncIterator[diarize_pb2.UploadDiarizeResponse]:
        """Analyse un fichier reçu par morceaux ; avancements, puis le résultat."""
        async with self._spool.file() as file:
            config = await receive_chunks(requests, file, self._limits)
            check_diarize(config, self._limits)
            timeout = time_left(context)
            async with aclosing(self._analysis.diarize(config, file.name, timeout, stream=True)) as events:
                async for event in events:
                    yield event

    async def WriteDiarization(
        self, request: diarize_pb2.WriteDiarizationRequest, _context: Context
    ) -> diarize_pb2.WriteDiarizationResponse:
        """Écrit une diarisation sous ses autres formes."""
        return diarize_pb2.WriteDiarizationResponse(forms=await diarization_forms(request))
