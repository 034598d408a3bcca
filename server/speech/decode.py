"""Le décodage d'un fichier reçu, dans un processus enfant borné ; ici, le bout qui le lance et le lit."""

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from server.domain import Limits
from server.engines.base_audio import SAMPLE_RATE, Wave
from server.errors import EngineFailed, InvalidAudio, error_for
from server.speech.resample import MAX_RATIO_TERM

logger = logging.getLogger(__name__)

_CHILD = Path(__file__).with_name("decode_child.py")
_MEMORY_BYTES = 2 * 1024 * 1024 * 1024
"""Espace d'adressage permis à l'enfant ; les bibliothèques en occupent déjà plusieurs centaines de Mio."""
_MAX_FRAME_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class RawFormat:
    """Description d'échantillons sans en-tête."""

    encoding: str
    """Nom que lui donne FFmpeg, parmi ceux que `pcm` sait lire."""
    sample_rate: int
    """Hertz."""
    channels: int = 1
    """Canaux entrelacés."""


@dataclass(frozen=True, slots=True)
class Block:
    """Suite d'échantillons, à la fréquence de `Decoded.rate`."""

    samples: Wave
    """Onde d'un canal, entre -1 et 1."""
    ratio: float
    """Part du fichier lue, entre 0 et 1."""


class Decoded:
    """Audio en cours de décodage."""

    def __init__(self, reader: asyncio.StreamReader, size: int) -> None:
        self._reader = reader
        self._size = max(1, size)
        self.rate = 0
        """Fréquence des blocs, en hertz ; connue dès le premier."""
        self.seconds = 0.0
        """Durée décodée, en secondes du fichier ; exacte à la fin."""

    async def blocks(self) -> AsyncGenerator[Block, None]:
        """Blocs de deux secondes environ, dans l'ordre.

        Raises:
            InvalidAudio: format inconnu, fichier vide, abîmé, ou échantillons non finis.
            AudioLimitExceeded: durée, fréquence, canaux ou taille décodée hors limites.
        """
        while True:
            kind, data = await self._frame()
            if kind == b"H":
                self.rate = int(json.loads(data)["rate"])
            elif kind == b"P":
                position = int.from_bytes(data[:8], "big")
                yield Block(np.frombuffer(data, np.float32, offset=8), min(1.0, position / self._size))
            elif kind == b"Z":
                end: dict[str, Any] = json.loads(data)
                self.seconds = end["frames"] / end["rate"]
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
        except asyncio.IncompleteReadError:
            # Tué par une de ses bornes, ou tombé sur ce fichier : le fichier est en cause, pas le modèle.
            raise InvalidAudio(
                "Le décodage de ce fichier s'est interrompu : il est abîmé ou demande trop de ressources.",
                metadata={"field": "file"},
            ) from None


@asynccontextmanager
async def decoding(path: Path, limits: Limits, raw: RawFormat | None = None) -> AsyncIterator[Decoded]:
    """Décode un fichier de la réserve ; sortir du bloc tue l'enfant."""
    job = {
        "path": str(path),
        "rate": SAMPLE_RATE,
        "max_ratio_term": MAX_RATIO_TERM,
        "raw_format": raw.encoding if raw else "",
        "raw_rate": raw.sample_rate if raw else 0,
        "raw_channels": raw.channels if raw else 0,
        "max_audio_seconds": limits.max_audio_seconds,
        "max_decoded_bytes": limits.max_decoded_bytes,
        "max_decode_seconds": limits.max_decode_seconds,
        "max_memory_bytes": _MEMORY_BYTES,
        "min_sample_rate_hertz": limits.min_sample_rate_hertz,
        "max_sample_rate_hertz": limits.max_sample_rate_hertz,
        "max_channels": limits.max_channels,
    }
    # Aucune variable de l'exemplaire n'y entre, sauf de quoi trouver ses bibliothèques ; un seul fil de calcul.
    environ = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        str(_CHILD),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        limit=4 * 1024 * 1024,
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        with contextlib.suppress(ConnectionError):
            process.stdin.write(json.dumps(job).encode() + b"\n")
            await process.stdin.drain()
        yield Decoded(process.stdout, path.stat().st_size)
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)
        process.stdin.close()
        # Le tube doit être vidé pour que l'attente finisse, même après l'abandon.
        await asyncio.shield(_reap(process))


async def _reap(process: asyncio.subprocess.Process) -> None:
    assert process.stdout is not None
    while await process.stdout.read(1 << 20):
        pass
    await process.wait()
