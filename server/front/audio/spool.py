"""La réserve : les envois d'audio, écrits sur le disque à mesure, lus par les exemplaires, effacés avec leur requête.

Un front ne garde jamais un envoi en mémoire et ne le décode jamais. Les noms sont tirés au sort : celui d'un client n'y
entre pas.
"""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from passerelle.v1 import audio_pb2

from server.errors import PayloadTooLarge, QueueFull

WAVE_SUFFIX = ".onde"
"""Suffixe de l'onde qu'un exemplaire tire d'un envoi, et met à côté."""

_WRITERS = 4
_RETRY_SECONDS = 5.0
"""Manques que la fin d'autres envois peut combler."""


class SpoolFile:
    """Envoi en cours d'écriture."""

    def __init__(self, spool: "Spool", name: str, descriptor: int) -> None:
        self._spool = spool
        self._descriptor = descriptor
        self.name = name
        """Nom dans la réserve."""
        self.size = 0
        """Octets écrits."""
        self.derived = 0
        """Octets de ce qu'un exemplaire en a tiré."""
        self.assumed: audio_pb2.AudioEncoding = audio_pb2.AUDIO_ENCODING_UNSPECIFIED
        """Codage que l'envoi annonce, et qui ne sert que si ses octets ne disent rien."""

    async def write(self, data: bytes) -> None:
        """Ajoute des octets.

        Raises:
            PayloadTooLarge: envoi au-delà de `max_upload_bytes`.
            QueueFull: réserve pleine.
            OSError: le disque est plein ; rendu `HOST_EXHAUSTED`, comme partout.
        """
        if not data:
            return
        self._spool.reserve(self, len(data))
        await asyncio.get_running_loop().run_in_executor(self._spool.pool, _write_all, self._descriptor, data)


class Spool:
    """Réserve d'un front, bornée."""

    def __init__(self, directory: Path, owner: str, *, max_bytes: int, max_upload_bytes: int) -> None:
        self._directory = directory
        self._owner = owner
        self._max_bytes = max_bytes
        self._max_upload_bytes = max_upload_bytes
        self.used = 0
        """Octets des envois en cours."""
        self._open: dict[str, SpoolFile] = {}
        self.pool = ThreadPoolExecutor(_WRITERS, thread_name_prefix="spool")

    def clean(self) -> None:
        """Efface ce qu'un front du même nom a laissé en mourant."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in self._directory.glob(f"{self._owner}.*"):
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """Rend les fils d'écriture."""
        self.pool.shutdown(wait=False)

    @asynccontextmanager
    async def file(self) -> AsyncIterator[SpoolFile]:
        """Ouvre un envoi ; il est effacé à la sortie du bloc, quoi qu'il arrive.

        Raises:
            OSError: plus de place, ou trop de fichiers ouverts ; rendu `HOST_EXHAUSTED`, comme partout.
        """
        name = f"{self._owner}.{secrets.token_hex(16)}"
        path = self._directory / name
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        file = self._open[name] = SpoolFile(self, name, descriptor)
        try:
            yield file
        finally:
            del self._open[name]
            self.used -= file.size + file.derived
            # Rien ici n'ouvre de descripteur : à court, effacer doit encore se faire.
            os.close(descriptor)
            path.unlink(missing_ok=True)
            # Ce qu'un exemplaire a tiré de l'envoi, et laissé en mourant.
            self._wave(name).unlink(missing_ok=True)

    def count(self, name: str) -> None:
        """Compte ce qu'un exemplaire a tiré d'un envoi, et mis à côté.

        Raises:
            QueueFull: réserve pleine.
        """
        file = self._open[name]
        found = 0
        with suppress(FileNotFoundError):  # déjà effacé par l'exemplaire
            found = self._wave(name).stat().st_size
        self._check(found - file.derived)
        self.used += found - file.derived
        file.derived = found

    def reserve(self, file: SpoolFile, count: int) -> None:
        """Compte des octets avant leur écriture."""
        if file.size + count > self._max_upload_bytes:
            raise PayloadTooLarge(
                f"Le fichier dépasse {self._max_upload_bytes} octets, la limite d'un envoi.",
                metadata={"field": "file", "limit": str(self._max_upload_bytes), "value": str(file.size + count)},
            )
        self._check(count)
        file.size += count
        self.used += count

    def _wave(self, name: str) -> Path:
        return self._directory / f"{name}{WAVE_SUFFIX}"

    def _check(self, count: int) -> None:
        if self.used + count > self._max_bytes:
            raise QueueFull(
                f"La réserve des envois est pleine ({self._max_bytes} octets) ; réessayez bientôt.",
                metadata={"limit": str(self._max_bytes), "value": str(self.used + count)},
                retry_after=_RETRY_SECONDS,
            )


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
