"""Un exemplaire écrit les étapes que son moteur dit, dans l'ordre, et plus aucune une fois ouvert."""

import asyncio
import gc
import threading
from pathlib import Path

from server.engines.base import EngineSpec, LoadPhase, OnPhase, unheard
from server.events import event_of
from server.worker.main import WorkerSettings, _open
from server.worker.status import StatusFile
from tests.fakes.engines import FakeChatEngine
from tests.support.waiting import PATIENCE


class SteppedEngine(FakeChatEngine):
    """Dit une étape d'un autre fil à chaque permis, et finit de s'ouvrir après la dernière."""

    def __init__(self, spec: EngineSpec) -> None:
        super().__init__(spec)
        self.permits = asyncio.Semaphore(0)
        self.tell: OnPhase = unheard

    async def open(self, on_phase: OnPhase = unheard) -> None:
        """S'ouvre par étapes."""
        self.tell = on_phase
        for phase in (LoadPhase.LOADING_WEIGHTS, LoadPhase.COMPILING):
            await self.permits.acquire()
            await asyncio.to_thread(on_phase, phase)
        await self.permits.acquire()


async def test_engine_phases_reach_the_status_file(tmp_path: Path) -> None:
    path = tmp_path / "w.json"
    spec = EngineSpec("qwen", tmp_path)
    engine = SteppedEngine(spec)
    settings = WorkerSettings("qwen-0", SteppedEngine, spec, tmp_path / "w.sock", path, 1, 1 << 20)

    def said() -> list[str]:
        return [str(event_of(line)["phase"]) for line in path.read_text().splitlines()] or [""]

    def shown() -> str:
        return said()[-1] if path.exists() else ""

    async def until(phase: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while shown() != phase:
                await asyncio.sleep(0.01)

    opening = asyncio.create_task(_open(engine, settings, StatusFile(path)))
    for phase in ("opening", "loading_weights", "compiling"):
        await until(phase)
        engine.permits.release()
    await opening
    assert shown() == "warming_up"
    late = threading.Thread(target=engine.tell, args=(LoadPhase.CAPTURING_GRAPHS,))
    late.start()
    late.join()
    assert said() == ["opening", "loading_weights", "compiling", "warming_up"]


async def test_what_opening_leaves_is_kept_from_the_collector(tmp_path: Path) -> None:
    spec = EngineSpec("qwen", tmp_path)
    path = tmp_path / "w.json"
    settings = WorkerSettings("qwen-0", FakeChatEngine, spec, tmp_path / "w.sock", path, 1, 1 << 20, freeze_heap=True)
    before = gc.get_freeze_count()
    try:
        await _open(FakeChatEngine(spec), settings, StatusFile(path))
        assert gc.get_freeze_count() > before
    finally:
        gc.unfreeze()
