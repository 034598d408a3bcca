"""La mort d'un exemplaire, dite comme elle s'est passée : tué, tué faute de mémoire, figé, arrêté de lui-même."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from server.control.life.exits import Exit
from server.control.life.replicas import ReplicaHost
from server.domain import Capability, ModelSource, ModelSpec
from server.errors import ModelLoadFailed, PasserelleError, WorkerKilled
from server.supervisor.oom import OomCount


@pytest.mark.parametrize(
    ("end", "reason", "said"),
    [
        (Exit(-9), "WORKER_KILLED", "a été tué par SIGKILL"),
        (Exit(-11), "WORKER_KILLED", "a été tué par SIGSEGV"),
        (Exit(-63), "WORKER_KILLED", "a été tué par le signal 63"),
        (Exit(-9, out_of_memory=True), "WORKER_KILLED", "a été tué par SIGKILL, faute de mémoire vive (OOM)"),
        (Exit(-9, frozen=True), "WORKER_KILLED", "ne répondait plus et a été tué par le chien de garde"),
        (Exit(4, out_of_memory=True), "WORKER_KILLED", "s'est arrêté tout seul (code 4), faute de mémoire vive (OOM)"),
        (Exit(4), "WORKER_LOST", "s'est arrêté tout seul (code 4)"),
        (Exit(0), "WORKER_LOST", "s'est arrêté tout seul (code 0)"),
    ],
)
def test_a_death_is_told_as_it_happened(end: Exit, reason: str, said: str) -> None:
    error = end.error("qwen-0", " ; dernière ligne : « fin »")
    assert (error.reason, error.message) == (reason, f"L'exemplaire qwen-0 {said} ; dernière ligne : « fin ».")


def test_a_death_while_opening_says_so() -> None:
    killed, failed = (Exit(code).error("qwen-0", "", opening=True) for code in (-9, 3))
    assert killed.message == "L'exemplaire qwen-0 a été tué par SIGKILL pendant son ouverture."
    assert failed.message == "L'exemplaire qwen-0 s'est arrêté pendant son ouverture (code 3)."


@pytest.mark.parametrize(("end", "kind"), [(Exit(-9), WorkerKilled), (Exit(3), ModelLoadFailed)])
async def test_a_replica_killed_while_opening_did_not_fail_to_load(
    tmp_path: Path, end: Exit, kind: type[PasserelleError]
) -> None:
    async def spawn(*_: Any) -> int:
        return 1

    supervisor: Any = SimpleNamespace(spawn=spawn)
    host = ReplicaHost(supervisor, tmp_path, lambda _spec, _index: [], 1 << 20, lambda: None, lambda gpus: gpus)
    spec = ModelSpec("m", Capability.CHAT, "x", ModelSource("package", "p", "1"), "M")
    opening = asyncio.create_task(host.start(spec, 0, (), lambda _phase: None, {}))
    await asyncio.sleep(0)
    host.exited("m-0", end)
    with pytest.raises(PasserelleError, match="pendant son ouverture") as caught:
        await opening
    assert type(caught.value) is kind


class Machine:
    """Ce qu'un noyau montre de ses mises à mort."""

    def __init__(self, folder: Path, group: str) -> None:
        self.proc, self.cgroups, self.now = folder / "proc", folder / "cgroup", 0.0
        (self.proc / "self").mkdir(parents=True)
        (self.proc / "self" / "cgroup").write_text(group)

    def count(self) -> OomCount:
        """Compteur de cette machine."""
        return OomCount(self.proc, self.cgroups, lambda: self.now)


@pytest.mark.parametrize(
    ("group", "file", "others"),
    [
        ("0::/a/b\n", "cgroup/a/b/memory.events", "low 0\nhigh 0\nmax 3\noom 3\n"),
        ("0::/ailleurs\n", "cgroup/memory.events", "low 0\nhigh 0\nmax 3\noom 3\n"),
        ("3:cpuset:/\n4:memory:/a\n0::/\n", "cgroup/memory/a/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\n"),
        ("4:memory:/ailleurs\n", "cgroup/memory/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\n"),
        ("0::/a/b\n", "proc/vmstat", "nr_free_pages 12\n"),
    ],
    ids=["groupe v2", "conteneur v2", "groupe v1", "conteneur v1", "machine"],
)
def test_the_kernel_count_is_found(tmp_path: Path, group: str, file: str, others: str) -> None:
    machine = Machine(tmp_path, group)
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{others}oom_kill 7\n")
    found = machine.count()
    assert not found.recent()
    path.write_text(f"{others}oom_kill 8\n")
    assert found.recent() and found.recent()
    machine.now = 60.0
    assert not found.recent()


def test_a_machine_that_counts_nothing_says_nothing(tmp_path: Path) -> None:
    assert not Machine(tmp_path, "0::/\n").count().recent()
