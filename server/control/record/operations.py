"""Les opérations : ce qu'un verbe d'administration a demandé, son avancement, sa fin."""

import asyncio
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from server.errors import OperationCancelled, PasserelleError, error_for
from server.pace import Pace

_SOON_SECONDS = 0.1


class OperationKind(StrEnum):
    """Genre d'opération."""

    DOWNLOAD = "DOWNLOAD"
    LOAD = "LOAD"
    UNLOAD = "UNLOAD"
    RESTART = "RESTART"
    SLEEP = "SLEEP"
    WAKE = "WAKE"


class OperationState(StrEnum):
    """État d'une opération."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


@dataclass(frozen=True, slots=True)
class FileProgress:
    """Avancement d'un fichier, en octets."""

    name: str
    completed: int
    total: int


@dataclass(slots=True)
class Progress:
    """Avancement d'une opération."""

    phase: str = ""
    """Étape : `resolving`, `downloading`, `checking`, `spawning`, `opening`, celles du moteur (`LoadPhase`)…"""
    completed: int | None = None
    """Octets faits."""
    total: int | None = None
    """Octets en tout."""
    rate: float | None = None
    """Octets par seconde."""
    files: tuple[FileProgress, ...] = ()
    """Avancement par fichier."""
    commit: str = ""
    """Commit du hub que le téléchargement prend."""

    @property
    def remaining(self) -> float | None:
        """Secondes restantes estimées."""
        if not self.rate or self.total is None or self.completed is None:
            return None
        return (self.total - self.completed) / self.rate


@dataclass(slots=True)
class PhaseTimes:
    """Temps passé à chaque étape quittée, en secondes, dans l'ordre où elles ont commencé."""

    seconds: dict[str, float] = field(default_factory=dict)
    """Par étape ; une étape reprise s'ajoute à elle-même."""
    clock: Callable[[], float] = time.monotonic
    _phase: str = ""
    _since: float = 0.0

    def enter(self, phase: str) -> bool:
        """Commence une étape, ou n'en a plus si `phase` est vide ; vrai si une autre est quittée."""
        if phase == self._phase:
            return False
        now, left = self.clock(), self._phase
        if left:
            self.seconds[left] = self.seconds.get(left, 0.0) + now - self._since
        self._phase, self._since = phase, now
        return bool(left)


@dataclass(frozen=True, slots=True)
class Failure:
    """Échec, tel qu'il est gardé et montré."""

    reason: str
    message: str
    at: float
    """Instant, en secondes depuis 1970."""

    @classmethod
    def of(cls, error: PasserelleError) -> "Failure":
        """Échec daté de maintenant."""
        return cls(error.reason, error.message, time.time())

    def error(self) -> PasserelleError:
        """Erreur à rendre à un client."""
        return error_for(self.reason, self.message)


@dataclass(slots=True, eq=False)
class Operation:
    """Travail de fond sur un modèle."""

    kind: OperationKind
    model: str
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    state: OperationState = OperationState.RUNNING
    progress: Progress = field(default_factory=Progress)
    times: PhaseTimes = field(default_factory=PhaseTimes)
    failure: Failure | None = None
    freed_bytes: int | None = None
    """Octets de GPU rendus, une fois la preuve faite."""
    elapsed: float | None = None
    """Secondes de l'ordre d'arrêt à la mémoire rendue."""
    started_at: float = field(default_factory=time.time)
    finished_at: float | None = None
    done: asyncio.Event = field(default_factory=asyncio.Event)

    def finish(self, state: OperationState, failure: Failure | None = None) -> None:
        """Fige l'opération et réveille ceux qui l'attendent."""
        self.times.enter("")
        self.state, self.failure, self.finished_at = state, failure, time.time()
        self.done.set()

    async def result(self) -> None:
        """Attend la fin.

        Raises:
            PasserelleError: l'échec de l'opération, ou son annulation.
        """
        await self.done.wait()
        if self.failure is not None:
            raise self.failure.error()
        if self.state is OperationState.CANCELLED:
            raise OperationCancelled(f"L'opération {self.id} a été annulée.", metadata={"operation_id": self.id})


class Changes:
    """Signale à tous ceux qui regardent que quelque chose a changé."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self.soon = Pace(self.notify, _SOON_SECONDS).touch
        """Comme `notify`, au plus une fois par dixième de seconde : pour ce qui change à chaque requête."""

    def notify(self) -> None:
        """Réveille tous ceux qui attendent."""
        self._event.set()
        self._event = asyncio.Event()

    def mark(self) -> asyncio.Event:
        """Le prochain changement ; pris avant de lire l'état, aucun n'est manqué pendant qu'on le montre."""
        return self._event

    async def wait(self, timeout: float | None = None, mark: asyncio.Event | None = None) -> None:
        """Attend le changement de `mark`, sinon le prochain, au plus `timeout` secondes."""
        try:
            async with asyncio.timeout(timeout):
                await (mark or self._event).wait()
        except TimeoutError:
            pass
