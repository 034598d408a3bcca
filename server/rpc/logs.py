"""Le journal : un objet JSON par ligne, où l'identifiant de la requête vient tout seul.

Un événement porte un nom anglais stable (`rpc_finished`) et ses valeurs dans `extra` ; jamais le texte d'une requête.
"""

import logging
import sys
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, TextIO

import orjson

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""Identifiant de la requête en cours ; vide hors d'une requête."""

_BUILTIN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """Met un événement en une ligne JSON ; une exception y figure en entier."""

    def format(self, record: logging.LogRecord) -> str:
        """Ligne JSON de l'événement."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        current = request_id.get()
        if current:
            line["request_id"] = current
        line.update((k, v) for k, v in record.__dict__.items() if k not in _BUILTIN)
        if record.exc_info:
            line["exception"] = "".join(traceback.format_exception(*record.exc_info))
        return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def configure_logging(process: str, *, level: str = "INFO", stream: TextIO | None = None) -> None:
    """Dirige tout le journal de ce processus, nommé `process`, vers `stream` (par défaut la sortie d'erreur)."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter())
    handler.addFilter(_Named(process))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("grpc._cython.cygrpc").addFilter(_without_headers)


def _without_headers(record: logging.LogRecord) -> bool:
    """Ôte d'un événement de gRPC l'en-tête qu'il n'a pas su lire : ce peut être une clé."""
    if str(record.msg).startswith("Invalid encoding"):
        record.msg, record.args, record.exc_info = "header_unreadable", (), None
    return True


class _Named(logging.Filter):
    def __init__(self, process: str) -> None:
        super().__init__()
        self._process_name = process

    def filter(self, record: logging.LogRecord) -> bool:
        record.__dict__["process_name"] = self._process_name
        return True
