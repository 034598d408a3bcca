"""Un manque véritable : plus un descripteur pour ce processus, ou pour un autre."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

_STANDARD = 3
"""Entrée, sorties : rien ne s'ouvre au-delà, et ce qui l'est déjà le reste."""


@contextmanager
def no_descriptors() -> Iterator[None]:
    """Ce processus ne peut plus rien ouvrir, le temps du bloc, même ce qu'un ramasse-miettes referme entre-temps."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (_STANDARD, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextmanager
def starved(process: psutil.Process) -> Iterator[None]:
    """Ce processus-là ne peut plus rien ouvrir ; ce qu'il tient déjà lui reste."""
    before = process.rlimit(psutil.RLIMIT_NOFILE)
    process.rlimit(psutil.RLIMIT_NOFILE, (_STANDARD, before[1]))
    try:
        yield
    finally:
        with suppress(psutil.NoSuchProcess):
            process.rlimit(psutil.RLIMIT_NOFILE, before)
