"""L'usage dans sa base SQLite : écrit au plus une fois par seconde, avec jusqu'où chaque front y est compté.

Un lot et son numéro sont écrits ensemble : ce qu'un front redit, parce qu'il n'a pas su que c'était écrit, ne compte
qu'une fois. Une base qui se refuse est réessayée chaque seconde ; rien n'est oublié d'ici là, et rien n'est dit écrit.
"""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from passerelle.v1 import requests_pb2

from server.control.record.database import open_database
from server.control.record.schema import JournalTooNew
from server.control.record.trouble import JournalUnavailable
from server.control.requests.usage import HOUR, Usage, UsageKey, key_of
from server.errors import HostExhausted

logger = logging.getLogger(__name__)

USAGE = "usage.sqlite"
"""Nom de la base dans le dossier d'état."""

WRITE_SECONDS = 1.0
"""Attente d'un usage au plus, avant d'être écrit."""

_KEPT_LIVES = 7 * 86_400.0
"""Secondes où l'on retient où en était une vie de front."""


def _first(db: sqlite3.Connection) -> None:
    db.execute(
        "CREATE TABLE IF NOT EXISTS usage (hour INTEGER, key TEXT, model TEXT, sort INTEGER, outcomes TEXT NOT NULL, "
        "tokens_in INTEGER NOT NULL, tokens_out INTEGER NOT NULL, audio REAL NOT NULL, "
        "first TEXT NOT NULL, duration TEXT NOT NULL, "
        "PRIMARY KEY (hour, key, model, sort)) WITHOUT ROWID"
    )
    db.execute("CREATE TABLE IF NOT EXISTS lives (life TEXT PRIMARY KEY, sequence INTEGER NOT NULL, at REAL NOT NULL)")


MIGRATIONS = (_first,)

_COLUMNS = "outcomes, tokens_in, tokens_out, audio, first, duration"
_UNREADABLE = (sqlite3.Error, JournalUnavailable, JournalTooNew)

T = TypeVar("T")
Written = Callable[[dict[str, int]], None]
"""Apprend jusqu'où chaque vie de front est écrite."""


