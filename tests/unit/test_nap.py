"""Le sommeil et l'adieu d'un exemplaire, par la vraie liaison : aucune requête n'y est perdue."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from passerelle.worker.v1 import link_pb2

from server.engines.base import EngineSpec
from server.errors import EngineFailed, InvalidState, ShuttingDown, UnsupportedOption
from server.link.call import LinkCall
from server.link.client import LinkClient
from server.link.server import LinkServer
from server.worker.host import WorkerHost
from tests.fakes.engines import FakeChatEngine, SleepyChatEngine
from tests.support.waiting import until

FRAME = 1024 * 1024


class Rig:
    def __init__(self, engine: FakeChatEngine, host: WorkerHost, server: LinkServer, path: Path) -> None:
        self.engine, self.host, self.server, self.path = engine, host, server, path

    async def connect(self, name: str, on_load: Callable[[], None] | None = None) -> LinkClient:
        return await LinkClient.connect(
            str(self.path), name, max_frame_bytes=FRAME, request_buffer_bytes=FRAME, on_load=on_load
        )


def ask(front: LinkClient) -> LinkCall:
    payload = json.dumps({"model": "m"}).encode()
    return front.submit(link_pb2.REQUEST_KIND_CHAT, payload, stream=False, request_id="r")


async def text(call: LinkCall) -> str:
    items = [item async for batch in call for item in batch]
    return str(json.loads(items[0])["choices"][0]["message"]["content"])


@asynccontextmanager
async def worker(engine: FakeChatEngine, folder: Path) -> AsyncIterator[Rig]:
    host = WorkerHost(engine, max_waiting=4, on_dead=lambda _reason: None, on_load=lambda: server.load_changed())
    server = LinkServer(host, name="m-0", max_frame_bytes=FRAME)
    await server.start(str(folder / "m.sock"))
    try:
        yield Rig(engine, host, server, folder / "m.sock")
    finally:
        await server.stop()


def sleepy(**options: object) -> SleepyChatEngine:
    return SleepyChatEngine(EngineSpec("m", Path(), options))


async def test_requests_wait_for_the_wake(tmp_path: Path) -> None:
    engine = sleepy()
    async with worker(engine, tmp_path) as rig:
        control, front = await rig.connect("control"), await rig.connect("front-0")
        await control.sleep(2, 5.0)
        assert engine.level == 2 and control.load.asleep
        waiting = asyncio.create_task(text(ask(front)))
        await until(lambda: rig.host.load().waiting == 1)
        assert engine.served_asleep == 0
        await control.wake()
        assert await waiting == "un deux trois"
        assert engine.level is None and engine.served_asleep == 0 and not control.load.asleep
        await control.wake()  # sans effet


async def test_what_runs_ends_before_the_engine_sleeps(tmp_path: Path) -> None:
    engine = sleepy()
    engine.gate.clear()
    async with worker(engine, tmp_path) as rig:
        control, front = await rig.connect("control"), await rig.connect("front-0")
        running = asyncio.create_task(text(ask(front)))
        await until(lambda: rig.host.load().running == 1)
        falling = asyncio.create_task(control.sleep(1, 60.0))
        await until(lambda: rig.host.nap.holding)
        late = asyncio.create_task(text(ask(front)))
        await until(lambda: rig.host.load().waiting == 1)
        assert engine.level is None
        engine.gate.set()
        await falling
        assert await running == "un deux trois" and engine.level == 1
        await control.wake()
        assert await late == "un deux trois"


async def test_a_request_that_lasts_keeps_the_engine_awake(tmp_path: Path) -> None:
    engine = sleepy()
    engine.gate.clear()
    async with worker(engine, tmp_path) as rig:
        control, front = await rig.connect("control"), await rig.connect("front-0")
        running = asyncio.create_task(text(ask(front)))
        await until(lambda: rig.host.load().running == 1)
        with pytest.raises(InvalidState):
            await control.sleep(1, 0.0)
        following = asyncio.create_task(text(ask(front)))
        engine.gate.set()
        assert [await running, await following] == ["un deux trois"] * 2 and engine.level is None


async def test_an_engine_that_cannot_sleep_says_so(tmp_path: Path) -> None:
    async with worker(FakeChatEngine(EngineSpec("m", Path())), tmp_path) as rig:
        control = await rig.connect("control")
        with pytest.raises(UnsupportedOption):
            await control.sleep(1, 5.0)
        assert await text(ask(control)) == "un deux trois"


async def test_a_failed_wake_leaves_it_asleep(tmp_path: Path) -> None:
    engine = sleepy()
    async with worker(engine, tmp_path) as rig:
        control = await rig.connect("control")
        await control.sleep(1, 5.0)
        engine.broken = True
        with pytest.raises(EngineFailed, match="cassé"):
            await control.wake()
        assert rig.host.load().asleep
        waiting = asyncio.create_task(text(ask(control)))
        await until(lambda: rig.host.load().waiting == 1)
        await rig.host.drain(5.0)  # un exemplaire endormi s'arrête sans attendre un réveil
        with pytest.raises(ShuttingDown):
            await waiting


async def test_a_request_that_crosses_the_farewell_is_served(tmp_path: Path) -> None:
    """Partie du front avant qu'il n'ait lu l'adieu, elle arrive après lui : elle est menée."""
    async with worker(sleepy(), tmp_path) as rig:
        front = await rig.connect("front-0")
        rig.server.farewell("arrêt demandé")
        crossing = asyncio.create_task(text(ask(front)))
        await rig.server.last_requests(10.0)
        assert front.closed and all(link.quiet.is_set() for link in rig.server.links)
        await rig.host.drain(10.0)
        assert await crossing == "un deux trois"
        late = await rig.connect("front-1")
        await until(lambda: late.closed)


async def test_a_bystander_learns_each_load_without_a_beat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Le plan de contrôle ne sert rien : c'est d'un mot à part qu'il sait qui est servi, sans qu'une rafale l'inonde."""
    monkeypatch.setattr("server.link.server._HEARTBEAT_SECONDS", 1000.0)
    engine = sleepy()
    engine.gate.clear()
    async with worker(engine, tmp_path) as rig:
        heard: list[tuple[int, int]] = []
        control = await rig.connect("control", lambda: heard.append((control.load.running, control.load.waiting)))
        front = await rig.connect("front-0")
        asking = [asyncio.create_task(text(ask(front))) for _ in range(4)]
        await until(lambda: (control.load.running, control.load.waiting) == (2, 2))
        assert heard[0] == (1, 0)
        engine.gate.set()
        await asyncio.gather(*asking)
        await until(lambda: (control.load.running, control.load.waiting) == (0, 0))
        began, before = asyncio.get_running_loop().time(), len(heard)
        for _ in range(200):
            await text(ask(front))
        passed = asyncio.get_running_loop().time() - began
        await until(lambda: (control.load.running, control.load.waiting) == (0, 0))
        assert len(heard) - before <= 2 + 10 * (passed + 0.5)
