"""Un fichier de la réserve, lu en ondes à 16 kHz et en fenêtres de parole, avec la preuve que tout a été analysé."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from google.protobuf.duration_pb2 import Duration
from passerelle.v1 import audio_pb2, diarize_pb2, transcribe_pb2

from server.domain import Limits
from server.engines.base_audio import SAMPLE_RATE, Wave
from server.errors import EngineFailed, InvalidAudio
from server.speech.decode import AudioRequest, Block, Decoded, Decoder, RawFormat
from server.speech.resample import Resampler
from server.speech.vad import VadModel
from server.speech.windows import Span, Window, WindowCutter
from server.worker.measures import COMPUTE, measures

Response = TypeVar("Response", transcribe_pb2.TranscribeResponse, diarize_pb2.DiarizeResponse)

PROGRESS_SECONDS = 0.5
_TOLERANCE_SECONDS = 0.02
"""Écart que le rééchantillonnage peut laisser entre les durées d'un même audio."""

_RAW = {
    number: name.removeprefix("AUDIO_ENCODING_").removeprefix("PCM_").lower()
    for name, number in audio_pb2.AudioEncoding.items()
    if number
}
"""Nom que FFmpeg, et donc `speech`, donnent à chaque codage du contrat."""


@dataclass(frozen=True, slots=True)
class SpeechTools:
    """Ce que partagent les requêtes d'audio d'un exemplaire."""

    spool_dir: Path
    """Réserve des fronts."""
    limits: Limits
    vad: VadModel
    pool: ThreadPoolExecutor
    """Fils du rééchantillonnage et de la détection de parole."""
    decoder: Decoder = field(default_factory=Decoder)
    ahead: "dict[str, Ahead]" = field(default_factory=dict)
    """Ondes en cours d'écriture, par le nom sous lequel les lire."""


class Ahead(Protocol):
    """Onde qu'un décodage mène d'avance (`worker/ahead.py`)."""

    seconds: float
    about: "About"

    def waves(self) -> AsyncGenerator[tuple[Wave, float], None]:
        """Suites de l'onde, chacune avec la part du fichier lue."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Ce qu'une suite d'un fichier a donné."""

    windows: list[Window]
    ratio: float
    """Part du fichier lue, entre 0 et 1."""


class SpooledAudio:
    """Lecture d'un fichier de la réserve, de bout en bout."""

    def __init__(self, tools: SpeechTools, name: str, audio_format: audio_pb2.AudioFormat) -> None:
        if not name or name != Path(name).name:
            raise InvalidAudio("Aucun fichier audio n'accompagne la requête.", metadata={"field": "file"})
        self._tools = tools
        self._path = tools.spool_dir / name
        self._request = audio_request(audio_format)
        self.seconds = 0.0
        """Durée de l'audio, connue à la fin."""
        self.about = About()
        """D'où il vient et ce qu'il a de douteux, connus à la fin."""

    async def pieces(self, cutter: WindowCutter) -> AsyncGenerator[Piece, None]:
        """Fenêtres que clôt chaque suite de l'onde.

        Raises:
            InvalidAudio: fichier illisible.
            AudioLimitExceeded: fichier hors limites.
            EngineFailed: de l'audio reçu n'a pas été analysé.
        """
        loop = asyncio.get_running_loop()
        async with aclosing(self.waves()) as waves:
            async for wave, ratio in waves:
                yield Piece(await loop.run_in_executor(self._tools.pool, cutter.push, wave), ratio)
        yield Piece(await loop.run_in_executor(self._tools.pool, cutter.flush), 1.0)
        prove_analysed(cutter.received, cutter.analysed, self.seconds)

    async def waves(self) -> AsyncGenerator[tuple[Wave, float], None]:
        """Suites de l'onde, chacune avec la part du fichier lue ; un décodage les a peut-être menées d'avance.

        Raises:
            InvalidAudio: fichier illisible.
            AudioLimitExceeded: fichier hors limites.
        """
        ahead = self._tools.ahead.get(self._path.name)
        if ahead is not None:
            async with aclosing(ahead.waves()) as waves:
                async for step in waves:
                    yield step
            self.seconds, self.about = ahead.seconds, ahead.about
            return
        loop = asyncio.get_running_loop()
        async with self._tools.decoder.decoding(self._path, self._tools.limits, self._request) as decoded:
            resampler: Resampler | None = None
            async with aclosing(timed_blocks(decoded)) as blocks:
                async for block in blocks:
                    if resampler is None:
                        resampler = Resampler(decoded.rate)
                    yield await loop.run_in_executor(self._tools.pool, resampler.push, block.samples), block.ratio
            if resampler is not None:
                yield await loop.run_in_executor(self._tools.pool, resampler.flush), 1.0
            self.seconds = decoded.seconds
            self.about = About.of(decoded)


