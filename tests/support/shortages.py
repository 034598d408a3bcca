"""Un manque véritable : plus un descripteur pour ce processus, ou pour un autre."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil


@contextmanager
def no_descriptors() -> Iterator[None]:
    """Ce processus ne peut plus rien ouvrir, le temps du bloc."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    held = [os.open(os.devnull, os.O_RDONLY)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(held[0], *map(int, os.listdir("/proc/self/fd"))) + 1, hard))
    try:
        with suppress(OSError):
            while True:
                held.append(os.dup(held[0]))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for descriptor in held:
            os.close(descriptor)


@contextmanager
def starved(process: psutil.Process) -> Iterator[None]:
    """Ce processus-là ne peut plus rien ouvrir ; ce qu'il tient déjà lui reste."""
    before = process.rlimit(psutil.RLIMIT_NOFILE)
    process.rlimit(psutil.RLIMIT_NOFILE, (3, before[1]))
    try:
        yield
    finally:
        with suppress(psutil.NoSuchProcess):
            process.rlimit(psutil.RLIMIT_NOFILE, before)