class UsageStore:
    """Usage gardé ; sa base n'est touchée que dans un fil."""

    def __init__(
        self,
        path: Path,
        days: int,
        on_written: Written = lambda _sequences: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.on_written = on_written
        self._path, self._days, self._clock = path, days, clock
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="usage")
        self._connection: sqlite3.Connection | None = None
        self._pending: dict[UsageKey, Usage] = {}
        self._sequences: dict[str, int] = {}
        self._due: asyncio.TimerHandle | None = None
        self._writing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._swept = 0
        self._failing = False

    async def received(self) -> dict[str, int]:
        """Dernier lot écrit de chaque vie de front."""
        try:
            rows = await self._call(lambda db: db.execute("SELECT life, sequence FROM lives ORDER BY at").fetchall())
        except _UNREADABLE as error:
            self._failed(error)
            return {}
        return dict(rows)

    def add(self, life: str, sequence: int, requests: Iterable[requests_pb2.Request]) -> None:
        """Compte un lot de requêtes finies, bientôt écrit."""
        for request in requests:
            self._pending.setdefault(key_of(request), Usage()).take(request)
        self._sequences[life] = sequence
        self._soon()

    async def read(
        self, first: int, last: int, place: Callable[[UsageKey], UsageKey | None] = lambda key: key
    ) -> list[tuple[UsageKey, Usage]]:
        """Usage de ces heures (la dernière exclue), ce qui attend d'être écrit compris, dans l'ordre.

        `place` dit où réunir une ligne ; `None` : nulle part. Tout se fait dans le fil de la base : un trimestre compte
        des dizaines de milliers de lignes, et le plan de contrôle continue.

        Raises:
            HostExhausted: la base ne se lit pas.
        """
        query = f"SELECT hour, key, model, sort, {_COLUMNS} FROM usage WHERE hour >= ? AND hour < ?"

        def gather(db: sqlite3.Connection) -> list[tuple[UsageKey, Usage]]:
            found: dict[UsageKey, Usage] = {}
            for row in db.execute(query, (first, last)):
                key = place(UsageKey(*row[:4]))
                if key is None:
                    continue
                usage = Usage.of(row[4:])
                if (whole := found.get(key)) is not None:
                    whole.add(usage)
                else:
                    found[key] = usage
            return sorted(found.items(), key=lambda pair: pair[0])

        try:
            await self._write()
            return await self._call(gather)
        except _UNREADABLE as error:
            raise HostExhausted(f"La base de l'usage ne se lit pas : {error}", retry_after=5.0) from error

    async def erase(self, keys: Sequence[str]) -> int:
        """Efface l'usage de ces clés, jusque dans les pages libres de la base ; rend le nombre de requêtes.

        Raises:
            HostExhausted: la base ne s'écrit pas.
        """

        def erase(db: sqlite3.Connection) -> int:
            rows = [row for key in keys for row in db.execute(f"SELECT {_COLUMNS} FROM usage WHERE key = ?", (key,))]
            db.executemany("DELETE FROM usage WHERE key = ?", [(key,) for key in keys])
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            return sum(Usage.of(row).outcomes.total() for row in rows)

        try:
            await self._write()
            return await self._call(erase)
        except _UNREADABLE as error:
            raise HostExhausted(f"La base de l'usage ne s'écrit pas : {error}", retry_after=5.0) from error

    async def aclose(self) -> None:
        """Écrit ce qui attend et ferme la base."""
        if self._due is not None:
            self._due.cancel()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        try:
            await self._write()
        except _UNREADABLE as error:
            self._failed(error)
        await asyncio.get_running_loop().run_in_executor(self._executor, self._close)
        self._executor.shutdown()

    def _soon(self) -> None:
        if self._due is None:
            self._due = asyncio.get_running_loop().call_later(WRITE_SECONDS, self._start)

    def _start(self) -> None:
        self._due = None
        self._task = asyncio.create_task(self._try())

    async def _try(self) -> None:
        try:
            await self._write()
            self._failing = False
        except _UNREADABLE as error:
            self._failed(error)
            self._soon()

    async def _write(self) -> None:
        async with self._writing:
            if not self._sequences:
                return
            pending, sequences = self._pending, self._sequences
            self._pending, self._sequences = {}, {}
            try:
                await self._call(lambda db: self._commit(db, pending, sequences))
            except BaseException:
                for key, usage in pending.items():
                    self._pending.setdefault(key, Usage()).add(usage)
                self._sequences = sequences | self._sequences
                raise
            self.on_written(sequences)

    def _commit(self, db: sqlite3.Connection, pending: dict[UsageKey, Usage], sequences: dict[str, int]) -> None:
        now = self._clock()
        db.execute("BEGIN IMMEDIATE")
        try:
            for key, usage in pending.items():
                where = "hour = ? AND key = ? AND model = ? AND sort = ?"
                before = db.execute(f"SELECT {_COLUMNS} FROM usage WHERE {where}", key).fetchone()
                whole = Usage.of(before) if before else Usage()
                whole.add(usage)
                db.execute("INSERT OR REPLACE INTO usage VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (*key, *whole.row()))
            rows = [(life, sequence, now) for life, sequence in sequences.items()]
            db.executemany("INSERT OR REPLACE INTO lives VALUES (?, ?, ?)", rows)
            hour = int(now // HOUR)
            if hour != self._swept:
                db.execute("DELETE FROM usage WHERE hour < ?", (hour - 24 * self._days,))
                db.execute("DELETE FROM lives WHERE at < ?", (now - _KEPT_LIVES,))
        except BaseException:
            db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")
        self._swept = hour

    def _failed(self, error: BaseException) -> None:
        if not self._failing:
            logger.error("usage_unwritten", extra={"error": str(error)})
        self._failing = True

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            connection = open_database(self._path, MIGRATIONS)
            # Ce qui est effacé l'est aussi des pages que la base ne fait que libérer.
            connection.execute("PRAGMA secure_delete = ON")
            self._connection = connection
        return self._connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    async def _call(self, function: Callable[[sqlite3.Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, lambda: function(self._open()))
