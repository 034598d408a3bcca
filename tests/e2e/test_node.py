"""Le SDK Node d'OpenAI et connect-node, sans retouche ; le script est dans `dashboard/e2e/`."""

import subprocess
from pathlib import Path

from tests.support.product import ROOT, Product


def run_node(script: str, product: Product, *extra: str) -> str:
    """Joue un script Node contre un produit ; rend sa sortie.

    Raises:
        AssertionError: le script a échoué.
    """
    done = subprocess.run(
        ["node", str(Path("e2e") / script), product.base_url, product.api_key or "libre", *extra],
        cwd=ROOT / "dashboard",
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_openai_sdk_for_node(product: Product) -> None:
    product.ensure_ready()
    assert "tout est bon" in run_node("openai.mjs", product)


def test_openai_sdk_for_node_with_keys(guarded: Product) -> None:
    guarded.ensure_ready()
    assert "tout est bon" in run_node("openai_keys.mjs", guarded)
