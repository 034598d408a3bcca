"""Un hôte d'exemplaires et un téléchargeur sans processus, pour éprouver la vie d'un modèle."""

import asyncio
import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from server.control.life.replicas import Replica
from server.control.record.operations import Progress
from server.domain import ModelSpec
from server.errors import PasserelleError
from server.link.client import WorkerLoad
from tests.fakes.gpus import GIB, FakeGpus


async def intact(_spec: ModelSpec, _rereading: Callable[[], None]) -> None:
    """Des poids que personne n'a changés."""


class FakeReplicas:
    """Chaque exemplaire attend `gate`, puis s'ouvre en prenant sa mémoire, ou lève `error` ; il attend `leave` pour partir."""

    def __init__(self, gpus: FakeGpus | None = None) -> None:
        self.gpus = gpus or FakeGpus(0)
        self.gate = asyncio.Event()
        self.gate.set()
        self.leave = asyncio.Event()
        self.leave.set()
        self.error: PasserelleError | None = None
        self.nap_error: PasserelleError | None = None
        self.wake_error: PasserelleError | None = None
        self.uses = 10 * GIB
        """Octets pris sur chaque GPU."""
        self.leaks = 0
        """Octets qu'un exemplaire arrêté laisse sur chacun de ses GPU."""
        self.naps = False
        """Vrai si les exemplaires retrouvés dorment."""
        self.started: list[str] = []
        self.stopped: list[tuple[str, float]] = []
        self.parted: list[tuple[str, PasserelleError, bool]] = []
        self.specs: list[ModelSpec] = []
        self.pids: dict[str, int] = {}
        self.metas: dict[str, Mapping[str, Any]] = {}
        self._numbers = itertools.count(100)

    async def start(
        self,
        spec: ModelSpec,
        index: int,
        gpus: tuple[int, ...],
        on_phase: Callable[[str], None],
        meta: Mapping[str, Any],
    ) -> Replica:
        """Un exemplaire prêt."""
        name = f"{spec.key}-{index}"
        self.started.append(name)
        self.specs.append(spec)
        self.metas[name] = {"key": spec.key, "gpus": list(gpus), **meta}
        on_phase("opening")
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        pid = self.pids[name] = next(self._numbers)
        for gpu in gpus:
            self.gpus.take(gpu, pid, self.uses)
        return self._replica(name, pid, gpus)

    async def reattach(self, process: Mapping[str, Any], _on_phase: Callable[[str], None]) -> Replica:
        """Un exemplaire retrouvé, ou `error`."""
        if self.error is not None:
            raise self.error
        self.pids[process["name"]] = process["pid"]
        return self._replica(process["name"], process["pid"], tuple(process["meta"].get("gpus", ())))

    async def stop(self, names: Sequence[str], grace: float) -> None:
        """Note l'arrêt et rend la mémoire."""
        await self.leave.wait()
        self.stopped += [(name, grace) for name in names]
        for name in names:
            self.crash(name)

    async def parting(self, replica: Replica, error: PasserelleError, *, now: bool) -> None:
        """Note ce que recevraient les requêtes interrompues."""
        self.parted.append((replica.id, error, now))

    def crash(self, name: str) -> None:
        """Fait disparaître un exemplaire."""
        pid = self.pids.pop(name, None)
        if pid is None:
            return
        if self.leaks:
            for gpu, processes in self.gpus.held.items():
                if pid in processes:
                    self.gpus.left[gpu] = self.gpus.left.get(gpu, 0) + self.leaks
        self.gpus.free(pid)

    async def sleep(self, replica: Replica, _level: int, _grace: float) -> None:
        """Rend presque toute la mémoire."""
        if self.nap_error is not None:
            raise self.nap_error
        for gpu in replica.gpus:
            self.gpus.take(gpu, replica.pid, GIB // 2)

    async def wake(self, replica: Replica) -> None:
        """La reprend, ou lève `wake_error`."""
        if self.wake_error is not None:
            raise self.wake_error
        for gpu in replica.gpus:
            self.gpus.take(gpu, replica.pid, self.uses)

    def pid_of(self, name: str) -> int | None:
        """Processus d'un exemplaire."""
        return self.pids.get(name)

    def last_words(self, _name: str) -> str:
        """Dernière ligne de journal."""
        return " ; dernière ligne de son journal : « plus de mémoire »"

    def is_ready(self, _name: str) -> bool:
        """Toujours prêt."""
        return True

    def _replica(self, name: str, pid: int, gpus: tuple[int, ...]) -> Replica:
        async def aclose() -> None:
            pass

        link: Any = SimpleNamespace(aclose=aclose, closed=False, load=WorkerLoad(max_running=1, asleep=self.naps))
        return Replica(name, gpus, pid, Path(name), ("stream",), link, 0.0, 777, self.naps)


class FakeDownloads:
    """Attend `gate`, puis appelle `done` ou lève `error`."""

    def __init__(self, done: Callable[[], None]) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.leave = asyncio.Event()
        self.leave.set()
        self.error: PasserelleError | None = None
        self.calls = 0
        self._done = done

    async def fetch(self, _key: str, progress: Progress, changed: Callable[[], None]) -> None:
        """Un téléchargement d'essai."""
        self.calls += 1
        progress.phase, progress.completed, progress.total = "downloading", 1, 2
        changed()
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        self._done()

    async def adopt(self, _key: str) -> None:
        """Rien n'est jamais trouvé."""
        self.calls += 1
