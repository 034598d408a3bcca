"""Un modèle et sa vie : le seul endroit où ses verbes sont menés."""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from server.control.gpu.lessor import Lessor, Tenancy
from server.control.gpu.placement import Plan, plan
from server.control.gpu.release import Freed
from server.control.gpu.turns import PROCESSOR, Turn
from server.control.life.choices import Choices, LoadOrder, Move, again, follow
from server.control.life.crew import Crew
from server.control.life.exits import Exit
from server.control.life.forecast import load_wait, not_ready
from server.control.life.loadable import check_loadable
from server.control.life.recovery import Recovery
from server.control.life.replicas import Replica
from server.control.life.setbacks import Setbacks
from server.control.life.state import ModelState, ModelTools, deduced
from server.control.life.usage import Usage, check_idle
from server.control.life.work import Work
from server.control.record.desired import DESIRED, RETURN, Desired, Return
from server.control.record.operations import Failure, Operation, OperationKind, OperationState
from server.control.weights.cache import Artifacts
from server.domain import ModelSpec
from server.errors import InvalidState, ModelUnloaded, OperationCancelled, PasserelleError, ShuttingDown

logger = logging.getLogger(__name__)

_STOP_MARGIN = 5.0
_RETRY_SECONDS = 1.0
_NOTHING = LoadOrder()


