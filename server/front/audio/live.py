"""Mener une transcription en direct : l'audio d'un client vers un exemplaire, ses événements vers le client.

Un flux clos par le serveur (silence du client, durée, arrêt) rend d'abord tout ce qui a été entendu, bilan compris,
puis l'erreur qui dit pourquoi.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Any, Protocol

from passerelle.v1 import audio_pb2, transcribe_pb2
from passerelle.worker.v1 import link_pb2

from server.domain import Capability, Limits
from server.errors import (
    AudioConfigExpected,
    DeadlineExceeded,
    InvalidRequest,
    PasserelleError,
    ShuttingDown,
)
from server.front.audio.known_speakers import clips_in
from server.front.audio.live_config import check_live
from server.front.audio.live_speakers import LiveSpeakers
from server.front.audio.live_voices import speaking
from server.front.audio.spool import Spool
from server.front.routing.call import WorkerCalls
from server.front.routing.router import Router
from server.front.routing.routes import ModelRoute
from server.front.told import tell_transcribe
from server.link.call import LinkCall
from server.rpc.notes import note
from server.rpc.quotas import ticket

Request = transcribe_pb2.StreamTranscribeRequest
Response = transcribe_pb2.StreamTranscribeResponse

_CLOSING_SHARE = 0.1
_CLOSING_SECONDS = 5.0
"""Temps gardé, avant la durée où Envoy coupe un flux, pour le clore avec son bilan."""
_SAMPLE_BYTES: "dict[audio_pb2.AudioEncoding, int]" = {
    audio_pb2.AUDIO_ENCODING_PCM_S16LE: 2,
    audio_pb2.AUDIO_ENCODING_PCM_S24LE: 3,
    audio_pb2.AUDIO_ENCODING_PCM_S32LE: 4,
    audio_pb2.AUDIO_ENCODING_PCM_F32LE: 4,
}
"""Octets d'un échantillon ; un pour les autres codages qu'un flux admet."""


class LiveAnalysis:
    """Transcriptions en direct."""

    def __init__(
        self,
        router: Router,
        calls: WorkerCalls,
        spool: Spool,
        limits: Limits,
        ending: asyncio.Event,
        away_seconds: Callable[[], float],
    ) -> None:
        """`ending` : ce front s'arrête ; `away_seconds` : quand revenir, dit à qui il coupe."""
        self._router = router
        self._calls = calls
        self._spool = spool
        self._limits = limits
        self._ending = ending
        self._away_seconds = away_seconds

    async def transcribe(
        self, requests: AsyncIterator[Request], timeout: float | None
    ) -> AsyncGenerator[Response, None]:
        """Événements d'un flux, le bilan en dernier.

        Raises:
            AudioConfigExpected: le premier message n'est pas la configuration, ou elle revient.
            InvalidRequest: configuration refusée, ou morceau vide.
            DeadlineExceeded: client silencieux, ou flux plus long que les limites ; après le bilan.
            ShuttingDown: le serveur s'arrête ; après le bilan.
            PasserelleError: de la route, de la liaison ou du moteur ; celle d'un flux commencé dit où reprendre.
        """
        started = time.monotonic()
        limits = self._limits
        end = asyncio.get_running_loop().time() + limits.max_stream_duration_seconds
        end -= min(_CLOSING_SECONDS, _CLOSING_SHARE * limits.max_stream_duration_seconds)
        config = await self._first(requests, end)
        check_live(config, limits)
        tell_transcribe(config.config)
        route = await self._router.route_for(config.config.model, Capability.TRANSCRIBE)
        config.config.model = config.config.model or route.key
        voices = await self._voices(config)
        if (held := ticket.get()) is not None:
            await held.hear(0.0)
        common: dict[str, Any] = {"stream": True, "started": started, "timeout": timeout}
        async with AsyncExitStack() as stack:
            clips: tuple[str, ...] = ()
            if voices is not None:
                clips = await stack.enter_async_context(clips_in(self._spool, config.config.diarization))
            asked = (route, link_pb2.REQUEST_KIND_LIVE, config.SerializeToString())
            call = await stack.enter_async_context(self._calls.open(*asked, label="live", **common))
            line: _Line = call
            events = _responses(call)
            if voices is not None:
                kind = link_pb2.REQUEST_KIND_VOICES
                second = self._calls.open(voices, kind, asked[2], label="voices", clip_names=clips, **common)
                speakers = LiveSpeakers(config.resume_sample, config.config.audio_format.sample_rate_hertz)
                spoken = await stack.enter_async_context(
                    speaking(call, await stack.enter_async_context(second), speakers)
                )
                line, events = spoken, spoken.events()
            sending = asyncio.create_task(self._send(requests, line, end, config.config.audio_format))
            point = ResumePoint(config)
            try:
                async with aclosing(events) as responses:
                    async for response in responses:
                        point.see(response)
                        yield response
                # Le bilan est parti : un flux que le serveur a clos dit maintenant pourquoi.
                await sending
            except PasserelleError as error:
                # L'audio que le serveur a lui-même clos finit où il peut, fût-ce au milieu d'un échantillon : c'est la
                # cause qui se dit, non ce que l'exemplaire en pense.
                closed = sending.exception() if sending.done() and not sending.cancelled() else None
                cause = closed if isinstance(closed, PasserelleError) else error
                point.tell(cause)
                raise cause from None
            finally:
                if (found := note.get()) is not None:
                    found.stream, found.audio_seconds = True, point.heard
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)

    async def _voices(self, config: transcribe_pb2.StreamTranscribeConfig) -> ModelRoute | None:
        """Modèle qui dira les locuteurs, s'ils sont demandés ; chaque mot doit alors être daté."""
        if not config.config.HasField("diarization"):
            return None
        config.config.word_timestamps = True
        return await self._router.route_for(
            config.config.diarization.model, Capability.DIARIZE, field="diarization.model"
        )

    async def _send(
        self, requests: AsyncIterator[Request], call: "_Line", end: float, sound: audio_pb2.AudioFormat
    ) -> None:
        """Envoie l'audio du client jusqu'à sa fin, ou celle de son quota, et clôt toujours le flux d'entrée."""
        held, sent = ticket.get(), 0
        per_second = sound.sample_rate_hertz * max(1, sound.channel_count) * _SAMPLE_BYTES.get(sound.encoding, 1)
        try:
            async with self._bounded(end) as within:
                while True:
                    within(self._limits.max_stream_silence_seconds)
                    request = await anext(requests, None)
                    if request is None:
                        return
                    # Le client attend alors l'exemplaire : ce temps n'est pas un silence.
                    within(None)
                    audio = _audio(request)
                    if held is not None and held.hears():
                        sent += len(audio)
                        await held.hear(sent / per_second)
                    await call.send(audio)
        finally:
            call.end_input()

    async def _first(self, requests: AsyncIterator[Request], end: float) -> transcribe_pb2.StreamTranscribeConfig:
        async with self._bounded(end) as within:
            within(self._limits.max_stream_silence_seconds)
            request = await anext(requests, None)
        if request is None:
            raise AudioConfigExpected("Le flux s'est fermé sans configuration.", metadata={"field": "config"})
        if request.WhichOneof("payload") != "config":
            raise AudioConfigExpected(
                "Le premier message d'un flux porte la configuration (config), les suivants l'audio (audio).",
                metadata={"field": "config", "value": str(request.WhichOneof("payload") or "")},
            )
        return request.config

    @asynccontextmanager
    async def _bounded(self, end: float) -> AsyncIterator[Callable[[float | None], None]]:
        """Coupe le bloc à l'échéance, ou dès que le serveur s'arrête.

        La fonction rendue repousse l'échéance à tant de secondes d'ici, au plus `end` (horloge de la boucle). Une seule
        minuterie sert tous les messages d'un flux.

        Raises:
            DeadlineExceeded: silence du client, ou durée du flux ; l'erreur dit laquelle.
            ShuttingDown: le serveur s'arrête.
        """
        clock, late = asyncio.get_running_loop().time, end
        silence = self._limits.max_stream_silence_seconds
        duration = self._limits.max_stream_duration_seconds
        try:
            async with asyncio.timeout_at(end) as timer:

                def within(seconds: float | None) -> None:
                    nonlocal late
                    if not timer.expired():
                        now = clock()
                        late = end if seconds is None else min(end, now + seconds)
                        timer.reschedule(now if self._ending.is_set() else late)

                watching = asyncio.create_task(self._watch(within))
                try:
                    yield within
                finally:
                    watching.cancel()
        except TimeoutError:
            if self._ending.is_set():
                raise ShuttingDown(
                    "Le serveur s'arrête : ce qui précède est complet, ouvrez un autre flux pour la suite.",
                    retry_after=self._away_seconds(),
                ) from None
            if late >= end:
                raise DeadlineExceeded(
                    f"Le flux atteint sa durée permise, {duration:g} s : ce qui précède est complet, "
                    "ouvrez-en un autre.",
                    metadata={"field": "max_stream_duration", "limit": f"{duration:g}", "value": f"{duration:g}"},
                ) from None
            raise DeadlineExceeded(
                f"Le client n'a rien envoyé depuis {silence:g} s, la limite ; ce qui précède est complet.",
                metadata={"field": "max_stream_silence", "limit": f"{silence:g}", "value": f"{silence:g}"},
            ) from None

    async def _watch(self, within: Callable[[float | None], None]) -> None:
        await self._ending.wait()
        within(None)


