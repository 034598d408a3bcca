"""Un modèle et sa vie : le seul endroit où son état change.

L'état n'est jamais écrit : il se déduit du disque, des exemplaires prêts et de l'opération en cours.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from server.cache import Artifacts
from server.control.downloads import Downloader
from server.control.journal import Journal
from server.control.loadable import check_loadable
from server.control.operations import Changes, Failure, Operation, OperationKind, OperationState
from server.control.replicas import Replica, ReplicaHost
from server.control.setbacks import FALLS, FALLS_WINDOW, Setbacks
from server.control.work import Work
from server.domain import ModelSpec
from server.errors import InvalidState, ModelLoadFailed, ModelLoading

logger = logging.getLogger(__name__)

_STOP_MARGIN = 5.0
_DOWNLOAD_PHASES = ("resolving", "downloading", "verifying")


class ModelState(StrEnum):
    """État d'un modèle."""

    UNAVAILABLE = "UNAVAILABLE"
    DOWNLOADING = "DOWNLOADING"
    CACHED = "CACHED"
    LOADING = "LOADING"
    READY = "READY"
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
    gpu_count: Callable[[], int]
    """Nombre de GPU visibles."""
    stop_grace: float
    """Secondes laissées aux requêtes en cours quand un modèle se décharge."""


