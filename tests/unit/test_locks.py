"""Les verrous : entiers, d'accord avec pyproject.toml, et un même `gen/` pour tous."""

import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.support.light_environment import make_light_environment
from tests.support.lock_files import normalized, pins
from tools.locks import ALL, LOCKS, ROOT, Lock

PATHS = os.pathsep.join([str(ROOT), str(ROOT / "gen" / "python")])
WITH_GEN = [lock for lock in ALL if "protobuf" in pins(lock.path) and not lock.name.startswith("client-")]
HEAVY = {"torch", "torchaudio", "vllm", "nemo-toolkit", "pyannote-audio", "onnxruntime", "xllamacpp", "numpy", "av"}


def requirements(group: str, groups: dict[str, list[Any]]) -> list[str]:
    """Exigences d'un groupe, ceux qu'il inclut compris."""
    found = []
    for entry in groups[group]:
        found += [entry] if isinstance(entry, str) else requirements(entry["include-group"], groups)
    return found


@pytest.mark.parametrize("lock", ALL, ids=lambda lock: lock.name)
def test_a_lock_holds_what_its_group_asks(lock: Lock) -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    found = pins(lock.path)
    excluded = {name for file in lock.excludes for name in (LOCKS / file).read_text().split()}
    for requirement in requirements(lock.group or lock.name, groups):
        match = re.match(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?(?:==(\S+))?$", requirement)
        assert match, requirement
        name = normalized(match[1])
        if name not in excluded:
            assert name in found, requirement
            assert match[2] in (None, *found[name]), requirement
    assert not excluded & set(found)


@pytest.mark.parametrize("lock", ALL, ids=lambda lock: lock.name)
def test_a_lock_has_its_header_its_hashes_and_no_address(lock: Lock) -> None:
    text = lock.path.read_text(encoding="utf-8")
    assert text.startswith("".join(f"# {line}\n" for line in lock.purpose))
    entries = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.M)[1:]
    assert entries and all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in text


def test_every_lock_file_is_known() -> None:
    exclusions = {name for lock in ALL for name in lock.excludes}
    assert {path.name for path in LOCKS.iterdir()} == {lock.path.name for lock in ALL} | exclusions


def test_the_light_environment_has_nothing_heavy() -> None:
    found = set(pins(LOCKS / "serveur.txt"))
    assert not found & HEAVY
    assert not {name for name in found if name.startswith("nvidia-")} - {"nvidia-ml-py"}


def test_a_gpu_lock_is_for_one_cuda() -> None:
    for lock in ALL:
        if lock.name.startswith("dgx-"):
            cuda12 = "nvidia-cuda-runtime-cu12" in pins(lock.path)
            assert cuda12 == lock.name.endswith("cuda12"), lock.name
            assert ("résolu, jamais exécuté" in lock.path.read_text(encoding="utf-8").lower()) == cuda12, lock.name


def test_all_locks_have_the_protobuf_under_which_gen_loads_here() -> None:
    installed = importlib.metadata.version("protobuf")
    assert {version for lock in WITH_GEN for version in pins(lock.path)["protobuf"]} == {installed}
    without = {lock.name for lock in ALL if not lock.name.startswith("client-")} - {lock.name for lock in WITH_GEN}
    assert without <= {"embarque-poids"}
    for name in ("serveur", "embarque", "dev"):
        assert pins(LOCKS / f"{name}.txt")["grpcio"] == {importlib.metadata.version("grpcio")}
    modules = [
        ".".join(path.relative_to(ROOT / "gen" / "python").with_suffix("").parts)
        for path in sorted((ROOT / "gen" / "python").rglob("*.py"))
    ]
    assert any(name.endswith("link_pb2") for name in modules)
    assert any(name.endswith("_pb2_grpc") for name in modules)
    script = f"import importlib\nfor name in {modules!r}: importlib.import_module(name)"
    loaded = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        env={"PYTHONPATH": PATHS},
        capture_output=True,
        text=True,
        check=False,
    )
    assert loaded.returncode == 0, loaded.stderr


def test_the_light_processes_load_from_their_lock_alone(tmp_path: Path) -> None:
    python = make_light_environment(tmp_path / "leger")
    script = """
import importlib.util, pkgutil
for room in ("control", "front", "link", "rpc", "supervisor", "web"):
    package = importlib.import_module(f"server.{room}")
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
print(importlib.import_module("server.supervisor.envoy").envoy_binary())
for heavy in ("torch", "torchaudio", "numpy", "onnxruntime", "pyannote", "xllamacpp", "faster_whisper", "av"):
    assert importlib.util.find_spec(heavy) is None, heavy
"""
    loaded = subprocess.run(
        [python, "-c", script], env={"PYTHONPATH": PATHS}, capture_output=True, text=True, check=False
    )
    assert loaded.returncode == 0, loaded.stderr
    assert loaded.stdout.startswith(str(tmp_path))
