"""Ce qu'un exemplaire compte, et dit au plan de contrôle quand il le demande : rien n'est envoyé entre-temps.

Un seul par processus, car un exemplaire n'a qu'un moteur ; ses comptes repartent de zéro avec lui.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Mapping

from passerelle.worker.v1 import measures_pb2

from server.engines.base import Engine, MeasuredEngine

BATCHES = (1, 2, 4, 8, 16, 32, 64, 128)
"""Fenêtres d'un lot."""
COMPUTE = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
"""D'un lot de direct sur un GPU au décodage d'un fichier de plusieurs heures."""

_CLASSES = (("psl_", "named_key"), ("k", "settings_key"), ("t", "token"), ("a", "address"))
"""Sorte d'un appelant, d'après le début de son étiquette (`server/rpc/caller.py`)."""


class Measures:
    """Comptes, histogrammes et jauges d'un exemplaire."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, ...], float] = {}
        self._spreads: dict[tuple[str, ...], tuple[tuple[float, ...], list[float]]] = {}
        self._watched: dict[str, Callable[[], Mapping[str, int]]] = {}

    def count(self, name: str, amount: float, *labels: str) -> None:
        """Ajoute à un compte."""
        key = (name, *labels)
        self._counts[key] = self._counts.get(key, 0.0) + amount

    def observe(self, name: str, bounds: tuple[float, ...], value: float, *labels: str) -> None:
        """Ajoute une observation à un histogramme, toujours des mêmes bornes."""
        key = (name, *labels)
        held = self._spreads.get(key)
        if held is None:
            held = self._spreads[key] = (bounds, [0.0] * (len(bounds) + 2))
        held[1][bisect_left(bounds, value)] += 1
        held[1][-1] += value

    def watch(self, name: str, read: Callable[[], Mapping[str, int]]) -> None:
        """Jauge lue à chaque demande, par étiquette."""
        self._watched[name] = read

    def told(self, *, queue: Mapping[str, int], gauges: Mapping[str, float], engine: Engine) -> measures_pb2.Measures:
        """Tout, à cet instant ; `queue` : requêtes en attente de chaque appelant."""
        found = measures_pb2.Measures()
        classes = Counter[str](dict.fromkeys((name for _, name in (*_CLASSES, ("", "none"))), 0))
        for caller, count in queue.items():
            classes[class_of(caller)] += count
        more = engine.gauges() if isinstance(engine, MeasuredEngine) else {}
        for name, value in {**gauges, **more, "queue_callers": len(queue)}.items():
            found.values.add(name=name, value=value)
        for label, value in classes.items():
            found.values.add(name="queue_waiting", labels=[label], value=value)
        for name, read in self._watched.items():
            for label, value in read().items():
                found.values.add(name=name, labels=[label], value=value)
        for (name, *labels), value in self._counts.items():
            found.values.add(name=name, labels=labels, value=value)
        for (name, *labels), (bounds, held) in self._spreads.items():
            found.spreads.add(name=name, labels=labels, bounds=bounds, counts=map(int, held[:-1]), sum=held[-1])
        if isinstance(engine, MeasuredEngine):
            found.engine = engine.exposition()
        return found


def class_of(caller: str) -> str:
    """Sorte d'un appelant : une étiquette bornée, quel que soit leur nombre."""
    return next((name for head, name in _CLASSES if caller.startswith(head)), "none")


measures = Measures()
"""Ceux de ce processus."""
