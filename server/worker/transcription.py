"""Une transcription de fichier : fenêtres, lots, fusion, dans l'ordre du temps et à mémoire constante."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import replace

from passerelle.v1 import audio_pb2, transcribe_pb2
from passerelle.worker.v1 import link_pb2

from server.engines.base_audio import (
    SAMPLE_RATE,
    Recognition,
    RecognitionOptions,
    RecognitionWindow,
    RecognizedSegment,
    TranscribeEngine,
)
from server.link.inputs import RequestInput
from server.speech.vad import SpeechDetector
from server.speech.windows import Span, Window, WindowCutter
from server.worker.batcher import WindowBatcher
from server.worker.spooled import ProgressGate, SpeechTools, SpooledAudio, coverage, duration

_UNEXPLAINED_SECONDS = 2.0
"""Parole sans mot au-delà de laquelle la couverture la signale."""

_Pending = deque[tuple[Window, "asyncio.Task[Recognition]"]]


class FileTranscription:
    """Mène les transcriptions de fichiers d'un exemplaire."""

    def __init__(self, engine: TranscribeEngine, tools: SpeechTools, batcher: WindowBatcher) -> None:
        self._engine = engine
        self._tools = tools
        self._batcher = batcher

    async def run(self, request: link_pb2.Submit, _inputs: RequestInput | None = None) -> AsyncGenerator[bytes, None]:
        """Avancements et segments si `request.stream`, puis le résultat : des `UploadTranscribeResponse` sérialisés."""
        config = transcribe_pb2.TranscribeConfig.FromString(request.payload)
        options = options_of(config)
        self._engine.check(options)
        cutter = WindowCutter(SpeechDetector(self._tools.vad), self._engine.max_window_seconds)
        audio = SpooledAudio(self._tools, request.spool_name, config.audio_format, cutter)
        merge = _Merge()
        pending: _Pending = deque()
        gate = ProgressGate()
        try:
            async with aclosing(audio.pieces()) as pieces:
                async for piece in pieces:
                    for window in piece.windows:
                        # La langue de la première fenêtre vaut pour tout le fichier : les suivantes l'attendent.
                        while pending and (not options.language or len(pending) > self._engine.max_batch):
                            for segment in await _first(pending, merge):
                                if request.stream:
                                    yield _event(segment=segment)
                            options = replace(options, language=options.language or merge.language)
                        call = self._batcher.recognize(RecognitionWindow(window.samples, options), request.caller)
                        pending.append((window, asyncio.create_task(call)))
                    if request.stream and gate.opens():
                        yield _event(progress=_progress(cutter, piece.ratio))
            while pending:
                for segment in await _first(pending, merge):
                    if request.stream:
                        yield _event(segment=segment)
        finally:
            for _, task in pending:
                task.cancel()
            await asyncio.gather(*(task for _, task in pending), return_exceptions=True)
        yield _event(result=merge.response(request.request_id, config, audio.seconds, cutter))


class _Merge:
    """Réunit les fenêtres ; elles ne se recouvrent pas, donc rien n'est dit deux fois."""

    def __init__(self) -> None:
        self.language = ""
        self._probability: float | None = None
        self._assumed = False
        self._segments: list[audio_pb2.Segment] = []
        self._silent: list[Span] = []

    def add(self, window: Window, found: Recognition) -> list[audio_pb2.Segment]:
        """Segments de cette fenêtre, dans le repère du fichier."""
        self._assumed |= found.language_assumed
        if not self.language:
            self.language, self._probability = found.language, found.language_probability
        start = window.start / SAMPLE_RATE
        added = [segment_of(segment, start, len(self._segments) + i) for i, segment in enumerate(found.segments)]
        self._segments += added
        if not added:
            self._silent += [s for s in window.speech if s.end - s.start > _UNEXPLAINED_SECONDS * SAMPLE_RATE]
        return added

    def response(
        self, request_id: str, config: transcribe_pb2.TranscribeConfig, seconds: float, cutter: WindowCutter
    ) -> transcribe_pb2.TranscribeResponse:
        """Transcription entière."""
        return transcribe_pb2.TranscribeResponse(
            id=request_id,
            model=config.model,
            language=config.language or self.language,
            language_probability=self._probability,
            language_assumed=self._assumed,
            text=_joined(self._segments),
            segments=self._segments,
            duration=duration(seconds),
            coverage=coverage(seconds, cutter.speech, self._silent),
        )


async def _first(pending: _Pending, merge: _Merge) -> list[audio_pb2.Segment]:
    window, task = pending[0]
    found = await task
    pending.popleft()
    return merge.add(window, found)


def options_of(config: transcribe_pb2.TranscribeConfig) -> RecognitionOptions:
    """Réglages que le moteur reçoit."""
    translate = config.task == transcribe_pb2.TRANSCRIBE_TASK_TRANSLATE
    return RecognitionOptions(
        language=config.language,
        target_language=(config.target_language or "en") if translate else "",
        words=config.word_timestamps or config.HasField("diarization"),
        prompt=config.prompt,
        temperature=config.temperature,
        punctuation=config.punctuation if config.HasField("punctuation") else None,
    )


def segment_of(found: RecognizedSegment, start: float, index: int) -> audio_pb2.Segment:
    """Segment du contrat ; `start` est l'instant de la fenêtre, en secondes."""
    words = [
        audio_pb2.Word(
            text=word.text,
            start_offset=duration(start + word.start),
            end_offset=duration(start + word.end),
            confidence=word.confidence,
        )
        for word in found.words
    ]
    return audio_pb2.Segment(
        index=index,
        text=found.text,
        start_offset=duration(start + found.start),
        end_offset=duration(start + found.end),
        words=words,
        confidence=found.confidence,
        no_speech_probability=found.no_speech_probability,
    )


def _joined(segments: list[audio_pb2.Segment]) -> str:
    return "".join(_with_space(segments))


def _with_space(segments: list[audio_pb2.Segment]) -> Iterator[str]:
    for index, segment in enumerate(segments):
        yield segment.text if index == 0 else " " + segment.text


def _progress(cutter: WindowCutter, ratio: float) -> audio_pb2.AudioProgress:
    return audio_pb2.AudioProgress(
        stage="recognition",
        completed_ratio=ratio,
        processed_duration=duration(cutter.analysed / SAMPLE_RATE),
    )


def _event(
    *,
    progress: audio_pb2.AudioProgress | None = None,
    segment: audio_pb2.Segment | None = None,
    result: transcribe_pb2.TranscribeResponse | None = None,
) -> bytes:
    message = transcribe_pb2.UploadTranscribeResponse(progress=progress, segment=segment, result=result)
    return message.SerializeToString()
