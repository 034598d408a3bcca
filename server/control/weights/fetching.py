"""Ce que tous les téléchargements partagent : leurs réglages, leur avancement, la place sur le disque."""

import shutil
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from server.domain import ModelSpec
from server.errors import DiskFull
from server.events import Event

SPARE_BYTES = 64 * 1024 * 1024
"""Place laissée libre sur le disque du cache."""

_REPORT_SECONDS = 0.1

Report = Callable[[Event], None]
"""Reçoit chaque événement d'un téléchargement."""


@dataclass(frozen=True, slots=True)
class DownloadSettings:
    """Réglages d'un téléchargement."""

    spec: ModelSpec
    """Modèle."""
    cache_dir: Path
    """Dossier du cache."""
    weights_dir: Path
    """Dossier des paquets de poids."""
    endpoint: str = "https://huggingface.co"
    """Adresse du hub."""
    token: str = field(default="", repr=False)
    """Jeton du hub ; vide : aucun."""
    hub_caches: tuple[Path, ...] = ()
    """Caches du hub que d'autres outils remplissent."""
    streams: int = 4
    """Fichiers téléchargés de front."""
    attempts: int = 5
    """Essais d'affilée sans un octet de plus."""
    retry_seconds: float = 1.0
    """Attente avant le deuxième essai ; elle double ensuite."""
    found_only: bool = False
    """Vérifie et déclare ce qui est déjà sur le disque, sans rien télécharger."""


class ProgressReport:
    """Avancement de tous les fichiers, qui ne recule jamais, envoyé dix fois par seconde au plus."""

    def __init__(self, report: Report, sizes: Mapping[str, int], *, commit: str = "") -> None:
        self._report = report
        self._sizes = dict(sizes)
        self._shown = dict.fromkeys(sizes, 0)
        self._commit = commit
        self._last = 0.0
        self._lock = threading.Lock()

    def reach(self, name: str, size: int) -> None:
        """`size` octets de ce fichier sont sur le disque ; un fichier refait ne fait pas reculer l'avancement."""
        with self._lock:
            self._shown[name] = min(max(self._shown[name], size), self._sizes[name])

    def send(self, phase: str, *, force: bool = False) -> None:
        """Envoie l'avancement, s'il ne vient pas de l'être ; quand tous les octets sont là, on vérifie."""
        with self._lock:
            now = time.monotonic()
            if not force and now - self._last < _REPORT_SECONDS:
                return
            self._last = now
            files = [
                {"name": name, "completed": self._shown[name], "total": size} for name, size in self._sizes.items()
            ]
            completed, total = sum(self._shown.values()), sum(self._sizes.values())
            phase = "verifying" if completed == total else phase
            event = {"event": "progress", "phase": phase, "completed": completed, "total": total}
            self._report({**event, "commit": self._commit, "files": files})


def check_disk(folder: Path, missing: int, *, field: str = "MODEL_CACHE_DIR") -> None:
    """Vérifie que `missing` octets tiendront, avant d'en écrire un ; `field` nomme le dossier.

    Raises:
        DiskFull: la place manque.
    """
    needed, free = missing + SPARE_BYTES if missing else 0, shutil.disk_usage(folder).free
    if free < needed:
        raise DiskFull(
            f"Il manque de la place dans {field} : {free} octets libres, {needed} nécessaires. "
            "Libérez-en, ou changez de disque ; ce qui est déjà téléchargé est gardé.",
            metadata={"field": field, "limit": str(free), "value": str(needed)},
        )
