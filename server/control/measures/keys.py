"""L'étiquette d'une clé dans les mesures : son identifiant pour les premières vues, `other` au-delà d'un nombre."""

import os
from collections.abc import Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector

NONE, OTHER = "none", "other"


class KeyLabels:
    """Clés qui ont leur étiquette ; une clé qui l'a la garde."""

    def __init__(self, limit: int, known: Iterable[str] = ()) -> None:
        """`limit` : clés nommées, au plus ; `known` : celles qu'un plan de contrôle d'avant a déjà nommées."""
        self._limit = limit
        self._known = set(list(known)[:limit])

    def label(self, key: str) -> str:
        """Étiquette de cette clé."""
        if not key:
            return NONE
        if key not in self._known:
            if len(self._known) >= self._limit:
                return OTHER
            self._known.add(key)
        return key


def known_keys() -> set[str]:
    """Clés que les mesures de tous les processus nomment déjà."""
    if not os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        return set()
    found = MultiProcessCollector(CollectorRegistry()).collect()  # type: ignore[no-untyped-call]
    named = {sample.labels["key"] for metric in found for sample in metric.samples if "key" in sample.labels}
    return named - {NONE, OTHER}
