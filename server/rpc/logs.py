"""Le journal : un objet JSON par ligne, où l'identifiant de la requête vient tout seul.

Un événement porte un nom anglais stable (`rpc_finished`) et ses valeurs dans `extra` ; jamais le texte d'une requête.
Les lignes d'appels, une par requête, sont écrites ensemble ; toute autre part aussitôt, celles qui attendent d'abord.
"""

import asyncio
import contextlib
import logging
import re
import sys
import threading
import time
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import orjson

from server.log_lines import as_text

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""Identifiant de la requête en cours ; vide hors d'une requête."""
KEPT_ID = re.compile(r"[A-Za-z0-9._:\-]{1,128}")
"""Forme d'un identifiant que le client donne et que nous gardons."""

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


class TextFormatter(JsonFormatter):
    """La même ligne, à lire pour une personne."""

    def format(self, record: logging.LogRecord) -> str:
        """Ligne lisible de l'événement."""
        return as_text(super().format(record))


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


LEVEL_FILE = "log-level"
"""Fichier du dossier des prises qui dit le niveau voulu en marche ; absent : celui des réglages."""
LEVEL_SECONDS = 0.5
"""Période à laquelle un processus le relit."""


def configure_logging(
    process: str,
    *,
    level: str = "INFO",
    stream: TextIO | None = None,
    level_file: Path | None = None,
    text: bool = False,
) -> None:
    """Dirige tout le journal de ce processus, nommé `process`, vers `stream` (par défaut la sortie d'erreur).

    Args:
        level_file: fichier dont le niveau l'emporte, dès qu'il paraît et tant qu'il est là.
        text: des lignes à lire, et non du JSON.
    """
    root = logging.getLogger()
    handler = GroupedHandler(process, stream or sys.stderr)
    if text:
        handler.setFormatter(TextFormatter())
    root.handlers[:] = [handler]
    set_level(level)
    if level_file is not None:
        follow_level(level_file, level)
    logging.getLogger("grpc._cython.cygrpc").addFilter(_without_headers)


def set_level(level: str) -> None:
    """Change le niveau ; DEBUG ne vaut que pour nos lignes : une bibliothèque y écrirait des en-têtes, des requêtes."""
    logging.getLogger().setLevel(max(logging.INFO, logging.getLevelNamesMapping()[level]))
    logging.getLogger("server").setLevel(level)


def follow_level(path: Path, default: str) -> None:
    """Suit le niveau que dit ce fichier ; dans un fil à part, car un moteur qui s'ouvre tient sa boucle des minutes."""

    def follow() -> None:
        seen = default
        while True:
            level = read_level(path) or default
            if level != seen:
                set_level(level)
                logging.getLogger(__name__).warning("log_level_changed", extra={"before": seen, "after": level})
                seen = level
            time.sleep(LEVEL_SECONDS)

    threading.Thread(target=follow, name="log-level", daemon=True).start()


def read_level(path: Path) -> str:
    """Niveau que dit ce fichier ; vide s'il n'y en a pas, ou qu'il ne se lit pas."""
    try:
        level = path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
    return level if level in logging.getLevelNamesMapping() else ""


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
