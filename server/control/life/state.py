"""L'état d'un modèle, déduit du disque, des exemplaires et de l'opération en cours, et ce dont tous se servent."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from server.control.gpu.board import GpuBoard
from server.control.life.crew import Crew
from server.control.life.replicas import ReplicaHost
from server.control.record.journal import Journal
from server.control.record.operations import Changes, Operation, OperationKind
from server.control.weights.cache import Artifacts
from server.control.weights.downloads import Downloader
from server.domain import Limits, ModelSpec

_DOWNLOAD_PHASES = ("held", "resolving", "retrying", "downloading", "verifying")


class ModelState(StrEnum):
    """État d'un modèle."""

    UNAVAILABLE = "UNAVAILABLE"
    DOWNLOADING = "DOWNLOADING"
    CACHED = "CACHED"
    LOADING = "LOADING"
    READY = "READY"
    ASLEEP = "ASLEEP"
    UNLOADING = "UNLOADING"


@dataclass(frozen=True, slots=True)
class ModelTools:
    """Ce dont tous les modèles se servent."""

    replicas: ReplicaHost
    downloads: Downloader
    journal: Journal
    changes: Changes
    inspect: Callable[[ModelSpec], Artifacts]
    """Regarde le disque ; peut bloquer."""
    verify: Callable[[ModelSpec, Callable[[], None]], Awaitable[None]]
    """Vérifie les poids avant qu'un moteur ne les lise ; appelle la fonction donnée s'il faut les relire."""
    gpus: GpuBoard
    stop_grace: float
    """Secondes laissées aux requêtes en cours quand un modèle se décharge."""
    clock: Callable[[], float] = time.monotonic
    """Horloge monotone, en secondes."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    limits: Limits = field(default_factory=Limits)
    cache_dir: Path = field(default_factory=Path)
    """Dossier des poids."""
    life: str = ""
    """Ce qui distingue cette vie du serveur des autres ; un plan de contrôle relancé est de la même."""
    restore_attempts: int = 3
    """Essais de ramener un modèle voulu, au démarrage."""
    restore_pause: float = 10.0
    """Secondes avant le deuxième essai, doublées à chacun."""


def deduced(operation: Operation | None, crew: Crew, *, complete: bool) -> ModelState:
    """État d'un modèle ; `complete` : ses poids sont là."""
    if operation is not None and operation.kind is OperationKind.UNLOAD:
        return ModelState.UNLOADING
    if crew.ready:
        if not crew.resting:
            return ModelState.READY
        waking = operation is not None and operation.kind is OperationKind.WAKE
        return ModelState.LOADING if waking else ModelState.ASLEEP
    if operation is not None:
        downloading = operation.kind is OperationKind.DOWNLOAD or operation.progress.phase in _DOWNLOAD_PHASES
        return ModelState.DOWNLOADING if downloading else ModelState.LOADING
    return ModelState.CACHED if complete else ModelState.UNAVAILABLE
