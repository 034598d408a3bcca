"""La mesure des GPU : le seul endroit qui en nomme, et il ne nomme que ceux qui sont permis (`allowed.py`)."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from server.control.gpu.allowed import AllowedGpus, GpuDevice, allowed_gpus

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class GpuProcess:
    """Processus qui tient de la mémoire d'un GPU."""

    pid: int
    """Identifiant, dans l'espace de noms de l'hôte : un conteneur n'y reconnaît pas toujours les siens."""
    used_bytes: int | None
    """Octets tenus ; `None` si NVML ne le dit pas."""


@dataclass(frozen=True, slots=True)
class GpuReading:
    """Un GPU à un instant."""

    index: int
    """Position parmi les GPU permis : le seul numéro qui circule ici et dans le contrat."""
    physical_index: int
    """Numéro physique : celui de NVML, dans l'ordre du bus PCI."""
    uuid: str
    name: str
    total_bytes: int
    used_bytes: int
    """Octets pris, réserve du pilote non comprise."""
    free_bytes: int
    processes: tuple[GpuProcess, ...] = ()
    utilization_percent: float = 0.0
    temperature_celsius: float = 0.0
    power_watts: float = 0.0

    @property
    def unattributed_bytes(self) -> int:
        """Octets pris qu'aucun processus de la liste n'explique."""
        return max(0, self.used_bytes - sum(process.used_bytes or 0 for process in self.processes))


class GpuProbe(Protocol):
    """Ce qui mesure les GPU permis."""

    @property
    def allowed(self) -> AllowedGpus:
        """GPU permis ; ne change pas."""

    def read(self) -> tuple[GpuReading, ...]:
        """Ceux qui répondent, par position ; peut bloquer quelques millisecondes."""


class GpuDriver(Protocol):
    """Ce qui interroge les GPU de la machine, permis ou non."""

    def devices(self) -> tuple[GpuDevice, ...]:
        """Tous, par numéro physique."""

    def measure(self, indexes: Sequence[int]) -> tuple[GpuReading, ...]:
        """Mesure de ceux de ces numéros physiques qui répondent ; leur position vaut leur numéro."""


class AllowedProbe:
    """Suit `GpuProbe` : mesure les GPU que l'exploitant a donnés, et eux seuls."""

    def __init__(self, driver: GpuDriver, lists: Mapping[str, str]) -> None:
        """`lists` : listes de GPU données, par variable."""
        self.allowed = allowed_gpus(driver.devices(), lists)
        self._driver = driver
        self._positions = {physical: position for position, physical in self.allowed.physical.items()}
        if self.allowed.reason:
            log = logger.error if self.allowed.refused else logger.warning
            log("gpus_not_allowed", extra={"error": self.allowed.reason})

    def read(self) -> tuple[GpuReading, ...]:
        """Mesure, dans l'ordre de la liste."""
        found = self._driver.measure(list(self._positions))
        ours = [replace(reading, index=self._positions[reading.physical_index]) for reading in found]
        return tuple(sorted(ours, key=lambda reading: reading.index))
