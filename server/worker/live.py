"""Une transcription en direct : les phrases closes dans l'ordre, et entre elles des textes provisoires.

Une phrase qui se tait est calculée sans attendre que son silence la close : si la parole ne reprend pas, son texte
final est déjà là. Un flux plus rapide que le moteur n'est plus lu tant que ses phrases attendent.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, replace

import numpy as np
from passerelle.v1 import audio_pb2, transcribe_pb2
from passerelle.worker.v1 import link_pb2

from server.engines.speech import Recognition, RecognitionOptions, RecognitionWindow, TranscribeEngine
from server.errors import AudioLimitExceeded, EngineFailed, InvalidAudio, InvalidRequest, PasserelleError
from server.link.inputs import RequestInput
from server.speech import SAMPLE_RATE
from server.speech.pcm import PcmReader
from server.speech.resample import Resampler
from server.speech.utterances import Event, SpeechEnded, SpeechStarted, Utterance, UtteranceCutter
from server.speech.vad import SpeechDetector
from server.speech.windows import Span
from server.worker.batcher import Rank, Ticket, WindowBatcher
from server.worker.spooled import SpeechTools, duration, raw_format, time_range
from server.worker.transcription import options_of, segment_of

_BLOCK_SECONDS = 0.02
"""Audio réuni avant d'être analysé : un client peut envoyer deux octets à la fois."""
_DRAFT_STEP = int(0.3 * SAMPLE_RATE)
"""Audio nouveau avant un autre texte provisoire."""
_FIRST_DRAFT = int(0.5 * SAMPLE_RATE)
"""Parole avant le premier texte provisoire d'une phrase."""
_SURE_LANGUAGE = 0.7
"""Probabilité à partir de laquelle une langue reconnue vaut pour la suite du flux."""


class LiveTranscription:
    """Mène les transcriptions en direct d'un exemplaire."""

    def __init__(self, engine: TranscribeEngine, tools: SpeechTools, batcher: WindowBatcher) -> None:
        self._engine = engine
        self._tools = tools
        self._batcher = batcher

    async def run(self, request: link_pb2.Submit, inputs: RequestInput | None = None) -> AsyncGenerator[bytes, None]:
        """Des `StreamTranscribeResponse` sérialisés : prêt, événements, bilan.

        Raises:
            UnsupportedOption: option que le moteur ne sait pas honorer.
            InvalidAudio: échantillons non finis, ou flux fini au milieu d'un échantillon ; après le bilan.
            AudioLimitExceeded: flux plus long que `max_audio_seconds` ; après le bilan.
        """
        if inputs is None:
            raise InvalidRequest("Une transcription en direct demande un flux d'entrée.")
        config = transcribe_pb2.StreamTranscribeConfig.FromString(request.payload)
        options = options_of(config.config)
        self._engine.check(options)
        session = _Session(config, options, self._engine, self._tools, self._batcher)
        ready = transcribe_pb2.StreamReady(id=request.request_id, model=config.config.model)
        yield transcribe_pb2.StreamTranscribeResponse(ready=ready).SerializeToString()
        working = asyncio.create_task(session.work(inputs))
        working.add_done_callback(lambda _: session.output.put_nowait(None))
        try:
            while (message := await session.output.get()) is not None:
                yield message.SerializeToString()
            working.result()
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
            session.abandon()


@dataclass(frozen=True, slots=True)
class _Draft:
    """Phrase en cours confiée au moteur."""

    utterance: Utterance
    ticket: Ticket


