"""Ce qui vaut pour tous les essais."""

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="module")
def environment() -> Iterator[None]:
    """Environnement rendu tel quel : un moteur règle celui de son processus, que le module suivant garderait."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)
