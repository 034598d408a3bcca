"""Le processus d'un exemplaire, lancé comme le plan de contrôle le lance."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

from server.engines.base import EngineSpec, OnPhase, unheard
from server.errors import ModelLoadFailed
from server.worker.main import EXIT_LOAD_FAILED
from tests.fakes.engines import FakeChatEngine

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
    """Refuse de s'ouvrir en nommant la boucle qui le porte."""

    async def open(self, on_phase: OnPhase = unheard) -> None:
        raise ModelLoadFailed(type(asyncio.get_running_loop()).__module__)


def create_engine(spec: EngineSpec) -> LoopTeller:
    """Fabrique du moteur."""
    return LoopTeller(spec)


def test_a_worker_runs_on_uvloop(tmp_path: Path) -> None:
    profile = tmp_path / "essai.toml"
    profile.write_text(PROFILE, encoding="utf-8")
    environ = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "gen" / "python")]),
        "PASSERELLE_PROFILE": str(profile),
        "PASSERELLE_RUN_DIR": str(tmp_path),
        "MODEL_CACHE_DIR": str(tmp_path / "cache"),
    }
    command = (sys.executable, "-m", "server", "worker", "--key", "qwen", "--replica", "0")
    played = subprocess.run(
        command, cwd=tmp_path, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert played.returncode == EXIT_LOAD_FAILED, played.stderr
    last = json.loads((tmp_path / "qwen-0.status.jsonl").read_text(encoding="utf-8").splitlines()[-1])
    assert last["event"] == "failed" and last["message"] == "uvloop"
