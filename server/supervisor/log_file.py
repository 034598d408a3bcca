"""Le journal d'un enfant : ce qui ne peut pas y être écrit est perdu, jamais l'enfant ni la sortie du superviseur."""

import contextlib
import logging
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path

logger = logging.getLogger(__name__)

LOG_BYTES = 16 * 1024 * 1024
"""Taille d'un journal avant rotation."""
LOG_FILES = 3
"""Journaux gardés après rotation."""


class LogFile:
    """Fichier en rotation, ouvert à la première ligne ; un disque plein est dit une fois, puis son retour."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = _Handler(path, maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8", delay=True)
        self._lost = 0
        with contextlib.suppress(OSError):
            # Un enfant muet a un journal vide, plutôt qu'aucun.
            path.touch()

    def write(self, lines: str) -> None:
        """Ajoute des lignes, d'une seule écriture."""
        try:
            self._file.emit(logging.makeLogRecord({"msg": lines}))
        except OSError as error:
            # Le tampon garderait la ligne refusée et la redirait à chaque écriture.
            self.close()
            if not self._lost:
                logger.error("log_unwritable", extra={"log": self._path.name, "error": str(error)})
            self._lost += 1 + lines.count("\n")
            return
        if self._lost:
            logger.warning("log_writable", extra={"log": self._path.name, "lost_lines": self._lost})
            self._lost = 0

    def close(self) -> None:
        """Ferme le fichier ; une écriture le rouvrirait."""
        with contextlib.suppress(OSError):
            self._file.close()
        self._file.stream = None


class _Handler(RotatingFileHandler):
    def handleError(self, record: logging.LogRecord) -> None:
        # `logging` écrirait ici une trace de quarante lignes, pour chaque ligne de chaque enfant.
        error = sys.exception()
        if error is not None:
            raise error
