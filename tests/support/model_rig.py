"""Un modèle seul : ses exemplaires et ses téléchargements sans processus, son journal véritable."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from server.control.life.model import ManagedModel
from server.control.life.state import ModelTools
from server.control.record.journal import Journal
from server.control.record.operations import Changes, Failure
from server.control.weights.cache import Artifacts
from server.domain import Capability, ModelSource, ModelSpec
from tests.fakes.gpus import FakeClock, FakeGpus, board_of
from tests.fakes.replicas import FakeDownloads, FakeReplicas, intact
from tests.support.waiting import PATIENCE

SPEC = ModelSpec(
    key="m",
    capability=Capability.CHAT,
    engine="x",
    source=ModelSource("package", "p", "1"),
    display_name="M",
    requires_gpu=False,
)


def shown_failure(model: ManagedModel) -> Failure | None:
    """Échec du moment, de même."""
    return model.last_failure


@dataclass
class Rig:
    """Le modèle, et ce qui tient lieu du reste."""

    model: ManagedModel
    replicas: FakeReplicas
    downloads: FakeDownloads
    disk: list[Artifacts]
    tools: ModelTools
    clock: FakeClock

    def with_spec(self, *, gpus: int = 0, reason: str = "", **changes: Any) -> ManagedModel:
        """Le même, réglé autrement, devant tant de GPU."""
        board = board_of(FakeGpus(gpus, reason=reason), FakeClock(), self.replicas.pids)
        board.readings = {reading.index: reading for reading in board.probe.read()}
        tools = replace(self.tools, gpus=board)
        model = ManagedModel(replace(SPEC, **changes), tools)
        model.look(self.disk[0])
        return model


@asynccontextmanager
async def one_model(tmp_path: Path) -> AsyncIterator[Rig]:
    """Un modèle sans rien sur le disque ; fermé en sortie."""
    journal = Journal(tmp_path / "j.sqlite")
    await journal.open()
    disk = [Artifacts()]
    replicas, clock = FakeReplicas(), FakeClock()

    def downloaded() -> None:
        disk[0] = Artifacts(True, 10, 10)

    downloads = FakeDownloads(downloaded)
    fakes: Any = (replicas, downloads)
    tools = ModelTools(
        replicas=fakes[0],
        downloads=fakes[1],
        journal=journal,
        changes=Changes(),
        inspect=lambda _spec: disk[0],
        verify=intact,
        gpus=board_of(FakeGpus(0), clock),
        stop_grace=3.0,
        clock=clock,
        sleep=clock.sleep,
    )
    model = ManagedModel(SPEC, tools)
    yield Rig(model, replicas, downloads, disk, tools, clock)
    await model.aclose()
    await journal.aclose()


async def opening(model: ManagedModel) -> None:
    """Lance un chargement, et attend qu'il en soit à ouvrir le modèle."""
    model.load()
    async with asyncio.timeout(PATIENCE):
        while model.operation is None or model.operation.progress.phase != "opening":
            await asyncio.sleep(0.005)
