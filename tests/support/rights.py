"""Un utilisateur sans droits, pour les refus que root ne connaît pas."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65534


@contextmanager
def open_folder() -> Iterator[Path]:
    """Dossier que tout utilisateur peut atteindre ; ceux de pytest sont fermés à tous sauf au leur."""
    folder = Path(tempfile.mkdtemp(prefix="passerelle-droits-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def unprivileged() -> Iterator[None]:
    """Perd le droit de tout écrire, le temps du bloc ; sans effet pour qui ne l'a pas."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(before)
