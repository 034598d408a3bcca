"""Mener une transcription ou une diarisation : le point où REST et gRPC typé se rejoignent.

La transcription avec locuteurs est composée ici : un exemplaire décode l'envoi et le transcrit, un autre reçoit l'onde
dès qu'elle est entière, et `meeting.py` réunit ce qu'ils disent à mesure. Quitter l'itérateur abandonne le travail
dans les moteurs, à leur prochaine fenêtre.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from typing import Any

from passerelle.v1 import audio_pb2, diarize_pb2, transcribe_pb2
from passerelle.worker.v1 import link_pb2

from server.domain import Capability
from server.front.audio.known_speakers import REFERENCES, clips_in
from server.front.audio.meeting import Meeting, given
from server.front.audio.spool import WAVE_SUFFIX, Spool
from server.front.routing.call import WorkerCalls
from server.front.routing.router import Router
from server.front.routing.routes import ModelRoute
from server.front.told import tell_diarize, tell_transcribe
from server.rpc.notes import note
from server.rpc.quotas import ticket

TranscribeEvent = transcribe_pb2.UploadTranscribeResponse
DiarizeEvent = diarize_pb2.UploadDiarizeResponse

_WORDS = "word_timestamps"
_DECODED = "decoded"
"""Étape que dit un exemplaire qui a mis dans la réserve l'audio décodé ; aucun client ne la voit."""
_WAVE = audio_pb2.AudioFormat(encoding=audio_pb2.AUDIO_ENCODING_PCM_F32LE, sample_rate_hertz=16000, channel_count=1)
"""Ce qu'il y met, sous le nom de l'envoi suivi de `WAVE_SUFFIX`."""


class SpeechAnalysis:
    """Analyses de fichiers de la réserve."""

    def __init__(self, router: Router, calls: WorkerCalls, spool: Spool) -> None:
        self._router = router
        self._calls = calls
        self._spool = spool

    async def transcribe(
        self,
        config: transcribe_pb2.TranscribeConfig,
        spool_name: str,
        timeout: float | None,
        *,
        stream: bool,
        refine: bool = False,
    ) -> AsyncGenerator[TranscribeEvent, None]:
        """Avancements et segments si `stream`, puis le résultat ; `refine` y joint les mots si le modèle les date.

        Raises:
            PasserelleError: de la route, de la liaison, du décodage ou du moteur.
        """
        tell_transcribe(config)
        if config.HasField("diarization"):
            events = self._with_speakers(config, spool_name, timeout, stream=stream)
        else:
            events = self._transcribe(config, spool_name, timeout, stream=stream, refine=refine)
        async with aclosing(events):
            async for event in events:
                if event.progress.stage != _DECODED:
                    yield event

    async def diarize(
        self, config: diarize_pb2.DiarizeConfig, spool_name: str, timeout: float | None, *, stream: bool
    ) -> AsyncGenerator[DiarizeEvent, None]:
        """Avancements si `stream`, puis le résultat ; mêmes erreurs que `transcribe`."""
        tell_diarize(config)
        route = await self._router.route_for(config.model, Capability.DIARIZE)
        config = _copy(config)
        config.model = config.model or route.key
        async with clips_in(self._spool, config) as clips:
            kind = link_pb2.REQUEST_KIND_DIARIZE
            frames = self._frames(route, kind, config.SerializeToString(), spool_name, timeout, stream, clips)
            async with aclosing(frames):
                async for frame in frames:
                    event = DiarizeEvent.FromString(frame)
                    await _counted(event)
                    if event.HasField("result"):
                        _heard(event.result)
                    yield event

    async def _transcribe(
        self,
        config: transcribe_pb2.TranscribeConfig,
        spool_name: str,
        timeout: float | None,
        *,
        stream: bool,
        refine: bool = False,
    ) -> AsyncGenerator[TranscribeEvent, None]:
        route = await self._router.route_for(config.model, Capability.TRANSCRIBE)
        wanted = transcribe_pb2.TranscribeConfig()
        wanted.CopyFrom(config)
        wanted.model = config.model or route.key
        # Un autre exemplaire dit les locuteurs, et lui seul entend leurs extraits.
        if wanted.HasField("diarization"):
            wanted.diarization.ClearField(REFERENCES)

        def payload(served: ModelRoute) -> bytes:
            # Ce qu'un modèle honore n'est sûr qu'une fois chargé.
            if refine and _WORDS in served.features:
                wanted.word_timestamps = True
            return wanted.SerializeToString()

        frames = self._frames(route, link_pb2.REQUEST_KIND_TRANSCRIBE, payload, spool_name, timeout, stream)
        async with aclosing(frames):
            async for frame in frames:
                event = TranscribeEvent.FromString(frame)
                await _counted(event)
                if event.progress.stage == _DECODED:
                    self._spool.count(spool_name)
                elif event.HasField("result"):
                    _heard(event.result)
                yield event

    async def _with_speakers(
        self, config: transcribe_pb2.TranscribeConfig, spool_name: str, timeout: float | None, *, stream: bool
    ) -> AsyncGenerator[TranscribeEvent, None]:
        # Un modèle inconnu se dit avant que l'autre ne travaille pour rien.
        await self._router.route_for(config.model, Capability.TRANSCRIBE)
        # Le nom du champ de REST ; en gRPC, `diarization.model`.
        await self._router.route_for(config.diarization.model, Capability.DIARIZE, field="diarization_model")
        speakers = _copy(config.diarization)
        speakers.audio_format.CopyFrom(_WAVE)
        queue: asyncio.Queue[TranscribeEvent | DiarizeEvent | None] = asyncio.Queue()
        decoded = asyncio.Event()
        started = time.monotonic()

        async def recognition() -> None:
            async with aclosing(self._transcribe(config, spool_name, timeout, stream=stream)) as events:
                async for event in events:
                    if event.progress.stage == _DECODED:
                        decoded.set()
                    else:
                        queue.put_nowait(event)

        async def turns() -> None:
            await decoded.wait()
            left = None if timeout is None else max(0.001, timeout - (time.monotonic() - started))
            async with aclosing(self.diarize(speakers, f"{spool_name}{WAVE_SUFFIX}", left, stream=stream)) as events:
                async for event in events:
                    queue.put_nowait(event)

        meeting = Meeting()
        async with aclosing(_all_of(queue, recognition(), turns())) as events:
            async for event in events:
                for told in meeting.take(event):
                    yield told
        yield TranscribeEvent(result=meeting.result())

    async def _frames(
        self,
        route: ModelRoute,
        kind: "link_pb2.RequestKind",
        payload: bytes | Callable[[ModelRoute], bytes],
        spool_name: str,
        timeout: float | None,
        stream: bool,
        clips: tuple[str, ...] = (),
    ) -> AsyncGenerator[bytes, None]:
        held = ticket.get()
        if held is not None and held.hears():
            # Compté à mesure qu'il est analysé : il faut en entendre les avancements, rendus ou non.
            await held.hear(0.0)
            stream = True
        async with self._calls.open(
            route,
            kind,
            payload,
            label=route.capability.value,
            stream=stream,
            started=time.monotonic(),
            timeout=timeout,
            spool_name=spool_name,
            whole_buffer=True,
            clip_names=clips,
        ) as call:
            async for items in call:
                if (found := note.get()) is not None:
                    found.queued = found.queued or call.waited
                for item in items:
                    yield item


