"""Les mesures Prometheus d'un serveur gRPC.

Quand `PROMETHEUS_MULTIPROC_DIR` est dans l'environnement avant l'import, chaque processus écrit les siennes dans ce
dossier et `expose` rend la somme de tous ; sinon, celles de ce seul processus.
"""

import os
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from server.rpc.tally import Tallies

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
"""Bornes des histogrammes de durée, en secondes."""


_FILES = ("counter", "histogram", "gauge_livesum", "gauge_livemostrecent")
_FILE_BYTES = 512 * 1024
"""Trois fois ce qu'emploie un front dont chaque méthode a servi."""


class RpcMetrics:
    """Appels reçus : nombre par méthode et code, durée, en cours."""

    def __init__(self, registry: CollectorRegistry) -> None:
        tallies = Tallies(registry)
        self._calls = tallies.count(
            Counter("passerelle_rpc_calls_total", "Appels terminés.", ["method", "code"], registry=registry)
        )
        self._seconds = tallies.waits(
            Histogram("passerelle_rpc_seconds", "Durée d'un appel.", ["method"], buckets=SECONDS, registry=registry)
        )
        self._in_flight = tallies.count(
            Gauge(
                "passerelle_rpc_in_flight",
                "Appels en cours.",
                ["method"],
                registry=registry,
                multiprocess_mode="livesum",
            )
        )
        self.pour = tallies.pour
        """Verse les comptes qui attendent."""

    def started(self, method: str) -> None:
        """Un appel commence."""
        self._in_flight.add(method)

    def finished(self, method: str, code: str, seconds: float) -> None:
        """Un appel est fini."""
        self._in_flight.add(method, amount=-1.0)
        self._calls.add(method, code)
        self._seconds.observe(method, seconds=seconds)


def process_registry() -> CollectorRegistry:
    """Registre d'un processus, la place de ses mesures déjà prise ; à créer avant elles.

    prometheus_client les projette depuis des fichiers creux : sur un disque plein, la première page neuve tuerait le
    processus (SIGBUS).

    Raises:
        OSError: la place manque déjà.
    """
    directory = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    for kind in _FILES if directory else ():
        with Path(str(directory), f"{kind}_{os.getpid()}.db").open("ab") as file:
            os.posix_fallocate(file.fileno(), 0, _FILE_BYTES)
    return CollectorRegistry()


def expose(registry: CollectorRegistry, directory: str | None = None) -> bytes:
    """Mesures au format texte de Prometheus, de tous les processus si `directory` (ou l'environnement) le permet."""
    directory = directory or os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if not directory:
        return generate_latest(registry)
    merged = CollectorRegistry()
    MultiProcessCollector(merged, path=directory)  # type: ignore[no-untyped-call]
    return generate_latest(merged)