class ManagedModel:
    """Modèle du profil, ses exemplaires et son opération en cours."""

    def __init__(self, spec: ModelSpec, tools: ModelTools, *, engine_available: bool) -> None:
        self.spec = spec
        self.artifacts = Artifacts()
        self.replicas: list[Replica] = []
        self.selected_gpus: tuple[int, ...] = spec.gpus
        self.created_at = time.time()
        self._tools = tools
        self._engine_available = engine_available
        self._setbacks = Setbacks(time.monotonic)
        self._work = Work(spec.key, tools.journal, tools.changes.notify, self._ended)

    @property
    def operation(self) -> Operation | None:
        """Opération en cours."""
        return self._work.operation

    @property
    def last_failure(self) -> Failure | None:
        """Dernier échec, jusqu'à la prochaine réussite."""
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
        if self.replicas:
            return ModelState.READY
        if operation is not None:
            downloading = operation.kind is OperationKind.DOWNLOAD or operation.progress.phase in _DOWNLOAD_PHASES
            return ModelState.DOWNLOADING if downloading else ModelState.LOADING
        return ModelState.CACHED if self.artifacts.complete else ModelState.UNAVAILABLE

    @property
    def features(self) -> tuple[str, ...]:
        """Options honorées : celles du moteur chargé, sinon celles du profil."""
        return self.replicas[0].features if self.replicas else self.spec.features

    def download(self, operation_id: str = "") -> Operation:
        """Télécharge les poids ; sans effet s'ils sont là.

        Raises:
            InvalidState: une autre opération est en cours.
        """
        if self.artifacts.complete:
            return self._work.nothing_to_do(OperationKind.DOWNLOAD)
        return self._work.joined(OperationKind.DOWNLOAD) or self._work.begin(
            OperationKind.DOWNLOAD, self._download, operation_id
        )

    def load(self, gpus: Sequence[int] = (), replicas: int | None = None) -> Operation:
        """Charge le modèle ; sans effet s'il l'est.

        Raises:
            PasserelleError: celles de `check_loadable`.
            InvalidState: une autre opération est en cours.
        """
        if self.state is ModelState.READY:
            return self._work.nothing_to_do(OperationKind.LOAD)
        joined = self._work.joined(OperationKind.LOAD, OperationKind.RESTART)
        if joined is not None:
            return joined
        check_loadable(
            self.spec,
            gpus,
            visible_gpus=self._tools.gpu_count(),
            engine_available=self._engine_available,
            complete=self.artifacts.complete,
        )
        if gpus:
            self.selected_gpus = tuple(gpus)
            self._tools.journal.choose(f"gpus/{self.spec.key}", list(gpus))
        self._setbacks.forgive_falls()
        count = replicas or self.spec.replicas
        return self._work.begin(OperationKind.LOAD, lambda operation: self._load(operation, count))

    def unload(self, *, force: bool = False) -> Operation:
        """Décharge le modèle, et annule son chargement s'il a lieu ; sans effet s'il n'est pas chargé.

        Raises:
            InvalidState: un téléchargement est en cours.
        """
        operation = self.operation
        if operation is not None and operation.kind is OperationKind.UNLOAD:
            return operation
        if operation is not None and operation.kind is OperationKind.DOWNLOAD:
            raise self._work.busy(operation)
        if operation is None and not self.replicas:
            return self._work.nothing_to_do(OperationKind.UNLOAD)
        previous = self._work.supersede()
        return self._work.begin(OperationKind.UNLOAD, lambda current: self._unload(current, previous, force))

    async def cancel(self, operation: Operation) -> None:
        """Annule l'opération en cours et attend qu'elle soit défaite.

        Raises:
            InvalidState: un déchargement ne s'annule pas.
        """
        if operation.kind is OperationKind.UNLOAD:
            raise InvalidState("Un déchargement ne s'annule pas ; rechargez le modèle ensuite.")
        await self._work.cancel(operation)

    async def ensure(self, timeout: float) -> None:
        """Attend que le modèle soit prêt, en le chargeant au besoin.

        Raises:
            ModelLoading: pas prêt dans le délai.
            PasserelleError: celles de `load`, ou l'échec du chargement.
        """
        try:
            async with asyncio.timeout(timeout):
                while self.state is not ModelState.READY:
                    operation = self.operation
                    if operation is None:
                        self._setbacks.check_retry()
                        operation = self.load()
                    if operation.kind is OperationKind.UNLOAD:
                        await operation.done.wait()
                    else:
                        await operation.result()
        except TimeoutError:
            raise ModelLoading(
                f"Le modèle « {self.spec.key} » n'est pas encore prêt après {timeout:.0f} s ; réessayez bientôt.",
                metadata={"model": self.spec.key, "waited_seconds": f"{timeout:.0f}"},
                retry_after=5.0,
            ) from None

    async def adopt(self, processes: Sequence[Mapping[str, Any]]) -> None:
        """Reprend les exemplaires qu'un redémarrage du plan de contrôle a laissés en marche."""
        host = self._tools.replicas
        if all(host.is_ready(process["name"]) for process in processes):
            self.replicas = await asyncio.gather(*(host.adopt(process, _ignore) for process in processes))
            return

        async def wait(operation: Operation) -> None:
            self.replicas = await self._gather(
                [host.adopt(process, self._phase_of(operation)) for process in processes],
                [process["name"] for process in processes],
            )

        self._work.begin(OperationKind.LOAD, wait)

    async def replica_exited(self, name: str, code: int, *, asked: bool) -> None:
        """Retire un exemplaire disparu, et le relance s'il n'a pas été arrêté exprès."""
        lost = next((replica for replica in self.replicas if replica.id == name), None)
        if lost is None:
            return
        self.replicas.remove(lost)
        self._tools.changes.notify()
        await lost.link.aclose()
        if asked or self.operation is not None:
            return
        message = f"L'exemplaire {name} s'est arrêté tout seul (code {code})"
        delay = self._setbacks.fall()
        if delay is None:
            logger.critical("model_abandoned", extra={"model": self.spec.key, "falls": FALLS})
            self.last_failure = Failure.of(
                ModelLoadFailed(
                    f"{message}, {FALLS} fois en {FALLS_WINDOW:.0f} s : rechargez-le quand la cause est réglée."
                )
            )
            self._tools.changes.notify()
            return
        self.last_failure = Failure.of(ModelLoadFailed(f"{message} ; il est relancé."))
        index = int(name.rpartition("-")[2])
        self._work.begin(OperationKind.RESTART, lambda operation: self._restart(operation, index, lost.gpus, delay))

    def look(self, artifacts: Artifacts) -> bool:
        """Prend ce que le disque contient ; vrai si cela a changé."""
        changed = artifacts != self.artifacts
        self.artifacts = artifacts
        return changed

    async def aclose(self) -> None:
        """Abandonne l'opération en cours, sans toucher aux exemplaires."""
        await self._work.aclose()
        for replica in self.replicas:
            await replica.link.aclose()

    async def _ended(self, kind: OperationKind, state: OperationState, failure: Failure | None) -> None:
        if state is not OperationState.CANCELLED:
            self.last_failure = failure
            if kind in (OperationKind.LOAD, OperationKind.RESTART):
                (self._setbacks.load_failed if failure else self._setbacks.loaded)()
        self.look(await asyncio.to_thread(self._tools.inspect, self.spec))

    async def _download(self, operation: Operation) -> None:
        operation.progress.phase = "resolving"
        await self._tools.downloads.fetch(self.spec.key, operation.progress, self._tools.changes.notify)

    async def _load(self, operation: Operation, count: int) -> None:
        if not self.artifacts.complete:
            await self._download(operation)
        share = max(1, len(self.selected_gpus) // count)
        self.replicas = await self._gather(
            [
                self._tools.replicas.start(
                    self.spec,
                    index,
                    self.selected_gpus[index * share : (index + 1) * share] if self.spec.requires_gpu else (),
                    self._phase_of(operation),
                )
                for index in range(count)
            ],
            [f"{self.spec.key}-{index}" for index in range(count)],
        )

    async def _restart(self, operation: Operation, index: int, gpus: tuple[int, ...], delay: float) -> None:
        operation.progress.phase = "backoff"
        await asyncio.sleep(delay)
        starting = self._tools.replicas.start(self.spec, index, gpus, self._phase_of(operation))
        self.replicas += await self._gather([starting], [f"{self.spec.key}-{index}"])

    async def _gather(self, starting: Sequence[Awaitable[Replica]], names: Sequence[str]) -> list[Replica]:
        """Attend tous les exemplaires ; un seul échec, ou une annulation, les arrête tous."""
        tasks = [asyncio.ensure_future(one) for one in starting]
        try:
            return list(await asyncio.gather(*tasks))
        except BaseException:
            for task in tasks:
                task.cancel()
            for opened in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(opened, Replica):
                    await opened.link.aclose()
            await asyncio.shield(self._tools.replicas.stop(names, 0.0))
            raise

    async def _unload(self, operation: Operation, previous: "asyncio.Task[None] | None", force: bool) -> None:
        if previous is not None:
            operation.progress.phase = "stopping"
            previous.cancel()
            await asyncio.wait({previous})
        # Les fronts n'ont plus cette route : rien de neuf n'arrive pendant le vidage.
        leaving, self.replicas = self.replicas, []
        operation.progress.phase = "stopping" if force else "draining"
        self._tools.changes.notify()
        grace = 0.0 if force else self._tools.stop_grace + _STOP_MARGIN
        await self._tools.replicas.stop([replica.id for replica in leaving], grace)
        for replica in leaving:
            await replica.link.aclose()

    def _phase_of(self, operation: Operation) -> Callable[[str], None]:
        def show(phase: str) -> None:
            operation.progress.phase = phase
            self._tools.changes.notify()

        return show


def _ignore(_phase: str) -> None:
    pass
