"""Le verrou d'écriture d'une révision : un seul processus l'écrit à la fois, serveur ou ligne de commande."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from server.control.weights.cache import download_lock
from server.control.weights.fetching import Report


@contextmanager
def writing(folder: Path, report: Report) -> Iterator[None]:
    """Tient une révision le temps de l'écrire ; attend, et le dit, qu'un autre ait fini."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(download_lock(folder))
    try:
        lock.acquire(blocking=False)
    except Timeout:
        report({"event": "phase", "phase": "held"})
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
