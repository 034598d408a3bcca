"""L'usage d'un modèle : ce que ses exemplaires disent de leur charge, et depuis quand personne ne l'emploie."""

import time
from collections.abc import Callable, Sequence

from server.control.life.replicas import Replica
from server.errors import InvalidState


class Usage:
    """Dernier emploi d'un modèle ; l'horloge est monotone, en secondes."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.last_used_at: float | None = None
        """Instant du dernier emploi, en secondes depuis 1970."""
        self.busy = False
        """Vrai si une requête est en cours ou en attente."""
        self._clock = clock
        self._used = clock()
        self._steps: dict[str, int] = {}

    @property
    def idle_seconds(self) -> float:
        """Secondes depuis le dernier emploi, ou le chargement."""
        return self._clock() - self._used

    @property
    def order(self) -> float:
        """Rang d'ancienneté : le plus petit est le moins récemment employé."""
        return self._used

    def touch(self) -> None:
        """Un chargement compte pour un emploi : il vient d'être demandé."""
        self._used = self._clock()

    def follow(self, replicas: Sequence[Replica]) -> bool:
        """Lit les charges annoncées ; vrai si des requêtes attendent."""
        loads = {one.id: one.link.load for one in replicas}
        steps = {name: load.steps for name, load in loads.items()}
        waiting = any(load.waiting for load in loads.values())
        self.busy = waiting or any(load.running for load in loads.values())
        # Une requête brève tient entre deux lectures : le compte des étapes la trahit.
        served = any(name in self._steps and self._steps[name] != count for name, count in steps.items())
        self._steps = steps
        if self.busy or served:
            self._used, self.last_used_at = self._clock(), time.time()
        return waiting


def check_idle(key: str, replicas: Sequence[Replica]) -> None:
    """Vérifie que personne n'emploie un modèle.

    Raises:
        InvalidState: des requêtes sont en cours, ou attendent.
    """
    loads = [one.link.load for one in replicas]
    running, waiting = sum(one.running for one in loads), sum(one.waiting for one in loads)
    if running or waiting:
        raise InvalidState(
            f"« {key} » est employé : {running} en cours, {waiting} en attente. Rien n'a été interrompu.",
            metadata={"field": "only_if_idle", "model": key, "running": str(running), "waiting": str(waiting)},
        )
