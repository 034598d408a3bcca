"""La fenêtre de regroupement d'un front, d'autant plus longue qu'il est occupé.

Regrouper épargne du processeur et retarde les jetons : un front au repos n'a rien à épargner, et un lecteur seul reçoit
alors chaque jeton dès qu'il existe. Occupé, pour un front, c'est la part d'un cœur que prend son processus, plus celle
qu'il attend : une boucle reprise en retard est celle d'une machine pleine, même si ce front y a peu calculé.
"""

import time
from collections.abc import Callable

IDLE = 0.3
"""Occupation jusqu'où il n'y a pas de fenêtre."""
FULL = 0.5
"""Occupation à partir de laquelle elle est entière."""
_MEMORY_SECONDS = 0.5
"""Durée que résume l'occupation."""


class Window:
    """Fenêtre d'un front."""

    def __init__(
        self,
        longest: float,
        on_change: Callable[[float], None] = lambda _seconds: None,
        *,
        clock: Callable[[], float] = time.monotonic,
        spent: Callable[[], float] = time.process_time,
    ) -> None:
        """`longest` en secondes, 0 pour n'en avoir jamais ; `spent` : secondes de processeur du processus."""
        self.longest = longest
        self._on_change = on_change
        self._clock, self._spent = clock, spent
        self._busy = 0.0
        self._at, self._used = clock(), spent()
        self.seconds = self._chosen()
        """Fenêtre de cet instant."""

    def measure(self, late: float) -> None:
        """Revoit la fenêtre, à intervalles courts ; `late` : secondes de retard de la boucle à ce rendez-vous."""
        now, used = self._clock(), self._spent()
        elapsed = now - self._at
        if elapsed <= 0:
            return
        busy = (used - self._used + max(0.0, late)) / elapsed
        self._at, self._used = now, used
        self._busy += (min(busy, 1.0) - self._busy) * min(1.0, elapsed / _MEMORY_SECONDS)
        before, self.seconds = self.seconds, self._chosen()
        if self.seconds != before:
            self._on_change(self.seconds)

    def _chosen(self) -> float:
        share = (self._busy - IDLE) / (FULL - IDLE)
        return self.longest * min(1.0, max(0.0, share))
