"""Les routes HTTP d'audio : un corps brut ou multipart en entrée, un des formats ou des événements SSE en sortie."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, TypeVar

import orjson
from google.api.httpbody_pb2 import HttpBody
from passerelle.v1 import rest_pb2

from server.domain import Limits
from server.formats import api, render
from server.formats import openai_audio as openai
from server.formats.form import TranscriptForm
from server.front.audio.analysis import DiarizeEvent, SpeechAnalysis, TranscribeEvent, diarization_of, transcript_of
from server.front.audio.options import (
    TranscribeOptions,
    api_diarization,
    api_transcription,
    openai_transcription,
    openai_translation,
)
from server.front.audio.spool import Spool
from server.front.audio.upload import receive_body
from server.front.sse import DONE, EVENT_HEADERS
from server.front.told import tell_diarize, tell_transcribe
from server.rpc.deadline import time_left
from server.rpc.http_body import EVENT_STREAM, encode_body
from server.rpc.quotas import response_headers
from server.rpc.timings import closing_comment, timing_headers

Context = Any
"""`grpc.aio.ServicerContext`."""

Request = TypeVar("Request", rest_pb2.TranscribeAudioRequest, rest_pb2.ProcessDiarizationRequest)


class AudioRoutes:
    """Transcription et diarisation par HTTP."""

    def __init__(self, analysis: SpeechAnalysis, spool: Spool, limits: Limits) -> None:
        self._analysis = analysis
        self._spool = spool
        self._limits = limits

    async def openai(
        self, bodies: AsyncIterator[HttpBody], context: Context, *, translate: bool
    ) -> AsyncGenerator[bytes, None]:
        """`POST /v1/audio/transcriptions` et `/v1/audio/translations`."""
        async with self._spool.file() as file:
            fields = await receive_body(bodies, file, self._limits, form_only=True)
            read = openai_translation if translate else openai_transcription
            options = read(fields, self._limits)
            options.config.audio_format.assumed_encoding = file.assumed
            events = self._events(options, file.name, context)
            if not options.stream:
                yield encode_body(*render.transcription(await transcript_of(events), options.config, options.form))
                return
            async with aclosing(_openai_events(events, options.form)) as frames:
                async for frame in _typed(frames):
                    yield frame

    async def transcribe(
        self, requests: AsyncIterator[rest_pb2.TranscribeAudioRequest], context: Context
    ) -> AsyncGenerator[bytes, None]:
        """`POST /api/audio/transcribe`."""
        async with self._spool.file() as file:
            query = rest_pb2.TranscribeAudioRequest()
            fields = await receive_body(_bodies(requests, query), file, self._limits, form_only=False)
            options = api_transcription(query, fields, self._limits)
            options.config.audio_format.assumed_encoding = file.assumed
            events = self._events(options, file.name, context)
            if not options.stream:
                yield encode_body(*render.transcription(await transcript_of(events), options.config, options.form))
                return
            async with aclosing(_transcribe_events(events)) as frames:
                async for frame in _typed(frames):
                    yield frame

    async def diarize(
        self, requests: AsyncIterator[rest_pb2.ProcessDiarizationRequest], context: Context
    ) -> AsyncGenerator[bytes, None]:
        """`POST /api/diarization/process`."""
        async with self._spool.file() as file:
            query = rest_pb2.ProcessDiarizationRequest()
            fields = await receive_body(_bodies(requests, query), file, self._limits, form_only=False)
            options = api_diarization(query, fields, self._limits)
            options.config.audio_format.assumed_encoding = file.assumed
            tell_diarize(options.config, "rttm" if options.rttm else "")
            events = self._analysis.diarize(options.config, file.name, time_left(context), stream=options.stream)
            if not options.stream:
                yield encode_body(*render.diarization(await diarization_of(events), rttm=options.rttm))
                return
            async with aclosing(_diarize_events(events)) as frames:
                async for frame in _typed(frames):
                    yield frame

    def _events(
        self, options: TranscribeOptions, spool_name: str, context: Context
    ) -> AsyncGenerator[TranscribeEvent, None]:
        tell_transcribe(options.config, options.form.format.value)
        return self._analysis.transcribe(
            options.config, spool_name, time_left(context), stream=options.stream, refine=options.refine
        )


async def _bodies(requests: AsyncIterator[Request], query: Request) -> AsyncIterator[HttpBody]:
    """Corps des messages ; les réglages de l'adresse, portés par le premier, vont dans `query`."""
    first = True
    async for request in requests:
        if first:
            first = False
            query.CopyFrom(request)
            query.ClearField("body")
        yield request.body


async def _typed(frames: AsyncGenerator[bytes, None]) -> AsyncIterator[bytes]:
    """Messages d'une réponse SSE ; avant le premier, une erreur a encore son propre code HTTP."""
    content_type = EVENT_STREAM
    async for frame in frames:
        if content_type:
            response_headers.set((*EVENT_HEADERS, *timing_headers()))
        yield encode_body(frame, content_type)
        content_type = ""


async def _transcribe_events(events: AsyncGenerator[TranscribeEvent, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(events):
        async for event in events:
            if event.HasField("progress"):
                yield _data({"type": "progress", **api.progress_json(event.progress)})
            elif event.HasField("segment"):
                yield _data({"type": "segment", "segment": api.segment_json(event.segment)})
            elif event.HasField("draft"):
                yield _data({"type": "draft", "segment": api.segment_json(event.draft)})
            else:
                yield closing_comment() + _data({"type": "result", "result": api.transcript_json(event.result)})


async def _diarize_events(events: AsyncGenerator[DiarizeEvent, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(events):
        async for event in events:
            if event.HasField("progress"):
                yield _data({"type": "progress", **api.progress_json(event.progress)})
            else:
                yield closing_comment() + _data({"type": "result", "result": api.diarization_json(event.result)})


async def _openai_events(
    events: AsyncGenerator[TranscribeEvent, None], form: TranscriptForm
) -> AsyncGenerator[bytes, None]:
    """Événements d'OpenAI ; un avancement devient un commentaire, qui tient la connexion ouverte."""
    writer = openai.EventWriter(form)
    async with aclosing(events):
        async for event in events:
            if event.HasField("progress"):
                yield b": " + event.progress.stage.encode() + b"\n\n"
            elif event.HasField("result"):
                yield _data(writer.done(event.result)) + closing_comment() + DONE
            elif (told := writer.spoken(event)) is not None:
                yield _data(told)


def _data(value: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(value) + b"\n\n"
