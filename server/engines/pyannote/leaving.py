"""L'abandon d'une onde, que tout ce qui la mène connaît par le fil où il tourne."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_current = threading.local()
_NEVER = threading.Event()


class Cancelled(Exception):
    """Onde abandonnée."""


@contextmanager
def stopped_by(stop: threading.Event) -> Iterator[None]:
    """Fait de `stop` l'abandon de l'onde que mène ce fil."""
    _current.stop = stop
    try:
        yield
    finally:
        del _current.stop


def abandoned() -> threading.Event:
    """Posé quand l'onde de ce fil est abandonnée."""
    stop: threading.Event = getattr(_current, "stop", _NEVER)
    return stop
