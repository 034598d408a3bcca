"""Le journal d'un exemplaire, gardé de ce qu'une bibliothèque en règle en étant importée."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def kept_levels() -> Iterator[None]:
    """Rend au journal racine et à ses sorties, en fin de bloc, les niveaux qu'ils avaient.

    `model_hosting_container_standards`, que vLLM 0.26 importe, les met à ERROR : l'exemplaire se tairait.
    """
    root = logging.getLogger()
    loggers: list[logging.Logger | logging.Handler] = [root, *root.handlers]
    levels = [one.level for one in loggers]
    try:
        yield
    finally:
        for one, level in zip(loggers, levels, strict=True):
            one.setLevel(level)