class _Session:
    """Un flux en direct."""

    def __init__(
        self,
        config: transcribe_pb2.StreamTranscribeConfig,
        options: RecognitionOptions,
        engine: TranscribeEngine,
        tools: SpeechTools,
        batcher: WindowBatcher,
    ) -> None:
        limits = tools.limits
        raw = raw_format(config.config.audio_format)
        if raw is None:
            raise InvalidRequest("audio_format.encoding : obligatoire.", metadata={"field": "audio_format.encoding"})
        self._config = config
        self._options = options
        self._tools = tools
        self._batcher = batcher
        self._interim = config.interim_results if config.HasField("interim_results") else True
        self._pcm = PcmReader(raw)
        self._resampler = Resampler(raw.sample_rate)
        self._block_bytes = max(1, round(raw.sample_rate * _BLOCK_SECONDS)) * self._pcm.frame_bytes
        self._rate = raw.sample_rate
        self._max_frames = int(limits.max_audio_seconds * raw.sample_rate)
        self._max_seconds = limits.max_audio_seconds
        self._frames = 0
        self._cutter = UtteranceCutter(
            SpeechDetector(tools.vad),
            endpoint_silence=_seconds(config, "endpoint_silence", limits.endpoint_silence_seconds),
            max_utterance=min(_seconds(config, "max_utterance", limits.utterance_seconds), engine.max_window_seconds),
        )
        self._finals: asyncio.Queue[_Draft | None] = asyncio.Queue(engine.max_batch + 1)
        self._unfinished = 0
        self._draft: _Draft | None = None
        self._shown_index = -1
        self._shown = ""
        self._language = ""
        self._texts: list[str] = []
        self._silent: list[Span] = []
        self.output: asyncio.Queue[transcribe_pb2.StreamTranscribeResponse | None] = asyncio.Queue()
        """Ce qui est à envoyer ; `None` à la fin."""

    async def work(self, inputs: RequestInput) -> None:
        """Lit le flux jusqu'à sa fin et met en file tout ce qu'il donne, le bilan en dernier."""
        delivering = asyncio.create_task(self._deliver())
        reading = asyncio.create_task(self._read(inputs))
        try:
            await asyncio.wait({delivering, reading}, return_when=asyncio.FIRST_EXCEPTION)
            # L'échec d'une phrase arrête la lecture ; celui de la lecture laisse finir les phrases déjà closes.
            if delivering.done():
                delivering.result()
            await delivering
            refusal = reading.result()
            self._put(summary=self._summary())
            if refusal is not None:
                raise refusal
        finally:
            reading.cancel()
            delivering.cancel()
            await asyncio.gather(reading, delivering, return_exceptions=True)

    def abandon(self) -> None:
        """Retire du moteur ce qui y attend encore."""
        if self._draft is not None:
            self._draft.ticket.cancel()
        while not self._finals.empty():
            final = self._finals.get_nowait()
            if final is not None:
                final.ticket.cancel()

    async def _read(self, inputs: RequestInput) -> PasserelleError | None:
        """Analyse tout le flux ; rend le refus à dire après le bilan, s'il y en a un."""
        refusal: PasserelleError | None = None
        try:
            pending = bytearray()
            while refusal is None and (data := await inputs.read()):
                pending += data
                if len(pending) < self._block_bytes:
                    continue
                block, pending = bytes(pending), bytearray()
                refusal = await self._analyse(block)
            if refusal is None and pending:
                refusal = await self._analyse(bytes(pending))
            await self._handle(await self._in_pool(self._last_events))
            if refusal is None and self._pcm.rest:
                refusal = InvalidAudio(
                    f"audio : le flux s'est fini au milieu d'un échantillon ({self._pcm.rest} octets sur "
                    f"{self._pcm.frame_bytes}).",
                    metadata={
                        "field": "audio",
                        "limit": str(self._pcm.frame_bytes),
                        "value": str(self._pcm.rest),
                    },
                )
            return refusal
        finally:
            await self._finals.put(None)

    async def _analyse(self, data: bytes) -> PasserelleError | None:
        refusal: PasserelleError | None = None
        try:
            wave = self._pcm.push(data)
        except InvalidAudio as error:
            return error
        room = self._max_frames - self._frames
        if len(wave) > room:
            wave = wave[:room]
            refusal = AudioLimitExceeded(
                f"audio : le flux dépasse la durée permise, {self._max_seconds:g} s ; ouvrez-en un autre.",
                metadata={"field": "audio", "limit": f"{self._max_seconds:g}"},
            )
        self._frames += len(wave)
        await self._handle(await self._in_pool(lambda: self._cutter.push(self._resampler.push(wave))))
        return refusal

    async def _in_pool(self, work: Callable[[], list[Event]]) -> list[Event]:
        return await asyncio.get_running_loop().run_in_executor(self._tools.pool, work)

    def _last_events(self) -> list[Event]:
        return [*self._cutter.push(self._resampler.flush()), *self._cutter.flush()]

    async def _handle(self, events: list[Event]) -> None:
        for event in events:
            match event:
                case SpeechStarted():
                    self._put(speech_start=_boundary(event))
                case SpeechEnded():
                    self._put(speech_end=_boundary(event))
                case Utterance():
                    self._unfinished += 1
                    ticket = self._final_ticket(event)
                    try:
                        # Attend ici quand le moteur est en retard : le client est alors ralenti.
                        await self._finals.put(_Draft(event, ticket))
                    except asyncio.CancelledError:
                        ticket.cancel()
                        raise
        self._draft_if_useful()

    def _final_ticket(self, utterance: Utterance) -> Ticket:
        """Fenêtre d'une phrase close ; celle de son brouillon, s'il porte sur la même onde."""
        draft, self._draft = self._draft, None
        if draft is not None:
            if _same(draft.utterance, utterance):
                draft.ticket.promote()
                return draft.ticket
            draft.ticket.cancel()
        return self._batcher.submit(self._window(utterance), Rank.FINAL)

    def _window(self, utterance: Utterance) -> RecognitionWindow:
        options = self._options
        return RecognitionWindow(
            utterance.samples, options if options.language else replace(options, language=self._language)
        )

    def _draft_if_useful(self) -> None:
        """Confie la phrase en cours au moteur, si rien de ce flux n'y est déjà."""
        if self._unfinished or (self._draft is not None and not self._draft.ticket.done):
            return
        if self._cutter.hesitating:
            # Un brouillon lancé maintenant retarderait celui de la phrase finie, qui vient peut-être.
            return
        settled = self._cutter.settled
        if not settled and not self._interim:
            return
        utterance = self._cutter.draft()
        if utterance is None:
            return
        if self._draft is not None and self._draft.utterance.index == utterance.index:
            if _same(self._draft.utterance, utterance):
                return
            if not settled and utterance.end - self._draft.utterance.end < _DRAFT_STEP:
                return
        elif not settled and utterance.speech.end - utterance.speech.start < _FIRST_DRAFT:
            return
        draft = self._draft = _Draft(utterance, self._batcher.submit(self._window(utterance), Rank.DRAFT))
        draft.ticket.future.add_done_callback(lambda future: self._drafted(draft, future))

    def _drafted(self, draft: _Draft, future: "asyncio.Future[Recognition]") -> None:
        if self._draft is not draft or future.cancelled() or future.exception() is not None:
            return
        if self._interim:
            self._show(draft.utterance.index, _text(future.result()))
        self._draft_if_useful()

    def _show(self, index: int, text: str) -> None:
        """Envoie ce qui change d'un texte provisoire."""
        if index != self._shown_index:
            self._shown_index, self._shown = index, ""
        if text == self._shown:
            return
        kept = _common_length(self._shown, text)
        self._shown = text
        self._put(partial=transcribe_pb2.PartialTranscript(utterance_index=index, kept_length=kept, text=text[kept:]))

    async def _deliver(self) -> None:
        """Rend les phrases closes dans l'ordre."""
        while (final := await self._finals.get()) is not None:
            found = await final.ticket.future
            self._final(final.utterance, found)
            self._unfinished -= 1
            self._draft_if_useful()

    def _final(self, utterance: Utterance, found: Recognition) -> None:
        if not self._language and (found.language_probability or 1.0) >= _SURE_LANGUAGE:
            self._language = found.language
        segment = _joined(utterance, found)
        if segment.text:
            self._texts.append(segment.text)
        else:
            self._silent.append(utterance.speech)
        # Une phrase dont un texte provisoire a été montré se clôt même sans mots.
        if segment.text or (self._shown_index == utterance.index and self._shown):
            self._put(final=segment)

    def _summary(self) -> transcribe_pb2.StreamSummary:
        seconds = self._frames / self._rate
        received, analysed = self._cutter.received, self._cutter.analysed
        if analysed != received or abs(received - seconds * SAMPLE_RATE) > 0.02 * SAMPLE_RATE:
            raise EngineFailed(
                f"De l'audio reçu n'a pas été analysé ({analysed / SAMPLE_RATE:.2f} s sur {seconds:.2f} s).",
                metadata={"limit": f"{seconds:.3f}", "value": f"{analysed / SAMPLE_RATE:.3f}"},
            )
        length = duration(seconds)
        return transcribe_pb2.StreamSummary(
            text=" ".join(self._texts),
            language=self._options.language or self._language,
            coverage=audio_pb2.AudioCoverage(
                received_duration=length,
                covered_duration=length,
                speech_duration=duration(self._cutter.speech / SAMPLE_RATE),
                speech_without_words=[time_range(span) for span in self._silent],
            ),
        )

    def _put(
        self,
        *,
        speech_start: transcribe_pb2.SpeechBoundary | None = None,
        speech_end: transcribe_pb2.SpeechBoundary | None = None,
        partial: transcribe_pb2.PartialTranscript | None = None,
        final: audio_pb2.Segment | None = None,
        summary: transcribe_pb2.StreamSummary | None = None,
    ) -> None:
        self.output.put_nowait(
            transcribe_pb2.StreamTranscribeResponse(
                speech_start=speech_start, speech_end=speech_end, partial=partial, final=final, summary=summary
            )
        )


