"""Le superviseur et sa prise, avec de vrais processus."""

import asyncio
import json
import os
import signal
import stat
import sys
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from server.supervisor.client import SupervisorClient, SupervisorError
from server.supervisor.log_file import LogFile
from server.supervisor.oom import OomCount
from server.supervisor.process import Child, Command
from server.supervisor.run_dir import RunDir, RunDirError, remove_stale
from server.supervisor.socket import ReloadRefused, SupervisorSocket
from server.supervisor.supervisor import RestartPolicy, Supervisor
from tests.support.waiting import PATIENCE, until, wait_until

SLEEP = ("import time; print('debout', flush=True); time.sleep(60)",)
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('sourd', flush=True); time.sleep(60)"
)
PARENT = "import subprocess, sys; subprocess.Popen(['sleep', '60']); print('parti', flush=True); sys.exit(7)"


@dataclass
class Rig:
    supervisor: Supervisor
    client: SupervisorClient
    logs: Path
    abandoned: list[str]
    door: SupervisorSocket


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    read, write = os.pipe()
    policy = RestartPolicy(first_delay=0.01, max_delay=0.02, falls=3, window=60, pause=0.3)
    abandoned: list[str] = []
    supervisor = Supervisor(tmp_path, read, policy=policy, on_abandoned=abandoned.append)
    env = {"PATH": os.environ["PATH"], "OPENAI_KEYS": "secret", "AUTRE": "vu"}
    door = SupervisorSocket(supervisor, tmp_path / "s.sock", env)
    await door.start()
    client = await SupervisorClient.connect(tmp_path / "s.sock")
    yield Rig(supervisor, client, tmp_path, abandoned, door)
    await client.aclose()
    for name in [*supervisor.names("worker"), *supervisor.names("fixed")]:
        await supervisor.stop(name, 0.0)
    await door.aclose()
    os.close(write)
    os.close(read)


async def test_a_worker_lives_and_stops(rig: Rig) -> None:
    assert stat.S_IMODE((rig.logs / "s.sock").stat().st_mode) == 0o600
    events = await rig.client.watch()
    pid = await rig.client.spawn("m-0", python(*SLEEP), {}, {"key": "m"})
    assert psutil.pid_exists(pid)
    [listed] = await rig.client.list()
    assert (listed["name"], listed["pid"], listed["kind"], listed["meta"]) == ("m-0", pid, "worker", {"key": "m"})
    with pytest.raises(SupervisorError, match="déjà en marche"):
        await rig.client.spawn("m-0", python(*SLEEP), {}, {})
    await until(lambda: "debout" in (rig.logs / "m-0.log").read_text())
    assert await rig.client.stop("m-0", PATIENCE) == -15
    assert not psutil.pid_exists(pid)
    assert await rig.client.list() == []
    assert (await anext(events))["event"] == "started"
    end = {"exit_code": -15, "asked": True, "frozen": False, "out_of_memory": False}
    assert await anext(events) == {"event": "exited", "name": "m-0", "pid": pid, **end}
    rig.supervisor.publish({"event": "stopping"})
    assert await anext(events) == {"event": "stopping"}


async def test_a_worker_stopped_before_its_birth_does_not_outlive_it(rig: Rig) -> None:
    """Un chargement annulé aussitôt : l'arrêt suit le lancement de si près qu'il le trouve inachevé."""
    for _ in range(5):
        spawning = asyncio.create_task(rig.client.spawn("m-0", python(*SLEEP), {}, {}))
        stopping = asyncio.create_task(rig.client.stop("m-0", 0.0))
        pid, code = await spawning, await stopping
        assert code is not None and code < 0 and not psutil.pid_exists(pid)
        assert await rig.client.list() == []


async def test_a_worker_never_sees_the_keys(rig: Rig) -> None:
    code = "import os; print(os.environ.get('OPENAI_KEYS'), os.environ['AUTRE'], os.environ['SIEN'], flush=True)"
    await rig.client.spawn("m-0", python(code), {"SIEN": "x"}, {})
    await until(lambda: "None vu x" in (rig.logs / "m-0.log").read_text())


async def test_a_deaf_worker_is_killed(rig: Rig) -> None:
    await rig.client.spawn("m-0", python(STUBBORN), {}, {})
    await until(lambda: "sourd" in (rig.logs / "m-0.log").read_text())
    assert await rig.client.stop("m-0", 0.2) == -9


