"""Les baux d'un modèle : lui seul en prend, en garde, en ramène et en rend.

Un bail se prend avant le lancement, et suit la mémoire : il reste si l'exemplaire s'ouvre, et n'est rendu qu'une fois
la mémoire d'un départ rendue.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any

from server.control.gpu.board import Floor, GpuBoard
from server.control.gpu.leases import Lease
from server.control.gpu.placement import Demand, Seat, plan
from server.control.gpu.release import Freed, vacate


class Lessor:
    """Bailleur d'un modèle."""

    def __init__(self, board: GpuBoard, stop: Callable[[Sequence[str], float], Awaitable[None]]) -> None:
        """`stop` arrête des exemplaires, dont les requêtes en cours ont tant de secondes."""
        self.board = board
        self._stop = stop
        self._departures: set[asyncio.Task[Freed]] = set()

    def reserve(self, seats: Sequence[Seat]) -> "Tenancy":
        """Prend aussitôt les baux de ces places, qu'un plan a acceptées."""
        return Tenancy(self, seats)

    def again(self, fallen: Mapping[str, tuple[int, ...]]) -> "Tenancy":
        """Garde les baux d'exemplaires tombés, à relancer sur leurs GPU."""
        leases = self.board.leases
        return Tenancy(self, [Seat(name, gpus, leases.of(name)) for name, gpus in fallen.items()], occupied=True)

    def found(self, processes: Sequence[Mapping[str, Any]]) -> "Tenancy":
        """Retrouve les baux d'exemplaires lancés avant le redémarrage du plan de contrôle, et les planchers d'alors."""
        seats = []
        for process in processes:
            name, meta = process["name"], process["meta"]
            lease = Lease.of_meta(name, meta["lease"]) if "lease" in meta else None
            for gpu, (used, unattributed) in meta.get("floors", {}).items():
                self.board.floors[int(gpu)] = Floor(used, unattributed)
            seats.append(Seat(name, tuple(meta.get("gpus", ())), lease))
        return Tenancy(self, seats, occupied=True)

    def meta(self, seat: Seat) -> dict[str, Any]:
        """Ce que le superviseur garde d'une place, pour `found`."""
        if seat.lease is None:
            return {}
        floors = {str(gpu): floor.to_meta() for gpu in seat.gpus if (floor := self.board.floors.get(gpu)) is not None}
        return {"lease": seat.lease.to_meta(), "floors": floors}

    def shrink(self, replicas: Collection[str], size: int) -> None:
        """Ramène à `size` octets par GPU les baux d'exemplaires endormis."""
        for name in replicas:
            lease = self.board.leases.of(name)
            if lease is not None:
                self.board.leases.take(
                    replace(lease, bytes={gpu: min(size, held) for gpu, held in lease.bytes.items()})
                )

    def leave(
        self, replicas: Sequence[str], grace: float = 0.0, announce: Callable[[], Awaitable[None]] | None = None
    ) -> "asyncio.Task[Freed]":
        """Commence un départ : l'annoncer, arrêter, attendre la mémoire, rendre les baux.

        La tâche dit ce qui est revenu.
        """
        task = asyncio.create_task(self._leave(replicas, grace, announce))
        self._departures.add(task)
        task.add_done_callback(self._departures.discard)
        return task

    async def clear(self, replicas: Sequence[str]) -> Freed:
        """Arrête des exemplaires et attend leur mémoire ; leurs baux restent."""
        return await vacate(self.board, replicas, lambda: self._stop(replicas, 0.0))

    async def aclose(self) -> None:
        """Abandonne les départs en cours."""
        for task in self._departures:
            task.cancel()
        await asyncio.gather(*self._departures, return_exceptions=True)

    async def _leave(
        self, replicas: Sequence[str], grace: float, announce: Callable[[], Awaitable[None]] | None
    ) -> Freed:
        if announce is not None:
            await announce()
        freed = await vacate(self.board, replicas, lambda: self._stop(replicas, grace))
        for name in replicas:
            self.board.leases.release(name)
            self.board.groups.pop(name, None)
        return freed


class Tenancy:
    """Places dont les baux sont pris ; un bloc qui s'achève les garde, un bloc interrompu les rend."""

    def __init__(self, lessor: Lessor, seats: Sequence[Seat], *, occupied: bool = False) -> None:
        """`occupied` : des processus y tiennent de la mémoire, ou l'ont tenue ; elle revient avant les baux."""
        self.seats: tuple[Seat, ...] = ()
        self._lessor = lessor
        self._leases = lessor.board.leases
        self._occupied = occupied
        self._before: dict[str, Lease] = {}
        self._take(seats)

    def move(self, demand: Demand) -> None:
        """Échange ces places contre celles d'une autre demande.

        Raises:
            PasserelleError: celles de `plan` et de `Plan.check` ; plus rien n'est alors réservé.
        """
        self._give_back()
        found = plan(self._lessor.board, demand)
        found.check()
        self._take(found.seats)

    async def clear(self) -> None:
        """Attend que les exemplaires tombés aient rendu leur mémoire.

        Raises:
            GpuDirty: elle n'est pas revenue.
        """
        freed = await self._lessor.clear([seat.replica for seat in self.seats])
        self._occupied = False
        self._before.clear()
        freed.check()

    def occupy(self) -> tuple[Seat, ...]:
        """Places où lancer des exemplaires, ce qui commence."""
        self._occupied = True
        return self.seats

    async def __aenter__(self) -> "Tenancy":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if kind is None:
            return
        if self._occupied:
            # Annuler n'arrête pas un départ commencé : les baux suivent la mémoire.
            await asyncio.shield(self._lessor.leave([seat.replica for seat in self.seats]))
        else:
            self._give_back()

    def _take(self, seats: Sequence[Seat]) -> None:
        for seat in seats:
            if seat.lease is not None:
                if (before := self._leases.of(seat.replica)) is not None:
                    self._before[seat.replica] = before
                self._leases.take(seat.lease)
        self.seats = tuple(seats)

    def _give_back(self) -> None:
        """Rend chaque bail, ou le ramène à ce qu'il était ; celui d'un exemplaire parti entre-temps ne revient pas."""
        for seat in self.seats:
            before = self._before.get(seat.replica)
            if before is None:
                self._leases.release(seat.replica)
            elif self._leases.of(seat.replica) is not None:
                self._leases.take(before)
        self.seats = ()
        self._before.clear()
