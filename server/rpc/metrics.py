"""Les mesures Prometheus d'un serveur gRPC.

Quand `PROMETHEUS_MULTIPROC_DIR` est dans l'environnement avant l'import, chaque processus écrit les siennes dans ce
dossier et `expose` rend la somme de tous ; sinon, celles de ce seul processus.
"""

import contextlib
import os
import threading
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import Metric
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from server.rpc.status import TABLE
from server.rpc.tally import Tallies

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
"""Bornes des histogrammes de durée, en secondes."""


_FILES = ("counter", "histogram", "gauge_livesum", "gauge_livemostrecent")
_FILE_BYTES = 512 * 1024
"""Trois fois ce qu'emploie un front dont chaque méthode a servi."""
_PAGE, _ENTRY_BYTES = 4096, 40
"""Ce qu'une entrée d'un fichier ajoute à son nom, au plus."""
_SUMMED = ("counter", "histogram")
"""Ce qui survit à son processus."""
_reading = threading.Lock()
"""Une lecture ne voit jamais les comptes d'un mort à la fois dans ses fichiers et dans ceux où ils sont repris."""


class RpcMetrics:
    """Appels reçus : nombre par méthode et code, durée, en cours."""

    def __init__(self, registry: CollectorRegistry) -> None:
        tallies = Tallies(registry)
        self._calls = tallies.count(
            Counter("passerelle_rpc_calls_total", "Finished calls.", ["method", "code"], registry=registry)
        )
        self._seconds = tallies.waits(
            Histogram("passerelle_rpc_seconds", "Duration of a call.", ["method"], buckets=SECONDS, registry=registry)
        )
        self._in_flight = tallies.count(
            Gauge(
                "passerelle_rpc_in_flight",
                "Calls in flight.",
                ["method"],
                registry=registry,
                multiprocess_mode="livesum",
            )
        )
        self._errors = tallies.count(
            Counter(
                "passerelle_errors_total",
                "Calls that ended with an error, by stable reason.",
                ["reason"],
                registry=registry,
            )
        )
        for reason in sorted({kind.reason for kind in TABLE}):
            # Un compte qui naît à 1 n'augmente pas : le premier échec d'un serveur n'alerterait personne.
            self._errors.add(reason, amount=0.0)
        self.pour = tallies.pour
        """Verse les comptes qui attendent."""

    def started(self, method: str) -> None:
        """Un appel commence."""
        self._in_flight.add(method)

    def finished(self, method: str, code: str, seconds: float, reason: str = "") -> None:
        """Un appel est fini ; `reason` : le motif de son erreur."""
        if reason:
            self._errors.add(reason)
        self._in_flight.add(method, amount=-1.0)
        self._calls.add(method, code)
        self._seconds.observe(method, seconds=seconds)


class Found(Collector):
    """Familles déjà lues."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        """Les rend."""
        return self._metrics


def process_registry(file_bytes: int = _FILE_BYTES) -> CollectorRegistry:
    """Registre d'un processus, la place de ses mesures déjà prise ; à créer avant elles.

    prometheus_client les projette depuis des fichiers creux : sur un disque plein, la première page neuve tuerait le
    processus (SIGBUS).

    Args:
        file_bytes: octets de chaque fichier.

    Raises:
        OSError: la place manque déjà.
    """
    directory = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    for kind in _FILES if directory else ():
        with Path(str(directory), f"{kind}_{os.getpid()}.db").open("ab") as file:
            os.posix_fallocate(file.fileno(), 0, file_bytes)
    return CollectorRegistry()


def keep_dead() -> None:
    """Retire ce que les processus disparus avaient en cours, et reprend leurs comptes dans un seul fichier par genre.

    Sans place sur le disque, leurs fichiers restent comme ils sont.
    """
    directory = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if not directory:
        return
    with _reading:
        for kind in _SUMMED:
            dead = [path for path in Path(directory).glob(f"{kind}_*.db") if not _alive(_pid(path))]
            if dead:
                with contextlib.suppress(OSError):
                    _merge(Path(directory, f"{kind}_0.db"), dead)
        for path in Path(directory).glob("gauge_*.db"):
            if not _alive(_pid(path)):
                path.unlink(missing_ok=True)


def _merge(kept: Path, dead: Iterable[Path]) -> None:
    sums: dict[str, float] = {}
    for path in (kept, *dead):
        if path.exists():
            for key, value, *_ in MmapedDict.read_all_values_from_file(str(path)):  # type: ignore[no-untyped-call]
                sums[key] = sums.get(key, 0.0) + value
    fresh = kept.with_suffix(".tmp")
    with fresh.open("wb") as file:
        # Projeté, lui aussi : sa place est prise avant.
        os.posix_fallocate(file.fileno(), 0, _PAGE + sum(len(key.encode()) + _ENTRY_BYTES for key in sums))
    written = MmapedDict(str(fresh))  # type: ignore[no-untyped-call]
    for key, value in sums.items():
        written.write_value(key, value, 0.0)  # type: ignore[no-untyped-call]
    written.close()  # type: ignore[no-untyped-call]
    fresh.replace(kept)
    for path in dead:
        path.unlink(missing_ok=True)


def _pid(path: Path) -> int:
    return int(path.stem.rpartition("_")[2])


def _alive(pid: int) -> bool:
    # Le fichier des morts porte le numéro 0.
    return not pid or Path(f"/proc/{pid}").exists()


def expose(registry: CollectorRegistry, directory: str | None = None, more: Iterable[Metric] = ()) -> bytes:
    """Mesures au format texte de Prometheus, de tous les processus si `directory` (ou l'environnement) le permet.

    `more` : familles à y joindre.
    """
    directory = directory or os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    page = CollectorRegistry()
    if directory:
        MultiProcessCollector(page, path=directory)  # type: ignore[no-untyped-call]
    else:
        page.register(registry)  # type: ignore[arg-type]
    page.register(Found(more))
    with _reading:
        return generate_latest(page)
