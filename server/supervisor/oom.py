"""Les processus que le noyau tue faute de mémoire : il les compte, et ne le dit à personne d'autre."""

import asyncio
import re
import time
from collections.abc import Callable
from pathlib import Path

_PERIOD = 1.0
_RECENT_SECONDS = 10.0
"""Un moteur dont le noyau tue un processus met quelques secondes à s'arrêter."""
_COUNT = re.compile(r"^oom_kill (\d+)$", re.M)


class OomCount:
    """Compte du groupe de contrôle, sinon de la machine."""

    def __init__(
        self,
        proc: Path = Path("/proc"),
        cgroups: Path = Path("/sys/fs/cgroup"),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sources = [path for path in _sources(proc, cgroups) if _read(path) is not None]
        self._clock = clock
        self._counts = self._read()
        self._rose_at: float | None = None

    def recent(self) -> bool:
        """Vrai si un processus vient d'être tué."""
        counts = self._read()
        if counts != self._counts:
            self._counts, self._rose_at = counts, self._clock()
        return self._rose_at is not None and self._clock() - self._rose_at < _RECENT_SECONDS

    async def follow(self) -> None:
        """Relit sans cesse : une hausse d'il y a une heure n'explique pas la fin de maintenant."""
        while True:
            await asyncio.sleep(_PERIOD)
            self.recent()

    def _read(self) -> int | None:
        return _read(self._sources[0]) if self._sources else None


def _sources(proc: Path, cgroups: Path) -> list[Path]:
    """Fichiers qui portent le compte, du plus précis au plus large ; un conteneur voit son groupe à la racine."""
    try:
        lines = (proc / "self" / "cgroup").read_text().splitlines()
    except OSError:
        lines = []
    found = []
    for line in lines:
        _, controllers, group = line.split(":", 2)
        root, name = (cgroups, "memory.events") if not controllers else (cgroups / "memory", "memory.oom_control")
        if not controllers or "memory" in controllers.split(","):
            found += [root / group.lstrip("/") / name, root / name]
    return [*found, proc / "vmstat"]


def _read(path: Path) -> int | None:
    try:
        match = _COUNT.search(path.read_text())
    except OSError:
        return None
    return int(match[1]) if match else None
