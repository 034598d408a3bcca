"""Le niveau du journal, changé en marche : un fichier que chaque processus relit, et un ordre à Envoy."""

import asyncio
import logging
import os
from pathlib import Path

from passerelle.v1 import log_level_pb2

from server.errors import InvalidRequest
from server.rpc.logs import LEVEL_FILE, read_level
from server.supervisor.envoy_admin import ask_log_level

logger = logging.getLogger(__name__)

_NAMES = {
    log_level_pb2.LOG_LEVEL_DEBUG: "DEBUG",
    log_level_pb2.LOG_LEVEL_INFO: "INFO",
    log_level_pb2.LOG_LEVEL_WARNING: "WARNING",
    log_level_pb2.LOG_LEVEL_ERROR: "ERROR",
}
_VALUES = {name: value for value, name in _NAMES.items()}
_ENVOY = {"DEBUG": "info", "INFO": "warning", "WARNING": "warning", "ERROR": "error"}
"""Niveau d'Envoy ; jamais le sien du détail, où il écrit les en-têtes, clé comprise."""


class LogLevels:
    """Niveau en vigueur."""

    def __init__(self, run_dir: Path, configured: str) -> None:
        self._path = run_dir / LEVEL_FILE
        self._envoy = run_dir / "envoy-admin.sock"
        self._configured = configured

    @property
    def name(self) -> str:
        """Son nom : `INFO`."""
        return read_level(self._path) or self._configured

    def get(self) -> log_level_pb2.GetLogLevelResponse:
        """Niveau en vigueur, et celui des réglages."""
        return log_level_pb2.GetLogLevelResponse(level=_VALUES[self.name], configured=_VALUES[self._configured])

    async def set(self, asked: "log_level_pb2.LogLevel") -> log_level_pb2.SetLogLevelResponse:
        """Change le niveau de tous les processus ; absent, celui des réglages revient.

        Raises:
            InvalidRequest: niveau qui n'existe pas.
        """
        if asked and asked not in _NAMES:
            raise InvalidRequest(
                f"level : {asked} n'est pas un niveau ({', '.join(_VALUES)}).",
                metadata={"field": "level", "value": str(asked)},
            )
        await asyncio.to_thread(self._write, _NAMES.get(asked, ""))
        try:
            await asyncio.to_thread(ask_log_level, self._envoy, _ENVOY[self.name])
        except OSError as error:
            logger.warning("envoy_log_level_kept", extra={"error": str(error)})
        return log_level_pb2.SetLogLevelResponse(level=_VALUES[self.name])

    def _write(self, level: str) -> None:
        if not level:
            self._path.unlink(missing_ok=True)
            return
        fresh = self._path.with_suffix(".new")
        fresh.write_text(level, encoding="ascii")
        os.replace(fresh, self._path)
