"""Le décodage d'un fichier reçu, dans un processus borné ; ici, le bout qui l'ouvre et le lit."""

import asyncio
import json
import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from server.domain import Limits
from server.engines.base_audio import SAMPLE_RATE, Wave
from server.errors import EngineFailed, InvalidAudio, error_for
from server.speech.decode_ancestor import Ancestor
from server.speech.resample import MAX_RATIO_TERM

_MEMORY_BYTES = 2 * 1024 * 1024 * 1024
"""Espace d'adressage permis à un décodage ; les bibliothèques en occupent déjà plusieurs centaines de Mio."""
_MAX_FRAME_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class RawFormat:
    """Description d'échantillons sans en-tête."""

    encoding: str
    """Nom que lui donne FFmpeg, parmi ceux que `pcm` sait lire, ou `g722`, `gsm`."""
    sample_rate: int
    """Hertz."""
    channels: int = 1
    """Canaux entrelacés."""


@dataclass(frozen=True, slots=True)
class AudioRequest:
    """Ce qu'il faut décoder d'un fichier, et comment."""

    raw: RawFormat | None = None
    """Échantillons sans en-tête ; sans cela, le conteneur est reconnu à ses octets."""
    assumed: str = ""
    """Codage sans en-tête annoncé par un type ou une extension : ne sert qu'à défaut de conteneur reconnu."""
    separate: bool = False
    """Rend les canaux un à un au lieu de les mélanger."""


@dataclass(frozen=True, slots=True)
class Block:
    """Suite d'échantillons, à la fréquence de `Decoded.rate`."""

    channels: Wave
    """Ondes entre -1 et 1, (canaux, échantillons) ; un seul canal, sauf demande."""
    ratio: float
    """Part du fichier lue, entre 0 et 1."""

    @property
    def samples(self) -> Wave:
        """Onde du premier canal, le seul d'ordinaire."""
        first: Wave = self.channels[0]
        return first


@dataclass(frozen=True, slots=True)
class Source:
    """D'où vient l'audio rendu."""

    container: str
    codec: str
    rate: int
    """Hertz, avant tout rééchantillonnage."""
    channels: int
    track: int
    """Rang de la piste parmi celles de son, depuis 0."""
    tracks: int
    """Pistes de son du fichier."""


@dataclass(frozen=True, slots=True)
class Warned:
    """Ce qu'un client doit savoir d'un fichier rendu quand même."""

    reason: str
    message: str
    ranges: tuple[tuple[float, float], ...] = ()
    """Intervalles concernés, en secondes ; aucun si c'est tout le fichier."""
    metadata: dict[str, str] = field(default_factory=dict)


class Decoded:
    """Audio en cours de décodage."""

    def __init__(self, reader: asyncio.StreamReader, size: int) -> None:
        self._reader = reader
        self._size = max(1, size)
        self._channels = 1
        self.rate = 0
        """Fréquence des blocs, en hertz ; connue dès le premier."""
        self.source: Source | None = None
        """Connue dès le premier bloc."""
        self.seconds = 0.0
        """Durée décodée, en secondes du fichier ; exacte à la fin."""
        self.warnings: tuple[Warned, ...] = ()
        """Connus à la fin."""

    async def blocks(self) -> AsyncGenerator[Block, None]:
        """Blocs de deux secondes environ, dans l'ordre.

        Raises:
            InvalidAudio: format inconnu, fichier vide, abîmé, ou échantillons non finis.
            AudioLimitExceeded: durée, fréquence, canaux ou taille décodée hors limites.
        """
        while True:
            kind, data = await self._frame()
            if kind == b"H":
                head: dict[str, Any] = json.loads(data)
                self.rate, self._channels = int(head["rate"]), int(head["channels"])
                self.source = Source(**head["source"])
            elif kind == b"P":
                position = int.from_bytes(data[:8], "big")
                waves = np.frombuffer(data, np.float32, offset=8).reshape(self._channels, -1)
                yield Block(waves, min(1.0, position / self._size))
            elif kind == b"Z":
                end: dict[str, Any] = json.loads(data)
                self.seconds = end["frames"] / end["rate"]
                self.warnings = tuple(
                    Warned(w["reason"], w["message"], tuple((low, high) for low, high in w["ranges"]), w["metadata"])
                    for w in end["warnings"]
                )
                return
            else:
                body = json.loads(data)
                raise error_for(body["reason"], body["message"], body["metadata"])

    async def _frame(self) -> tuple[bytes, bytes]:
        try:
            head = await self._reader.readexactly(5)
            length = int.from_bytes(head[1:], "big")
            if length > _MAX_FRAME_BYTES:
                raise EngineFailed("Le décodeur a rendu une trame démesurée.")
            return head[:1], await self._reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError):
            # Tué par une de ses bornes, ou tombé sur ce fichier : le fichier est en cause, pas le modèle.
            raise InvalidAudio(
                "Le décodage de ce fichier s'est interrompu : il est abîmé ou demande trop de ressources.",
                metadata={"field": "file"},
            ) from None


class Decoder:
    """Décodages d'un processus : un ancêtre déjà chargé, une copie de lui par fichier."""

    def __init__(self) -> None:
        self._ancestor = Ancestor()

    def start(self) -> None:
        """Lance l'ancêtre sans l'attendre ; sans cela, le premier fichier l'attendrait."""
        self._ancestor.start()

    def close(self) -> None:
        """Arrête l'ancêtre ; les décodages en cours finissent sans lui."""
        self._ancestor.close()

    @asynccontextmanager
    async def decoding(self, path: Path, limits: Limits, request: AudioRequest | None = None) -> AsyncIterator[Decoded]:
        """Décode un fichier de la réserve ; sortir du bloc tue sa copie, et elle seule.

        Raises:
            EngineFailed: l'ancêtre ne part pas.
        """
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            size = os.fstat(file).st_size
            copy = await self._ancestor.copy(_job(limits, request or AudioRequest()), file)
        finally:
            os.close(file)
        try:
            reader, writer = await asyncio.open_unix_connection(sock=copy.take(), limit=4 * 1024 * 1024)
            try:
                yield Decoded(reader, size)
            finally:
                writer.transport.abort()
        finally:
            await asyncio.shield(copy.kill())


def _job(limits: Limits, request: AudioRequest) -> bytes:
    raw = request.raw
    job = {
        "rate": SAMPLE_RATE,
        "max_ratio_term": MAX_RATIO_TERM,
        "raw_format": raw.encoding if raw else "",
        "raw_rate": raw.sample_rate if raw else 0,
        "raw_channels": raw.channels if raw else 0,
        "assumed_format": request.assumed,
        "separate": request.separate,
        "max_audio_seconds": limits.max_audio_seconds,
        "max_decoded_bytes": limits.max_decoded_bytes,
        "max_decode_seconds": limits.max_decode_seconds,
        "max_memory_bytes": _MEMORY_BYTES,
        "min_sample_rate_hertz": limits.min_sample_rate_hertz,
        "max_sample_rate_hertz": limits.max_sample_rate_hertz,
        "max_channels": limits.max_separate_channels if request.separate else limits.max_channels,
    }
    return json.dumps(job).encode()
