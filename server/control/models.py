"""Tous les modèles du profil, et ce qui les tient à jour : disque, processus, machine."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any

from server.control.life.choices import LoadOrder
from server.control.life.eviction import victims
from server.control.life.exits import Exit
from server.control.life.model import ManagedModel
from server.control.life.restoring import Restorer
from server.control.life.state import ModelState, ModelTools
from server.control.machine import MachineProbe, MachineSample
from server.control.record.desired import DESIRED, UNREADABLE, Desired
from server.control.record.journal import Journal
from server.control.record.operations import Failure, Operation, OperationKind, OperationState
from server.control.weights.discovery import Adoption
from server.control.weights.removal import Revision, erase, left_behind, revisions, set_aside
from server.domain import Profile, worker_digest
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
        self.restorer = Restorer(tools)
        self.strangers: list[str] = []
        """Modèles voulus que le profil n'a plus."""
        self.stopping_at: float | None = None
        """Instant, en secondes depuis 1970, où l'exploitant a demandé l'arrêt du serveur."""
        self.unread: list[str] = []
        """Modèles dont ce qui est retenu ne se comprend pas."""
        self._tools = tools
        self._supervisor = supervisor
        self._machine = machine
        self._on_exit = on_exit
        self._adoption = adoption
        self._tasks: list[asyncio.Task[Any]] = []
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

    def key_of(self, name: str) -> str:
        """Clé du modèle de cette clé ou de cet alias ; ce nom, si le profil ne l'a plus."""
        spec = self.profile.model(name)
        return spec.key if spec else name

    def gpus_of(self, replica: str) -> tuple[int, ...]:
        """GPU de l'exemplaire de ce nom ; aucun s'il n'est plus là."""
        return next((one.gpus for model in self for one in model.replicas if one.id == replica), ())

    async def load(self, name: str, order: LoadOrder) -> Operation:
        """Charge un modèle pour l'exploitant, en faisant de la place si l'ordre le demande.

        Raises:
            ModelNotFound: nom inconnu.
            PasserelleError: celles de `ManagedModel.load`.
        """
        model = self.get(name)
        await self.gpus.refresh()
        async with self.restorer.aside(model, order):
            room = victims(model, order, self) if order.make_room and model.operation is None else []
            operation = model.load(order, room)
            model.wanted.by(operation)
        await self._tools.journal.settled()
        return operation

    async def unload(self, name: str, *, force: bool = False, only_if_idle: bool = False) -> Operation:
        """Décharge un modèle pour l'exploitant : il ne reviendra pas de lui-même.

        Raises:
            ModelNotFound: nom inconnu.
            PasserelleError: celles de `ManagedModel.unload`.
        """
        model = self.get(name)
        operation = model.unload(force=force, only_if_idle=only_if_idle)
        self.wanted = tuple(key for key in self.wanted if key != model.spec.key)
        model.wanted.gone()
        return await self._decided(model, operation)

    async def sleep(self, name: str, level: int) -> Operation:
        """Endort un modèle pour l'exploitant : il reviendra endormi.

        Raises:
            ModelNotFound: nom inconnu.
            PasserelleError: celles de `ManagedModel.sleep`.
        """
        model = self.get(name)
        operation = model.sleep(level)
        model.wanted.by(operation)
        return await self._decided(model, operation)

    async def wake(self, name: str) -> Operation:
        """Réveille un modèle pour l'exploitant.

        Raises:
            ModelNotFound: nom inconnu.
            PasserelleError: celles de `ManagedModel.wake`.
        """
        model = self.get(name)
        await self.gpus.refresh()
        operation = model.wake()
        model.wanted.by(operation)
        return await self._decided(model, operation)

    async def cancel(self, operation_id: str) -> Operation:
        """Annule une opération pour l'exploitant et attend qu'elle soit défaite ; ce qui reste est ce qu'il veut.

        Raises:
            OperationNotFound: inconnue, ou finie.
            InvalidState: elle ne s'annule pas.
        """
        model, operation = self.running(operation_id)
        model.check_cancel(operation)
        if operation.kind is not OperationKind.DOWNLOAD:
            model.wanted.as_is(model.replicas)
        self.restorer.drop(model)
        await model.cancel(operation)
        await self._tools.journal.settled()
        return operation

    async def _decided(self, model: ManagedModel, operation: Operation) -> Operation:
        self.restorer.drop(model)
        await self._tools.journal.settled()
        return operation

    async def remove(self, name: str, *, old_only: bool, dry_run: bool) -> list[Revision]:
        """Retire du disque les poids d'un modèle, ou ses seules anciennes révisions ; rend ce qui l'est, ou le serait.

        Raises:
            ModelNotFound: nom inconnu.
            InvalidState: modèle chargé ou en cours d'opération, poids qu'on ne peut que lire.
        """
        if self.profile.model(name) is None:
            return await self._remove_left(name, dry_run=dry_run)
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

    async def _remove_left(self, key: str, *, dry_run: bool) -> list[Revision]:
        """Ce qu'un modèle que le profil n'a plus a laissé sur le disque."""
        async with self._removing:
            found = await asyncio.to_thread(left_behind, self._tools.cache_dir, key)
            if not found:
                self.get(key)
            if not dry_run:
                await asyncio.to_thread(erase, set_aside(key, found))
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
        kept = await self.restore()
        found = await self._reattach()
        await self._resume(found)
        self._tasks += [asyncio.create_task(self.follow(events)), asyncio.create_task(self._tick_forever())]
        if load_all:
            self.wanted = tuple(self._models)
        self.restorer.start(self, kept, load_all=load_all)

    async def aclose(self) -> None:
        """Cesse de suivre ; les exemplaires restent en marche."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._adoption.aclose()
        await self.restorer.aclose()
        await asyncio.gather(*(model.aclose() for model in self._models.values()))

    async def restore(self) -> dict[str, Any]:
        """Reprend ce que le journal a retenu, et le rend.

        Ce sont les choix, ce qui est voulu chargé, et la durée du dernier chargement de chaque modèle.
        """
        journal = self._tools.journal
        choices = await journal.choices()
        for key, model in self._models.items():
            try:
                model.wanted.desired = Desired.of(choices.get(f"{DESIRED}{key}"))
                model.choices = model.choices.restored(model.spec, choices)
            except UNREADABLE as error:
                logger.error("choices_not_understood", extra={"model": key, "error": repr(error)})
                self.unread.append(key)
            model.load_seconds = await journal.load_seconds(key)
        desired = [name.removeprefix(DESIRED) for name, kept in choices.items() if name.startswith(DESIRED) and kept]
        self.strangers = [key for key in desired if key not in self._models]
        if self.strangers:
            logger.warning("desired_models_unknown", extra={"models": self.strangers})
        return choices

    def gpu_refusal(self) -> list[str]:
        """Ce qui est refusé dans les listes de GPU ; vide si aucun modèle n'en demande."""
        allowed = self.gpus.probe.allowed
        needed = any(spec.requires_gpu for spec in self.profile.models)
        return [allowed.reason] if allowed.refused and needed else []

    def not_ready(self) -> list[str]:
        """Pourquoi ce serveur n'est pas encore prêt, ou ne l'est plus ; vide : il l'est."""
        returning = self.restorer.pending
        excused = {*returning, *self.restorer.given_up, *self.restorer.left}
        away = [key for key in self.wanted if key not in excused and not self._here(key)]
        return [f"Le modèle « {key} » revient : il n'est pas encore chargé." for key in returning] + [
            f"Le modèle « {key} », demandé au démarrage, n'est pas chargé." for key in away
        ]

    def notices(self) -> list[str]:
        """Ce qui n'est pas revenu, et pourquoi ; le serveur n'en est pas moins prêt."""
        gone = [f"Le modèle « {key} », chargé avant l'arrêt, n'est plus dans le profil." for key in self.strangers]
        lost = [
            f"Le modèle « {key} » n'est pas revenu ({failure.reason}) : {failure.message}"
            for key, failure in self.restorer.given_up.items()
            if not self._here(key)
        ]
        unread = [
            f"Ce que le journal retient de « {key} » est d'une autre version de Passerelle et ne se comprend pas : "
            "rechargez-le."
            for key in self.unread
            if not self._here(key)
        ]
        return gone + unread + lost

    def _here(self, key: str) -> bool:
        return self._models[key].state in (ModelState.READY, ModelState.ASLEEP)

    async def _reattach(self) -> set[str]:
        """Reprend ce qui tourne ; un réglage changé depuis est pris en repartant, un modèle retiré s'en va."""
        found: dict[str, list[dict[str, Any]]] = {}
        for process in await self._supervisor.list():
            if process["kind"] != "worker" or not process["pid"]:
                continue
            key = process["meta"].get("key", "")
            if key in self._models:
                found.setdefault(key, []).append(process)
            else:
                logger.info("replica_leaving", extra={"replica": process["name"]})
                leaving = self._supervisor.stop(process["name"], self._tools.stop_grace)
                self._tasks.append(asyncio.create_task(leaving))
        for key, processes in found.items():
            model = self._models[key]
            await model.reattach(processes)
            now = worker_digest(model.choices.spec(model.spec))
            if any(process["meta"].get("digest", now) != now for process in processes):
                self.restorer.renew(model)
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
                returns = (
                    operation.kind is OperationKind.LOAD and model is not None and model.wanted.desired is not None
                )
                after = "le modèle revient de lui-même" if returns else "relancez-la"
                operation.finish(
                    OperationState.FAILED,
                    Failure.of(ShuttingDown(f"Opération interrompue par l'arrêt du serveur ; {after}.")),
                )
            journal.save(operation)

    async def follow(self, events: AsyncIterator[Mapping[str, Any]]) -> None:
        """Suit ce que le superviseur dit : les fins d'exemplaires, et son propre arrêt."""
        async for event in events:
            if event["event"] == "stopping":
                self.stopping_at = time.time()
                self.changes.notify()
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
