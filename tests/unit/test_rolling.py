"""Le remplacement des fronts, avec de vrais processus et une administration d'Envoy tenue par l'essai."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from server.supervisor.client import SupervisorClient
from server.supervisor.process import Command
from server.supervisor.rolling import RollingRestart
from server.supervisor.socket import SupervisorSocket
from server.supervisor.supervisor import Supervisor
from tests.support.waiting import PATIENCE, until

SLEEP = "import time; time.sleep(600)"


@dataclass
class Rig:
    """Un superviseur, deux fronts et une prise libre."""

    supervisor: Supervisor
    rolling: RollingRestart
    folder: Path
    healthy: set[str] = field(default_factory=set)
    """Fronts qu'Envoy dit en bonne santé."""

    def running(self) -> set[str]:
        """Fronts en marche."""
        return {entry["name"] for entry in self.supervisor.list() if entry["pid"]}

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Répond comme `GET /clusters`."""
        await reader.readuntil(b"\r\n\r\n")
        body = "".join(f"fronts::{self.folder / name}.sock::health_flags::healthy\n" for name in self.healthy)
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        writer.close()


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    read, write = os.pipe()
    supervisor = Supervisor(tmp_path, read)
    names = [f"front-{index}" for index in range(3)]
    commands = [
        Command(name, (sys.executable, "-c", SLEEP), dict(os.environ), socket=tmp_path / f"{name}.sock")
        for name in names
    ]
    rolling = RollingRestart(supervisor, commands, tmp_path / "admin.sock", 5.0, ready_seconds=PATIENCE)
    found = Rig(supervisor, rolling, tmp_path)
    admin = await asyncio.start_unix_server(found.answer, str(tmp_path / "admin.sock"))
    rolling.start()
    await until(lambda: found.running() == {"front-0", "front-1"})
    yield found
    await rolling.stop()
    assert not found.running()
    admin.close()
    os.close(write)
    os.close(read)


async def test_each_front_waits_for_its_replacement(rig: Rig) -> None:
    rig.rolling.ask()
    rig.rolling.ask()
    await until(lambda: rig.running() == {"front-0", "front-1", "front-2"})
    rig.healthy = {"front-0", "front-1", "front-2"}
    # Les trois noms tournent : le libre remplace front-0, dont la prise sert au remplaçant de front-1.
    await until(lambda: {entry["name"] for entry in rig.supervisor.list()} == {"front-0", "front-2"})
    assert rig.running() == {"front-0", "front-2"}


async def test_who_asks_by_the_socket_learns_the_end(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    door = SupervisorSocket(rig.supervisor, rig.folder / "s.sock", {}, rig.rolling)
    await door.start()
    gone, stays = [await SupervisorClient.connect(rig.folder / "s.sock") for _ in range(2)]
    left = asyncio.create_task(gone.restart_fronts())
    await until(lambda: "front-2" in {entry["name"] for entry in rig.supervisor.list()})
    # Qui part n'interrompt rien ; qui arrive rejoint le remplacement en cours.
    left.cancel()
    await gone.aclose()
    joined = asyncio.create_task(stays.restart_fronts())
    await until(lambda: "rolling_restart_running" in caplog.messages)
    rig.healthy = {"front-0", "front-1", "front-2"}
    assert await joined == (2, 2)
    assert {entry["name"] for entry in rig.supervisor.list()} == {"front-0", "front-2"}
    rig.healthy = set()
    rig.rolling._ready_seconds = 0.1
    assert await stays.restart_fronts() == (0, 2)
    await stays.aclose()
    await door.aclose()


async def test_a_replacement_that_never_serves_changes_nothing(rig: Rig) -> None:
    before = {entry["name"]: entry["pid"] for entry in rig.supervisor.list()}
    rig.rolling._ready_seconds = 0.5
    rig.rolling.ask()
    await until(lambda: "front-2" in rig.running())
    await until(lambda: "front-2" not in {entry["name"] for entry in rig.supervisor.list()})
    assert {entry["name"]: entry["pid"] for entry in rig.supervisor.list()} == before
