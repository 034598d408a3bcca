"""Tous les modèles du profil, et ce qui les tient à jour : disque, processus, machine."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any

from server.control.life.choices import LoadOrder
from server.control.life.eviction import victims
from server.control.life.exits import Exit
from server.control.life.model import ManagedModel
from server.control.life.state import ModelState, ModelTools
from server.control.machine import MachineProbe, MachineSample
from server.control.record.journal import Journal
from server.control.record.operations import Failure, Operation, OperationKind, OperationState
from server.control.weights.discovery import Adoption
from server.control.weights.removal import Revision, erase, revisions, set_aside
from server.domain import Profile
from server.errors import ModelNotFound, OperationNotFound, PasserelleError, ShuttingDown
from server.shown import shown
from server.supervisor.client import SupervisorClient

logger = logging.getLogger(__name__)

TICK_SECONDS = 1.0
"""Période de lecture du disque et de la machine."""

_STOP_STRANGER_SECONDS = 5.0


class Models:
    """Registre des modèles."""

    def __init__(
        self,
        profile: Profile,
        tools: ModelTools,
        supervisor: SupervisorClient,
        machine: MachineProbe,
        *,
        on_exit: Callable[[int], None],
        adoption: Adoption,
    ) -> None:
        """`on_exit` reçoit l'identifiant de chaque processus qui finit ; `adoption` suit les poids venus d'ailleurs."""
        self.profile = profile
        self.changes = tools.changes
        self.sample = MachineSample()
        self.wanted: tuple[str, ...] = ()
        self.processes: list[dict[str, Any]] = []
        self._models = {spec.key: ManagedModel(spec, tools) for spec in profile.models}
        self.gpus = tools.gpus
        self._tools = tools
        self._supervisor = supervisor
        self._machine = machine
        self._on_exit = on_exit
        self._adoption = adoption
        self._tasks: list[asyncio.Task[None]] = []
        self._removing = asyncio.Lock()

    def __iter__(self) -> Iterator[ManagedModel]:
        return iter(self._models.values())

    def get(self, name: str) -> ManagedModel:
        """Modèle de cette clé ou de cet alias.

        Raises:
            ModelNotFound: nom inconnu.
        """
        spec = self.profile.model(name)
        if spec is None:
            known = ", ".join(self._models)
            raise ModelNotFound(
                f"Le modèle « {shown(name)} » n'existe pas ; modèles de ce profil : {known}.",
                metadata={"field": "model", "value": name},
            )
        return self._models[spec.key]

    async def load(self, name: str, order: LoadOrder) -> Operation:
        """Charge un modèle, en faisant de la place si l'ordre le demande.

        Raises:
            ModelNotFound: nom inconnu.
            PasserelleError: celles de `ManagedModel.load`.
        """
        model = self.get(name)
        await self.gpus.refresh()
        room = victims(model, order, self) if order.make_room and model.operation is None else []
        return model.load(order, room)

    async def remove(self, name: str, *, old_only: bool, dry_run: bool) -> list[Revision]:
        """Retire du disque les poids d'un modèle, ou ses seules anciennes révisions ; rend ce qui l'est, ou le serait.

        Raises:
            ModelNotFound: nom inconnu.
            InvalidState: modèle chargé ou en cours d'opération, poids qu'on ne peut que lire.
        """
        model = self.get(name)
        key = model.spec.key
        async with self._removing:
            found = await asyncio.to_thread(revisions, self._tools.cache_dir, model.spec, old_only=old_only)
            if any(one.current for one in found):
                model.check_unused()
            if dry_run or not found:
                return found
            # Vérifié et mis de côté sans rendre la main : un chargement demandé entre-temps ne trouve plus de poids.
            aside = set_aside(key, found)
            model.look(self._tools.inspect(model.spec))
            await asyncio.to_thread(erase, aside)
        logger.info("weights_removed", extra={"model": key, "revisions": [one.name for one in found]})
        return found

    def running(self, operation_id: str) -> tuple[ManagedModel, Operation]:
        """Opération en cours et son modèle.

        Raises:
            OperationNotFound: inconnue, ou finie.
        """
        for model in self._models.values():
            if model.operation is not None and model.operation.id == operation_id:
                return model, model.operation
        raise OperationNotFound(
            f"L'opération « {shown(operation_id)} » est inconnue ou déjà finie.",
            metadata={"field": "operation_id", "value": operation_id},
        )

    async def start(self, *, load_all: bool) -> None:
        """Retrouve ce qui tourne déjà, reprend ce qui a été interrompu, puis suit le monde."""
        await self._tick()
        events = await self._supervisor.watch()
        await self.restore()
        found = await self._reattach()
        await self._resume(found)
        self._tasks = [asyncio.create_task(self._follow(events)), asyncio.create_task(self._tick_forever())]
        if load_all:
            self.wanted = tuple(self._models)
            self._load_all()

    async def aclose(self) -> None:
        """Cesse de suivre ; les exemplaires restent en marche."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._adoption.aclose()
        await asyncio.gather(*(model.aclose() for model in self._models.values()))

    async def restore(self) -> None:
        """Reprend ce que le journal a retenu : les choix, et la durée du dernier chargement de chaque modèle."""
        journal = self._tools.journal
        choices = await journal.choices()
        for key, model in self._models.items():
            model.choices = model.choices.restored(model.spec, choices)
            model.load_seconds = await journal.load_seconds(key)

    def gpu_refusal(self) -> list[str]:
        """Ce qui est refusé dans les listes de GPU ; vide si aucun modèle n'en demande."""
        allowed = self.gpus.probe.allowed
        needed = any(spec.requires_gpu for spec in self.profile.models)
        return [allowed.reason] if allowed.refused and needed else []

    def not_loaded(self) -> list[str]:
        """Modèles demandés au démarrage qui ne sont pas prêts."""
        return [key for key in self.wanted if self._models[key].state is not ModelState.READY]

    def _load_all(self) -> None:
        for key, model in self._models.items():
            try:
                model.load()
            except PasserelleError as error:
                # Un moteur absent de cette version, ou des poids absents : le dire, sans bloquer les autres modèles.
                model.last_failure = Failure.of(error)
                self.wanted = tuple(name for name in self.wanted if name != key)
                logger.warning("not_loaded_at_start", extra={"model": key, "reason": error.reason})

    async def _reattach(self) -> set[str]:
        found: dict[str, list[dict[str, Any]]] = {}
        for process in await self._supervisor.list():
            if process["kind"] != "worker" or not process["pid"]:
                continue
            key = process["meta"].get("key", "")
            if key in self._models:
                found.setdefault(key, []).append(process)
            else:
                await self._supervisor.stop(process["name"], _STOP_STRANGER_SECONDS)
        for key, processes in found.items():
            await self._models[key].reattach(processes)
            logger.info("replicas_reattached", extra={"model": key, "count": len(processes)})
        return set(found)

    async def _resume(self, found: set[str]) -> None:
        journal: Journal = self._tools.journal
        for operation in await journal.running():
            model = self._models.get(operation.model)
            if model is not None and model.operation is not None and model.operation.id == operation.id:
                continue
            if model is not None and operation.kind is OperationKind.DOWNLOAD and model.operation is None:
                logger.info("download_resumed", extra={"model": operation.model, "operation": operation.id})
                model.download(operation.id)
                continue
            if operation.model in found and operation.kind is OperationKind.LOAD:
                operation.finish(OperationState.SUCCEEDED)
            else:
                operation.finish(
                    OperationState.FAILED,
                    Failure.of(ShuttingDown("Opération interrompue par l'arrêt du serveur ; relancez-la.")),
                )
            journal.save(operation)

    async def _follow(self, events: AsyncIterator[Mapping[str, Any]]) -> None:
        async for event in events:
            if event["event"] != "exited":
                continue
            self._on_exit(event["pid"])
            name = event["name"]
            end = Exit(event["exit_code"], event["frozen"], event["out_of_memory"])
            self._tools.replicas.exited(name, end)
            model = self._models.get(name.rpartition("-")[0])
            if model is not None:
                await model.replica_exited(name, end, asked=event["asked"])

    async def _tick_forever(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            try:
                await self._tick()
            except Exception:
                logger.exception("tick_failed")

    async def _tick(self) -> None:
        """Relit le disque et la machine, hors de la boucle."""
        models = list(self._models.values())
        before = self._measured()
        idle = [model.spec for model in models if model.operation is None and not model.artifacts.complete]

        def read() -> tuple[MachineSample, list[Any], dict[str, str]]:
            found = [self._tools.inspect(model.spec) for model in models]
            return self._machine.sample(), found, self._adoption.traces(idle)

        self.sample, found, traces = await asyncio.to_thread(read)
        self._adoption.follow(traces)
        await self.gpus.refresh()
        self.processes = await self._supervisor.list()
        changed = [model.look(artifacts) for model, artifacts in zip(models, found, strict=True)]
        if any(changed) or before != self._measured():
            self.changes.notify()
        for model in models:
            try:
                model.watch()
            except PasserelleError as error:
                model.last_failure = Failure.of(error)

    def _measured(self) -> tuple[Any, ...]:
        """Ce qu'il faut montrer dès que cela change ; le processeur et la mémoire vive attendent la période."""
        return self.gpus.readings, dict(self.gpus.stains), self.processes
