"""Le fichier d'état d'un exemplaire, que suit le plan de contrôle : une ligne par étape, un échec, ou « prêt »."""

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from server.engines.base import LoadPhase
from server.errors import PasserelleError
from server.events import failed, line_of


class StatusFile:
    """Lignes ajoutées l'une après l'autre ; la première efface celles d'un prédécesseur."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._mode = "w"
        self._opened = False

    def engine_phase(self, phase: LoadPhase) -> None:
        """Étape que dit le moteur, de n'importe quel fil ; ignorée une fois qu'il est ouvert."""
        with self._lock:
            if not self._opened:
                self._write({"event": "phase", "phase": phase})

    def phase(self, phase: str, *, engine_opened: bool = True, **more: object) -> None:
        """Étape de l'exemplaire."""
        with self._lock:
            self._opened = engine_opened
            self._write({"event": "phase", "phase": phase, **more})

    def failed(self, error: PasserelleError) -> None:
        """Échec de l'ouverture."""
        with self._lock:
            self._opened = True
            self._write(failed(error))

    def remove(self) -> None:
        """Efface le fichier."""
        self._path.unlink(missing_ok=True)

    def _write(self, event: Mapping[str, Any]) -> None:
        with self._path.open(self._mode, encoding="utf-8") as file:
            file.write(line_of(event))
        self._mode = "a"
