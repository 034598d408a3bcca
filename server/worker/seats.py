"""Les places d'un moteur et la file bornée qui y mène, partagées entre appelants.

Une requête prend autant de places que de réponses. Elle entre dès qu'une est libre, quitte à en prendre de trop :
attendre qu'il y en ait assez laisserait le moteur à demi vide.
"""

import asyncio
from collections.abc import Callable, Hashable, Iterator
from typing import Any, Generic, TypeVar, cast

from server.fair import FairQueue, Holdings

Key = TypeVar("Key", bound=Hashable)


class Seat:
    """Ce qu'une requête occupe du moteur, jusqu'à `free`."""

    def __init__(self, seats: "Seats[Any]", caller: str, weight: int) -> None:
        self._seats: Seats[Any] | None = seats
        self.caller = caller
        self.weight = weight

    def free(self) -> None:
        """Rend la place, et fait entrer qui l'attendait ; peut être appelée deux fois."""
        seats, self._seats = self._seats, None
        if seats is not None:
            seats.give_back(self)


Start = Callable[[Seat], None]
"""Commence une requête, sa place prise."""


class Seats(Generic[Key]):
    """Places d'un moteur."""

    def __init__(self, count: Callable[[], int], closed: Callable[[], bool]) -> None:
        """`count` : places du moteur ; `closed` : vrai quand rien de neuf n'entre."""
        self._count = count
        self._closed = closed
        self._taken = 0
        self._held = Holdings()
        self._queue: FairQueue[Key | asyncio.Future[Seat], tuple[str, int, Start]] = FairQueue(self._held)

    @property
    def room(self) -> bool:
        """Vrai si une requête peut entrer sans attendre."""
        return not self._closed() and self._taken < self._count()

    def held(self, caller: str) -> int:
        """Requêtes de cet appelant qui en tiennent une."""
        return self._held.count(caller)

    @property
    def waiting(self) -> int:
        """Requêtes en attente ; la suite d'une requête commencée n'en est pas une."""
        return len(self._queue) - self._queue.pledged

    def callers(self) -> dict[str, int]:
        """Requêtes en attente de chaque appelant."""
        return self._queue.waiting()

    def __iter__(self) -> Iterator[Key]:
        return cast("Iterator[Key]", self._queue.refusable())

    def take(self, caller: str, weight: int) -> Seat:
        """Prend une place sans attendre."""
        self._taken += weight
        self._held.take(caller, weight)
        return Seat(self, caller, weight)

    def give_back(self, seat: Seat) -> None:
        """Reprend une place : voir `Seat.free`."""
        self._taken -= seat.weight
        self._held.give(seat.caller, seat.weight)
        self.admit()

    def push(self, key: Key, caller: str, weight: int, start: Start) -> None:
        """Met une requête en attente d'une place."""
        self._queue.push(key, (caller, weight, start), caller, weight)

    def remove(self, key: Key) -> None:
        """Retire une requête, qui n'attend peut-être plus."""
        self._queue.remove(key)

    def surplus(self, caller: str) -> Key | None:
        """Requête à refuser pour que celle de `caller` entre dans la file pleine ; `None` si c'est la sienne."""
        return cast("Key | None", self._queue.surplus(caller))

    def admit(self) -> None:
        """Fait entrer les requêtes qui attendent, chaque appelant à son tour."""
        while self._queue and self.room:
            _, (caller, weight, start) = self._queue.pop()
            start(self.take(caller, weight))

    async def next(self, caller: str, weight: int) -> Seat:
        """Place de la suite d'une requête commencée : au tour de son appelant, avant ses autres requêtes."""
        granted: asyncio.Future[Seat] = asyncio.get_running_loop().create_future()
        self._queue.push(granted, (caller, weight, granted.set_result), caller, weight, pledged=True)
        self.admit()
        try:
            return await asyncio.shield(granted)
        except asyncio.CancelledError:
            self._queue.remove(granted)
            if granted.done():
                granted.result().free()
            raise
