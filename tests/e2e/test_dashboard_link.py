"""La page à l'usage : huit onglets, le clavier seul, un produit qui s'arrête et revient, une mise à jour."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.test_dashboard import walk
from tests.support.product import ROOT, Product, running_product


def test_eight_tabs_work(product: Product, chromium: str) -> None:
    product.ensure_ready()
    walk("page_tabs.mjs", product, chromium)


def test_the_keyboard_alone_is_enough(product: Product, chromium: str) -> None:
    product.ensure_ready()
    walk("page_keyboard.mjs", product, chromium)


def test_a_page_replaced_by_an_upgrade_offers_to_reload(product: Product, chromium: str) -> None:
    product.ensure_ready()
    walk("page_upgrade.mjs", product, chromium)


def test_the_page_survives_a_restart(tmp_path: Path, chromium: str) -> None:
    with running_product(tmp_path) as first:
        assert first.admin("download", wait=True).status_code == 200
        with walking("page_restart.mjs", first, chromium) as process:
            says(process, "ouverte")
            first.process.terminate()
            assert first.process.wait(60) == 0
            says(process, "perdue")
            with running_product(tmp_path, port=first.port):
                says(process, "tout est bon")
                assert process.wait(60) == 0


@contextmanager
def walking(script: str, product: Product, chromium: str) -> Iterator[subprocess.Popen[str]]:
    """Parcours en cours, dont l'essai suit les mots ; fini en sortie, Chromium compris."""
    with subprocess.Popen(
        ["timeout", "150", "node", str(Path("e2e") / script), product.base_url, chromium],
        cwd=ROOT / "dashboard",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def says(process: subprocess.Popen[str], word: str) -> None:
    """Attend un mot du parcours.

    Raises:
        AssertionError: il a fini sans le dire ; le message porte ce que la page montrait.
    """
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    assert line == word, line + process.stdout.read()
