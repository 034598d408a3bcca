"""Un exemplaire dont le moteur meurt sans requête en cours s'arrête, avec le code qui le dit."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

from server.engines.base import EngineSpec
from server.worker.main import EXIT_ENGINE_DEAD, WorkerSettings, run
from tests.fakes.engines import FakeChatEngine
from tests.support.waiting import PATIENCE


class MortalFakeEngine(FakeChatEngine):
    """Meurt quand on le lui dit."""

    def __init__(self, spec: EngineSpec) -> None:
        super().__init__(spec)
        self.died = asyncio.Event()

    async def wait_dead(self) -> str:
        """Attend l'ordre."""
        await self.died.wait()
        return "demandé"


async def test_a_dead_engine_ends_its_worker() -> None:
    engines: list[MortalFakeEngine] = []

    def make(spec: EngineSpec) -> MortalFakeEngine:
        engines.append(MortalFakeEngine(spec))
        return engines[0]

    # Une prise Unix a 107 octets de chemin au plus.
    with TemporaryDirectory(prefix="psr-", dir="/tmp") as folder:
        settings = WorkerSettings(
            worker_id="qwen-0",
            engine=make,
            spec=EngineSpec("qwen", Path(folder)),
            socket_path=Path(folder) / "w.sock",
            status_path=Path(folder) / "w.json",
            max_waiting=1,
            max_frame_bytes=1 << 20,
        )
        worker = asyncio.create_task(run(settings))
        async with asyncio.timeout(PATIENCE):
            while not (settings.socket_path.exists() and '"pid"' in settings.status_path.read_text()):
                assert not worker.done()
                await asyncio.sleep(0.01)
            engines[0].died.set()
            assert await worker == EXIT_ENGINE_DEAD
    assert not engines[0].opened
