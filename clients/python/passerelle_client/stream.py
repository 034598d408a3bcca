"""Un flux : ce qu'il rend, et de quoi l'arrêter d'un autre fil."""

import threading
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

E = TypeVar("E")


class Handle:
    """L'appel en cours d'un flux ; un flux repris en a plusieurs, l'un après l'autre."""

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._call: Any = None

    @property
    def stopped(self) -> bool:
        """Vrai une fois le flux annulé."""
        return self._stopped.is_set()

    def hold(self, call: Any) -> None:
        """Retient l'appel ; l'annule si le flux l'est déjà."""
        self._call = call
        if self.stopped:
            call.cancel()

    def rest(self, seconds: float) -> None:
        """Attend, à moins d'être annulé."""
        self._stopped.wait(seconds)

    def stop(self) -> None:
        """Annule l'appel, et tout essai qui suivrait."""
        self._stopped.set()
        if self._call is not None:
            self._call.cancel()


class Stream(Generic[E]):
    """Les événements d'un appel, à parcourir une fois ; à la sortie d'un `with`, ou oublié, il est annulé."""

    # Le générateur ne tient que la poignée : oublier le flux le ferme aussitôt.
    def __init__(self, run: Callable[[Handle], Iterator[E]]) -> None:
        self._handle = Handle()
        self._events = run(self._handle)

    def __iter__(self) -> Iterator[E]:
        return self

    def __next__(self) -> E:
        return next(self._events)

    def __enter__(self) -> "Stream[E]":
        return self

    def __exit__(self, *_: object) -> None:
        self.cancel()

    def cancel(self) -> None:
        """Annule, de n'importe quel fil ; le parcours finit alors, sans erreur."""
        self._handle.stop()
