"""Lance et arrête le produit entier, comme le ferait une personne."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.support.tls import SSL

ROOT = Path(__file__).resolve().parents[2]
START_TIMEOUT = 90.0
STOP_TIMEOUT = 60.0
REAL_DRAIN = {"PASSERELLE_DRAIN_SECONDS": ""}
"""L'attente du produit, à l'arrêt ou au remplacement d'un front."""


@dataclass(frozen=True)
class Product:
    """Produit en marche, vu de l'extérieur."""

    base_url: str
    """Adresse d'Envoy, sans barre finale."""
    port: int
    """Port d'Envoy."""
    process: subprocess.Popen[bytes]
    """Superviseur."""
    run_dir: Path
    """Dossier des prises."""
    cache_dir: Path
    """Dossier des poids."""
    log: Path
    """Sortie du superviseur."""
    api_key: str = ""
    """Clé à présenter ; vide : accès libre."""
    admin_key: str = ""
    """Clé d'administration ; vide : accès libre."""

    @property
    def target(self) -> str:
        """Adresse pour un client gRPC."""
        return f"127.0.0.1:{self.port}"

    def http(self, key: str | None = None, timeout: float = 60.0, connections: int = 100) -> httpx.Client:
        """Client HTTP, d'au plus `connections` connexions ; `key` remplace la clé habituelle."""
        chosen = self.api_key if key is None else key
        headers = {"authorization": f"Bearer {chosen}"} if chosen else {}
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        return httpx.Client(base_url=self.base_url, headers=headers, timeout=timeout, verify=SSL, limits=limits)

    def status(self) -> dict[str, Any]:
        """État rendu par `/api/admin/status`."""
        response = httpx.get(f"{self.base_url}/api/admin/status", timeout=10, verify=SSL)
        response.raise_for_status()
        found: dict[str, Any] = response.json()["status"]
        return found

    def model(self, key: str = "qwen") -> dict[str, Any]:
        """État d'un modèle."""
        return next(m for m in self.status()["models"] if m["key"] == key)

    def admin(self, verb: str, key: str = "qwen", **body: Any) -> httpx.Response:
        """Verbe d'administration, par REST."""
        headers = {"authorization": f"Bearer {self.admin_key}"} if self.admin_key else {}
        path = f"{self.base_url}/api/admin/models/{key}/{verb}"
        return httpx.post(path, json=body, headers=headers, timeout=120, verify=SSL)

    def ensure_ready(self, key: str = "qwen") -> None:
        """Télécharge et charge un modèle s'il ne l'est pas, une fois finie l'opération en cours."""
        wait_until(lambda: not self.model(key).get("operation"), 120, f"{key} sans opération")
        if self.model(key)["state"] != "MODEL_STATE_READY":
            for verb in ("download", "load"):
                response = self.admin(verb, key, wait=True)
                assert response.status_code == 200, response.text
        wait_until(lambda: self.model(key)["state"] == "MODEL_STATE_READY", 60, f"{key} prêt")

    def processes(self) -> list[psutil.Process]:
        """Descendants vivants du superviseur."""
        return psutil.Process(self.process.pid).children(recursive=True)


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Attend une condition, au plus `seconds` secondes.

    Raises:
        AssertionError: la condition n'est pas venue.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError(f"condition jamais remplie en {seconds:g} s : {what}")