class _Line(Protocol):
    """Où va l'audio d'un flux."""

    async def send(self, data: bytes) -> None:
        """Envoie la suite."""

    def end_input(self) -> None:
        """Clôt l'audio."""


async def _responses(call: LinkCall) -> AsyncGenerator[Response, None]:
    async for items in call:
        for item in items:
            yield Response.FromString(item)


class ResumePoint:
    """Où un client peut reprendre le flux qu'une erreur coupe : d'après son bilan, sinon sa dernière phrase rendue."""

    def __init__(self, config: transcribe_pb2.StreamTranscribeConfig) -> None:
        self._rate = config.config.audio_format.sample_rate_hertz
        self._sample = config.resume_sample
        self._begun = False
        self.heard = 0.0
        """Secondes d'audio analysées."""

    def see(self, response: Response) -> None:
        """Un événement part vers le client."""
        match response.WhichOneof("event"):
            case "ready":
                self._begun = True
            case "final" if not response.final.cut:
                self._sample = response.final.end_offset.ToMicroseconds() * self._rate // 1_000_000
                self.heard = response.final.end_offset.ToMicroseconds() / 1e6
            case "summary":
                self._sample = response.summary.resume_sample
                self.heard = response.summary.coverage.received_duration.ToMicroseconds() / 1e6

    def tell(self, error: PasserelleError) -> None:
        """Le dit dans l'erreur, si le flux avait commencé."""
        if self._begun:
            error.metadata["resume_sample"] = str(self._sample)


def _audio(request: Request) -> bytes:
    kind = request.WhichOneof("payload")
    if kind != "audio":
        raise AudioConfigExpected(
            "La configuration ne vient qu'une fois, en premier ; ensuite, seulement de l'audio (audio).",
            metadata={"field": "audio", "value": str(kind or "")},
        )
    if not request.audio:
        raise InvalidRequest(
            "audio : un morceau ne peut pas être vide ; fermez le flux pour le finir.",
            metadata={"field": "audio", "limit": "1", "value": "0"},
        )
    return request.audio
