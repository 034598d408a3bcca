"""Après une chute : ce qui est tombé, pourquoi, et s'il faut le relancer."""

import logging
from collections.abc import Sequence
from dataclasses import replace

from server.control.gpu.lessor import Lessor
from server.control.life.exits import Exit
from server.control.life.replicas import Replica, ReplicaHost
from server.control.life.setbacks import FALLS, FALLS_WINDOW, Setbacks
from server.control.record.operations import Failure

logger = logging.getLogger(__name__)


class Recovery:
    """Exemplaires tombés d'un modèle, jusqu'à leur relance ou leur abandon."""

    def __init__(self, key: str, lessor: Lessor, host: ReplicaHost, setbacks: Setbacks) -> None:
        self._key = key
        self._lessor = lessor
        self._host = host
        self._setbacks = setbacks
        self._fallen: list[Replica] = []

    @property
    def pending(self) -> bool:
        """Vrai si des exemplaires tombés attendent leur relance."""
        return bool(self._fallen)

    def fell(self, lost: Replica, end: Exit) -> None:
        """Prend acte d'une chute, avec sa cause."""
        self._setbacks.last = Failure.of(end.error(lost.id, self._host.last_words(lost.id)))
        if lost.asleep:
            # Relancé, il serait éveillé : la prochaine requête s'en chargera.
            self.forget([lost])
        else:
            self._fallen.append(lost)

    def due(self) -> tuple[Sequence[Replica], float] | None:
        """Exemplaires à relancer et secondes à attendre d'abord ; `None` s'il n'y en a pas, ou s'il faut y renoncer."""
        fallen, self._fallen = self._fallen, []
        delays = {one.id: self._setbacks.fall(one.id) for one in fallen}
        hopeless = [one for one in fallen if delays[one.id] is None]
        if hopeless:
            self._abandon(hopeless)
        again = [one for one in fallen if one not in hopeless]
        return (again, max(delays[one.id] or 0.0 for one in again)) if again else None

    def give_up(self) -> None:
        """Ne relance plus rien de ce qui est tombé."""
        fallen, self._fallen = self._fallen, []
        self.forget(fallen)

    def forget(self, lost: Sequence[Replica]) -> None:
        """Rend les baux d'exemplaires disparus, une fois leur mémoire rendue."""
        for one in lost:
            self._lessor.leave([one.id])

    def _abandon(self, hopeless: Sequence[Replica]) -> None:
        logger.critical("replica_abandoned", extra={"model": self._key, "replicas": [one.id for one in hopeless]})
        last = self._setbacks.last
        if last is not None:
            again = f"C'est arrivé {FALLS} fois en {FALLS_WINDOW:.0f} s : rechargez-le quand la cause est réglée."
            self._setbacks.last = replace(last, message=f"{last.message} {again}")
        self.forget(hopeless)
