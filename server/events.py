"""Des événements en JSON, un par ligne : ce qu'un enfant dit de lui à un autre processus, et la fin de son journal."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from server.errors import PasserelleError, error_for
from server.log_lines import OUTPUT

_TAIL_BYTES = 16 * 1024
_LINE_CHARACTERS = 300

Event = dict[str, Any]
"""`{"event": "phase" | "progress" | "failed" | "done", …}`."""


def line_of(event: Mapping[str, Any]) -> str:
    """Ligne d'un événement, fin de ligne comprise."""
    return json.dumps(event, ensure_ascii=False) + "\n"


def failed(error: PasserelleError) -> Event:
    """Événement d'un échec."""
    return {"event": "failed", "reason": error.reason, "message": error.message}


def event_of(line: str | bytes) -> Event:
    """Événement d'une ligne.

    Raises:
        PasserelleError: l'échec que dit la ligne.
    """
    event: Event = json.loads(line)
    if event["event"] == "failed":
        raise error_for(event["reason"], event["message"])
    return event


class Tail:
    """Un fichier lu au fil de l'eau, rotation comprise."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._inode = 0
        self._offset = 0
        self._rest = b""

    def read(self) -> list[str]:
        """Lignes entières écrites depuis la dernière lecture."""
        try:
            with self._path.open("rb") as file:
                inode = self._path.stat().st_ino
                if inode != self._inode:
                    self._inode, self._offset, self._rest = inode, 0, b""
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return []
        self._offset += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [line.decode(errors="replace") for line in lines]


def last_line(path: Path) -> str:
    """Dernière ligne d'un journal ; d'un événement JSON, son nom et son erreur."""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _TAIL_BYTES))
            lines = file.read().decode(errors="replace").split("\n")
    except OSError:
        return ""
    line = next((line.strip() for line in reversed(lines) if line.strip()), "")
    try:
        event = json.loads(line)
        if event.get("event") == OUTPUT:
            return str(event["text"])[:_LINE_CHARACTERS]
        texts = [str(event[name]) for name in ("event", "error") if event.get(name)]
        # La dernière ligne d'une trace est celle de l'exception.
        texts += str(event.get("exception", "")).strip().split("\n")[-1:]
        line = " : ".join(text for text in texts if text)
    except (ValueError, AttributeError, KeyError):
        pass
    return line[:_LINE_CHARACTERS]
