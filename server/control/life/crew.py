"""Les exemplaires d'un modèle : les ouvrir et les fermer avec leurs baux, les endormir, les réveiller."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from server.control.gpu.board import GpuBoard
from server.control.gpu.leases import Lease
from server.control.gpu.needs import GIB
from server.control.gpu.placement import Plan, Seat
from server.control.gpu.release import Freed, vacate
from server.control.life.replicas import OnPhase, Replica, ReplicaHost
from server.domain import ModelSpec
from server.errors import ModelLoadFailed, PasserelleError


class Crew:
    """Exemplaires prêts d'un modèle ; un bail est pris avant chacun, et rendu une fois sa mémoire rendue."""

    def __init__(self, key: str, host: ReplicaHost, board: GpuBoard, changed: Callable[[], None]) -> None:
        self.ready: list[Replica] = []
        self.resting = False
        """Vrai du début d'un endormissement à la fin du réveil : plus rien ne leur est envoyé."""
        self._key = key
        self._host = host
        self._board = board
        self._changed = changed

    @property
    def gpus(self) -> tuple[int, ...]:
        """GPU tenus, exemplaire par exemplaire."""
        return tuple(gpu for one in self.ready for gpu in one.gpus)

    def reserve(self, plan: Plan) -> None:
        """Prend les baux d'un plan accepté."""
        for seat in plan.seats:
            if seat.lease is not None:
                self._board.leases.take(seat.lease)

    def give_up(self, plan: Plan) -> None:
        """Rend les baux d'exemplaires qui n'ont pas été lancés."""
        for seat in plan.seats:
            self._board.leases.release(self.name(seat.index))

    def name(self, index: int) -> str:
        """Nom de l'exemplaire de ce rang."""
        return f"{self._key}-{index}"

    async def open(self, spec: ModelSpec, seats: Sequence[Seat], on_phase: OnPhase) -> None:
        """Ouvre des exemplaires, dont les baux sont pris ; un seul échec, ou une annulation, les arrête tous.

        Raises:
            ModelLoadFailed: l'un d'eux ne s'est pas ouvert.
        """
        names = [self.name(seat.index) for seat in seats]
        self.ready += await self._gather(
            [self._host.start(spec, seat.index, seat.gpus, on_phase, self._meta(seat)) for seat in seats], names
        )
        self.ready.sort(key=lambda one: one.index)

    async def adopt(self, adopting: Sequence[Awaitable[Replica]], names: Sequence[str]) -> None:
        """Reprend des exemplaires qui tournaient déjà ; un seul échec les arrête tous."""
        self.retake(await self._gather(adopting, names))

    def retake(self, opened: Sequence[Replica]) -> None:
        """Reprend des exemplaires prêts."""
        self.ready = sorted(opened, key=lambda one: one.index)
        self.resting = any(one.asleep for one in self.ready)

    def lose(self, lost: Replica) -> None:
        """Raye un exemplaire disparu ; son bail reste, jusqu'à la relance ou la preuve."""
        self.ready.remove(lost)
        self.resting = self.resting and bool(self.ready)

    async def close(self, leaving: Sequence[Replica], grace: float) -> Freed:
        """Retire des exemplaires : leur route d'abord, puis leurs requêtes, leur processus, leur mémoire."""
        self.ready = [one for one in self.ready if one not in leaving]
        self.resting = self.resting and bool(self.ready)
        self._changed()
        names = [one.id for one in leaving]
        # Annuler n'arrête pas un départ commencé : les baux suivent la mémoire.
        freed = await asyncio.shield(vacate(self._board, names, self._host.stop(names, grace)))
        for one in leaving:
            await one.link.aclose()
        return freed

    async def reopen(self, spec: ModelSpec, lost: Sequence[Replica], on_phase: OnPhase) -> None:
        """Relance des exemplaires tombés, sur leurs GPU, une fois la mémoire de leurs prédécesseurs rendue.

        Raises:
            GpuDirty: elle ne l'est pas.
            ModelLoadFailed: l'un d'eux ne s'est pas ouvert.
        """
        names = [one.id for one in lost]
        freed = await vacate(self._board, names, self._host.stop(names, 0.0), keep=True)
        try:
            freed.check()
        except PasserelleError:
            for name in names:
                self._board.leases.release(name)
            raise
        await self.open(spec, [Seat(one.index, one.gpus, self._board.leases.of(one.id)) for one in lost], on_phase)

    async def forget(self, lost: Replica) -> None:
        """Rend le bail d'un exemplaire tombé, qu'on ne relance pas."""
        await vacate(self._board, [lost.id], self._host.stop([lost.id], 0.0))

    async def sleep(self, spec: ModelSpec, level: int, grace: float, on_phase: OnPhase) -> Freed:
        """Endort tous les exemplaires ; un seul refus les réveille tous.

        Raises:
            UnsupportedOption: le moteur ne sait pas dormir.
            InvalidState: des requêtes durent encore après `grace` secondes.
        """
        board, began = self._board, self._board.clock()
        await board.refresh()
        before = self._used()
        self.resting = True
        on_phase("draining")
        try:
            await asyncio.gather(*(self._host.sleep(one, level, grace) for one in self.ready))
        except BaseException:
            await asyncio.gather(*(self._host.wake(one) for one in self.ready), return_exceptions=True)
            self.resting = False
            raise
        for one in self.ready:
            one.asleep = True
        self._shrink(spec)
        await board.refresh()
        return Freed(max(0, before - self._used()), board.clock() - began)

    async def wake(self, spec: ModelSpec) -> None:
        """Réveille tous les exemplaires, dont les baux entiers sont déjà repris.

        Raises:
            EngineFailed: l'un d'eux ne s'est pas réveillé ; il dort encore.
        """
        try:
            await asyncio.gather(*(self._host.wake(one) for one in self.ready))
        except BaseException:
            self._shrink(spec)
            raise
        for one in self.ready:
            one.asleep = False
        self.resting = False

    async def aclose(self) -> None:
        """Referme les liaisons ; les exemplaires restent en marche."""
        for one in self.ready:
            await one.link.aclose()

    def _shrink(self, spec: ModelSpec) -> None:
        """Ramène les baux à ce qu'un exemplaire endormi garde : son contexte."""
        kept = round(spec.memory.reserve_gib * GIB)
        for one in self.ready:
            lease = self._board.leases.of(one.id)
            if lease is not None:
                sizes = {gpu: min(kept, size) for gpu, size in lease.bytes.items()}
                self._board.leases.take(replace(lease, bytes=sizes))

    def _used(self) -> int:
        return sum(reading.used_bytes for gpu, reading in self._board.readings.items() if gpu in self.gpus)

    def _meta(self, seat: Seat) -> dict[str, object]:
        lease: Lease | None = seat.lease
        if lease is None:
            return {}
        floors = {str(gpu): floor.to_meta() for gpu in seat.gpus if (floor := self._board.floors.get(gpu)) is not None}
        return {"lease": lease.to_meta(), "floors": floors}

    async def _gather(self, starting: Sequence[Awaitable[Replica]], names: Sequence[str]) -> list[Replica]:
        tasks = [asyncio.ensure_future(one) for one in starting]
        try:
            opened = list(await asyncio.gather(*tasks))
            fallen = [one.id for one in opened if one.link.closed]
            if fallen:
                raise ModelLoadFailed(f"{', '.join(fallen)} est tombé pendant que les autres s'ouvraient.")
            return opened
        except BaseException:
            for task in tasks:
                task.cancel()
            for done in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(done, Replica):
                    await done.link.aclose()
            await asyncio.shield(vacate(self._board, names, self._host.stop(names, 0.0)))
            raise
