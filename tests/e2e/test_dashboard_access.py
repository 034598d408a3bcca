"""La clé et les points d'accès, dans un vrai Chromium, à travers Envoy."""

from tests.e2e.test_dashboard import logged, walk
from tests.support.product import Product

WRONG = "fausse-cle-d-essai"


def test_a_key_is_told_wrong_or_right_and_never_written(guarded: Product, chromium: str) -> None:
    walk("page_access.mjs", guarded, chromium, guarded.api_key, guarded.admin_key)
    written = logged(guarded)
    assert "GetAccess" in written, "le journal d'accès ne dit rien de la visite"
    for key in (guarded.api_key, guarded.admin_key, WRONG):
        assert key not in written, f"« {key} » est dans un journal"