class ManagedModel:
    """Modèle du profil : ce qu'on en sait, ses verbes, et ce que chacun fait.

    Chaque changement passe par `_changed`, qui le montre et le journalise : un seul endroit le voit.
    """

    def __init__(self, spec: ModelSpec, tools: ModelTools) -> None:
        self.spec = spec
        self.artifacts = Artifacts()
        self.choices = Choices.of(spec)
        self.desired: Desired | None = None
        """Ce que l'exploitant en veut chargé ; `None` s'il ne veut rien."""
        self.created_at = self.state_since = time.time()
        self.load_seconds: float | None = None
        """Durée du dernier chargement réussi, téléchargement exclu ; `None` s'il n'y en a pas eu."""
        self.usage = Usage(tools.clock)
        self._tools = tools
        self._setbacks = Setbacks(tools.clock)
        self._lessor = Lessor(tools.gpus, tools.replicas.stop)
        self._crew = Crew(tools.replicas, self._lessor, self._changed)
        self._recovery = Recovery(spec.key, self._lessor, tools.replicas, self._setbacks)
        self._work = Work(spec.key, tools.journal, self._changed, self._ended, self._idle, tools.clock)
        self._order = _NOTHING
        self._seats: tuple[tuple[int, ...], ...] = ()
        self._wanted_by: Operation | None = None
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
            self._changed()
        return changed

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
        self._seats = tuple(gpus for _, gpus in sorted(staying + [(one.index, one.gpus) for one in found.seats]))
        if self.replicas and not found.seats and not move.leaving:
            self._changed()
            return self._work.nothing_to_do(OperationKind.LOAD)
        self._setbacks.forgive_falls()
        self._order = order
        held = self._lessor.reserve(() if room else found.seats)
        alone = PROCESSOR if returning else None
        return self._work.begin(OperationKind.LOAD, lambda operation: self._load(operation, move, held, room, alone))

    def bring_back(self) -> Operation:
        """Charge ce qui est voulu, où c'était, sans changer un choix ; ce que dit le profil, si rien n'est voulu.

        Raises:
            PasserelleError: celles de `load`.
        """
        order = _NOTHING
        if self.desired is not None:
            gpus = self.desired.gpus if self.spec.requires_gpu else ()
            order = LoadOrder(gpus=gpus, replicas=len(self.desired.seats))
        return self.load(order, returning=True)

    def want(self, operation: Operation) -> None:
        """Retient que l'exploitant veut le modèle chargé, comme cette opération le laissera."""
        self._wanted_by = operation
        self._desire(Desired(self._seats))

    def want_present(self) -> None:
        """Retient que l'exploitant veut ce qui est prêt, éveillé, et rien de plus."""
        self._wanted_by, self._seats = None, tuple(one.gpus for one in self.replicas)
        self._desire(Desired(self._seats) if self.replicas else None)

    def forget(self) -> None:
        """Retient que l'exploitant ne veut plus rien de ce modèle."""
        self._wanted_by = None
        self._desire(None)

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
        parting = self._unloaded(why)
        return self._work.begin(OperationKind.UNLOAD, lambda current: self._unload(current, previous, force, parting))

    def check_unused(self) -> None:
        """Refuse si ses poids servent : chargé, ou en cours d'opération.

        Raises:
            InvalidState: c'est le cas.
        """
        if self.operation is not None:
            raise self._work.busy(self.operation)
        if self.replicas:
            raise InvalidState(
                f"« {self.spec.key} » est chargé, et ses poids servent : déchargez-le d'abord.",
                metadata={"model": self.spec.key},
            )

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
            raise InvalidState(f"« {self.spec.key} » n'est pas chargé.", metadata={"model": self.spec.key})
        return self._work.begin(OperationKind.SLEEP, lambda operation: self._sleep(operation, level))

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
            raise InvalidState(f"« {self.spec.key} » n'est pas chargé.", metadata={"model": self.spec.key})
        if not self._crew.resting:
            return self._work.nothing_to_do(OperationKind.WAKE)
        board = self._tools.gpus
        plans = [plan(board, one) for one in again(self.spec, self.artifacts, self.choices, self.replicas)]
        for found in plans:
            found.check()
        held = self._lessor.reserve([seat for found in plans for seat in found.seats])
        return self._work.begin(OperationKind.WAKE, lambda operation: self._wake(operation, held))

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
                            self.want(operation)
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
                raise self._unloaded("pendant son chargement") from None
            raise

    def _unloaded(self, why: str) -> ModelUnloaded:
        return ModelUnloaded(
            f"Le modèle « {self.spec.key} » a été déchargé {why} ; la requête, refaite, le rechargerait.",
            metadata={"model": self.spec.key},
            retry_after=_RETRY_SECONDS,
        )

    async def reattach(self, processes: Sequence[Mapping[str, Any]]) -> None:
        """Reprend les exemplaires qu'un redémarrage du plan de contrôle a laissés en marche, et leurs baux."""
        held = self._lessor.found(processes)
        self._seats = tuple(seat.gpus for seat in sorted(held.seats, key=lambda seat: seat.index))
        if await self._crew.reattach(processes):
            self.usage.touch()
            self._changed()
            return

        async def wait(operation: Operation) -> None:
            async with self._tools.gpus.turns.turn() as turn, held:
                await self._take_turn(turn, held, self._phase_of(operation))
                await self._crew.wait_for(processes, self._phase_of(operation))
            self.usage.touch()

        self._work.begin(OperationKind.LOAD, wait)

    async def replica_exited(self, name: str, end: Exit, *, asked: bool) -> None:
        """Retire un exemplaire disparu, et le relance s'il n'a pas été arrêté exprès."""
        lost = next((replica for replica in self.replicas if replica.id == name), None)
        if lost is None:
            return
        self._crew.lose(lost)
        self._changed()
        await lost.link.aclose()
        if asked:
            self._recovery.forget([lost])
            return
        self._recovery.fell(lost, end)
        if self.operation is None:
            self._idle()
        self._changed()

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
            self._work.begin(OperationKind.RESTART, lambda operation: self._restart(operation, *due))

    async def _download(self, operation: Operation) -> None:
        operation.progress.phase = "resolving"
        await self._tools.downloads.fetch(self.spec.key, operation.progress, self._changed)

    def _load_asleep(self, order: LoadOrder) -> Operation:
        if order.gpus or order.options or order.replicas not in (None, len(self.replicas)):
            raise InvalidState(
                f"« {self.spec.key} » dort : réveillez-le, ou déchargez-le, avant de changer ses GPU, ses exemplaires "
                "ou ses options.",
                metadata={"model": self.spec.key},
            )
        choices = self.choices.ordered(self.spec, order)
        choices.save(self.spec.key, self._tools.journal, self.choices)
        self.choices = choices
        return self.wake()

    async def _load(
        self,
        operation: Operation,
        move: Move,
        held: Tenancy,
        room: "Sequence[ManagedModel]",
        alone: int | None,
    ) -> None:
        show, demand = self._phase_of(operation), move.demand
        async with self._tools.gpus.turns.turn() as turn, held:
            again = bool(room)
            if not self.artifacts.complete and demand.indexes:
                await self._download(operation)
                self.look(await asyncio.to_thread(self._tools.inspect, self.spec))
                demand, again = replace(demand, weights_bytes=self.artifacts.total_bytes), True
            for other in room:
                show("making_room")
                # Le temps d'un téléchargement, quelqu'un a pu s'en servir : seul un modèle inactif laisse sa place.
                await other.unload(only_if_idle=True, why=f"pour faire place à « {self.spec.key} »").result()
            if again:
                await self._tools.gpus.refresh()
                held.move(demand)
            await self._take_turn(turn, held, show, alone)
            await self._open(demand.spec, held, show)
        self.usage.touch()
        if move.leaving:
            show("draining")
            retired = ShuttingDown(
                f"Un exemplaire de « {self.spec.key} » est retiré ; refaites la requête, un autre la servira.",
                metadata={"model": self.spec.key},
                retry_after=_RETRY_SECONDS,
            )
            await self._close(operation, move.leaving, self._tools.stop_grace + _STOP_MARGIN, retired)
        self._opened(operation)

    async def _restart(self, operation: Operation, fallen: Sequence[Replica], delay: float) -> None:
        show = self._phase_of(operation)
        held = self._lessor.again({one.id: one.gpus for one in fallen})
        async with self._tools.gpus.turns.turn() as turn, held:
            show("backoff")
            await self._tools.sleep(delay)
            await held.clear()
            await self._take_turn(turn, held, show)
            await self._open(self.choices.spec(self.spec), held, show)
        self.usage.touch()
        self._opened(operation)

    async def _take_turn(
        self, turn: Turn, held: Tenancy, show: Callable[[str], None], alone: int | None = None
    ) -> None:
        """Attend que plus aucun moteur ne s'ouvre sur les GPU de ces places ; sans GPU, sur `alone` s'il est donné."""
        gpus = [gpu for seat in held.seats for gpu in seat.gpus] or ([] if alone is None else [alone])
        await turn.take(gpus, lambda: show("queued"))

    def _opened(self, operation: Operation) -> None:
        """Retient où sont les exemplaires, si c'est pour l'exploitant qu'ils se sont ouverts."""
        self._tools.journal.choose(f"{RETURN}{self.spec.key}", None)
        if operation is self._wanted_by and self.desired is not None:
            self._seats = tuple(one.gpus for one in self.replicas)
            self._desire(replace(self.desired, seats=self._seats))

    def _desire(self, desired: Desired | None) -> None:
        journal, key = self._tools.journal, self.spec.key
        self.desired = desired
        journal.choose(f"{DESIRED}{key}", desired.kept() if desired is not None else None)
        self._changed()

    async def _open(self, spec: ModelSpec, held: Tenancy, show: Callable[[str], None]) -> None:
        began = None if self.replicas else self._tools.clock()
        await self._tools.verify(self.spec, lambda: show("checking"))
        await self._crew.open(spec, held, show)
        if began is not None and self.replicas:
            self.load_seconds = self._tools.clock() - began

    async def _unload(
        self, operation: Operation, previous: "asyncio.Task[None] | None", force: bool, parting: PasserelleError
    ) -> None:
        show = self._phase_of(operation)
        if previous is not None:
            show("stopping")
            previous.cancel()
            await asyncio.wait({previous})
        self._recovery.give_up()
        # Les fronts n'ont plus cette route : rien de neuf n'arrive pendant le vidage.
        show("stopping" if force else "draining")
        grace = 0.0 if force else self._tools.stop_grace + _STOP_MARGIN
        # Un plan de contrôle relancé ne le rappelle pas ; un serveur relancé, s'il est encore voulu.
        self._tools.journal.choose(f"{RETURN}{self.spec.key}", Return(self._tools.life, resting=True).kept())
        await self._close(operation, list(self.replicas), grace, parting)

    async def _close(
        self, operation: Operation, leaving: Sequence[Replica], grace: float, parting: PasserelleError
    ) -> None:
        freed = await self._crew.close(leaving, grace, parting)
        _note(operation, freed)
        freed.check()

    async def _sleep(self, operation: Operation, level: int) -> None:
        spec = self.choices.spec(self.spec)
        _note(operation, await self._crew.sleep(spec, level, self._tools.stop_grace, self._phase_of(operation)))
        if operation is self._wanted_by and self.desired is not None:
            self._desire(replace(self.desired, asleep=level))

    async def _wake(self, operation: Operation, held: Tenancy) -> None:
        async with held:
            self._phase_of(operation)("waking")
            await self._crew.wake()
        self.usage.touch()

    def _phase_of(self, operation: Operation) -> Callable[[str], None]:
        def show(phase: str) -> None:
            operation.progress.phase = phase
            self._changed()

        return show


def _note(operation: Operation, freed: Freed) -> None:
    operation.freed_bytes, operation.elapsed = freed.bytes, freed.seconds
