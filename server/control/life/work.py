"""L'opération en cours d'un modèle : une à la fois, qu'on rejoint, qu'on annule, et que le journal retient."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from server.control.record.journal import Journal
from server.control.record.operations import Failure, Operation, OperationKind, OperationState, PhaseTimes
from server.errors import InternalError, InvalidState, PasserelleError

logger = logging.getLogger(__name__)

OnEnd = Callable[[OperationKind, OperationState, Failure | None], Awaitable[None]]
"""Prend acte d'une fin, avant que l'opération ne soit close."""


class Work:
    """Mène les opérations d'un modèle, l'une après l'autre."""

    def __init__(
        self,
        key: str,
        journal: Journal,
        changed: Callable[[], None],
        on_end: OnEnd,
        on_idle: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        """`on_idle` est appelé quand plus rien n'est en cours ; `clock` mesure les étapes, en secondes."""
        self.operation: Operation | None = None
        self._key = key
        self._journal = journal
        self._changed = changed
        self._on_end = on_end
        self._on_idle = on_idle
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._cancelled: set[str] = set()

    def joined(self, *kinds: OperationKind) -> Operation | None:
        """Opération en cours d'un de ces genres, que l'appelant rejoint ; `None` si rien n'est en cours.

        Raises:
            InvalidState: une opération d'un autre genre est en cours.
        """
        operation = self.operation
        if operation is None:
            return None
        if operation.kind in kinds:
            return operation
        raise self.busy(operation)

    def busy(self, operation: Operation) -> InvalidState:
        """Refus dû à cette opération."""
        return InvalidState(
            f"Le modèle « {self._key} » est déjà en cours d'opération ({operation.kind}, {operation.id}) ; "
            "attendez-la ou annulez-la.",
            metadata={"model": self._key, "operation_id": operation.id},
            retry_after=2.0,
        )

    def begin(
        self, kind: OperationKind, work: Callable[[Operation], Awaitable[None]], operation_id: str = ""
    ) -> Operation:
        """Commence une opération."""
        operation = Operation(kind, self._key, times=PhaseTimes(clock=self._clock))
        if operation_id:
            operation.id = operation_id
        self.operation = operation
        self._journal.save(operation)
        self._task = asyncio.create_task(self._run(operation, work))
        self._changed()
        logger.info("operation_started", extra={"operation": operation.id, "kind": kind, "model": self._key})
        return operation

    def nothing_to_do(self, kind: OperationKind) -> Operation:
        """Opération réussie d'avance."""
        operation = Operation(kind, self._key)
        operation.finish(OperationState.SUCCEEDED)
        return operation

    def supersede(self) -> "asyncio.Task[None] | None":
        """Déclare annulée l'opération en cours et rend sa tâche, que l'appelant arrête ; `None` s'il n'y en a pas."""
        if self.operation is None:
            return None
        self._cancelled.add(self.operation.id)
        return self._task

    async def cancel(self, operation: Operation) -> None:
        """Annule l'opération et attend qu'elle soit défaite."""
        self._cancelled.add(operation.id)
        if self._task is not None:
            self._task.cancel()
        await operation.done.wait()

    async def aclose(self) -> None:
        """Abandonne l'opération en cours."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, operation: Operation, work: Callable[[Operation], Awaitable[None]]) -> None:
        state, failure = OperationState.SUCCEEDED, None
        try:
            await work(operation)
        except asyncio.CancelledError:
            if operation.id not in self._cancelled:
                raise
            state = OperationState.CANCELLED
        except PasserelleError as error:
            state, failure = OperationState.FAILED, Failure.of(error)
        except Exception as error:
            logger.exception("operation_crashed", extra={"operation": operation.id})
            failure = Failure.of(InternalError(f"L'opération a échoué de façon imprévue ({type(error).__name__})."))
            state = OperationState.FAILED
        self._cancelled.discard(operation.id)
        await self._on_end(operation.kind, state, failure)
        if self.operation is operation:
            self.operation = None
        operation.finish(state, failure)
        self._journal.save(operation)
        self._changed()
        logger.info(
            "operation_finished",
            extra={
                "operation": operation.id,
                "model": self._key,
                "state": state,
                "reason": failure.reason if failure else "",
            },
        )
        if self.operation is None:
            self._on_idle()
