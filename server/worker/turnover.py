"""Le débit récent d'un exemplaire : de quoi dire à qui trouve la file pleine quand revenir."""

import time
from collections.abc import Callable, Iterable

_RECENT = 0.2
"""Part de la dernière requête dans la durée retenue."""
_SHORTEST, _LONGEST = 1.0, 60.0
"""Secondes conseillées : les SDK d'OpenAI n'obéissent pas au-delà d'une minute."""


class Turnover:
    """Durée des requêtes d'un exemplaire, les plus récentes pesant le plus."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.now = clock
        self._seconds = 0.0

    def ended(self, started: float) -> None:
        """Une requête commencée à cet instant est finie."""
        seconds = self.now() - started
        self._seconds = seconds if not self._seconds else self._seconds + _RECENT * (seconds - self._seconds)

    def wait(self, waiting: int, places: int, started: Iterable[float]) -> float:
        """Secondes avant que vienne le tour d'une requête de plus, d'après celles qui ont fini et celles en cours.

        Une file pleine où rien n'a encore fini se juge à l'âge de ce qui est en cours : il durera au moins autant.
        """
        now = self.now()
        oldest = max((now - one for one in started), default=0.0)
        rounds = (waiting + 1) / max(1, places)
        return min(_LONGEST, max(_SHORTEST, rounds * (self._seconds or oldest)))
