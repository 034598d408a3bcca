"""La machine : processeur, mémoire, disque du cache, processus."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True, slots=True)
class MachineSample:
    """La machine à un instant."""

    cpu_percent: float = 0.0
    cpu_count: int = 1
    memory_total_bytes: int = 0
    memory_used_bytes: int = 0
    disk_total_bytes: int = 0
    disk_free_bytes: int = 0


class MachineProbe:
    """Lit la machine ; peut bloquer quelques millisecondes."""

    def __init__(self, disk: Path) -> None:
        self._disk = disk

    def sample(self) -> MachineSample:
        """Mesure tout."""
        memory = psutil.virtual_memory()
        disk = psutil.disk_usage(str(self._disk))
        return MachineSample(
            cpu_percent=psutil.cpu_percent(None),
            cpu_count=psutil.cpu_count() or 1,
            memory_total_bytes=memory.total,
            memory_used_bytes=memory.total - memory.available,
            disk_total_bytes=disk.total,
            disk_free_bytes=disk.free,
        )


def resident_bytes(pid: int) -> int:
    """Mémoire vive d'un processus ; 0 s'il a disparu."""
    with contextlib.suppress(psutil.Error):
        return int(psutil.Process(pid).memory_info().rss)
    return 0


def process_tree(pid: int) -> frozenset[int]:
    """Un processus et toute sa descendance ; vide s'il a disparu."""
    try:
        head = psutil.Process(pid)
        return frozenset((pid, *(child.pid for child in head.children(recursive=True))))
    except psutil.Error:
        return frozenset()
