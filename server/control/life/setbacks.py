"""Les revers d'un modèle : chargements ratés et chutes d'exemplaires, et quand il est permis de recommencer."""

import math
from collections import deque
from collections.abc import Callable

from server.control.record.operations import Failure

FALLS = 3
"""Chutes d'un exemplaire dans la fenêtre avant de ne plus le relancer."""
FALLS_WINDOW = 300.0
"""Fenêtre des chutes, en secondes."""

_FIRST_RETRY = 5.0
_MAX_RETRY = 300.0
_RESTART_DELAY = 2.0


class Setbacks:
    """Compte les revers, exemplaire par exemplaire pour les chutes ; l'horloge est monotone, en secondes."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.last: Failure | None = None
        """Dernier revers, montré jusqu'à la prochaine réussite."""
        self.past: Failure | None = None
        """Dernier revers surmonté."""
        self._clock = clock
        self._falls: dict[str, deque[float]] = {}
        self._load_failures = 0
        self._retry_at = -math.inf

    def forgive_falls(self) -> None:
        """Oublie les chutes : quelqu'un recharge le modèle."""
        self._falls.clear()

    def fall(self, replica: str) -> float | None:
        """Compte une chute ; rend les secondes à attendre avant de relancer, `None` s'il faut y renoncer."""
        now = self._clock()
        falls = self._falls.setdefault(replica, deque())
        falls.append(now)
        while falls[0] < now - FALLS_WINDOW:
            falls.popleft()
        if len(falls) >= FALLS:
            self._retry_at = now + FALLS_WINDOW
            return None
        # La première relance est immédiate : la plupart des chutes ne se répètent pas.
        return _RESTART_DELAY * float(2 ** (len(falls) - 1) - 1)

    def overcome(self) -> None:
        """Le dernier revers n'est plus qu'une histoire."""
        if self.last is not None:
            self.past, self.last = self.last, None

    def loaded(self) -> None:
        """Un chargement a réussi."""
        self._load_failures = 0

    def load_failed(self) -> None:
        """Un chargement a échoué : le suivant attendra, de plus en plus."""
        self._load_failures += 1
        delay = _FIRST_RETRY * 2 ** min(self._load_failures - 1, 16)
        self._retry_at = self._clock() + min(_MAX_RETRY, delay)

    def check_retry(self) -> None:
        """Une requête ne relance pas aussitôt un chargement qui vient d'échouer.

        Raises:
            PasserelleError: le dernier échec, avec l'attente qui reste.
        """
        wait = self._retry_at - self._clock()
        if wait > 0 and self.last is not None:
            error = self.last.error()
            error.retry_after = wait
            raise error
