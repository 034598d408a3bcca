"""Des comptes tenus en mémoire, versés aux mesures Prometheus quatre fois par seconde plutôt qu'à chaque requête.

À plusieurs processus, chaque ajout de prometheus_client cherche ses étiquettes, prend un verrou, demande son numéro au
noyau et écrit dans un fichier projeté ; une requête en fait une quinzaine.
"""

import asyncio
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.registry import Collector

POUR_SECONDS = 0.25

Labels = tuple[str, ...]


class Tallies(Collector):
    """Les comptes d'un registre, créés avant ses mesures : une lecture du registre verse d'abord ce qui attend."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._tallies: list[Count | Waits] = []
        self._due = False
        registry.register(self)

    def collect(self) -> Iterator[Any]:
        """Verse ce qui attend ; n'a pas de mesure à lui."""
        self.pour()
        return iter(())

    def count(self, metric: Counter | Gauge) -> "Count":
        """Compte d'un compteur ou d'une jauge."""
        tally = Count(self, metric)
        self._tallies.append(tally)
        return tally

    def waits(self, metric: Histogram) -> "Waits":
        """Compte d'un histogramme."""
        tally = Waits(self, metric)
        self._tallies.append(tally)
        return tally

    def touch(self) -> None:
        """Quelque chose attend d'être versé."""
        if self._due:
            return
        try:
            asyncio.get_running_loop().call_later(POUR_SECONDS, self.pour)
        except RuntimeError:
            self.pour()
        else:
            self._due = True

    def pour(self) -> None:
        """Verse tout ; à appeler une dernière fois avant la fin du processus."""
        self._due = False
        for tally in self._tallies:
            tally.pour()


class Count:
    """Compte par étiquettes."""

    def __init__(self, owner: Tallies, metric: Counter | Gauge) -> None:
        self._owner, self._metric = owner, metric
        self._held: dict[Labels, float] = defaultdict(float)
        self._children: dict[Labels, Any] = {}

    def add(self, *labels: str, amount: float = 1.0) -> None:
        """Ajoute."""
        self._held[labels] += amount
        self._owner.touch()

    def pour(self) -> None:
        """Verse ce qui attend ; une étiquette revenue à zéro se montre."""
        held, self._held = self._held, defaultdict(float)
        for labels, amount in held.items():
            child = self._children.get(labels)
            if child is None:
                child = self._children[labels] = self._metric.labels(*labels) if labels else self._metric
            if amount:
                child.inc(amount)


class Waits:
    """Durées par étiquettes, rangées dans les bornes de l'histogramme."""

    def __init__(self, owner: Tallies, metric: Histogram) -> None:
        self._owner, self._metric = owner, metric
        self._bounds: tuple[float, ...] = tuple(metric._upper_bounds)
        self._held: dict[Labels, list[float]] = {}
        self._children: dict[Labels, Any] = {}

    def observe(self, *labels: str, seconds: float) -> None:
        """Ajoute une durée."""
        held = self._held.get(labels)
        if held is None:
            held = self._held[labels] = [0.0] * (len(self._bounds) + 1)
        held[bisect_left(self._bounds, seconds)] += 1
        held[-1] += seconds
        self._owner.touch()

    def pour(self) -> None:
        """Verse ce qui attend : prometheus_client n'a pas d'ajout groupé à un histogramme."""
        held, self._held = self._held, {}
        for labels, (*counts, total) in held.items():
            child = self._children.get(labels)
            if child is None:
                child = self._children[labels] = self._metric.labels(*labels)
            for bucket, amount in zip(child._buckets, counts, strict=True):
                if amount:
                    bucket.inc(amount)
            child._sum.inc(total)
