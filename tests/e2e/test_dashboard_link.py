"""La page à l'usage : huit onglets, le clavier seul, une mise à jour."""

from tests.e2e.test_dashboard import walk
from tests.support.product import Product


def test_eight_tabs_work(product: Product, chromium: str) -> None:
    product.ensure_ready()
    walk("page_tabs.mjs", product, chromium)


def test_the_keyboard_alone_is_enough(product: Product, chromium: str) -> None:
    product.ensure_ready()
    walk("page_keyboard.mjs", product, chromium)


def test_a_page_replaced_by_an_upgrade_offers_to_reload(product: Product, chromium: str) -> None:
    product.ensure_ready()
    walk("page_upgrade.mjs", product, chromium)
