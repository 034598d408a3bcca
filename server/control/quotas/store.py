"""La base des quotas : ce que chaque clé a consommé, et le dernier lot reçu de chaque vie de front.

Un bail n'est accordé qu'une fois compté sur le disque : un plan de contrôle tué à tout instant n'oublie rien. Une base
qui se refuse n'arrête personne : les comptes restent en mémoire, et sont écrits dès qu'elle le permet.
"""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from server.control.quotas.counters import Row
from server.control.record.database import open_database
from server.control.record.schema import JournalTooNew
from server.control.record.trouble import JournalUnavailable
from server.errors import HostExhausted

logger = logging.getLogger(__name__)

QUOTAS = "quotas.sqlite"
"""Nom de la base dans le dossier d'état."""
T = TypeVar("T")
_KEPT_LIVES = 7 * 86_400.0
_UNREADABLE = (sqlite3.Error, JournalUnavailable, JournalTooNew)


def _first(db: sqlite3.Connection) -> None:
    db.execute(
        "CREATE TABLE IF NOT EXISTS consumed (key TEXT, meter TEXT, bucket INTEGER, amount INTEGER NOT NULL, "
        "PRIMARY KEY (key, meter, bucket)) WITHOUT ROWID"
    )
    db.execute("CREATE TABLE IF NOT EXISTS lives (life TEXT PRIMARY KEY, sequence INTEGER NOT NULL, at REAL NOT NULL)")


MIGRATIONS = (_first,)


class QuotaStore:
    """Comptes gardés ; la base n'est touchée que dans un fil."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path, self._clock = path, clock
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="quotas")
        self._connection: sqlite3.Connection | None = None
        self._failing = False

    async def read(self) -> tuple[list[Row], dict[str, int]]:
        """Comptes écrits, et dernier lot de chaque vie de front ; rien si la base se refuse."""

        def read() -> tuple[list[Row], dict[str, int]]:
            db = self._open()
            rows = [Row(*row) for row in db.execute("SELECT key, meter, bucket, amount FROM consumed")]
            return rows, dict(db.execute("SELECT life, sequence FROM lives ORDER BY at").fetchall())

        try:
            return await self._call(read)
        except _UNREADABLE as error:
            self._failed(error)
            return [], {}

    async def write(self, rows: Sequence[Row], sequences: Mapping[str, int]) -> bool:
        """Écrit d'un trait ; faux si la base se refuse."""

        def write() -> None:
            db, now = self._open(), self._clock()
            db.execute("BEGIN IMMEDIATE")
            try:
                for row in rows:
                    if row.amount:
                        db.execute("INSERT OR REPLACE INTO consumed VALUES (?, ?, ?, ?)", row)
                    else:
                        db.execute("DELETE FROM consumed WHERE key = ? AND meter = ? AND bucket = ?", row[:3])
                lives = [(life, sequence, now) for life, sequence in sequences.items()]
                db.executemany("INSERT OR REPLACE INTO lives VALUES (?, ?, ?)", lives)
                db.execute("DELETE FROM lives WHERE at < ?", (now - _KEPT_LIVES,))
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")

        try:
            await self._call(write)
        except _UNREADABLE as error:
            self._failed(error)
            return False
        self._failing = False
        return True

    async def erase(self, keys: Sequence[str]) -> None:
        """Efface les comptes de ces clés, jusque dans les pages libres de la base.

        Raises:
            HostExhausted: la base ne s'écrit pas.
        """

        def erase() -> None:
            db = self._open()
            db.executemany("DELETE FROM consumed WHERE key = ?", [(key,) for key in keys])
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

        try:
            await self._call(erase)
        except _UNREADABLE as error:
            raise HostExhausted(f"La base des quotas ne s'écrit pas : {error}", retry_after=5.0) from error

    async def aclose(self) -> None:
        """Ferme la base."""

        def close() -> None:
            if self._connection is not None:
                self._connection.close()

        await self._call(close)
        self._executor.shutdown()

    async def _call(self, function: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, function)

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            connection = open_database(self._path, MIGRATIONS)
            connection.execute("PRAGMA secure_delete = ON")
            self._connection = connection
        return self._connection

    def _failed(self, error: BaseException) -> None:
        if not self._failing:
            logger.error("quotas_unwritten", extra={"error": str(error)})
        self._failing = True
