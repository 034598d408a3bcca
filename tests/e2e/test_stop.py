"""Un produit de production lancé d'un terminal, sur une machine sans GPU ; le terminal se ferme."""

import os
import pty
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from tests.support.product import ROOT, Product, free_port
from tests.support.tls import SSL


@dataclass(frozen=True)
class Terminal:
    """Le produit prêt, et le terminal qui le tient."""

    process: subprocess.Popen[bytes]
    port: int
    master: int


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    master, slave = pty.openpty()
    port = free_port()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PASSERELLE_")}
    env = inherited | {
        "PASSERELLE_PROFILE": "dgx",
        "PASSERELLE_BIND": "127.0.0.1",
        "HOST_PORT": str(port),
        "MODEL_CACHE_DIR": str(tmp_path_factory.mktemp("s")),
        "PASSERELLE_RUN_BASE": tempfile.gettempdir(),
    }
    process = subprocess.Popen(
        ["setsid", "--ctty", sys.executable, "-m", "server", "serve"],
        cwd=ROOT,
        env=env,
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    try:
        said = b""
        while b"Journaux" not in said:
            said += os.read(master, 4096)
        yield Terminal(process, port, master)
    finally:
        process.kill()
        process.wait()


def test_production_profile_refuses_without_gpu(terminal: Terminal) -> None:
    path = f"http://127.0.0.1:{terminal.port}/api/admin/models/qwen/load"
    refused = httpx.post(path, json={"wait": True}, timeout=60, verify=SSL)
    assert refused.status_code == 503, refused.text
    error = refused.json()["error"]
    assert error["reason"] == "NO_GPU_VISIBLE"
    assert "aucun gpu visible" in error["message"].lower()


def test_a_closed_terminal_stops_the_product(terminal: Terminal) -> None:
    # Sans terminal, le même signal (SIGHUP) relit les réglages : test_reload.py.
    children = psutil.Process(terminal.process.pid).children(recursive=True)
    os.close(terminal.master)
    terminal.process.wait(60)
    _, alive = psutil.wait_procs(children, timeout=15)
    assert not alive


def test_a_taken_port_is_said_before_anything_starts(tmp_path: Path, product: Product) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "server", "serve"],
        cwd=Path(__file__).resolve().parents[2],
        env={
            "PATH": "/usr/bin:/bin",
            "PASSERELLE_PROFILE": "embarque",
            "HOST_PORT": str(product.port),
            "HOME": str(tmp_path),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert "HOST_PORT" in done.stdout + done.stderr
    assert str(product.port) in done.stdout + done.stderr
