"""Le dossier des prises : créé 0700 au démarrage, tenu par un verrou, retiré à l'arrêt."""

import fcntl
import os
import secrets
import shutil
from pathlib import Path
from types import TracebackType
from typing import Self

PREFIX = "passerelle-"
SUBFOLDERS = ("spool", "logs", "metrics")

_LOCK = ".lock"
_SOCKET_PATH_BYTES = 107
_LONGEST_SOCKET_NAME = 26


class RunDirError(Exception):
    """Le dossier des prises ne peut pas être créé."""


class RunDir:
    """Dossier d'un serveur ; son verrou tombe avec le processus, et dit aux suivants qu'il est à retirer."""

    def __init__(self, base: Path) -> None:
        """Crée le dossier, après avoir retiré ceux de serveurs disparus.

        Raises:
            RunDirError: base inaccessible, ou chemin trop long pour une prise Unix (107 octets).
        """
        try:
            base.mkdir(parents=True, exist_ok=True)
            remove_stale(base)
            name = secrets.token_hex(4)
            # Verrouillé avant de porter son nom : un autre serveur qui démarre ne le croit pas abandonné.
            fresh = base / f".{PREFIX}{name}"
            fresh.mkdir(mode=0o700)
            self._lock = os.open(fresh / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            self.path = fresh.rename(base / f"{PREFIX}{name}").resolve()
            for folder in SUBFOLDERS:
                (self.path / folder).mkdir(mode=0o700)
        except OSError as error:
            raise RunDirError(f"PASSERELLE_RUN_BASE : {base} est inutilisable ({error}).") from error
        length = len(os.fsencode(self.path)) + _LONGEST_SOCKET_NAME
        if length > _SOCKET_PATH_BYTES:
            self.remove()
            raise RunDirError(
                f"PASSERELLE_RUN_BASE : {base} est trop long ; une prise Unix a {_SOCKET_PATH_BYTES} octets de chemin "
                f"au plus, il en faudrait {length}."
            )

    def remove(self) -> None:
        """Retire le dossier et tout ce qu'il contient."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()


def remove_stale(base: Path) -> list[Path]:
    """Retire les dossiers dont le serveur a disparu ; rend ceux qui l'ont été."""
    removed = []
    for folder in base.glob(f"{PREFIX}*"):
        try:
            lock = os.open(folder / _LOCK, os.O_RDWR)
        except OSError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue
        else:
            shutil.rmtree(folder, ignore_errors=True)
            removed.append(folder)
        finally:
            os.close(lock)
    return removed
