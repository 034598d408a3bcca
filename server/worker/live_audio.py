"""L'audio d'un flux en direct, des octets du client aux débuts, fins et phrases qu'il porte."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from server.errors import AudioLimitExceeded, InvalidAudio, PasserelleError
from server.link.inputs import RequestInput
from server.speech.decode import RawFormat
from server.speech.pcm import PcmReader
from server.speech.resample import resampler_for
from server.speech.utterances import Event, UtteranceCutter
from server.worker.live_resume import Resume

_BLOCK_SECONDS = 0.02
"""Audio réuni avant d'être analysé : un client peut envoyer deux octets à la fois."""
_SLICE_SECONDS = 1.0
"""Audio analysé d'un trait, au plus : un client rapide laisse les fils aux autres. Au-delà, il est en avance."""

OnEvents = Callable[[list[Event]], Awaitable[None]]
"""Prend ce qu'une tranche a donné ; y attendre retient la lecture, donc le client."""


class LiveAudio:
    """Lit un flux, le ramène à 16 kHz et le découpe ; s'arrête au premier échantillon qui ne convient pas."""

    def __init__(
        self, raw: RawFormat, cutter: UtteranceCutter, resume: Resume, pool: ThreadPoolExecutor, max_seconds: float
    ) -> None:
        """`pool` : les fils du rééchantillonnage et de la détection de parole."""
        self.ahead = False
        """Vrai si le client est en avance : plus d'une tranche attend d'être analysée."""
        self.analysing = False
        """Vrai tant que la découpe change dans un autre fil : personne ne la lit alors."""
        self.cutter = cutter
        self._resume = resume
        self._pool = pool
        self._rate = raw.sample_rate
        self._pcm = PcmReader(raw)
        self._resampler = resampler_for(raw.sample_rate)
        self._block_bytes = round(raw.sample_rate * _BLOCK_SECONDS) * self._pcm.frame_bytes
        self._slice_bytes = round(raw.sample_rate * _SLICE_SECONDS) * self._pcm.frame_bytes
        self._max_frames = int(max_seconds * raw.sample_rate)
        self._max_seconds = max_seconds
        self._frames = 0

    @property
    def seconds(self) -> float:
        """Secondes lues."""
        return self._frames / self._rate

    async def read(self, inputs: RequestInput, on_events: OnEvents) -> PasserelleError | None:
        """Analyse tout le flux ; rend le refus à dire après le bilan, s'il y en a un."""
        refusal: PasserelleError | None = None
        pending = bytearray()
        while refusal is None and (data := await inputs.read()):
            pending += data
            while refusal is None and len(pending) >= self._block_bytes:
                block = bytes(pending[: self._slice_bytes])
                del pending[: len(block)]
                self.ahead = len(pending) + inputs.waiting > self._slice_bytes
                refusal = await self._analyse(block, on_events)
        if refusal is None and pending:
            refusal = await self._analyse(bytes(pending), on_events)
        await on_events(await self._in_pool(self._last_events))
        if refusal is None and self._pcm.rest:
            refusal = InvalidAudio(
                f"audio : le flux s'est fini au milieu d'un échantillon ({self._pcm.rest} octets sur "
                f"{self._pcm.frame_bytes}).",
                metadata={"field": "audio", "limit": str(self._pcm.frame_bytes), "value": str(self._pcm.rest)},
            )
        return refusal

    async def _analyse(self, data: bytes, on_events: OnEvents) -> PasserelleError | None:
        refusal: PasserelleError | None = None
        wave = self._pcm.push(data)
        finite = np.isfinite(wave)
        if not finite.all():
            wave = wave[: int(np.argmin(finite))]
            at = (self._frames + len(wave)) / self._rate
            refusal = InvalidAudio(
                f"audio : un échantillon n'est pas un nombre fini, à {at:.3f} s ; ce qui précède est complet.",
                metadata={"field": "audio", "value": f"{at:.3f}"},
            )
        room = self._max_frames - self._frames
        if len(wave) > room:
            seconds = (self._frames + len(wave)) / self._rate
            wave = wave[:room]
            refusal = AudioLimitExceeded(
                f"audio : le flux dépasse la durée permise, {self._max_seconds:g} s ; ouvrez-en un autre.",
                metadata={"field": "audio", "limit": f"{self._max_seconds:g}", "value": f"{seconds:.3f}"},
            )
        self._frames += len(wave)
        await on_events(await self._in_pool(lambda: self.cutter.push(self._resampler.push(wave))))
        return refusal

    async def _in_pool(self, work: Callable[[], list[Event]]) -> list[Event]:
        self.analysing = True
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self.analysing = False

    def _last_events(self) -> list[Event]:
        events = self.cutter.push(self._resampler.flush())
        self._resume.end(self.cutter.unfinished)
        return [*events, *self.cutter.flush()]
