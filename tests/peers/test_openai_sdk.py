"""Les essais du SDK Python d'OpenAI lui-même, ceux qui ne demandent qu'un serveur, tels qu'il les publie.

Écrits pour un serveur feint, ils nomment des modèles d'OpenAI : le profil leur donne des alias. N'y sont pas ceux qui
demandent ce que le produit ne sert pas (conversations gardées, voix, fonctions d'avant les outils) ou envoient
autre chose que de l'audio.
"""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.support.product import ROOT, Product, running_product
from tools.clients import SDK

FILES = {
    "tests/api_resources/test_models.py": "not delete",
    "tests/api_resources/chat/test_completions.py": "create and not all_params",
    "tests/api_resources/test_completions.py": "not all_params",
}


PLAIN = ("-q", "-p", "no:cacheprovider", "-o", "addopts=", "-o", "filterwarnings=default")
"""Leur pytest, sans ses greffons d'ordinaire."""


@pytest.fixture(scope="module")
def aliased(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """Produit aux noms d'OpenAI, à contexte court : ces essais ne bornent pas leurs réponses."""
    folder = tmp_path_factory.mktemp("s")
    text = (ROOT / "server" / "profiles" / "embarque.toml").read_text(encoding="utf-8")
    text = text.replace('aliases = ["smollm2",', 'aliases = ["gpt-6-astra", "gpt-3.5-turbo-instruct", "model",', 1)
    text = text.replace("context_tokens = 4096", "context_tokens = 96", 1)
    text = text.replace("context_tokens_per_request = 4096", "context_tokens_per_request = 96", 1)
    profile = folder / "openai.toml"
    profile.write_text(text, encoding="utf-8")
    with running_product(folder, env={"PASSERELLE_PROFILE": str(profile)}) as product:
        product.ensure_ready()
        yield product


@pytest.mark.parametrize("file", FILES)
def test_the_sdk_passes_its_own_tests(aliased: Product, file: str) -> None:
    environ = {**os.environ, "TEST_API_BASE_URL": f"{aliased.base_url}/v1"}
    environ.pop("PYTHONPATH", None)
    done = subprocess.run(
        # Les mêmes en asynchrone, trois fois : un client de plus n'apprend rien du serveur.
        [sys.executable, "-m", "pytest", *PLAIN, file, "-k", f"not async and not Async and {FILES[file]}"],
        cwd=SDK,
        env=environ,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert " passed" in done.stdout and "skipped" not in done.stdout
