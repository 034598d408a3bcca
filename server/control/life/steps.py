"""Ce que chaque verbe fait une fois commencé, étape par étape."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from server.control.gpu.lessor import Lessor, Tenancy
from server.control.gpu.release import Freed
from server.control.gpu.turns import Turn
from server.control.life.choices import Choices, Move
from server.control.life.crew import Crew
from server.control.life.recovery import Recovery
from server.control.life.refusals import retired
from server.control.life.replicas import OnPhase, Replica
from server.control.life.state import ModelTools
from server.control.life.usage import Usage
from server.control.life.wanted import Wanted
from server.control.record.operations import Operation
from server.control.weights.cache import Artifacts
from server.domain import ModelSpec
from server.errors import PasserelleError

_STOP_MARGIN = 5.0


class Subject(Protocol):
    """Ce qu'une étape sait du modèle qu'elle mène, ou qu'elle fait partir."""

    spec: ModelSpec
    artifacts: Artifacts
    choices: Choices
    load_seconds: float | None
    usage: Usage
    wanted: Wanted

    def look(self, artifacts: Artifacts) -> bool:
        """Prend ce que le disque contient."""

    def changed(self) -> None:
        """Montre et journalise ce qui a changé."""

    def unload(self, *, force: bool = False, only_if_idle: bool = False, why: str = "") -> Operation:
        """Décharge."""


class Steps:
    """Étapes des verbes d'un modèle ; chacune est le travail d'une opération, et dit ses phases."""

    def __init__(self, model: Subject, tools: ModelTools, lessor: Lessor, crew: Crew, recovery: Recovery) -> None:
        self._model = model
        self._tools = tools
        self._lessor = lessor
        self._crew = crew
        self._recovery = recovery

    async def download(self, operation: Operation) -> None:
        """Télécharge les poids."""
        operation.progress.phase = "resolving"
        await self._tools.downloads.fetch(self._model.spec.key, operation.progress, self._model.changed)

    async def load(
        self, operation: Operation, move: Move, held: Tenancy, room: Sequence[Subject], alone: int | None
    ) -> None:
        """Ouvre les exemplaires de `move` aux places tenues, une fois `room` parti, puis ferme ceux qui s'en vont.

        Sans GPU, `alone` est le numéro dont ils attendent le tour.
        """
        model, show, demand = self._model, self._phase_of(operation), move.demand
        async with self._tools.gpus.turns.turn() as turn, held:
            again = bool(room)
            if not model.artifacts.complete and demand.indexes:
                await self.download(operation)
                model.look(await asyncio.to_thread(self._tools.inspect, model.spec))
                demand, again = replace(demand, weights_bytes=model.artifacts.total_bytes), True
            for other in room:
                show("making_room")
                # Le temps d'un téléchargement, quelqu'un a pu s'en servir : seul un modèle inactif laisse sa place.
                await other.unload(only_if_idle=True, why=f"pour faire place à « {model.spec.key} »").result()
            if again:
                await self._tools.gpus.refresh()
                held.move(demand)
            await _take_turn(turn, held, show, alone)
            await self._open(demand.spec, held, show)
        model.usage.touch()
        if move.leaving:
            show("draining")
            grace = self._tools.stop_grace + _STOP_MARGIN
            await self._close(operation, move.leaving, grace, retired(model.spec.key))
        model.wanted.opened(operation, self._crew.ready)

    async def restart(self, operation: Operation, fallen: Sequence[Replica], delay: float) -> None:
        """Relance des exemplaires tombés, sur leurs GPU, après tant de secondes."""
        model, show = self._model, self._phase_of(operation)
        held = self._lessor.again({one.id: one.gpus for one in fallen})
        async with self._tools.gpus.turns.turn() as turn, held:
            show("backoff")
            await self._tools.sleep(delay)
            await held.clear()
            await _take_turn(turn, held, show)
            await self._open(model.choices.spec(model.spec), held, show)
        model.usage.touch()
        model.wanted.opened(operation, self._crew.ready)

    async def rejoin(self, operation: Operation, processes: Sequence[Mapping[str, Any]], held: Tenancy) -> None:
        """Attend des exemplaires qui s'ouvraient quand le plan de contrôle a été relancé."""
        show = self._phase_of(operation)
        async with self._tools.gpus.turns.turn() as turn, held:
            await _take_turn(turn, held, show)
            await self._crew.wait_for(processes, show)
        self._model.usage.touch()

    async def unload(
        self, operation: Operation, previous: "asyncio.Task[None] | None", force: bool, parting: PasserelleError
    ) -> None:
        """Ferme tout, une fois défaite l'opération que celle-ci remplace ; `parting` est dit à qui est interrompu."""
        show = self._phase_of(operation)
        if previous is not None:
            show("stopping")
            previous.cancel()
            await asyncio.wait({previous})
        self._recovery.give_up()
        # Les fronts n'ont plus cette route : rien de neuf n'arrive pendant le vidage.
        show("stopping" if force else "draining")
        grace = 0.0 if force else self._tools.stop_grace + _STOP_MARGIN
        self._model.wanted.left()
        await self._close(operation, list(self._crew.ready), grace, parting)

    async def sleep(self, operation: Operation, level: int) -> None:
        """Endort tous les exemplaires."""
        spec = self._model.choices.spec(self._model.spec)
        _note(operation, await self._crew.sleep(spec, level, self._tools.stop_grace, self._phase_of(operation)))
        self._model.wanted.slept(operation, level)

    async def wake(self, operation: Operation, held: Tenancy) -> None:
        """Réveille tous les exemplaires, aux places tenues."""
        async with held:
            self._phase_of(operation)("waking")
            await self._crew.wake()
        self._model.usage.touch()

    async def _open(self, spec: ModelSpec, held: Tenancy, show: OnPhase) -> None:
        began = None if self._crew.ready else self._tools.clock()
        await self._tools.verify(self._model.spec, lambda: show("checking"))
        await self._crew.open(spec, held, show)
        if began is not None and self._crew.ready:
            self._model.load_seconds = self._tools.clock() - began

    async def _close(
        self, operation: Operation, leaving: Sequence[Replica], grace: float, parting: PasserelleError
    ) -> None:
        freed = await self._crew.close(leaving, grace, parting)
        _note(operation, freed)
        freed.check()

    def _phase_of(self, operation: Operation) -> Callable[[str], None]:
        def show(phase: str) -> None:
            operation.progress.phase = phase
            self._model.changed()

        return show


async def _take_turn(turn: Turn, held: Tenancy, show: OnPhase, alone: int | None = None) -> None:
    """Attend que plus aucun moteur ne s'ouvre sur les GPU de ces places ; sans GPU, sur `alone` s'il est donné."""
    gpus = [gpu for seat in held.seats for gpu in seat.gpus] or ([] if alone is None else [alone])
    await turn.take(gpus, lambda: show("queued"))


def _note(operation: Operation, freed: Freed) -> None:
    operation.freed_bytes, operation.elapsed = freed.bytes, freed.seconds
