"""Un modèle et sa vie : le seul endroit où ses verbes commencent."""

import asyncio
import logging
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from server.control.gpu.lessor import Lessor
from server.control.gpu.placement import Plan, plan
from server.control.gpu.turns import PROCESSOR
from server.control.life.choices import Choices, LoadOrder, Move, again, follow
from server.control.life.crew import Crew
from server.control.life.exits import Exit
from server.control.life.forecast import load_wait, not_ready
from server.control.life.loadable import check_loadable
from server.control.life.recovery import Recovery
from server.control.life.refusals import asleep, in_use, not_loaded, unloaded
from server.control.life.replicas import Replica
from server.control.life.setbacks import Setbacks
from server.control.life.state import ModelState, ModelTools, deduced
from server.control.life.steps import Steps
from server.control.life.usage import Usage, check_idle
from server.control.life.wanted import Wanted
from server.control.life.work import Work
from server.control.record.operations import Failure, Operation, OperationKind, OperationState
from server.control.weights.cache import Artifacts
from server.domain import ModelSpec
from server.errors import InvalidState, OperationCancelled

logger = logging.getLogger(__name__)

_NOTHING = LoadOrder()


class ManagedModel:
    """Modèle du profil : ce qu'on en sait, et ses verbes, dont les étapes sont dans `Steps`.

    Chaque changement passe par `changed`, qui le montre et le journalise : un seul endroit le voit.
    """

    def __init__(self, spec: ModelSpec, tools: ModelTools) -> None:
        self.spec = spec
        self.artifacts = Artifacts()
        self.choices = Choices.of(spec)
        self.wanted = Wanted(spec.key, tools.journal, tools.life, self.changed)
        self.created_at = self.state_since = time.time()
        self.load_seconds: float | None = None
        """Durée du dernier chargement réussi, téléchargement exclu ; `None` s'il n'y en a pas eu."""
        self.usage = Usage(tools.clock)
        self._tools = tools
        self._setbacks = Setbacks(tools.clock)
        self._lessor = Lessor(tools.gpus, tools.replicas.stop)
        self._crew = Crew(tools.replicas, self._lessor, self.changed)
        self._recovery = Recovery(spec.key, self._lessor, tools.replicas, self._setbacks)
        self._work = Work(spec.key, tools.journal, self.changed, self._ended, self._idle, tools.clock)
        self._steps = Steps(self, tools, self._lessor, self._crew, self._recovery)
        self._order = _NOTHING
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
        """Dernier échec, jusqu'à ce que le modèle soit redevenu ce qu'on lui demande d'être."""
        return self._setbacks.last

    @last_failure.setter
    def last_failure(self, failure: Failure | None) -> None:
        self._setbacks.last = failure

    @property
    def past_failure(self) -> Failure | None:
        """Dernier échec surmonté."""
        return self._setbacks.past

    @property
    def state(self) -> ModelState:
        """État présent."""
        return deduced(self.operation, self._crew, complete=self.artifacts.complete)

    @property
    def features(self) -> tuple[str, ...]:
        """Options honorées : celles du moteur chargé, sinon celles du profil."""
        return self.replicas[0].features if self.replicas else self.spec.features

    @property
    def context_tokens(self) -> int:
        """Contexte au plus, en jetons : celui du moteur chargé, sinon celui du profil ; 0 s'il n'est pas connu."""
        loaded = self.replicas[0].context_tokens if self.replicas else 0
        return loaded or self.choices.spec(self.spec).declared_context

    @property
    def load_wait(self) -> float:
        """Secondes qu'une requête attend son chargement."""
        return load_wait(self.load_seconds, self.artifacts.total_bytes, self._tools.limits)

    @property
    def evictable(self) -> bool:
        """Vrai s'il peut laisser sa place : chargé, ni épinglé, ni occupé, ni en cours d'opération."""
        return bool(self.replicas) and not self.choices.pinned and self.operation is None and not self.usage.busy

    def look(self, artifacts: Artifacts) -> bool:
        """Prend ce que le disque contient ; vrai si cela a changé."""
        changed = artifacts != self.artifacts
        self.artifacts = artifacts
        if changed:
            self.changed()
        return changed

    def changed(self) -> None:
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

    def download(self, operation_id: str = "") -> Operation:
        """Télécharge les poids ; sans effet s'ils sont là.

        Raises:
            InvalidState: une autre opération est en cours.
        """
        if self.artifacts.complete:
            return self._work.nothing_to_do(OperationKind.DOWNLOAD)
        return self._work.joined(OperationKind.DOWNLOAD) or self._work.begin(
            OperationKind.DOWNLOAD, self._steps.download, operation_id
        )

    def foresee(self, order: LoadOrder, *, without: Collection[str] = (), complete: bool = True) -> tuple[Move, Plan]:
        """Ce qu'un ordre de chargement ferait, et s'il tient, si les exemplaires `without` n'étaient plus là.

        Raises:
            PasserelleError: celles de `check_loadable` (`complete` : les poids sont là) et de `follow`.
        """
        board = self._tools.gpus
        check_loadable(
            self.spec,
            order.gpus,
            visible_gpus=board.readings,
            why_none=board.probe.allowed.reason,
            complete=complete,
        )
        move = follow(self.spec, self.artifacts, self.choices, order, self.replicas)
        return move, plan(board, move.demand, without=without)

    def load(
        self, order: LoadOrder = _NOTHING, room: "Sequence[ManagedModel]" = (), *, returning: bool = False
    ) -> Operation:
        """Charge le modèle, change ses exemplaires s'il l'est, ou le réveille ; sans effet si l'ordre est déjà suivi.

        `room` nomme les modèles à décharger d'abord ; `returning`, pour un démarrage, ne change aucun choix.

        Raises:
            PasserelleError: celles de `foresee` et de `Plan.check`.
            InvalidState: une autre opération est en cours.
        """
        if self._crew.resting:
            return self._load_asleep(order)
        joined = self._work.joined(OperationKind.LOAD, OperationKind.RESTART)
        if joined is not None:
            if order in (_NOTHING, self._order):
                return joined
            raise self._work.busy(joined)
        without = [one.id for other in room for one in other.replicas]
        move, found = self.foresee(order, without=without, complete=bool(self.replicas) or self.artifacts.complete)
        found.check()
        if not returning:
            move.choices.save(self.spec.key, self._tools.journal, self.choices)
            self.choices = move.choices
        staying = [(one.index, one.gpus) for one in self.replicas if one not in move.leaving]
        self.wanted.seats = tuple(gpus for _, gpus in sorted(staying + [(one.index, one.gpus) for one in found.seats]))
        if self.replicas and not found.seats and not move.leaving:
            self.changed()
            return self._work.nothing_to_do(OperationKind.LOAD)
        self._setbacks.forgive_falls()
        self._order = order
        held = self._lessor.reserve(() if room else found.seats)
        alone = PROCESSOR if returning else None
        return self._work.begin(
            OperationKind.LOAD, lambda operation: self._steps.load(operation, move, held, room, alone)
        )

    def bring_back(self) -> Operation:
        """Charge ce qui est voulu, où c'était, sans changer un choix ; ce que dit le profil, si rien n'est voulu.

        Raises:
            PasserelleError: celles de `load`.
        """
        order, desired = _NOTHING, self.wanted.desired
        if desired is not None:
            order = LoadOrder(gpus=desired.gpus if self.spec.requires_gpu else (), replicas=len(desired.seats))
        return self.load(order, returning=True)

    def unload(self, *, force: bool = False, only_if_idle: bool = False, why: str = "sur demande") -> Operation:
        """Décharge le modèle, et annule son chargement s'il a lieu ; sans effet s'il n'est pas chargé.

        `only_if_idle` refuse plutôt que d'interrompre qui que ce soit ; `why` est dit aux requêtes interrompues.

        Raises:
            InvalidState: un téléchargement est en cours ; avec `only_if_idle`, toute opération, ou des requêtes.
        """
        operation = self.operation
        if operation is not None and operation.kind is OperationKind.UNLOAD:
            return operation
        if operation is not None and operation.kind is OperationKind.DOWNLOAD:
            raise self._work.busy(operation)
        if operation is None and not self.replicas:
            return self._work.nothing_to_do(OperationKind.UNLOAD)
        if only_if_idle:
            if operation is not None:
                raise self._work.busy(operation)
            check_idle(self.spec.key, self.replicas)
        previous = self._work.supersede()
        parting = unloaded(self.spec.key, why)
        return self._work.begin(
            OperationKind.UNLOAD, lambda current: self._steps.unload(current, previous, force, parting)
        )

    def check_unused(self) -> None:
        """Refuse si ses poids servent : chargé, ou en cours d'opération.

        Raises:
            InvalidState: c'est le cas.
        """
        if self.operation is not None:
            raise self._work.busy(self.operation)
        if self.replicas:
            raise in_use(self.spec.key)

    def sleep(self, level: int = 1) -> Operation:
        """Endort le modèle : la mémoire des GPU est rendue, les processus restent ; sans effet s'il dort.

        Raises:
            InvalidState: le modèle n'est pas chargé, ou une autre opération est en cours.
        """
        joined = self._work.joined(OperationKind.SLEEP)
        if joined is not None:
            return joined
        if self._crew.resting:
            return self._work.nothing_to_do(OperationKind.SLEEP)
        if not self.replicas:
            raise not_loaded(self.spec.key)
        return self._work.begin(OperationKind.SLEEP, lambda operation: self._steps.sleep(operation, level))

    def wake(self) -> Operation:
        """Réveille le modèle, si ses GPU ont encore la place ; sans effet s'il ne dort pas.

        Raises:
            InvalidState: le modèle n'est pas chargé, ou une autre opération est en cours.
            PasserelleError: celles de `Plan.check`.
        """
        joined = self._work.joined(OperationKind.WAKE)
        if joined is not None:
            return joined
        if not self.replicas:
            raise not_loaded(self.spec.key)
        if not self._crew.resting:
            return self._work.nothing_to_do(OperationKind.WAKE)
        board = self._tools.gpus
        plans = [plan(board, one) for one in again(self.spec, self.artifacts, self.choices, self.replicas)]
        for found in plans:
            found.check()
        held = self._lessor.reserve([seat for found in plans for seat in found.seats])
        return self._work.begin(OperationKind.WAKE, lambda operation: self._steps.wake(operation, held))

    async def cancel(self, operation: Operation) -> None:
        """Annule l'opération en cours et attend qu'elle soit défaite.

        Raises:
            InvalidState: celles de `check_cancel`.
        """
        self.check_cancel(operation)
        await self._work.cancel(operation)

    def check_cancel(self, operation: Operation) -> None:
        """Vérifie qu'une opération peut être annulée.

        Raises:
            InvalidState: ni un déchargement ni un réveil ne s'annulent.
        """
        if operation.kind in (OperationKind.UNLOAD, OperationKind.WAKE):
            raise InvalidState("Un déchargement ou un réveil ne s'annule pas ; demandez l'inverse ensuite.")

    async def ensure(self, timeout: float) -> None:
        """Attend que le modèle soit prêt, en le chargeant ou en le réveillant au besoin.

        Raises:
            ModelLoading: pas prêt dans le délai.
            PasserelleError: celles de `load`, ou l'échec du chargement.
        """
        try:
            async with asyncio.timeout(timeout):
                while self.state is not ModelState.READY:
                    if self.operation is None:
                        self._setbacks.check_retry()
                        await self._tools.gpus.refresh()
                    operation = self.operation
                    if operation is None:
                        operation = self.load()
                        if self.spec.restore_lazy:
                            self.wanted.by(operation)
                    if operation.kind in (OperationKind.UNLOAD, OperationKind.SLEEP):
                        await operation.done.wait()
                    else:
                        await self._loaded(operation)
        except TimeoutError:
            raise not_ready(
                self.spec.key,
                timeout,
                self.operation,
                self.load_seconds,
                downloading=self.state is ModelState.DOWNLOADING,
                elapsed=time.time() - self.state_since,
            ) from None

    async def _loaded(self, operation: Operation) -> None:
        try:
            await operation.result()
        except OperationCancelled:
            if self.operation is not None and self.operation.kind is OperationKind.UNLOAD:
                raise unloaded(self.spec.key, "pendant son chargement") from None
            raise

    async def reattach(self, processes: Sequence[Mapping[str, Any]]) -> None:
        """Reprend les exemplaires qu'un redémarrage du plan de contrôle a laissés en marche, et leurs baux."""
        held = self._lessor.found(processes)
        self.wanted.seats = tuple(seat.gpus for seat in sorted(held.seats, key=lambda seat: seat.index))
        if await self._crew.reattach(processes):
            self.usage.touch()
            self.changed()
            return
        self._work.begin(OperationKind.LOAD, lambda operation: self._steps.rejoin(operation, processes, held))

    async def replica_exited(self, name: str, end: Exit, *, asked: bool) -> None:
        """Retire un exemplaire disparu, et le relance s'il n'a pas été arrêté exprès."""
        lost = next((replica for replica in self.replicas if replica.id == name), None)
        if lost is None:
            return
        self._crew.lose(lost)
        self.changed()
        await lost.link.aclose()
        if asked:
            self._recovery.forget([lost])
            return
        self._recovery.fell(lost, end)
        if self.operation is None:
            self._idle()
        self.changed()

    def watch(self) -> None:
        """Suit l'usage : réveille un modèle qu'on attend, décharge celui que personne n'emploie plus."""
        waiting = self.usage.follow(self.replicas)
        if self.operation is not None or not self.replicas:
            return
        idle = self.choices.idle_unload
        if waiting and self._crew.resting:
            self.wake()
        elif idle > 0 and not self.choices.pinned and not self.usage.busy and self.usage.idle_seconds >= idle:
            logger.info("idle_unload", extra={"model": self.spec.key, "idle_seconds": round(self.usage.idle_seconds)})
            self.unload(why="faute d'usage")

    async def aclose(self) -> None:
        """Abandonne l'opération en cours, sans toucher aux exemplaires."""
        await self._work.aclose()
        await self._lessor.aclose()
        await self._crew.aclose()

    async def _ended(self, kind: OperationKind, state: OperationState, failure: Failure | None) -> None:
        if state is not OperationState.CANCELLED:
            if failure is not None:
                self.last_failure = failure
            elif kind is not OperationKind.RESTART or self._whole:
                self._setbacks.overcome()
            if kind in (OperationKind.LOAD, OperationKind.RESTART, OperationKind.WAKE):
                (self._setbacks.load_failed if failure else self._setbacks.loaded)()
        self.look(await asyncio.to_thread(self._tools.inspect, self.spec))

    @property
    def _whole(self) -> bool:
        """Vrai si aucun exemplaire ne manque : une relance réussie n'efface pas la chute d'un autre."""
        return len(self.replicas) == self.choices.replicas and not self._recovery.pending

    def _idle(self) -> None:
        """Relance les exemplaires tombés, une fois l'opération en cours finie."""
        due = self._recovery.due()
        if due is not None:
            self._work.begin(OperationKind.RESTART, lambda operation: self._steps.restart(operation, *due))

    def _load_asleep(self, order: LoadOrder) -> Operation:
        if order.gpus or order.options or order.replicas not in (None, len(self.replicas)):
            raise asleep(self.spec.key)
        choices = self.choices.ordered(self.spec, order)
        choices.save(self.spec.key, self._tools.journal, self.choices)
        self.choices = choices
        return self.wake()
