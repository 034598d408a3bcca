"""Les lignes des journaux : un objet JSON chacune, d'où qu'elles viennent, et la même à lire pour une personne.

Un processus qui écrit lui-même ses lignes (une bibliothèque, une trace, un noyau) les voit enveloppées par le
superviseur, par où passe toute sortie.
"""

import json
from datetime import UTC, datetime
from typing import Any

OUTPUT = "output"
"""Événement d'une ligne enveloppée ; `text` la porte telle quelle."""
_HEAD, _TAIL = '{"time":"', "}"
"""Début et fin d'une ligne de nos processus."""
_FIRST = ("time", "level", "process_name", "logger", "event", "exception")


def as_json(lines: str, process: str) -> str:
    """Les mêmes lignes, toutes en JSON."""
    whole = lines.startswith(_HEAD) and lines.endswith(_TAIL)
    if whole and lines.count("\n") == lines.count(f"{_TAIL}\n{_HEAD}"):
        # Le cas courant, sans en relire une.
        return lines
    return "\n".join(line if _is_event(line) else _wrapped(line, process) for line in lines.split("\n"))


def as_text(lines: str) -> str:
    """Les mêmes lignes, à lire : l'heure, le niveau, le processus, l'événement, puis ses valeurs."""
    return "\n".join(_readable(line) for line in lines.split("\n"))


def _is_event(line: str) -> bool:
    if not line.startswith("{"):
        return False
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and {"time", "event"} <= found.keys()


def _wrapped(line: str, process: str) -> str:
    wrapped = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "level": "info",
        "logger": OUTPUT,
        "event": OUTPUT,
        "text": line,
        "process_name": process,
    }
    return json.dumps(wrapped, ensure_ascii=False, separators=(",", ":"))


def _readable(line: str) -> str:
    if not _is_event(line):
        return line
    found: dict[str, Any] = json.loads(line)
    head = f"{found['time']} {str(found.get('level', '')).upper():<7} {found.get('process_name', '')}"
    if found["event"] == OUTPUT:
        return f"{head} | {found.get('text', '')}"
    values = " ".join(f"{name}={_value(value)}" for name, value in found.items() if name not in _FIRST)
    text = f"{head} {found['event']} {values}".rstrip()
    return f"{text}\n{str(found['exception']).rstrip()}" if found.get("exception") else text


def _value(value: Any) -> str:
    if isinstance(value, str) and value and " " not in value and "\n" not in value:
        return value
    return json.dumps(value, ensure_ascii=False)
