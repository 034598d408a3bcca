"""Ce qui vaut pour tous les essais."""

import logging
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


@pytest.fixture(autouse=True)
def journal() -> Iterator[None]:
    """Journal rendu tel quel : un processus joué dans celui de l'essai le règle pour tous les suivants."""
    root, ours = logging.getLogger(), logging.getLogger("server")
    levels = root.level, ours.level
    yield
    root.setLevel(levels[0])
    ours.setLevel(levels[1])
    for handler in [one for one in root.handlers if type(one).__module__.startswith("server.")]:
        root.removeHandler(handler)