def free_port() -> int:
    """Port libre de la boucle locale."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_product(
    folder: Path,
    *,
    cache_dir: Path | None = None,
    env: Mapping[str, str] | None = None,
    python: str = sys.executable,
    port: int | None = None,
    root: Path = ROOT,
    before: Sequence[str] = (),
) -> Iterator[Product]:
    """Produit en marche, arrêté en sortie ; vérifie que rien ne reste derrière lui.

    Args:
        env: réglages de plus. Les fronts n'attendent pas qu'Envoy voie leur arrêt ; qui l'éprouve rend cette attente
            (`REAL_DRAIN`). Un modèle calcule sur un seul fil : à plusieurs sur des cœurs disputés, ses fils s'attendent.
        port: port d'Envoy ; un port libre par défaut.
        root: copie du dépôt dont le produit est lancé.
        before: commande qui le lance à sa place (`unshare`), et devient lui.
    """
    port = port or free_port()
    cache = cache_dir or folder / "cache"
    log = folder / "serve.log"
    run_base = Path("/tmp") if len(str(folder)) > 60 else folder
    settings = {
        "PASSERELLE_PROFILE": "embarque",
        "HOST_PORT": str(port),
        "MODEL_CACHE_DIR": str(cache),
        "PASSERELLE_STOP_GRACE": "20",
        "PASSERELLE_DRAIN_SECONDS": "0",
        "PASSERELLE_THREADS": "1",
        "PASSERELLE_RUN_BASE": str(run_base),
    }
    if cache_dir is not None:
        # Des poids partagés avec un autre serveur ; l'état, lui, est à chacun.
        settings["PASSERELLE_STATE_DIR"] = str(folder / "etat")
    settings |= dict(env or {})
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("PASSERELLE_")}
    for name in ("OPENAI_KEYS", "ADMIN_KEYS", "HUGGINGFACE_TOKEN", "HF_TOKEN", "ADVERTISED_HOSTS", "LAZY_LOAD_MODELS"):
        inherited.pop(name, None)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*before, python, "-m", "server", "serve"],
            cwd=root,
            env=inherited | settings,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    product = None
    try:
        scheme = "https" if "PASSERELLE_TLS_CERT" in settings else "http"
        _wait_ready(process, port, log, scheme)
        product = Product(
            base_url=f"{scheme}://127.0.0.1:{port}",
            port=port,
            process=process,
            run_dir=_run_dir(process.pid),
            cache_dir=cache,
            log=log,
            api_key=(env or {}).get("OPENAI_KEYS", "").split(",")[0],
            admin_key=(env or {}).get("ADMIN_KEYS", (env or {}).get("OPENAI_KEYS", "")).split(",")[0],
        )
        yield product
    finally:
        stop(process, product)


def stop(process: subprocess.Popen[bytes], product: Product | None) -> None:
    """Arrête le produit et vérifie qu'il ne laisse ni processus ni dossier."""
    if process.poll() is not None:
        return
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGTERM)
    try:
        code = process.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        for child in children:
            if child.is_running():
                child.kill()
        raise
    _, alive = psutil.wait_procs(children, timeout=5)
    for child in alive:
        child.kill()
    assert not alive, f"processus restés : {alive}"
    assert code == 0, f"code de sortie {code}"
    if product is not None:
        assert not product.run_dir.exists(), f"dossier resté : {product.run_dir}"


def _wait_ready(process: subprocess.Popen[bytes], port: int, log: Path, scheme: str) -> None:
    def ready() -> bool:
        if process.poll() is not None:
            raise AssertionError(f"arrêt au démarrage :\n{log.read_text(errors='replace')[-4000:]}")
        if scheme == "https":
            return "Passerelle est prête : https://" in log.read_text(errors="replace")
        try:
            return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=2, verify=SSL).status_code == 200
        except httpx.HTTPError:
            return False

    try:
        wait_until(ready, START_TIMEOUT, "produit prêt")
    except AssertionError as error:
        process.kill()
        raise AssertionError(f"{error}\n{log.read_text(errors='replace')[-4000:]}") from None


def _run_dir(pid: int) -> Path:
    for child in psutil.Process(pid).children():
        value = child.environ().get("PASSERELLE_RUN_DIR")
        if value:
            return Path(value)
    raise AssertionError("aucun enfant ne porte PASSERELLE_RUN_DIR")


def sse_events(text: str) -> list[Any]:
    """Événements d'un corps SSE ; `[DONE]` reste une chaîne."""
    events: list[Any] = []
    for block in text.split("\n\n"):
        if block.startswith("data: "):
            payload = block[6:]
            events.append(payload if payload == "[DONE]" else json.loads(payload))
    return events
