"""Le journal SQLite : les opérations et les choix qui survivent à un redémarrage."""

import asyncio
import json
import logging
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from server.control.record.database import open_database
from server.control.record.operations import Failure, Operation, OperationKind, OperationState, PhaseTimes, Progress
from server.control.record.schema import MIGRATIONS

logger = logging.getLogger(__name__)

OPERATIONS_KEPT = 2000
"""Opérations finies gardées."""
TRANSITIONS_KEPT = 10_000
"""Changements d'état gardés."""

_SAVE = """
INSERT INTO operations
  (id, kind, model, state, phase, completed, total, reason, message, failed_at, started_at, finished_at,
   freed_bytes, elapsed, phases)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET state = excluded.state, phase = excluded.phase, completed = excluded.completed,
  total = excluded.total, reason = excluded.reason, message = excluded.message, failed_at = excluded.failed_at,
  finished_at = excluded.finished_at, freed_bytes = excluded.freed_bytes, elapsed = excluded.elapsed,
  phases = excluded.phases
"""
_COLUMNS = (
    "seq, id, kind, model, state, phase, completed, total, reason, message, failed_at, started_at, finished_at, "
    "freed_bytes, elapsed, phases"
)

_LOAD_SECONDS = """
SELECT o.finished_at - MIN(t.at) FROM operations o
  JOIN transitions t ON t.operation = o.id AND t.model = o.model AND t.state = 'LOADING'
WHERE o.model = ? AND o.kind = 'LOAD' AND o.state = 'SUCCEEDED'
GROUP BY o.seq ORDER BY o.seq DESC LIMIT 1
"""

T = TypeVar("T")


