"""Le tableau des GPU : dernière mesure, baux, mémoire des autres, GPU salis.

Ce qui est à nous, ce qui ne l'est pas
--------------------------------------
- NVML nomme nos processus : la mémoire des autres est ce qui reste une fois la nôtre ôtée.
- NVML ne les nomme pas (conteneur sans l'espace de noms de l'hôte) : la mémoire des autres est celle qui était prise
  quand le GPU n'avait aucun bail, son plancher.

Ce qui salit un GPU
-------------------
Après un déchargement, un GPU est propre quand aucun de nos processus partis n'y figure plus, et, une fois parti le
dernier exemplaire à nous, que sa mémoire qu'aucun processus vivant n'explique est revenue au plancher, à la tolérance
près. Tant qu'un voisin à nous reste, seul le premier point vaut : son contexte tient de la mémoire que NVML n'attribue
à personne, et qui varie. Un étranger qui arrive ou grossit porte son identifiant : il est montré, jamais tenu pour une
salissure.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field

from server.control.gpu.leases import Leases
from server.control.gpu.probe import GpuProbe, GpuReading
from server.control.gpu.turns import Turns

logger = logging.getLogger(__name__)

MIB = 1024**2


@dataclass(frozen=True, slots=True)
class BoardSettings:
    """Réglages du tableau."""

    tolerance_bytes: int = 64 * MIB
    """Écart admis entre la mémoire d'avant le chargement et celle d'après le déchargement."""
    release_wait: float = 30.0
    """Secondes laissées à la mémoire pour revenir, avant de tenir un GPU pour sali."""
    poll_seconds: float = 0.2
    """Période des mesures pendant cette attente."""


@dataclass(frozen=True, slots=True)
class Floor:
    """Mémoire prise sur un GPU quand il n'a aucun bail."""

    used_bytes: int
    unattributed_bytes: int

    def to_meta(self) -> list[int]:
        """Forme confiée au superviseur."""
        return [self.used_bytes, self.unattributed_bytes]


@dataclass(frozen=True, slots=True)
class Stain:
    """GPU dont la mémoire n'est pas revenue."""

    replica: str
    """Exemplaire qui l'a laissée."""
    pids: frozenset[int]
    """Processus de cet exemplaire."""
    bytes: int
    """Octets restés."""
    reason: str
    """Explication, pour une personne."""


@dataclass(slots=True)
class GpuBoard:
    """Dernier état connu des GPU ; toutes les décisions le lisent, une seule tâche le met à jour."""

    probe: GpuProbe
    pid_of: Callable[[str], int | None]
    """Processus de tête d'un exemplaire ; `None` s'il ne tourne pas."""
    group_of: Callable[[int], frozenset[int]]
    """Un processus et toute sa descendance ; peut bloquer."""
    clock: Callable[[], float]
    """Horloge monotone, en secondes."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    settings: BoardSettings = field(default_factory=BoardSettings)
    leases: Leases = field(default_factory=Leases)
    turns: Turns = field(default_factory=Turns)
    readings: dict[int, GpuReading] = field(default_factory=dict)
    floors: dict[int, Floor] = field(default_factory=dict)
    stains: dict[int, Stain] = field(default_factory=dict)
    groups: dict[str, frozenset[int]] = field(default_factory=dict)
    """Processus de chaque exemplaire, gardés après leur mort jusqu'à la preuve."""
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def refresh(self) -> None:
        """Mesure, hors de la boucle ; les mesures se suivent, la plus récente fait foi."""
        async with self._lock:
            await self._refresh()

    async def _refresh(self) -> None:
        heads = {name: pid for name in self.leases.replicas() if (pid := self.pid_of(name)) is not None}

        def read() -> tuple[tuple[GpuReading, ...], dict[str, frozenset[int]]]:
            return self.probe.read(), {name: self.group_of(pid) for name, pid in heads.items()}

        readings, groups = await asyncio.to_thread(read)
        self.groups.update((name, pids) for name, pids in groups.items() if pids and name in self.leases.replicas())
        self.readings = {reading.index: reading for reading in readings}
        for gpu, stain in list(self.stains.items()):
            if (
                gpu in self.readings
                and self.residue_bytes(gpu, stain.pids, {stain.replica}) <= self.settings.tolerance_bytes
            ):
                logger.info("gpu_clean", extra={"gpu": gpu})
                del self.stains[gpu]
        for gpu, reading in self.readings.items():
            if gpu not in self.stains and not self.leases.on(gpu):
                self.floors[gpu] = Floor(reading.used_bytes, reading.unattributed_bytes)

    def own_bytes(self, gpu: int, *, without: Collection[str] = ()) -> int | None:
        """Octets tenus par nos exemplaires sur un GPU, sauf `without` ; `None` si NVML ne nomme pas nos processus."""
        ours = {pid for lease in self.leases.on(gpu) for pid in self.groups.get(lease.replica, ())}
        listed = [process for process in self.readings[gpu].processes if process.pid in ours]
        if not listed or any(process.used_bytes is None for process in listed):
            return None
        gone = {pid for name in without for pid in self.groups.get(name, ())}
        return sum(process.used_bytes or 0 for process in listed if process.pid not in gone)

    def foreign_bytes(self, gpu: int) -> int:
        """Octets pris sur un GPU par d'autres que nous."""
        used = self.readings[gpu].used_bytes
        if not self.leases.on(gpu):
            return used
        own = self.own_bytes(gpu)
        if own is not None:
            return max(0, used - own)
        floor = self.floors.get(gpu)
        return min(used, floor.used_bytes) if floor is not None else 0

    def available_bytes(self, gpu: int, *, without: Collection[str] = ()) -> int:
        """Octets qu'un nouveau bail peut prendre, si les exemplaires `without` n'y étaient plus.

        Un bail compte pour ce qu'il réserve, même s'il n'a pas encore tout pris, et pour ce qu'il tient s'il dépasse.
        """
        reading, foreign = self.readings[gpu], self.foreign_bytes(gpu)
        reserved = self.leases.reserved(gpu, without=without)
        own = self.own_bytes(gpu, without=without)
        if own is None:
            leaving = any(lease.replica in without for lease in self.leases.on(gpu))
            own = 0 if leaving else max(0, reading.used_bytes - foreign)
        return max(0, reading.used_bytes + reading.free_bytes - foreign - max(own, reserved))

    def replica_bytes(self, replica: str) -> int | None:
        """Octets de GPU tenus par un exemplaire ; `None` si NVML ne nomme pas ses processus."""
        pids = self.groups.get(replica, frozenset())
        found = [p.used_bytes for reading in self.readings.values() for p in reading.processes if p.pid in pids]
        return sum(size or 0 for size in found) if found else None

    def owner(self, pid: int) -> str:
        """Exemplaire auquel appartient un processus ; vide s'il n'est pas à nous."""
        return next((name for name, pids in self.groups.items() if pid in pids), "")

    def residue_bytes(self, gpu: int, pids: Collection[int], replicas: Collection[str]) -> int:
        """Octets que des exemplaires arrêtés laissent sur un GPU."""
        reading = self.readings[gpu]
        survivors = [process for process in reading.processes if process.pid in pids]
        if survivors:
            return max(self.settings.tolerance_bytes + 1, sum(process.used_bytes or 0 for process in survivors))
        if self.leases.on(gpu, without=replicas):
            return 0
        floor = self.floors.get(gpu)
        return 0 if floor is None else max(0, reading.unattributed_bytes - floor.unattributed_bytes)
