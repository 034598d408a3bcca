"""Le journal : un objet JSON par ligne, où l'identifiant de la requête vient tout seul.

Un événement porte un nom anglais stable (`rpc_finished`) et ses valeurs dans `extra` ; jamais le texte d'une requête.
Les lignes d'appels, une par requête, sont écrites ensemble ; toute autre part aussitôt, celles qui attendent d'abord.
"""

import asyncio
import contextlib
import logging
import sys
import time
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


GROUPED_SECONDS = 0.05
"""Attente d'une ligne d'appel au plus."""
_GROUPED_CHARS = 32 * 1024


class GroupedHandler(logging.StreamHandler[TextIO]):
    """Écrit le journal d'un processus, les lignes d'appels réunies."""

    def __init__(self, process: str, stream: TextIO) -> None:
        super().__init__(stream)
        self.setFormatter(JsonFormatter())
        self.addFilter(_Named(process))
        self._process_name = process
        self._waiting: list[str] = []
        self._size = 0
        self._timer: asyncio.TimerHandle | None = None
        self._second, self._clock = 0, ""

    def emit(self, record: logging.LogRecord) -> None:
        """Écrit un événement, et avant lui ce qui attend."""
        self._write_waiting()
        super().emit(record)

    def call(self, logger: str, event: str, values: dict[str, object]) -> None:
        """Consigne un appel, sans les détours de `logging` : la ligne est celle de `JsonFormatter`."""
        now = time.time()
        second = int(now)
        with self.lock or contextlib.nullcontext():
            if second != self._second:
                self._second, self._clock = second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            line = {
                "time": f"{self._clock}.{int((now - second) * 1000):03d}+00:00",
                "level": "info",
                "logger": logger,
                "event": event,
                "request_id": request_id.get(),
                **values,
                "process_name": self._process_name,
            }
            text = orjson.dumps(line, default=str).decode()
            self._waiting.append(text)
            self._size += len(text)
            if self._size >= _GROUPED_CHARS:
                self.flush()
            elif self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(GROUPED_SECONDS, self.flush)

    def flush(self) -> None:
        """Écrit ce qui attend ; `logging` le demande aussi à la fin du processus."""
        with self.lock or contextlib.nullcontext():
            self._write_waiting()
        super().flush()

    def _write_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting:
            lines, self._waiting, self._size = self._waiting, [], 0
            try:
                self.stream.write("\n".join(lines) + "\n")
            except (OSError, ValueError):
                # Une sortie fermée ne doit pas coûter son appel au client ; `logging` fait de même.
                return


def log_call(logger: logging.Logger, event: str, **values: object) -> None:
    """Consigne un appel fini, avec ses voisins si rien d'autre n'écoute le journal de ce processus."""
    if not logger.isEnabledFor(logging.INFO):
        return
    match logging.root.handlers:
        case [GroupedHandler() as handler]:
            handler.call(logger.name, event, values)
        case _:
            logger.info(event, extra=values)


def configure_logging(process: str, *, level: str = "INFO", stream: TextIO | None = None) -> None:
    """Dirige tout le journal de ce processus, nommé `process`, vers `stream` (par défaut la sortie d'erreur)."""
    root = logging.getLogger()
    root.handlers[:] = [GroupedHandler(process, stream or sys.stderr)]
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
