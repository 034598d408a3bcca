"""Une transcription de fichier : fenêtres, lots, fusion, dans l'ordre du temps et à mémoire constante."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
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
from server.slices import joined
from server.speech.level import audible
from server.speech.vad import SpeechDetector
from server.speech.windows import Span, Window, WindowCutter
from server.worker.batcher import WindowBatcher
from server.worker.languages import Languages
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
        audio = SpooledAudio(self._tools, request.spool_name, config.audio_format)
        merge = _Merge(options.language, self._tools.limits.low_confidence)
        pending: _Pending = deque()
        gate = ProgressGate()

        def recognize(window: Window, language: str) -> "asyncio.Task[Recognition]":
            speech = tuple((span.start - window.start, span.end - window.start) for span in window.speech)
            asked = RecognitionWindow(audible(window.samples), replace(options, language=language), speech)
            return asyncio.create_task(self._batcher.recognize(asked, request.caller, merge))

        async def settle(*, last: bool) -> list[audio_pb2.Segment]:
            """Segments de la première fenêtre en attente, dès qu'elle est reconnue, et de celles qui l'attendaient."""
            window, task = pending[0]
            found = await task
            pending.popleft()
            merge.hear(window, found)
            added: list[audio_pb2.Segment] = []
            while (doubt := merge.first(last=last and not pending)) is not None:
                window, found, language = doubt
                if language:
                    pending.appendleft((window, recognize(window, language)))
                    found = await pending[0][1]
                    pending.popleft()
                added += merge.add(window, found)
            return added

        try:
            async with self._batcher.reading(merge), aclosing(audio.pieces(cutter)) as pieces:
                async for piece in pieces:
                    for window in piece.windows:
                        while self._ahead(len(pending)):
                            for segment in await settle(last=False):
                                if request.stream:
                                    yield _event(segment=segment)
                        pending.append((window, recognize(window, options.language)))
                    if request.stream and gate.opens():
                        yield _event(progress=_progress(cutter, piece.ratio))
            while pending:
                for segment in await settle(last=True):
                    if request.stream:
                        yield _event(segment=segment)
        finally:
            for _, task in pending:
                task.cancel()
            await asyncio.gather(*(task for _, task in pending), return_exceptions=True)
        yield _event(result=audio.about.on(merge.response(request.request_id, config, audio.seconds, cutter)))

    def _ahead(self, pending: int) -> bool:
        """Vrai si un fichier a assez de fenêtres chez le moteur.

        Un lot, et le suivant si nul autre ne le remplit ; deux quand, tous fichiers réunis, deux lots attendent : leurs
        ondes sont en mémoire, et les fichiers menés de front peuvent être bien plus que les fenêtres d'un lot.
        """
        full, backlog = self._engine.max_batch, self._batcher.backlog
        if backlog >= 2 * full:
            return pending > 1
        return pending > full and (pending > 2 * full or backlog >= full)


class _Merge:
    """Réunit les fenêtres ; elles ne se recouvrent pas, donc rien n'est dit deux fois."""

    def __init__(self, language: str, low: float) -> None:
        self._low = low
        self._languages = Languages(language)
        self._assumed = False
        self._held: deque[tuple[Window, Recognition]] = deque()
        self._segments: list[audio_pb2.Segment] = []
        self._silent: list[Span] = []

    def hear(self, window: Window, found: Recognition) -> None:
        """Prend une fenêtre reconnue, qui attend les précédentes."""
        self._held.append((window, found))
        self._languages.hear(found, sum(span.end - span.start for span in window.speech) / SAMPLE_RATE)

    def first(self, *, last: bool) -> tuple[Window, Recognition, str] | None:
        """Première fenêtre qui n'attend plus que la langue se décide, et la langue où la refaire, s'il le faut."""
        if not self._held:
            return None
        _, found = self._held[0]
        if self._languages.doubtful(found) and not (self._languages.decided or last):
            return None
        return *self._held.popleft(), self._languages.better(found)

    def add(self, window: Window, found: Recognition) -> list[audio_pb2.Segment]:
        """Segments de cette fenêtre, dans le repère du fichier."""
        self._assumed |= found.language_assumed
        start = window.start / SAMPLE_RATE
        added = [
            segment_of(segment, start, len(self._segments) + i, found.language, low=self._low)
            for i, segment in enumerate(found.segments)
        ]
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
            language=self._languages.likely,
            language_probability=self._languages.probability,
            language_assumed=self._assumed,
            text=joined(segment.text for segment in self._segments),
            segments=self._segments,
            duration=duration(seconds),
            coverage=coverage(seconds, cutter.speech, self._silent),
        )


def options_of(config: transcribe_pb2.TranscribeConfig) -> RecognitionOptions:
    """Réglages que le moteur reçoit."""
    translate = config.task == transcribe_pb2.TRANSCRIBE_TASK_TRANSLATE
    return RecognitionOptions(
        language=config.language,
        target_language=(config.target_language or "en") if translate else "",
        words=config.word_timestamps or config.HasField("diarization"),
        prompt=config.prompt,
        phrases=tuple(config.phrases),
        phrase_boost=config.phrase_boost if config.HasField("phrase_boost") else None,
        temperature=config.temperature,
        punctuation=config.punctuation if config.HasField("punctuation") else None,
    )


def segment_of(
    found: RecognizedSegment, start: float, index: int, language: str = "", *, low: float = 0.0
) -> audio_pb2.Segment:
    """Segment du contrat.

    Args:
        start: instant de la fenêtre, en secondes.
        language: sa langue.
        low: confiance sous laquelle un mot est à vérifier.
    """
    words = [
        audio_pb2.Word(
            text=word.text,
            start_offset=duration(start + word.start),
            end_offset=duration(start + word.end),
            confidence=word.confidence,
            low_confidence=word.confidence is not None and word.confidence < low,
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
        low_confidence=any(word.low_confidence for word in words)
        or (not words and found.confidence is not None and found.confidence < low),
        no_speech_probability=found.no_speech_probability,
        language=found.language or language or None,
    )


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