async def test_children_of_a_dead_worker_die_with_it(rig: Rig) -> None:
    events = await rig.client.watch()
    pid = await rig.client.spawn("m-0", python(PARENT), {}, {})
    assert (await anext(events))["event"] == "started"
    exited = await anext(events)
    assert exited["exit_code"] == 7 and not exited["asked"]
    assert [one for one in psutil.process_iter() if _lives_in(one, pid)] == []


def _lives_in(process: psutil.Process, group: int) -> bool:
    """Vrai d'un processus vivant de ce groupe ; un autre, de la machine, peut finir pendant la question."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE and os.getpgid(process.pid) == group
    except (psutil.NoSuchProcess, ProcessLookupError):
        return False


async def test_a_missing_program_is_said(rig: Rig) -> None:
    with pytest.raises(SupervisorError, match="n'a pas pu être lancé"):
        await rig.client.spawn("m-0", ["/absent/programme"], {}, {})


async def test_a_vital_process_comes_back_then_is_given_up(rig: Rig) -> None:
    rig.supervisor.keep(Command("pilier", tuple(python("import sys; sys.exit(1)")), dict(os.environ), vital=True))

    def entry() -> dict[str, object]:
        [found] = rig.supervisor.list()
        return found

    await until(lambda: bool(entry()["broken"]))
    assert entry()["restarts"] == 2 and entry()["state"] == "stopped" and rig.abandoned == ["pilier"]


async def test_any_other_process_is_retried_with_long_pauses_and_forgiven_once_it_holds(rig: Rig) -> None:
    repaired = rig.logs / "réparé"
    code = f"import os, sys, time\nif os.path.exists({str(repaired)!r}):\n print('tient', flush=True)\n time.sleep(600)\nsys.exit(1)"
    rig.supervisor.keep(Command("control", tuple(python(code)), dict(os.environ)))

    def entry() -> dict[str, object]:
        [found] = rig.supervisor.list()
        return found

    await until(lambda: bool(entry()["broken"]))
    # Vu plus ou moins tard, il a pu être relancé encore ; trois relances de plus sont séparées de deux pauses au moins.
    began, restarts = asyncio.get_running_loop().time(), int(str(entry()["restarts"]))
    assert restarts >= 2
    await until(lambda: int(str(entry()["restarts"])) >= restarts + 3)
    assert asyncio.get_running_loop().time() - began >= 0.6
    repaired.touch()
    await until(lambda: "tient" in (rig.logs / "control.log").read_text())
    assert not entry()["broken"] and rig.abandoned == []
    assert await rig.supervisor.stop("control", PATIENCE) == -15


async def test_a_killed_fixed_process_is_replaced(rig: Rig) -> None:
    rig.supervisor.keep(Command("pilier", tuple(python(*SLEEP)), dict(os.environ)))
    await until(lambda: bool(rig.supervisor.list()[0]["pid"]))
    first = rig.supervisor.list()[0]["pid"]
    os.kill(first, 9)
    await until(lambda: rig.supervisor.list()[0]["pid"] not in (0, first))
    assert await rig.supervisor.stop("pilier", PATIENCE) == -15


async def test_a_stop_that_crosses_a_death_does_not_lose_its_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mort, mais personne ne l'a encore vu : ce que fait souvent un arrêt sur une machine chargée."""
    seen, waitpid = threading.Event(), os.waitpid

    def late(pid: int, options: int) -> tuple[int, int]:
        seen.wait()
        return waitpid(pid, options)

    monkeypatch.setattr(os, "waitpid", late)
    read, end = os.pipe()
    try:
        go = tmp_path / "fin"
        code = f"import os, sys, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.005)\nsys.exit(7)"
        child = await Child.start(Command("x", tuple(python(code)), dict(os.environ)), read, tmp_path / "x.log")
        go.touch()
        process = psutil.Process(child.pid)
        wait_until(lambda: process.status() == psutil.STATUS_ZOMBIE, "la mort de l'enfant")
        child.terminate()
        seen.set()
        assert await child.wait() == 7
    finally:
        seen.set()
        os.close(read)
        os.close(end)


def test_run_dirs_are_private_and_the_dead_ones_go(tmp_path_factory: pytest.TempPathFactory) -> None:
    base = tmp_path_factory.mktemp("r")  # un chemin court : une prise Unix a 107 octets au plus
    dead = base / "passerelle-mort"
    dead.mkdir()
    (dead / ".lock").touch()
    with RunDir(base) as living:
        assert not dead.exists()
        assert stat.S_IMODE(living.path.stat().st_mode) == 0o700
        assert remove_stale(base) == []
        assert (living.path / "logs").is_dir()
    assert list(base.iterdir()) == []


