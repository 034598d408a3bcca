"""Le chien de garde, avec de vrais processus : un enfant figé est tué, un enfant lent ne l'est pas."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from server.supervisor.process import Command
from server.supervisor.supervisor import RestartPolicy, Supervisor
from server.supervisor.watchdog import Pulse, frozen
from tests.support.waiting import soon, until

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 2.0
BEATING = """
import asyncio
from server.lifetime import Heart
async def main():
    Heart().start()
    print('debout', flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""
WEDGED = """
import asyncio, time
from server.lifetime import Heart
async def main():
    Heart().start()
    await asyncio.sleep(0.1)
    time.sleep(600)
asyncio.run(main())
"""
SILENT = "import time; print('debout', flush=True); time.sleep(600)"


def command(name: str, code: str) -> Command:
    return Command(name, (sys.executable, "-c", code), {**os.environ, "PYTHONPATH": str(ROOT)})


@pytest.fixture
async def supervisor(tmp_path: Path) -> AsyncIterator[Supervisor]:
    read, write = os.pipe()
    policy = RestartPolicy(first_delay=0.01, max_delay=0.02)
    found = Supervisor(tmp_path, read, policy=policy, watchdog_seconds=LIMIT)
    yield found
    await found.stop_all([*found.names("worker"), *found.names("fixed")], 0.0)
    os.close(write)
    os.close(read)


def pid_of(supervisor: Supervisor, name: str) -> int:
    return int(next(entry["pid"] for entry in supervisor.list() if entry["name"] == name))


def standing(folder: Path, name: str) -> Callable[[], bool]:
    log = folder / f"{name}.log"
    return lambda: log.exists() and "debout" in log.read_text()


async def test_a_frozen_child_is_killed_and_replaced_and_the_others_stay(
    supervisor: Supervisor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    supervisor.keep(command("figé", BEATING))
    supervisor.keep(command("vif", BEATING))
    # Celui-ci ne bat jamais, comme un moteur qui s'ouvre : la garde ne commence pas.
    await supervisor.spawn(command("muet-0", SILENT))
    for name in ("figé", "vif", "muet-0"):
        await until(standing(tmp_path, name))
    frozen, others = pid_of(supervisor, "figé"), [pid_of(supervisor, name) for name in ("vif", "muet-0")]
    with supervisor.listening() as events, caplog.at_level(logging.ERROR):
        os.kill(frozen, signal.SIGSTOP)
        exited = await soon(events.get())
        await until(lambda: pid_of(supervisor, "figé") not in (0, frozen))
    assert exited == {
        "event": "exited",
        "name": "figé",
        "pid": frozen,
        "exit_code": -signal.SIGKILL,
        "asked": False,
        "frozen": True,
        "out_of_memory": False,
    }
    assert [pid_of(supervisor, name) for name in ("vif", "muet-0")] == others
    [said] = [record for record in caplog.records if record.message == "process_frozen"]
    assert vars(said)["child"] == "figé" and vars(said)["silent_seconds"] >= LIMIT


async def test_a_blocked_loop_is_a_frozen_child(supervisor: Supervisor) -> None:
    with supervisor.listening() as events:
        pid = await supervisor.spawn(command("bloqué-0", WEDGED))
        assert (await events.get())["event"] == "started"
        exited = await soon(events.get())
    assert (exited["pid"], exited["frozen"]) == (pid, True)


async def test_a_program_that_cannot_beat_is_probed(supervisor: Supervisor, tmp_path: Path) -> None:
    answers = True
    asked = 0

    async def probe() -> None:
        nonlocal asked
        asked += 1
        if not answers:
            await asyncio.sleep(600)

    probed = Command("sondé", (sys.executable, "-c", SILENT), dict(os.environ), probe=probe)
    supervisor.keep(probed)
    await until(standing(tmp_path, "sondé"))
    first = pid_of(supervisor, "sondé")
    await until(lambda: asked > 2)
    assert pid_of(supervisor, "sondé") == first
    answers = False
    await until(lambda: pid_of(supervisor, "sondé") not in (0, first))


async def test_a_program_frozen_as_soon_as_it_answers_is_not_given_its_opening_time(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    answered: set[int] = set()

    async def probe() -> None:
        # Une seule réponse par processus.
        pid = pid_of(supervisor, "éphémère")
        if pid in answered:
            await asyncio.sleep(600)
        answered.add(pid)

    supervisor.keep(Command("éphémère", (sys.executable, "-c", SILENT), dict(os.environ), probe=probe))
    await until(standing(tmp_path, "éphémère"))
    first = pid_of(supervisor, "éphémère")
    await until(lambda: pid_of(supervisor, "éphémère") not in (0, first))


async def test_a_first_answer_is_awaited_closely_then_at_ease(monkeypatch: pytest.MonkeyPatch) -> None:
    class Seen(Exception):
        pass

    periods: list[float] = []

    async def sleep(seconds: float) -> None:
        periods.append(seconds)

    async def probe() -> None:
        if len(periods) < 4:
            raise ConnectionRefusedError
        if len(periods) > 6:
            raise Seen

    monkeypatch.setattr("server.supervisor.watchdog.asyncio.sleep", sleep)
    with pytest.raises(Seen):
        await frozen(Pulse(), 2.0, probe)
    # Figé dès sa première réponse, un programme guetté de loin n'aurait jamais été vu.
    assert periods == [0.05] * 4 + [0.5] * 3


async def test_a_frozen_child_that_is_stopped_goes_within_its_grace(supervisor: Supervisor, tmp_path: Path) -> None:
    pid = await supervisor.spawn(command("figé-0", BEATING))
    await until(standing(tmp_path, "figé-0"))
    os.kill(pid, signal.SIGSTOP)
    await until(lambda: psutil.Process(pid).status() == psutil.STATUS_STOPPED)
    assert await supervisor.stop("figé-0", 600) == -signal.SIGKILL


def test_a_permanent_child_has_a_bounded_opening() -> None:
    pulse = Pulse()
    pulse.expect(60.0)
    pulse.tick(1.0, 1.0)
    assert pulse.silence == -59.0
    pulse.beat()
    pulse.expect(60.0)
    assert pulse.silence == 0.0


def test_the_lateness_of_the_supervisor_is_nobodys_silence() -> None:
    pulse = Pulse()
    pulse.tick(10.0, 1.0)
    assert pulse.silence is None
    pulse.beat()
    # Une machine suspendue une heure : un seul tour, compté pour deux périodes.
    pulse.tick(3600.0, 1.0)
    assert pulse.silence == 2.0
    for _ in range(3):
        pulse.tick(1.0, 1.0)
    assert pulse.silence == 5.0
    pulse.beat()
    assert pulse.silence == 0.0
