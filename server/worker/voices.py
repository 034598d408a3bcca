"""Les voix d'un flux en direct, à côté de sa transcription : des fenêtres de parole, leurs empreintes, leurs locuteurs.

Le moteur en retard ne retient jamais un client qui parle : au-delà de `max_voice_backlog` fenêtres en attente, une sur
deux prend la voix de sa voisine. Seul un client plus rapide que le temps réel attend.
"""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from passerelle.v1 import transcribe_pb2
from passerelle.worker.v1 import link_pb2, voices_pb2

from server.engines.base_audio import SAMPLE_RATE, DiarizeEngine, Wave
from server.errors import InvalidRequest
from server.link.inputs import RequestInput
from server.speech.utterances import Event, Utterance, UtteranceCutter
from server.speech.vad import SpeechDetector
from server.speech.voice_groups import SpeakerBounds, VoiceGroups
from server.speech.voice_names import Known
from server.worker.known_voices import known_voices
from server.worker.live_audio import LiveAudio
from server.worker.live_resume import Resume
from server.worker.spooled import SpeechTools, raw_format

_WINDOW_SECONDS = 1.75
"""Fenêtre au plus, marge comprise : assez pour une empreinte, pas assez pour deux tours de parole."""
_PAUSE_SECONDS = 0.2
"""Silence qui clôt une fenêtre : on y change souvent de locuteur."""
_BATCH = 8
"""Fenêtres confiées au moteur d'un trait."""


@dataclass(slots=True)
class _Window:
    """Fenêtre de parole qui attend son empreinte."""

    start: int
    end: int
    samples: Wave | None
    """Parole, sans ses marges ; `None` : prend la voix de sa voisine."""

    @property
    def seconds(self) -> float:
        """Durée."""
        return (self.end - self.start) / SAMPLE_RATE


class LiveVoices:
    """Mène les voix des flux en direct d'un exemplaire."""

    def __init__(self, engine: DiarizeEngine, tools: SpeechTools) -> None:
        self._engine = engine
        self._tools = tools

    async def run(self, request: link_pb2.Submit, inputs: RequestInput | None = None) -> AsyncGenerator[bytes, None]:
        """Des `VoicesOutput` sérialisés : fenêtres et corrections, puis le dernier mot.

        Raises:
            EngineFailed: le moteur a raté des fenêtres.
        """
        if inputs is None:
            raise InvalidRequest("Les voix d'un direct demandent un flux d'entrée.")
        config = transcribe_pb2.StreamTranscribeConfig.FromString(request.payload)
        names = config.config.diarization.known_speaker_names
        known = await known_voices(self._tools, self._engine, names, request.clip_names)
        session = _Session(config, known, self._engine, self._tools)
        # Prêt : le front attend ce premier message avant de dire au client d'envoyer.
        yield voices_pb2.VoicesOutput(ready=True).SerializeToString()
        reading = asyncio.create_task(session.read(inputs))
        reading.add_done_callback(lambda _task: session.changed.set())
        try:
            while (batch := await session.take(reading)) is not None:
                yield (await session.hear(batch)).SerializeToString()
            yield (await session.settle()).SerializeToString()
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


class _Session:
    """Un flux."""

    def __init__(
        self,
        config: transcribe_pb2.StreamTranscribeConfig,
        known: list[Known],
        engine: DiarizeEngine,
        tools: SpeechTools,
    ) -> None:
        raw = raw_format(config.config.audio_format)
        if raw is None:
            raise InvalidRequest("audio_format.encoding : obligatoire.", metadata={"field": "audio_format.encoding"})
        limits = tools.limits
        self._engine = engine
        self._pool = tools.pool
        self._most_waiting = limits.max_voice_backlog
        cutter = UtteranceCutter(
            SpeechDetector(tools.vad), endpoint_silence=_PAUSE_SECONDS, max_utterance=_WINDOW_SECONDS
        )
        # Les instants restent ceux de ce flux : le front les place dans l'audio du client.
        self._audio = LiveAudio(raw, cutter, Resume(0, raw.sample_rate), tools.pool, limits.max_audio_seconds)
        self._groups = VoiceGroups(
            engine.voice_scale, _bounds(config, limits.max_speakers), known, most_points=limits.max_voice_points
        )
        self._waiting: list[_Window] = []
        self._room = asyncio.Event()
        self._told: list[str] = []
        self.changed = asyncio.Event()
        """Posé quand il y a à faire, ou que la lecture est finie."""

    async def read(self, inputs: RequestInput) -> None:
        """Lit le flux jusqu'à sa fin ; ce qu'il a de refusable, la transcription le dit."""
        await self._audio.read(inputs, self._handle)

    async def take(self, reading: "asyncio.Task[None]") -> list[_Window] | None:
        """Fenêtres à entendre, en attendant au moins une ; `None` à la fin."""
        while not self._waiting:
            if reading.done():
                reading.result()
                return None
            self.changed.clear()
            await self.changed.wait()
        batch, self._waiting = self._waiting[:_BATCH], self._waiting[_BATCH:]
        self._room.set()
        return batch

    async def hear(self, batch: list[_Window]) -> voices_pb2.VoicesOutput:
        """Donne leurs voix à ces fenêtres ; d'autres peuvent en changer."""
        kept = [window.samples for window in batch if window.samples is not None]
        found = iter(await self._engine.embed(kept))
        vectors = [None if window.samples is None else next(found) for window in batch]
        seconds = [window.seconds for window in batch]
        await asyncio.get_running_loop().run_in_executor(self._pool, self._groups.add, seconds, vectors)
        return self._output(batch)

    async def settle(self) -> voices_pb2.VoicesOutput:
        """Le dernier mot."""
        await asyncio.get_running_loop().run_in_executor(self._pool, self._groups.settle)
        output = self._output([])
        output.last = True
        output.unknown.extend(sorted(self._groups.unknown()))
        return output

    async def _handle(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Utterance):
                speech = event.speech
                samples = event.samples[speech.start - event.start : speech.end - event.start]
                self._waiting.append(_Window(speech.start, speech.end, samples))
        if not self._waiting:
            return
        self.changed.set()
        while self._audio.ahead and len(self._waiting) >= self._most_waiting // 2:
            # Un client en avance a le temps ; un client qui parle n'attend jamais.
            self._room.clear()
            await self._room.wait()
        voiced = [window for window in self._waiting if window.samples is not None]
        if len(voiced) > self._most_waiting:
            for window in voiced[1::2]:
                window.samples = None

    def _output(self, batch: list[_Window]) -> voices_pb2.VoicesOutput:
        labels = self._groups.labels()
        output = voices_pb2.VoicesOutput(heard=self._audio.cutter.analysed)
        for rank, (before, after) in enumerate(zip(self._told, labels, strict=False)):
            if before == after:
                continue
            last = output.changes[-1] if output.changes else None
            if last is not None and last.first + last.count == rank and last.label == after:
                last.count += 1
            else:
                output.changes.add(first=rank, count=1, label=after)
        for window, label in zip(batch, labels[len(self._told) :], strict=True):
            output.windows.add(start=window.start, end=window.end, label=label)
        self._told = labels
        return output


def _bounds(config: transcribe_pb2.StreamTranscribeConfig, most: int) -> SpeakerBounds:
    asked = config.config.diarization
    least = asked.num_speakers or asked.min_speakers or 1
    return SpeakerBounds(least, max(least, asked.num_speakers or asked.max_speakers or most))
