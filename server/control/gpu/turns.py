"""Le tour de chaque GPU : les moteurs s'y ouvrent l'un après l'autre.

Un moteur mesure la mémoire libre de ses GPU pendant qu'il s'ouvre ; un autre qui s'ouvre là en même temps fausse sa
mesure. Un départ n'attend jamais : la mémoire qu'il rend est la seule qu'on lui demande.
"""

import asyncio
from collections.abc import Callable, Collection
from types import TracebackType
from typing import Self

PROCESSOR = -1
"""Tient lieu de GPU aux modèles du processeur qu'un démarrage ramène : ils ne se disputent pas les cœurs."""


class Turns:
    """Files d'attente des GPU, dans l'ordre des demandes ; deux qui n'ont aucun GPU commun ne s'attendent pas."""

    def __init__(self) -> None:
        self._turns: list[Turn] = []

    def turn(self) -> "Turn":
        """Un tour à prendre dans un bloc, qui le rend à sa fin."""
        return Turn(self._turns)


class Turn:
    """Un tour ; sans effet tant qu'il n'est pas pris."""

    def __init__(self, turns: "list[Turn]") -> None:
        self._turns = turns
        self._gpus: frozenset[int] = frozenset()
        self._over = asyncio.Event()

    async def take(self, gpus: Collection[int], on_wait: Callable[[], None]) -> None:
        """Attend ceux qui sont arrivés avant sur un de ces GPU ; `on_wait` est appelé s'il y en a."""
        self._gpus = frozenset(gpus)
        before = [other for other in self._turns if other._gpus & self._gpus]
        self._turns.append(self)
        if before:
            on_wait()
        for other in before:
            await other._over.wait()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self in self._turns:
            self._turns.remove(self)
        self._over.set()
