"""Une transcription en direct : les phrases closes dans l'ordre, et entre elles des textes provisoires.

Une phrase qui se tait est calculée sans attendre que son silence la close : si la parole ne reprend pas, son texte
final est déjà là. Un flux plus rapide que le moteur n'est plus lu tant que ses phrases attendent.
"""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace

from passerelle.v1 import audio_pb2, transcribe_pb2
from passerelle.worker.v1 import link_pb2

from server.engines.base_audio import SAMPLE_RATE, Recognition, RecognitionOptions, RecognitionWindow, TranscribeEngine
from server.errors import InvalidRequest, PasserelleError
from server.link.inputs import RequestInput
from server.speech.level import audible
from server.speech.utterances import Event, SpeechEnded, SpeechStarted, Utterance, UtteranceCutter
from server.speech.vad import SpeechDetector
from server.worker.batcher import Rank, Ticket, WindowBatcher
from server.worker.live_audio import LiveAudio
from server.worker.live_resume import Resume
from server.worker.live_text import Followed, LiveTranscript, ShownText, boundary, speech_in, text_of
from server.worker.spooled import SpeechTools, prove_analysed, raw_format
from server.worker.transcription import options_of

_DRAFT_STEP = int(0.3 * SAMPLE_RATE)
"""Audio nouveau avant un autre texte provisoire."""
_FIRST_DRAFT = int(0.5 * SAMPLE_RATE)
"""Parole avant le premier texte provisoire d'une phrase."""


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
        session = _Session(config, options, self._engine, self._tools, self._batcher, request.caller)
        ready = transcribe_pb2.StreamReady(id=request.request_id, model=config.config.model)
        yield transcribe_pb2.StreamTranscribeResponse(ready=ready).SerializeToString()
        working = asyncio.create_task(session.work(inputs))
        working.add_done_callback(lambda _: session.output.put_nowait(None))
        try:
            while (message := await session.output.get()) is not None:
                yield session.resume.placed(message).SerializeToString()
            working.result()
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
            session.abandon()


