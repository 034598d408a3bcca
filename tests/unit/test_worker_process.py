"""Le processus d'un exemplaire, lancé comme le plan de contrôle le lance."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from server.engines.base import EngineSpec, OnPhase, unheard
from server.errors import ModelLoadFailed
from server.events import Tail
from server.worker.main import EXIT_LOAD_FAILED
from tests.fakes.engines import FakeChatEngine
from tests.support.product import wait_until

ROOT = Path(__file__).resolve().parents[2]
PROFILE = """
[[models]]
key = "qwen"
display_name = "Essai"
capability = "chat"
engine = "tests.unit.test_worker_process:create_engine"
requires_gpu = false
[models.source]
kind = "hub"
repository = "essai/qwen"
revision = "main"
"""


class LoopTeller(FakeChatEngine):
    """Dit la boucle qui le porte : en refusant de s'ouvrir, ou, avec `detour`, comme un détour."""

    detour = ""

    def __init__(self, spec: EngineSpec) -> None:
        super().__init__(spec)
        self._opens = bool(spec.options.get("detour"))

    async def open(self, on_phase: OnPhase = unheard) -> None:
        self.detour = type(asyncio.get_running_loop()).__module__
        if not self._opens:
            raise ModelLoadFailed(self.detour)


def create_engine(spec: EngineSpec) -> LoopTeller:
    """Fabrique du moteur."""
    return LoopTeller(spec)


def launch(folder: Path, options: str = "") -> subprocess.Popen[str]:
    """Lance l'exemplaire."""
    profile = folder / "essai.toml"
    profile.write_text(PROFILE + options, encoding="utf-8")
    environ = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "gen" / "python")]),
        "PASSERELLE_PROFILE": str(profile),
        "PASSERELLE_RUN_DIR": str(folder),
        "MODEL_CACHE_DIR": str(folder / "cache"),
    }
    command = (sys.executable, "-m", "server", "worker", "--key", "qwen", "--replica", "0")
    return subprocess.Popen(
        command,
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def last_event(folder: Path) -> dict[str, Any]:
    """Dernier événement du fichier d'état."""
    lines = Tail(folder / "qwen-0.status.jsonl").read()
    found: dict[str, Any] = json.loads(lines[-1]) if lines else {}
    return found


def test_a_worker_runs_on_uvloop(tmp_path: Path) -> None:
    worker = launch(tmp_path)
    said, _ = worker.communicate(timeout=60)
    assert worker.returncode == EXIT_LOAD_FAILED, said
    assert last_event(tmp_path)["event"] == "failed" and last_event(tmp_path)["message"] == "uvloop"


def test_a_ready_worker_tells_its_detour(tmp_path: Path) -> None:
    worker = launch(tmp_path, "[models.options]\ndetour = true\n")
    try:
        wait_until(lambda: last_event(tmp_path).get("phase") == "ready", 60, "exemplaire prêt")
        assert last_event(tmp_path)["detour"] == "uvloop"
    finally:
        worker.terminate()
        said, _ = worker.communicate(timeout=60)
    assert worker.returncode == 0, said
