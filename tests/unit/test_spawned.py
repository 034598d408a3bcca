"""Un enfant lancé sans copier son parent, sous la boucle des exemplaires comme sous celle d'asyncio."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable

import pytest
import uvloop

from server.engines.common.spawned import Child, launch
from tests.support.waiting import until

LOOPS: list[Callable[[], asyncio.AbstractEventLoop]] = [asyncio.new_event_loop, uvloop.new_event_loop]
ECHO = "import sys\nfor line in sys.stdin: print(line.strip().upper(), flush=True)"
forks: list[int] = []
os.register_at_fork(before=lambda: forks.append(1))


def played(loop: Callable[[], asyncio.AbstractEventLoop], work: Callable[[], Awaitable[None]]) -> None:
    """Mène un essai sur cette boucle."""

    async def bounded() -> None:
        async with asyncio.timeout(60):
            await work()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(bounded())


async def child(program: str = ECHO, limit: int = 1 << 16) -> Child:
    """Lance un programme Python."""
    return await launch(sys.executable, "-I", "-c", program, env={}, limit=limit, stderr=subprocess.DEVNULL)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_child_is_spoken_to_without_a_fork(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def work() -> None:
        forks.clear()
        made = await child()
        assert forks == []
        for word in (b"un", b"deux"):
            made.stdin.write(word + b"\n")
            await made.stdin.drain()
            assert await made.stdout.readline() == word.upper() + b"\n"
        assert made.returncode is None
        made.stdin.close()
        assert await made.wait() == 0 and made.returncode == 0
        assert await made.stdout.read() == b""

    played(loop, work)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_killed_child_is_reaped(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def work() -> None:
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(5):
            made = await child()
            made.kill()
            assert await made.wait() == -signal.SIGKILL
            made.kill()
            assert await made.stdout.readline() == b""
            made.stdin.close()
            with pytest.raises(ChildProcessError):
                os.waitpid(made.pid, os.WNOHANG)
        await until(lambda: len(os.listdir("/proc/self/fd")) <= before + 2, "descripteurs rendus")

    played(loop, work)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_line_is_bounded(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def work() -> None:
        made = await child("print('x' * 10_000)", limit=1000)
        with pytest.raises(ValueError):
            await made.stdout.readline()
        made.kill()
        await made.wait()

    played(loop, work)


def test_what_does_not_start_says_so() -> None:
    async def work() -> None:
        with pytest.raises(FileNotFoundError):
            await launch("/nulle-part", env={}, limit=1000)

    played(uvloop.new_event_loop, work)
