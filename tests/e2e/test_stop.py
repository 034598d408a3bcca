"""L'arrêt et le remplacement des fronts : rien d'accepté n'est perdu, rien ne reste."""

import os
import pty
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import httpx
import psutil

from tests.support.product import REAL_DRAIN, ROOT, Product, free_port, running_product, sse_events, wait_until
from tests.support.tls import SSL

STORY = {
    "model": "qwen",
    "messages": [{"role": "user", "content": "Tell a long story about the sea."}],
    "max_tokens": 160,
    "stream": True,
    "ignore_eos": True,
}


def test_streams_in_flight_reach_their_end_at_ctrl_c(tmp_path: Path, product: Product) -> None:
    product.ensure_ready()
    with running_product(tmp_path, cache_dir=product.cache_dir, env=REAL_DRAIN) as running:
        running.ensure_ready()
        texts: list[str] = []

        def read() -> None:
            with httpx.Client(timeout=60, verify=SSL) as http:
                texts.append(http.post(f"{running.base_url}/v1/chat/completions", json=STORY).text)

        threads = [threading.Thread(target=read) for _ in range(3)]
        for thread in threads:
            thread.start()
        wait_until(lambda: running.model()["replicas"][0]["running_requests"] == 3, 20, "trois flux en cours")
        running.process.send_signal(signal.SIGINT)
        for thread in threads:
            thread.join(40)
        running.process.wait(40)
        assert running.process.returncode == 0
        assert not running.run_dir.exists()
    assert len(texts) == 3
    for text in texts:
        assert sse_events(text)[-1] == "[DONE]", text[-300:]


def test_killing_the_supervisor_leaves_no_orphan(tmp_path: Path, product: Product) -> None:
    product.ensure_ready()
    with running_product(tmp_path, cache_dir=product.cache_dir) as running:
        running.ensure_ready()
        children = running.processes()
        assert len(children) >= 5
        running.process.kill()
        running.process.wait(10)
        _, alive = psutil.wait_procs(children, timeout=15)
        assert not alive, [p.cmdline() for p in alive]


def test_a_closed_terminal_stops_the_product(tmp_path: Path) -> None:
    # Sans terminal, le même signal (SIGHUP) remplace les fronts : test_stop_under_load.py.
    master, slave = pty.openpty()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PASSERELLE_")}
    env = inherited | {
        "PASSERELLE_PROFILE": "embarque",
        "HOST_PORT": str(free_port()),
        "MODEL_CACHE_DIR": str(tmp_path),
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
        children = psutil.Process(process.pid).children(recursive=True)
        os.close(master)
        process.wait(60)
        _, alive = psutil.wait_procs(children, timeout=15)
        assert not alive
    finally:
        process.kill()
        process.wait()


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


def test_production_profile_refuses_without_gpu(tmp_path: Path) -> None:
    env = {"PASSERELLE_PROFILE": "dgx", "PASSERELLE_BIND": "127.0.0.1"}
    with running_product(tmp_path, env=env) as running:
        refused = running.admin("load", "qwen", wait=True)
        assert refused.status_code == 503, refused.text
        error = refused.json()["error"]
        assert error["reason"] == "NO_GPU_VISIBLE"
        assert "aucun gpu visible" in error["message"].lower()
