"""Ce que tient chaque processus du produit au fil du temps : mémoire, descripteurs, fils d'exécution."""

import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np
import psutil

from tests.support.product import Product


@dataclass(frozen=True)
class Sample:
    """Un processus à un instant."""

    at: float
    """Instant (`time.monotonic`)."""
    memory: int
    """Octets résidents."""
    descriptors: int
    threads: int


@dataclass(frozen=True)
class Slope:
    """Pente d'un processus, par minute, sur la seconde moitié de ce qui en a été vu : la première remplit ses caches."""

    seconds: float
    """Durée de cette moitié."""
    memory: float
    """Octets par minute."""
    descriptors: float
    threads: float
    grown: int
    """Octets pris pendant cette moitié."""


def roles(product: Product) -> dict[str, psutil.Process]:
    """Processus durables du produit, par rôle ; les enfants du décodage n'en sont pas."""
    found = {"superviseur": psutil.Process(product.process.pid)}
    for process in product.processes():
        try:
            words = process.cmdline()
            if process.name() == "envoy":
                found["envoy"] = process
            elif words[-1:] and words[-1] in ("control", "dashboard"):
                found[words[-1]] = process
            elif words[-3:-1] == ["front", "--index"]:
                found[f"front-{words[-1]}"] = process
            elif words[-4:-3] == ["--key"]:
                found[words[-3]] = process
        except psutil.Error:
            continue
    return found


class Vitals:
    """Relève les processus le temps du bloc."""

    def __init__(self, product: Product, period: float = 1.0) -> None:
        self._product = product
        self._period = period
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="relevés")
        self.samples: dict[tuple[str, int], list[Sample]] = defaultdict(list)
        """Relevés par rôle et identifiant : un processus relancé en est un autre."""

    def __enter__(self) -> Self:
        self._look()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()
        self._look()

    def slopes(self) -> Mapping[str, Slope]:
        """Pente de chaque rôle, chez celui de ses processus qui a vécu le plus longtemps."""
        longest: dict[str, Sequence[Sample]] = {}
        for (role, _), samples in self.samples.items():
            if len(samples) > len(longest.get(role, ())):
                longest[role] = samples
        return {
            role: _slope(samples[len(samples) // 2 :]) for role, samples in sorted(longest.items()) if len(samples) > 4
        }

    def growth(self) -> Mapping[str, Sample]:
        """Ce que chaque processus a pris entre le premier relevé et le dernier."""
        return {
            f"{role} ({pid})": Sample(
                samples[-1].at - samples[0].at,
                samples[-1].memory - samples[0].memory,
                samples[-1].descriptors - samples[0].descriptors,
                samples[-1].threads - samples[0].threads,
            )
            for (role, pid), samples in self.samples.items()
        }

    def _run(self) -> None:
        while not self._stopping.wait(self._period):
            self._look()

    def _look(self) -> None:
        for role, process in roles(self._product).items():
            try:
                found = Sample(time.monotonic(), process.memory_info().rss, process.num_fds(), process.num_threads())
            except psutil.Error:
                continue
            self.samples[role, process.pid].append(found)


def _slope(samples: Sequence[Sample]) -> Slope:
    minutes = np.array([one.at for one in samples]) / 60
    columns = [[one.memory for one in samples], [one.descriptors for one in samples], [one.threads for one in samples]]
    memory, descriptors, threads = (float(np.polyfit(minutes - minutes[0], column, 1)[0]) for column in columns)
    grown = samples[-1].memory - samples[0].memory
    return Slope(60 * float(minutes[-1] - minutes[0]), memory, descriptors, threads, grown)