def _joined(utterance: Utterance, found: Recognition) -> audio_pb2.Segment:
    """La phrase en un segment, aux bornes de sa parole."""
    parts = [segment_of(part, utterance.start / SAMPLE_RATE, 0) for part in found.segments]
    scores = [part.confidence for part in parts if part.HasField("confidence")]
    silences = [part.no_speech_probability for part in parts if part.HasField("no_speech_probability")]
    return audio_pb2.Segment(
        index=utterance.index,
        text=_text(found),
        start_offset=duration(utterance.speech.start / SAMPLE_RATE),
        end_offset=duration(utterance.speech.end / SAMPLE_RATE),
        words=[word for part in parts for word in part.words],
        confidence=float(np.mean(scores)) if scores else None,
        no_speech_probability=max(silences) if silences else None,
    )


def _text(found: Recognition) -> str:
    return " ".join(segment.text for segment in found.segments if segment.text)


def _common_length(one: str, other: str) -> int:
    """Points de code que deux textes ont en commun à leur début."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _same(one: Utterance, other: Utterance) -> bool:
    return (one.index, one.start, one.end) == (other.index, other.start, other.end)


def _boundary(event: SpeechStarted | SpeechEnded) -> transcribe_pb2.SpeechBoundary:
    return transcribe_pb2.SpeechBoundary(offset=duration(event.at / SAMPLE_RATE), utterance_index=event.index)


def _seconds(config: transcribe_pb2.StreamTranscribeConfig, field: str, default: float) -> float:
    if not config.HasField(field):  # type: ignore[arg-type]
        return default
    return float(getattr(config, field).ToMicroseconds()) / 1e6
