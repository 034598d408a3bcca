"""Le fichier d'état d'un exemplaire, que lit le plan de contrôle : une étape, un échec, ou « prêt »."""

import contextlib
import json
import threading
from pathlib import Path

from server.engines.base import LoadPhase


class StatusFile:
    """Remplacé d'un coup à chaque écriture, pour qu'un lecteur n'en voie jamais la moitié."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
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

    def failed(self, reason: str, message: str) -> None:
        """Échec de l'ouverture."""
        with self._lock:
            self._opened = True
            self._write({"event": "failed", "reason": reason, "message": message})

    def remove(self) -> None:
        """Efface le fichier."""
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()

    def _write(self, status: dict[str, object]) -> None:
        partial = self._path.with_suffix(".partial")
        partial.write_text(json.dumps(status, ensure_ascii=False), encoding="utf-8")
        partial.replace(self._path)
