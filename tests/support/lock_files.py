"""Lecture des verrous."""

import re
from pathlib import Path

_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==(\S+)")


def pins(lock: Path) -> dict[str, set[str]]:
    """Versions de chaque paquet d'un verrou ; plusieurs quand elles dépendent de celle de Python."""
    found: dict[str, set[str]] = {}
    for line in lock.read_text(encoding="utf-8").splitlines():
        match = _PIN.match(line)
        if match:
            found.setdefault(normalized(match[1]), set()).add(match[2])
    return found


def normalized(name: str) -> str:
    """Nom de paquet sous sa forme normale."""
    return re.sub(r"[-_.]+", "-", name).lower()