@dataclass(frozen=True, slots=True, eq=False)
class _Draft:
    """Phrase en cours confiée au moteur ; deux brouillons d'une même phrase ne sont pas le même."""

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
        caller: str,
    ) -> None:
        limits = tools.limits
        raw = raw_format(config.config.audio_format)
        if raw is None:
            raise InvalidRequest("audio_format.encoding : obligatoire.", metadata={"field": "audio_format.encoding"})
        self._options = options
        self._batcher = batcher
        self._caller = caller
        self._interim = config.interim_results if config.HasField("interim_results") else True
        self._followed = Followed(config.progress)
        self.resume = Resume(config.resume_sample, raw.sample_rate)
        """Place de ce flux dans l'audio du client."""
        self._cutter = UtteranceCutter(
            SpeechDetector(tools.vad),
            endpoint_silence=_seconds(config, "endpoint_silence", limits.endpoint_silence_seconds),
            max_utterance=min(_seconds(config, "max_utterance", limits.utterance_seconds), engine.max_window_seconds),
        )
        self._audio = LiveAudio(raw, self._cutter, self.resume, tools.pool, limits.max_audio_seconds)
        self._finals: asyncio.Queue[_Draft | None] = asyncio.Queue()
        self._room = asyncio.Semaphore(engine.max_batch + 1)
        self._unfinished = 0
        self._draft: _Draft | None = None
        self._late: _Draft | None = None
        self._drafting: _Draft | None = None
        self._shown = ShownText()
        self._transcript = LiveTranscript(options.language, limits.low_confidence)
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
        for draft in (self._draft, self._late):
            if draft is not None:
                draft.ticket.cancel()
        while not self._finals.empty():
            final = self._finals.get_nowait()
            if final is not None:
                final.ticket.cancel()

    async def _read(self, inputs: RequestInput) -> PasserelleError | None:
        try:
            return await self._audio.read(inputs, self._handle)
        finally:
            self._finals.put_nowait(None)

    async def _handle(self, events: list[Event]) -> None:
        for event in events:
            match event:
                case SpeechStarted():
                    self._put(speech_start=boundary(event))
                case SpeechEnded():
                    self._put(speech_end=boundary(event))
                case Utterance():
                    self._unfinished += 1
                    self._followed.close(event)
                    # Attend ici quand le moteur est en retard : le client est alors ralenti.
                    await self._room.acquire()
                    self._finals.put_nowait(_Draft(event, self._final_ticket(event)))
        self._draft_if_useful()
        self._tell_progress()

    def _tell_progress(self) -> None:
        drafting = self._drafting.utterance if self._drafting is not None else None
        if (progress := self._followed.change(self._cutter.analysed, drafting)) is not None:
            self._put(progress=progress)

    def _final_ticket(self, utterance: Utterance) -> Ticket:
        """Fenêtre d'une phrase close ; celle de son brouillon, s'il porte sur la même onde."""
        draft, self._draft = self._draft, None
        if draft is not None:
            asked = draft.ticket.window.options
            if _same(draft.utterance, utterance) and not draft.ticket.failed and asked == self._options:
                draft.ticket.promote()
                return draft.ticket
            if draft.ticket.started:
                # Il finira de toute façon : son texte se montre en attendant celui de la phrase.
                self._late = draft
            else:
                draft.ticket.cancel()
        return self._submit(utterance, Rank.FINAL)

    def _submit(self, utterance: Utterance, rank: Rank, language: str = "") -> Ticket:
        options = replace(self._options, language=language) if language else self._options
        window = RecognitionWindow(audible(utterance.samples), options, speech_in(utterance))
        return self._batcher.submit(window, rank, self._caller)

    def _draft_if_useful(self) -> None:
        """Confie la phrase en cours au moteur, si rien de ce flux n'y est déjà."""
        if (
            self._audio.analysing
            # Le brouillon d'un audio en avance serait périmé avant d'être lu.
            or self._audio.ahead
            or self._unfinished
            # Fini, un brouillon se montre d'abord : remplacé avant, son texte serait perdu.
            or self._drafting is not None
        ):
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
        # Un début de phrase est trop court pour sa propre langue ; une phrase finie, peut-être, cherche la sienne.
        language = "" if settled else self._transcript.languages.likely
        draft = self._draft = self._drafting = _Draft(utterance, self._submit(utterance, Rank.DRAFT, language))
        draft.ticket.future.add_done_callback(lambda future: self._drafted(draft, future))

    def _drafted(self, draft: _Draft, future: "asyncio.Future[Recognition]") -> None:
        if draft is self._drafting:
            self._drafting = None
        if future.cancelled() or future.exception() is not None or draft not in (self._draft, self._late):
            return
        if self._interim:
            change = self._shown.change(draft.utterance.index, text_of(future.result()))
            if change is not None:
                self._put(partial=change)
        self._draft_if_useful()
        self._tell_progress()

    async def _deliver(self) -> None:
        """Rend les phrases closes dans l'ordre."""
        while (final := await self._finals.get()) is not None:
            found = await final.ticket.future
            speech = final.utterance.speech
            self._transcript.languages.hear(found, (speech.end - speech.start) / SAMPLE_RATE)
            if language := self._transcript.languages.better(found):
                found = await self._submit(final.utterance, Rank.FINAL, language).future
            segment = self._transcript.add(final.utterance, found)
            segment.cut = self.resume.cuts(final.utterance.start)
            # Une phrase dont un texte provisoire a été montré se clôt même sans mots.
            if segment.text or self._shown.shows(segment.index):
                self._put(final=segment)
            self._unfinished -= 1
            self._followed.render()
            self._room.release()
            self._draft_if_useful()
            self._tell_progress()

    def _summary(self) -> transcribe_pb2.StreamSummary:
        seconds = self._audio.seconds
        prove_analysed(self._cutter.received, self._cutter.analysed, seconds)
        summary = self._transcript.summary(seconds=seconds, speech=self._cutter.speech)
        summary.resume_sample = self.resume.sample()
        return summary

    def _put(
        self,
        *,
        speech_start: transcribe_pb2.SpeechBoundary | None = None,
        speech_end: transcribe_pb2.SpeechBoundary | None = None,
        partial: transcribe_pb2.PartialTranscript | None = None,
        final: audio_pb2.Segment | None = None,
        summary: transcribe_pb2.StreamSummary | None = None,
        progress: transcribe_pb2.StreamProgress | None = None,
    ) -> None:
        self.output.put_nowait(
            transcribe_pb2.StreamTranscribeResponse(
                speech_start=speech_start,
                speech_end=speech_end,
                partial=partial,
                final=final,
                summary=summary,
                progress=progress,
            )
        )


def _same(one: Utterance, other: Utterance) -> bool:
    return (one.index, one.start, one.end) == (other.index, other.start, other.end)


def _seconds(config: transcribe_pb2.StreamTranscribeConfig, field: str, default: float) -> float:
    if not config.HasField(field):  # type: ignore[arg-type]
        return default
    return float(getattr(config, field).ToMicroseconds()) / 1e6