class Journal:
    """Base ouverte dans un seul fil ; les écritures s'y suivent dans l'ordre."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._pending: set[asyncio.Future[Any]] = set()
        self._connection: sqlite3.Connection | None = None

    async def open(self) -> None:
        """Ouvre la base ; une base abîmée, et elle seule, est mise de côté, et le dit.

        Raises:
            JournalUnavailable: dossier inaccessible, base occupée, disque plein : la base est laissée comme elle est.
            JournalTooNew: base d'une version plus récente, laissée comme elle est.
        """
        await self._call(self._open)
        keep = "SELECT seq FROM operations ORDER BY seq DESC LIMIT 1 OFFSET ?"
        self._later(lambda db: db.execute(f"DELETE FROM operations WHERE seq <= ({keep})", (OPERATIONS_KEPT,)))

    async def aclose(self) -> None:
        """Attend les écritures et ferme la base."""
        await asyncio.gather(*self._pending, return_exceptions=True)
        await self._call(self._close)
        self._executor.shutdown()

    def save(self, operation: Operation) -> None:
        """Écrit une opération, sans attendre."""
        progress, failure = operation.progress, operation.failure
        row = (
            operation.id,
            operation.kind.value,
            operation.model,
            operation.state.value,
            progress.phase,
            progress.completed,
            progress.total,
            failure.reason if failure else None,
            failure.message if failure else None,
            failure.at if failure else None,
            operation.started_at,
            operation.finished_at,
            operation.freed_bytes,
            operation.elapsed,
            json.dumps(operation.times.seconds),
        )
        self._later(lambda db: db.execute(_SAVE, row))

    async def page(
        self,
        size: int,
        *,
        before: int | None = None,
        model: str = "",
        kinds: Sequence[OperationKind] = (),
        states: Sequence[OperationState] = (),
    ) -> tuple[list[Operation], int]:
        """Opérations de la plus récente à la plus ancienne, et la place où reprendre (0 : c'est fini).

        Un filtre vide laisse tout passer.
        """
        wanted = (("model", [model] if model else []), ("kind", list(kinds)), ("state", list(states)))
        filters = "".join(f" AND {name} IN ({', '.join('?' * len(values))})" for name, values in wanted if values)
        query = f"SELECT {_COLUMNS} FROM operations WHERE seq < ?{filters} ORDER BY seq DESC LIMIT ?"
        row = (before or 2**62, *(str(value) for _, values in wanted for value in values), size + 1)
        rows = await self._call(lambda: self._db.execute(query, row).fetchall())
        return [_operation(row) for row in rows[:size]], rows[size - 1][0] if len(rows) > size else 0

    async def knows(self, model: str) -> bool:
        """Vrai si le journal a une opération de ce modèle."""
        query = "SELECT 1 FROM operations WHERE model = ? LIMIT 1"
        return await self._call(lambda: self._db.execute(query, (model,)).fetchone()) is not None

    async def running(self) -> list[Operation]:
        """Opérations qu'un arrêt a laissées en cours, de la plus ancienne à la plus récente."""
        query = f"SELECT {_COLUMNS} FROM operations WHERE state = 'RUNNING' ORDER BY seq"
        return [_operation(row) for row in await self._call(lambda: self._db.execute(query).fetchall())]

    def transition(self, at: float, model: str, state: str, phase: str, operation: str) -> None:
        """Écrit un changement d'état, sans attendre ; les plus anciens s'en vont."""
        row = (at, model, state, phase, operation)

        def write(db: sqlite3.Connection) -> None:
            found = db.execute(
                "INSERT INTO transitions (at, model, state, phase, operation) VALUES (?, ?, ?, ?, ?)", row
            )
            db.execute("DELETE FROM transitions WHERE seq <= ?", ((found.lastrowid or 0) - TRANSITIONS_KEPT,))

        self._later(write)

    async def load_seconds(self, model: str) -> float | None:
        """Durée du dernier chargement réussi d'un modèle, téléchargement exclu ; `None` s'il n'y en a pas."""
        row = await self._call(lambda: self._db.execute(_LOAD_SECONDS, (model,)).fetchone())
        return None if row is None else float(row[0])

    async def choices(self) -> dict[str, Any]:
        """Choix retenus."""
        rows = await self._call(lambda: self._db.execute("SELECT name, value FROM choices").fetchall())
        return {name: json.loads(value) for name, value in rows}

    def choose(self, name: str, value: Any) -> None:
        """Retient un choix, ou l'oublie (`None`), sans attendre."""
        if value is None:
            self._later(lambda db: db.execute("DELETE FROM choices WHERE name = ?", (name,)))
            return
        row = (name, json.dumps(value))
        self._later(lambda db: db.execute("INSERT OR REPLACE INTO choices VALUES (?, ?)", row))

    async def settled(self) -> None:
        """Attend que tout ce qui a été confié au journal soit sur le disque."""
        await self._call(lambda: None)

    @property
    def _db(self) -> sqlite3.Connection:
        assert self._connection is not None
        return self._connection

    def _open(self) -> None:
        self._connection = open_database(self._path, MIGRATIONS)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _later(self, write: Callable[[sqlite3.Connection], object]) -> None:
        future = asyncio.get_running_loop().run_in_executor(self._executor, lambda: write(self._db))
        self._pending.add(future)
        future.add_done_callback(self._written)

    def _written(self, future: "asyncio.Future[Any]") -> None:
        self._pending.discard(future)
        if not future.cancelled() and future.exception() is not None:
            logger.error("journal_write_failed", extra={"error": str(future.exception())})

    async def _call(self, function: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, function)


def _operation(row: tuple[Any, ...]) -> Operation:
    _, number, kind, model, state, phase, completed, total, reason, message, failed_at, started_at, *rest = row
    finished_at, freed_bytes, elapsed, phases = rest
    operation = Operation(
        OperationKind(kind),
        model,
        id=number,
        state=OperationState(state),
        progress=Progress(phase, completed, total),
        times=PhaseTimes(json.loads(phases or "{}")),
        failure=Failure(reason, message, failed_at) if reason else None,
        started_at=started_at,
        finished_at=finished_at,
        freed_bytes=freed_bytes,
        elapsed=elapsed,
    )
    if operation.state is not OperationState.RUNNING:
        operation.done.set()
    return operation
