"""Ce qu'un lot de fichiers incomplet attend avant de commencer : les requêtes qui étaient là au lot d'avant.

Un moteur que ses lancements retiennent met presque autant de temps pour une fenêtre que pour trente : parti avec la
première arrivée, il ferait attendre toutes les autres un lot entier. Les clients qui enchaînent leurs fichiers
reviennent dès qu'ils sont servis, et sont donc attendus un peu ; qui est seul ne l'est de personne.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Hashable
from contextlib import asynccontextmanager

_ARRIVALS = 5
"""Attentes d'une arrivée que fait un lot, bout à bout, au plus ; un fichier qui se lit déjà peut les prendre toutes."""


class Gathering:
    """Attente d'un lot de fichiers."""

    def __init__(self, share: Callable[[], float], clock: Callable[[], float]) -> None:
        """`share` : part de la durée du lot d'avant que peut attendre l'arrivée suivante."""
        self._share = share
        self._clock = clock
        self._expected = 0
        self._until = 0.0
        self._seconds = 0.0
        self._last: float | None = None
        self._arrived = asyncio.Event()
        self._reading: set[Hashable] = set()

    @asynccontextmanager
    async def reading(self, request: Hashable) -> AsyncIterator[None]:
        """Ce fichier se décode et s'écoute : sa première fenêtre vient."""
        self._reading.add(request)
        try:
            yield
        finally:
            self._reading.discard(request)
            self._arrived.set()

    def arrived(self, request: Hashable) -> None:
        """Une fenêtre de cette requête est mise en attente."""
        self._reading.discard(request)
        self._arrived.set()

    def ended(self, seconds: float, served: Collection[Hashable], waiting: Collection[Hashable]) -> None:
        """Un lot de fichiers finit.

        Args:
            seconds: ce qu'il a duré.
            served: requêtes de ses fenêtres.
            waiting: requêtes dont une fenêtre attend.
        """
        self._seconds = seconds
        # Qui n'est pas revenu le temps d'un lot ne revient pas.
        self._until = self._clock() + seconds
        self._expected = len({*served, *waiting})
        self._last = None

    async def wait(self, short: Callable[[], bool], waiting: Callable[[], Collection[Hashable]]) -> None:
        """Attend tant que le lot est incomplet et que quelqu'un est attendu.

        Args:
            short: vrai si une fenêtre de plus y aurait sa place, et que rien d'autre ne presse.
            waiting: requêtes dont une fenêtre attend.
        """
        patience, now = self._share() * self._seconds, self._clock()
        if not patience or now >= self._until:
            return
        # Un lot de direct a pu passer entre deux : l'attente n'en est pas plus longue.
        self._last = last = now + _ARRIVALS * patience if self._last is None else self._last
        while short() and len(waiting()) < self._expected:
            left = last - self._clock()
            if left <= 0:
                return
            self._arrived.clear()
            try:
                async with asyncio.timeout(left if self._reading else min(patience, left)):
                    await self._arrived.wait()
            except TimeoutError:
                return
