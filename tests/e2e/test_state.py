"""L'état est à un seul serveur ; les poids se partagent."""

import os
import socket
import subprocess
import sys
from pathlib import Path

from tests.support.product import ROOT, Product, free_port


def serve(**env: str) -> subprocess.CompletedProcess[str]:
    """« serve » qui refuse de démarrer."""
    settings = {**os.environ, "PASSERELLE_PROFILE": "embarque", "HOST_PORT": str(free_port()), **env}
    command = [sys.executable, "-m", "server", "serve"]
    return subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True, timeout=60, check=False)


def test_a_second_server_on_the_same_state_is_refused(product: Product, tmp_path: Path) -> None:
    # Un autre dossier de poids n'y change rien : c'est l'état qui est tenu.
    state = product.cache_dir / ".passerelle"
    done = serve(MODEL_CACHE_DIR=str(tmp_path / "poids"), PASSERELLE_STATE_DIR=str(state))
    assert done.returncode == 2 and "prête" not in done.stdout
    holder = f"processus {product.process.pid} de la machine « {socket.gethostname()} »"
    assert f"PASSERELLE_STATE_DIR : « {state} » est tenu par un autre serveur ({holder})" in done.stderr
    assert product.status()["models"]


def test_the_state_of_a_server_is_closed_to_others(product: Product) -> None:
    state = product.cache_dir / ".passerelle"
    modes = {path.name: path.stat().st_mode & 0o777 for path in state.iterdir()}
    assert state.stat().st_mode & 0o777 == 0o700
    assert {"journal.sqlite", ".lock"} <= modes.keys() and set(modes.values()) == {0o600}
