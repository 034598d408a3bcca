"""Le dossier d'état : à un seul serveur, fermé aux autres, et repris de là où les versions d'avant le tenaient."""

import errno
import fcntl
import json
import os
import shutil
import socket
import sqlite3
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self

from server.control.record.database import network_type, open_database
from server.control.record.schema import JOURNAL, MIGRATIONS, JournalTooNew
from server.control.record.trouble import JournalUnavailable, explained, is_corrupt
from server.domain import ADDED_MODELS
from server.french import why

VARIABLE = "PASSERELLE_STATE_DIR"

PID_FILE = "passerelle.pid"
"""Processus du serveur qui tient le dossier ; retiré quand il le rend."""

_LOCK = ".lock"
_PRIVATE = 0o700


class StateRefused(Exception):
    """Le dossier d'état ne peut pas servir ; le message dit lequel, et pourquoi."""


class StateDir:
    """Dossier d'état tenu par ce serveur, tant qu'il vit : son verrou tombe avec le processus."""

    def __init__(self, folder: Path, former: Path) -> None:
        """Prend le dossier, y amène ce que `former` tenait (journal, ajouts), et vérifie que le journal s'ouvre.

        Raises:
            StateRefused: dossier inaccessible, tenu par un autre serveur, ou journal qui ne peut pas servir.
        """
        self.warnings: list[str] = []
        """Ce que l'exploitant doit savoir."""
        self.brought = False
        """Vrai si les modèles que l'exploitant avait ajoutés viennent d'être amenés ici."""
        self._folder = folder
        self._told = False
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=_PRIVATE)
            self._close_to_others()
            self._lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StateRefused(
                f"{VARIABLE} : « {folder} » n'est pas un dossier où ce serveur peut écrire ({why(error)}) ; donnez "
                "un dossier à lui."
            ) from error
        try:
            self._hold()
            if (
                former != folder
                and os.access(former / JOURNAL, os.W_OK, effective_ids=True)
                and not (folder / JOURNAL).exists()
            ):
                self._bring(former)
            open_database(folder / JOURNAL, MIGRATIONS).close()
        except JournalTooNew as error:
            self.close()
            raise StateRefused(f"{folder / JOURNAL} : {error}") from error
        except JournalUnavailable as error:
            self.close()
            raise StateRefused(f"{VARIABLE} : {error}") from error
        except BaseException:
            self.close()
            raise
        self._tell_pid()
        if kind := network_type(folder.resolve()):
            self.warnings.append(
                f"{VARIABLE} : « {folder} » est sur un disque en réseau ({kind}) ; le journal s'y passe de WAL, plus "
                "lent. Un disque de cette machine convient mieux."
            )

    def close(self) -> None:
        """Rend le dossier."""
        if self._told:
            (self._folder / PID_FILE).unlink(missing_ok=True)
        os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _tell_pid(self) -> None:
        partial = self._folder / f"{PID_FILE}.partial"
        try:
            partial.write_text(f"{os.getpid()}\n")
            partial.chmod(0o600)
            partial.replace(self._folder / PID_FILE)
        except OSError as error:
            # Un disque plein n'empêche pas de servir.
            self.warnings.append(f"{VARIABLE} : {PID_FILE} n'a pas pu être écrit ({why(error)}).")
            return
        self._told = True

    def _close_to_others(self) -> None:
        mode = self._folder.stat().st_mode & 0o777
        if mode & ~_PRIVATE:
            try:
                self._folder.chmod(_PRIVATE)
            except PermissionError:
                self.warnings.append(f"{VARIABLE} : « {self._folder} » reste ouvert à d'autres (mode {mode:04o}).")

    def _bring(self, former: Path) -> None:
        lock = os.open(former / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _move(former / JOURNAL, self._folder / JOURNAL)
            self._bring_models(former)
            self.warnings.append(f"le journal de « {former} » est désormais dans « {self._folder} ».")
        except BlockingIOError:
            self.warnings.append(f"le journal de « {former} » y reste : il est à {_holder(lock)}.")
        finally:
            os.close(lock)

    def _bring_models(self, former: Path) -> None:
        source, target = former / ADDED_MODELS, self._folder / ADDED_MODELS
        if not source.is_file() or target.exists():
            return
        partial = target.with_name(f"{target.name}.partial")
        try:
            shutil.copyfile(source, partial)
            partial.replace(target)
            source.unlink()
        except OSError as error:
            raise StateRefused(f"{VARIABLE} : « {source} » n'a pas pu être déplacé ({why(error)}).") from error
        self.brought = True

    def _hold(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise StateRefused(
                    f"{VARIABLE} : « {self._folder} » est sur un disque qui ne sait pas verrouiller "
                    f"({why(error)}) : deux serveurs s'y croiraient seuls. Donnez un dossier d'un autre disque."
                ) from error
            raise StateRefused(
                f"{VARIABLE} : « {self._folder} » est tenu par {_holder(self._lock)}. Arrêtez-le, ou donnez à celui-ci "
                "un dossier d'état à lui ; les poids, eux, se partagent."
            ) from error
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode(), 0)


def _holder(lock: int) -> str:
    try:
        found = json.loads(os.pread(lock, 4096, 0))
        return f"un autre serveur (processus {int(found['pid'])} de la machine « {found['host']} »)"
    except (OSError, ValueError, KeyError, TypeError):
        return "un autre serveur"


def _move(source: Path, target: Path) -> None:
    """Déplace un journal que personne n'emploie, avec ce qui attendait à côté de lui.

    Raises:
        JournalUnavailable: un autre l'emploie, ou le disque refuse ; il est encore où il était.
    """
    partial = target.with_name(f"{target.name}.partial")
    try:
        with closing(sqlite3.connect(source, isolation_level=None)) as db:
            try:
                # Quitter le WAL verse dans la base ce qui attend, et n'est permis qu'à qui est seul à l'avoir ouverte.
                db.execute("PRAGMA journal_mode = DELETE")
            except sqlite3.DatabaseError as error:
                if not is_corrupt(error):
                    raise
        shutil.copyfile(source, partial)
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        partial.replace(target)
        source.unlink()
    except (OSError, sqlite3.Error) as error:
        raise JournalUnavailable(f"« {source} » n'a pas pu être déplacé : {explained(error)}") from error
