"""Ce que l'exploitant veut d'un modèle, retenu d'un démarrage à l'autre."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from server.control.life.replicas import Replica
from server.control.record.desired import DESIRED, RETURN, Desired, Return
from server.control.record.journal import Journal
from server.control.record.operations import Operation

Seats = tuple[tuple[int, ...], ...]
"""GPU de chaque exemplaire."""


class Wanted:
    """Ce qui est voulu d'un modèle ; suit l'opération que l'exploitant a demandée, et elle seule."""

    def __init__(self, key: str, journal: Journal, life: str, changed: Callable[[], None]) -> None:
        """`life` distingue cette vie du serveur des autres."""
        self.desired: Desired | None = None
        """Ce qu'il en veut chargé ; `None` s'il ne veut rien."""
        self.seats: Seats = ()
        """Places des exemplaires, une fois finie l'opération en cours."""
        self._key = key
        self._journal = journal
        self._life = life
        self._changed = changed
        self._by: Operation | None = None

    def by(self, operation: Operation) -> None:
        """Retient que l'exploitant veut le modèle chargé, comme cette opération le laissera."""
        self._by = operation
        self._desire(Desired(self.seats))

    def as_is(self, ready: Sequence[Replica]) -> None:
        """Retient que l'exploitant veut ce qui est prêt, éveillé, et rien de plus."""
        self._by, self.seats = None, _seats(ready)
        self._desire(Desired(self.seats) if ready else None)

    def gone(self) -> None:
        """Retient que l'exploitant ne veut plus rien de ce modèle."""
        self._by = None
        self._desire(None)

    def opened(self, operation: Operation, ready: Sequence[Replica]) -> None:
        """Retient où sont les exemplaires, si c'est pour l'exploitant qu'ils se sont ouverts."""
        self._journal.choose(f"{RETURN}{self._key}", None)
        if operation is self._by and self.desired is not None:
            self.seats = _seats(ready)
            self._desire(replace(self.desired, seats=self.seats))

    def slept(self, operation: Operation, level: int) -> None:
        """Retient qu'il dort, si c'est l'exploitant qui l'a endormi."""
        if operation is self._by and self.desired is not None:
            self._desire(replace(self.desired, asleep=level))

    def left(self) -> None:
        """Un plan de contrôle relancé ne le rappelle pas ; un serveur relancé, s'il est encore voulu."""
        self._journal.choose(f"{RETURN}{self._key}", Return(self._life, resting=True).kept())

    def _desire(self, desired: Desired | None) -> None:
        self.desired = desired
        self._journal.choose(f"{DESIRED}{self._key}", desired.kept() if desired is not None else None)
        self._changed()


def _seats(ready: Sequence[Replica]) -> Seats:
    return tuple(one.gpus for one in ready)