async def timed_blocks(decoded: Decoded) -> AsyncGenerator[Block, None]:
    """Blocs d'un décodage, dont l'attente est mesurée : le temps que prend qui les reçoit n'y est pas."""
    spent = 0.0
    async with aclosing(decoded.blocks()) as blocks:
        while True:
            begun = time.monotonic()
            block = await anext(blocks, None)
            spent += time.monotonic() - begun
            if block is None:
                break
            yield block
    measures.observe("decode_seconds", COMPUTE, spent)
    measures.count("decoded_audio_seconds_total", decoded.seconds)


@dataclass(frozen=True, slots=True)
class About:
    """Ce qu'un résultat dit de son audio."""

    source: audio_pb2.AudioSource | None = None
    warnings: tuple[audio_pb2.AudioWarning, ...] = ()

    @classmethod
    def of(cls, decoded: Decoded) -> "About":
        """Ce qu'a dit le décodage, fini."""
        source = decoded.source
        assert source is not None
        return cls(
            audio_pb2.AudioSource(
                container=source.container,
                codec=source.codec,
                sample_rate_hertz=source.rate,
                channel_count=source.channels,
                track_index=source.track,
                track_count=source.tracks,
            ),
            tuple(
                audio_pb2.AudioWarning(
                    reason=f"AUDIO_WARNING_REASON_{warned.reason}",
                    message=warned.message,
                    ranges=[
                        audio_pb2.TimeRange(start_offset=duration(start), end_offset=duration(end))
                        for start, end in warned.ranges
                    ],
                    metadata=warned.metadata,
                )
                for warned in decoded.warnings
            ),
        )

    def on(self, response: Response) -> Response:
        """Le résultat, qui le dit."""
        response.source.CopyFrom(self.source or audio_pb2.AudioSource())
        del response.warnings[:]
        response.warnings.extend(self.warnings)
        return response


class ProgressGate:
    """Laisse passer un avancement de temps en temps."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last = -PROGRESS_SECONDS

    def opens(self) -> bool:
        """Vrai si le dernier avancement est assez vieux."""
        now = self._clock()
        if now - self._last < PROGRESS_SECONDS:
            return False
        self._last = now
        return True


def duration(seconds: float) -> Duration:
    """Durée protobuf, à la microseconde."""
    message = Duration()
    message.FromMicroseconds(round(seconds * 1_000_000))
    return message


def prove_analysed(received: int, analysed: int, seconds: float) -> None:
    """Vérifie que `seconds` secondes d'audio ont donné autant d'échantillons à 16 kHz, tous analysés.

    Raises:
        EngineFailed: ce n'est pas le cas.
    """
    if analysed != received or abs(received - seconds * SAMPLE_RATE) > _TOLERANCE_SECONDS * SAMPLE_RATE:
        raise EngineFailed(
            f"De l'audio reçu n'a pas été analysé ({analysed / SAMPLE_RATE:.2f} s sur {seconds:.2f} s).",
            metadata={"limit": f"{seconds:.3f}", "value": f"{analysed / SAMPLE_RATE:.3f}"},
        )


def coverage(seconds: float, speech: int, silent: Iterable[Span] = ()) -> audio_pb2.AudioCoverage:
    """Couverture d'un audio tout analysé ; `speech` : échantillons de parole, `silent` : la parole restée sans mots."""
    length = duration(seconds)
    return audio_pb2.AudioCoverage(
        received_duration=length,
        covered_duration=length,
        speech_duration=duration(speech / SAMPLE_RATE),
        speech_without_words=[
            audio_pb2.TimeRange(
                start_offset=duration(span.start / SAMPLE_RATE), end_offset=duration(span.end / SAMPLE_RATE)
            )
            for span in silent
        ],
    )


def audio_request(audio_format: audio_pb2.AudioFormat, *, separate: bool = False) -> AudioRequest:
    """Ce que le décodage doit faire d'un fichier ainsi décrit."""
    return AudioRequest(raw_format(audio_format), _RAW.get(audio_format.assumed_encoding, ""), separate)


def raw_format(audio_format: audio_pb2.AudioFormat) -> RawFormat | None:
    """Description d'échantillons bruts ; `None` pour un fichier à en-tête."""
    encoding = _RAW.get(audio_format.encoding)
    if encoding is None:
        return None
    return RawFormat(encoding, int(audio_format.sample_rate_hertz), int(audio_format.channel_count) or 1)