def test_a_base_too_long_for_sockets_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunDirError, match="PASSERELLE_RUN_BASE"):
        RunDir(tmp_path / ("x" * 90))


@pytest.mark.parametrize("asked", [False, True])
async def test_a_child_killed_for_want_of_memory_is_known(rig: Rig, tmp_path: Path, asked: bool) -> None:
    """Le compte du noyau vient d'augmenter ; un arrêt demandé, dont le délai s'épuise, ne lui doit rien."""
    count = tmp_path / "vmstat"
    count.write_text("oom_kill 0\n")
    rig.supervisor.oom = OomCount(tmp_path, tmp_path)
    events = await rig.client.watch()
    pid = await rig.client.spawn("m-0", python(STUBBORN), {}, {})
    await until(lambda: "sourd" in (rig.logs / "m-0.log").read_text())
    count.write_text("oom_kill 1\n")
    if asked:
        await rig.client.stop("m-0", 0.1)
    else:
        os.kill(pid, signal.SIGKILL)
    assert (await anext(events))["event"] == "started"
    end = await anext(events)
    assert (end["event"], end["exit_code"], end["asked"]) == ("exited", -9, asked)
    assert end["out_of_memory"] is not asked


async def test_a_reload_answers_once_done_or_says_why_not(rig: Rig) -> None:
    with pytest.raises(SupervisorError, match="ne se recharge pas"):
        await rig.client.reload()
    refused = [True]

    async def reload() -> dict[str, object]:
        if refused.pop():
            raise ReloadRefused("essai.env, ligne 2 : MAX_N")
        return {"changed": True, "fronts": 2, "dashboard": False}

    rig.door.on_reload = reload
    with pytest.raises(SupervisorError, match="ligne 2 : MAX_N"):
        await rig.client.reload()
    refused.append(False)
    assert (await rig.client.reload())["fronts"] == 2


async def test_a_kept_child_is_replaced_at_once_by_another_command(rig: Rig) -> None:
    rig.supervisor.keep(Command("control", tuple(python(STUBBORN)), dict(os.environ)))
    await until(
        lambda: "sourd" in (rig.logs / "control.log").read_text() if (rig.logs / "control.log").exists() else False
    )
    [before] = rig.supervisor.list()
    await rig.supervisor.replace(Command("control", tuple(python(*SLEEP)), dict(os.environ)))
    await until(lambda: "debout" in (rig.logs / "control.log").read_text())
    [after] = rig.supervisor.list()
    assert after["pid"] != before["pid"] and not psutil.pid_exists(before["pid"])
    assert (after["restarts"], after["broken"]) == (0, False)


async def test_workers_to_come_get_the_new_environment_without_its_secrets(rig: Rig) -> None:
    rig.door.renew({"PATH": os.environ["PATH"], "OPENAI_KEYS": "secret", "AUTRE": "neuf"})
    code = "import os; print('vu', os.environ.get('AUTRE'), os.environ.get('OPENAI_KEYS'), flush=True)"
    await rig.client.spawn("m-0", python(code), {}, {})
    await until(lambda: (rig.logs / "m-0.log").exists() and "vu neuf None" in (rig.logs / "m-0.log").read_text())


SPEAKER = """
import os, time
os.write(1, "".join(f"ligne é {n}\\n" for n in range(3000)).encode())
os.write(1, b"coup")
time.sleep(0.05)
os.write(1, b"ee en deux\\nlongue " + b"x" * 200_000 + b"\\nsans fin")
"""


async def test_what_a_child_says_is_written_whole_and_by_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes: list[str] = []
    write = LogFile.write

    def counted(log: LogFile, lines: str) -> None:
        writes.append(lines)
        write(log, lines)

    monkeypatch.setattr(LogFile, "write", counted)
    read, end = os.pipe()
    try:
        command = Command("bavard", tuple(python(SPEAKER)), {"PATH": os.environ["PATH"]})
        assert await (await Child.start(command, read, tmp_path / "bavard.log")).wait() == 0
    finally:
        os.close(read)
        os.close(end)
    text = (tmp_path / "bavard.log").read_text(encoding="utf-8")
    said = [json.loads(line) for line in text.splitlines()]
    assert {(line["event"], line["process_name"]) for line in said} == {("output", "bavard")}
    assert [line["text"] for line in said[:3001]] == [*(f"ligne é {n}" for n in range(3000)), "coupee en deux"]
    # Une ligne trop longue pour attendre sa fin est coupée ; rien n'en manque.
    assert "".join(line["text"] for line in said[3001:]) == "longue " + "x" * 200_000 + "sans fin"
    assert text.endswith("\n") and len(writes) < 300
