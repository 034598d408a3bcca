"""L'état d'un modèle : déduit du disque, des exemplaires et de l'opération en cours, jamais écrit.

Chaque changement passe par `_changed`, qui le montre et le journalise : un seul endroit le voit.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from server.control.gpu.board import GpuBoard
from server.control.gpu.lessor import Lessor
from server.control.life.choices import Choices
from server.control.life.crew import Crew
from server.control.life.replicas import Replica, ReplicaHost
from server.control.life.setbacks import Setbacks
from server.control.life.usage import Usage
from server.control.life.work import Work
from server.control.record.journal import Journal
from server.control.record.operations import Changes, Failure, Operation, OperationKind, OperationState
from server.control.weights.cache import Artifacts
from server.control.weights.downloads import Downloader
from server.domain import ModelSpec

_DOWNLOAD_PHASES = ("resolving", "downloading", "verifying")


class ModelState(StrEnum):
    """État d'un modèle."""

    UNAVAILABLE = "UNAVAILABLE"
    DOWNLOADING = "DOWNLOADING"
    CACHED = "CACHED"
    LOADING = "LOADING"
    READY = "READY"
    ASLEEP = "ASLEEP"
    UNLOADING = "UNLOADING"


@dataclass(frozen=True, slots=True)
class ModelTools:
    """Ce dont tous les modèles se servent."""

    replicas: ReplicaHost
    downloads: Downloader
    journal: Journal
    changes: Changes
    inspect: Callable[[ModelSpec], Artifacts]
    """Regarde le disque ; peut bloquer."""
    gpus: GpuBoard
    stop_grace: float
    """Secondes laissées aux requêtes en cours quand un modèle se décharge."""
    clock: Callable[[], float] = time.monotonic
    """Horloge monotone, en secondes."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class ModelFacts:
    """Ce qu'on sait d'un modèle, et l'état qui s'en déduit."""

    def __init__(self, spec: ModelSpec, tools: ModelTools) -> None:
        self.spec = spec
        self.artifacts = Artifacts()
        self.choices = Choices.of(spec)
        self.created_at = self.state_since = time.time()
        self.usage = Usage(tools.clock)
        self._tools = tools
        self._setbacks = Setbacks(tools.clock)
        self._lessor = Lessor(tools.gpus, tools.replicas.stop)
        self._crew = Crew(tools.replicas, self._lessor, self._changed)
        self._work = Work(spec.key, tools.journal, self._changed, self._ended, self._idle, tools.clock)
        self._shown = ("", "")

    @property
    def operation(self) -> Operation | None:
        """Opération en cours."""
        return self._work.operation

    @property
    def replicas(self) -> list[Replica]:
        """Exemplaires prêts, ou endormis."""
        return self._crew.ready

    @property
    def last_failure(self) -> Failure | None:
        """Dernier échec, jusqu'à la prochaine opération réussie que quelqu'un a demandée."""
        return self._setbacks.last

    @last_failure.setter
    def last_failure(self, failure: Failure | None) -> None:
        self._setbacks.last = failure

    @property
    def state(self) -> ModelState:
        """État présent."""
        operation = self.operation
        if operation is not None and operation.kind is OperationKind.UNLOAD:
            return ModelState.UNLOADING
        if self._crew.ready:
            if not self._crew.resting:
                return ModelState.READY
            waking = operation is not None and operation.kind is OperationKind.WAKE
            return ModelState.LOADING if waking else ModelState.ASLEEP
        if operation is not None:
            downloading = operation.kind is OperationKind.DOWNLOAD or operation.progress.phase in _DOWNLOAD_PHASES
            return ModelState.DOWNLOADING if downloading else ModelState.LOADING
        return ModelState.CACHED if self.artifacts.complete else ModelState.UNAVAILABLE

    @property
    def features(self) -> tuple[str, ...]:
        """Options honorées : celles du moteur chargé, sinon celles du profil."""
        return self.replicas[0].features if self.replicas else self.spec.features

    @property
    def evictable(self) -> bool:
        """Vrai s'il peut laisser sa place : chargé, ni épinglé, ni occupé, ni en cours d'opération."""
        return bool(self.replicas) and not self.choices.pinned and self.operation is None and not self.usage.busy

    def look(self, artifacts: Artifacts) -> bool:
        """Prend ce que le disque contient ; vrai si cela a changé."""
        changed = artifacts != self.artifacts
        self.artifacts = artifacts
        if changed:
            self._changed()
        return changed

    def _changed(self) -> None:
        """Montre et journalise l'état, s'il a changé ; réveille ceux qui regardent."""
        operation = self.operation
        state, phase = self.state, operation.progress.phase if operation is not None else ""
        if operation is not None and operation.times.enter(phase):
            self._tools.journal.save(operation)
        if (state, phase) != self._shown:
            now = time.time()
            if state != self._shown[0]:
                self.state_since = now
            self._shown = (state, phase)
            self._tools.journal.transition(now, self.spec.key, state, phase, operation.id if operation else "")
        self._tools.changes.notify()

    async def _ended(self, kind: OperationKind, state: OperationState, failure: Failure | None) -> None:
        if state is not OperationState.CANCELLED:
            # Une relance réussie n'efface pas la cause de la chute : personne ne l'a encore vue.
            if failure is not None or kind is not OperationKind.RESTART:
                self.last_failure = failure
            if kind in (OperationKind.LOAD, OperationKind.RESTART, OperationKind.WAKE):
                (self._setbacks.load_failed if failure else self._setbacks.loaded)()
        self.look(await asyncio.to_thread(self._tools.inspect, self.spec))

    def _idle(self) -> None:
        """Plus aucune opération n'est en cours."""
