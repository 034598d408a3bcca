"""La page, dans un vrai Chromium, à travers Envoy."""

import subprocess
from pathlib import Path

from tests.e2e.product import Product, running_product

DASHBOARD = Path(__file__).resolve().parents[2] / "dashboard"


def test_the_page_in_a_real_browser(tmp_path: Path, chromium: str) -> None:
    """Cache vide : télécharger, charger, parler, arrêter une réponse, décharger, tout par la page."""
    with running_product(tmp_path) as running:
        done = subprocess.run(
            ["node", "e2e/page.mjs", running.base_url, chromium],
            cwd=DASHBOARD,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert running.model()["state"] == "MODEL_STATE_CACHED"


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
