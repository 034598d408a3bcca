"""Le journal de ce processus, écrit en mémoire comme un front l'écrirait."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from server.rpc.logs import configure_logging


class Written(io.StringIO):
    """Sortie qui compte ses écritures."""

    writes = 0

    def write(self, text: str) -> int:
        self.writes += 1
        return super().write(text)

    def lines(self, event: str = "") -> list[dict[str, Any]]:
        """Lignes, ou celles d'un événement."""
        for handler in logging.root.handlers:
            handler.flush()
        found = [json.loads(line) for line in self.getvalue().splitlines()]
        return [line for line in found if event in ("", line["event"])]


@contextmanager
def journal(process: str = "front-0", *, level_file: Path | None = None) -> Iterator[Written]:
    """Le journal de ce processus, réglé comme celui d'un front."""
    root = logging.getLogger()
    handlers, level, stream = root.handlers[:], root.level, Written()
    configure_logging(process, stream=stream, level_file=level_file)
    try:
        yield stream
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
