"""Des modèles sur des GPU sans matériel, leurs exemplaires sans processus, leur journal véritable."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from server.control.gpu.board import GpuBoard
from server.control.life.choices import LoadOrder
from server.control.life.model import ManagedModel
from server.control.life.state import ModelState, ModelTools
from server.control.models import Models
from server.control.record.journal import Journal
from server.control.record.operations import Changes, Operation
from server.control.weights.cache import Artifacts
from server.control.weights.discovery import Adoption
from server.domain import Capability, MemorySpec, ModelSource, ModelSpec, Profile
from server.link.client import WorkerLoad
from tests.fakes.gpus import GIB, FakeClock, FakeGpus, board_of
from tests.fakes.replicas import FakeDownloads, FakeReplicas, intact
from tests.support.waiting import PATIENCE


def spec(key: str, **changes: Any) -> ModelSpec:
    """Modèle qui demande 10 Gio à un GPU."""
    values: dict[str, Any] = {
        "key": key,
        "capability": Capability.CHAT,
        "engine": "x",
        "source": ModelSource("package", "p", "1"),
        "display_name": key,
        "memory": MemorySpec(weights_gib=8, working_gib=1, reserve_gib=1),
        "load_options": ("tensor_parallel_size", "seed"),
    }
    return ModelSpec(**(values | changes))


@dataclass
class Rig:
    """Les modèles, et ce qui tient lieu du reste."""

    models: Models
    replicas: FakeReplicas
    gpus: FakeGpus
    board: GpuBoard
    clock: FakeClock
    journal: Journal
    closed: bool = False

    def model(self, key: str = "a") -> ManagedModel:
        """Un modèle."""
        return self.models.get(key)

    async def load(self, key: str = "a", **order: Any) -> Operation:
        """Chargement que l'exploitant demande, mené à bien."""
        operation = await self.models.load(key, LoadOrder(**order))
        await operation.result()
        return operation

    def say(self, key: str, index: int = 0, **load: Any) -> None:
        """Charge annoncée par un exemplaire."""
        link: Any = self.model(key).replicas[index].link
        link.load = WorkerLoad(**load)

    async def pass_seconds(self, seconds: float) -> None:
        """Le temps passe, un battement se produit, et ce qu'il lance finit."""
        self.clock.now += seconds
        await self.board.refresh()
        for model in self.models:
            model.watch()
        await self.settle()

    async def come_back(self, *, load_all: bool = False) -> None:
        """Ce qu'un démarrage ramène, sans l'attendre."""
        self.models.restorer.start(self.models, await self.models.restore(), load_all=load_all)

    async def returned(self) -> None:
        """Attend que plus rien ne revienne."""
        async with asyncio.timeout(PATIENCE):
            while self.models.restorer.pending:
                await self.journal.settled()

    async def aclose(self) -> None:
        """Ferme tout, comme un arrêt demandé ; sans effet la seconde fois."""
        if self.closed:
            return
        self.closed = True
        await self.models.restorer.aclose()
        await asyncio.gather(*(model.aclose() for model in self.models))
        await self.journal.aclose()

    async def settle(self) -> None:
        """Laisse finir ce qui est en cours."""
        for model in self.models:
            while model.operation is not None:
                await model.operation.done.wait()
                await asyncio.sleep(0)


def state_of(model: ManagedModel) -> ModelState:
    """État du moment, que l'analyse de types ne croit pas figé."""
    return model.state


async def make(tmp_path: Path, count: int, *specs: ModelSpec, life: str = "") -> Rig:
    """Modèles sur `count` GPU ; le même dossier retrouve ce qui y était retenu, dans une autre vie ou la même."""
    journal = Journal(tmp_path / "j.sqlite")
    await journal.open()
    gpus, clock = FakeGpus(count), FakeClock()
    replicas = FakeReplicas(gpus)
    board = board_of(gpus, clock, replicas.pids)
    fakes: Any = (replicas, FakeDownloads(lambda: None), None, None)
    tools = ModelTools(
        replicas=fakes[0],
        downloads=fakes[1],
        journal=journal,
        changes=Changes(),
        inspect=lambda _spec: Artifacts(True, 8 * GIB, 8 * GIB),
        verify=intact,
        gpus=board,
        stop_grace=3.0,
        cache_dir=tmp_path / "poids",
        clock=clock,
        sleep=clock.sleep,
        life=life,
    )
    profile = Profile("essai", "", specs or (spec("a"), spec("b"), spec("c")))
    models = Models(
        profile,
        tools,
        fakes[2],
        fakes[3],
        adoption=Adoption(tmp_path, (), tools.downloads.adopt),
        on_exit=lambda _pid: None,
    )
    for model in models:
        model.look(Artifacts(True, 8 * GIB, 8 * GIB))
    await board.refresh()
    return Rig(models, replicas, gpus, board, clock, journal)