async def _all_of(
    queue: "asyncio.Queue[TranscribeEvent | DiarizeEvent | None]", *works: Coroutine[Any, Any, None]
) -> AsyncGenerator[TranscribeEvent | DiarizeEvent, None]:
    """Ce que ces travaux mettent dans la file, jusqu'à la fin du dernier ; le premier qui échoue arrête les autres."""
    tasks = [asyncio.create_task(work) for work in works]
    whole = asyncio.gather(*tasks)
    whole.add_done_callback(lambda _all: queue.put_nowait(None))
    try:
        while (event := await queue.get()) is not None:
            yield event
        await whole
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, whole, return_exceptions=True)


async def transcript_of(events: AsyncGenerator[TranscribeEvent, None]) -> transcribe_pb2.TranscribeResponse:
    """Résultat d'une transcription, sans ses avancements."""
    # Jusqu'au bout : quitter l'itérateur dès le résultat compterait une requête abandonnée.
    async with aclosing(events):
        results = [event.result async for event in events if event.HasField("result")]
    return given(results[-1] if results else None)


async def diarization_of(events: AsyncGenerator[DiarizeEvent, None]) -> diarize_pb2.DiarizeResponse:
    """Résultat d'une diarisation, sans ses avancements."""
    async with aclosing(events):
        results = [event.result async for event in events if event.HasField("result")]
    return given(results[-1] if results else None)


def _heard(result: transcribe_pb2.TranscribeResponse | diarize_pb2.DiarizeResponse) -> None:
    """Note la durée analysée ; celle d'une transcription avec locuteurs ne compte qu'une fois."""
    if (found := note.get()) is not None:
        found.audio_seconds = found.audio_seconds or result.duration.ToMicroseconds() / 1e6


async def _counted(event: TranscribeEvent | DiarizeEvent) -> None:
    """Compte l'audio que dit cet avancement, ou ce résultat."""
    if (held := ticket.get()) is not None and held.hears():
        told = event.result.duration if event.HasField("result") else event.progress.processed_duration
        await held.hear(told.ToMicroseconds() / 1e6, spent=True)


def _copy(config: diarize_pb2.DiarizeConfig) -> diarize_pb2.DiarizeConfig:
    copy = diarize_pb2.DiarizeConfig()
    copy.CopyFrom(config)
    return copy
