"""La page, dans un vrai Chromium, à travers Envoy."""

import subprocess
from pathlib import Path

from tests.support.product import ROOT, Product


def walk(script: str, product: Product, chromium: str, *extra: str) -> None:
    """Joue un parcours de `dashboard/e2e/`.

    Raises:
        AssertionError: le parcours a échoué ; le message porte ce que la page montrait.
    """
    process = subprocess.Popen(
        ["node", str(Path("e2e") / script), product.base_url, chromium, *extra],
        cwd=ROOT / "dashboard",
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        output, complaints = process.communicate(timeout=200)
    except subprocess.TimeoutExpired:
        # SIGTERM, non SIGKILL : node emporte alors Chromium, qui a son propre groupe.
        process.terminate()
        output, complaints = process.communicate(timeout=20)
        raise AssertionError(f"parcours trop long :\n{output}{complaints}") from None
    assert process.returncode == 0 and "tout est bon" in output, output + complaints


def logged(product: Product) -> str:
    """Tout ce que le produit a écrit dans ses journaux."""
    files = [product.log, *(file for file in (product.run_dir / "logs").glob("*") if file.is_file())]
    return "".join(file.read_text(encoding="utf-8", errors="replace") for file in files)


def test_the_page_asks_for_a_key(guarded: Product, chromium: str) -> None:
    guarded.ensure_ready()
    walk("page_keys.mjs", guarded, chromium, guarded.admin_key)
    written = logged(guarded)
    assert "StreamChat" in written, "le journal d'accès ne dit rien de la conversation"
    assert guarded.admin_key not in written, "la clé est dans un journal"


def test_the_page_forbids_what_it_does_not_need(product: Product) -> None:
    with product.http() as http:
        page = http.get("/")
        assert page.status_code == 200 and '<html lang="fr"' in page.text
        policy = page.headers["content-security-policy"]
        nonce = policy.split("'nonce-")[1].split("'")[0]
        assert nonce in page.text and "__CSP_NONCE__" not in page.text
        assert nonce not in http.get("/").text
        assert "unsafe" not in policy and "frame-ancestors 'none'" in policy
        assert http.get("/assets/absent.js").status_code == 404
        assert http.get("/..%2f..%2fREADME.md").status_code in (400, 404)
        assert http.get("/config.json").json()["profile"] == "embarque"
        script = page.text.split('src="/assets/')[1].split('"')[0]
        assert "immutable" in http.get(f"/assets/{script}").headers["cache-control"]
