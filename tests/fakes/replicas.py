"""Un hôte d'exemplaires et un téléchargeur sans processus, pour éprouver la vie d'un modèle."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from server.control.operations import Progress
from server.control.replicas import Replica
from server.domain import ModelSpec
from server.errors import PasserelleError


class FakeReplicas:
    """Chaque exemplaire attend `gate`, puis s'ouvre ou lève `error`."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: PasserelleError | None = None
        self.started: list[str] = []
        self.stopped: list[tuple[str, float]] = []

    async def start(
        self, spec: ModelSpec, index: int, gpus: tuple[int, ...], on_phase: Callable[[str], None]
    ) -> Replica:
        """Un exemplaire prêt."""
        name = f"{spec.key}-{index}"
        self.started.append(name)
        on_phase("opening")
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return self._replica(name, gpus)

    async def adopt(self, process: Mapping[str, Any], _on_phase: Callable[[str], None]) -> Replica:
        """Un exemplaire retrouvé, ou `error`."""
        if self.error is not None:
            raise self.error
        return self._replica(process["name"], ())

    async def stop(self, names: Sequence[str], grace: float) -> None:
        """Note l'arrêt."""
        self.stopped += [(name, grace) for name in names]

    def is_ready(self, _name: str) -> bool:
        """Toujours prêt."""
        return True

    def _replica(self, name: str, gpus: tuple[int, ...]) -> Replica:
        async def aclose() -> None:
            pass

        link: Any = SimpleNamespace(aclose=aclose)
        return Replica(name, gpus, 1, Path(name), ("stream",), link, 0.0)


class FakeDownloads:
    """Attend `gate`, puis appelle `done` ou lève `error`."""

    def __init__(self, done: Callable[[], None]) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
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
