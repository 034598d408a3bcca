"""L'horloge d'une boucle, qu'un essai avance : un délai passe sans l'attendre, et aucune lenteur ne le fait passer."""

import asyncio

LONG = 600.0
"""Secondes d'un délai qu'aucune machine n'atteint d'elle-même : seul `Clock.advance` y mène."""


class Clock:
    """Horloge de la boucle en cours ; rien ne doit attendre `soon` ou `until` quand elle avance."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self._real, self._ahead = loop.time, 0.0
        loop.time = self._now  # type: ignore[method-assign]

    def advance(self, seconds: float = LONG) -> None:
        """Le temps passe, d'un coup."""
        self._ahead += seconds

    def _now(self) -> float:
        return self._real() + self._ahead
