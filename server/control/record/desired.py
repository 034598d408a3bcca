"""Ce que l'exploitant veut chargé, retenu d'un démarrage à l'autre : où, et endormi ou non.

Le nombre d'exemplaires et les GPU sont ceux des exemplaires eux-mêmes ; options et épinglage sont dans les choix.
"""

import json
import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from server.control.record.operations import Failure
from server.control.record.trouble import JournalUnavailable, explained

DESIRED, RETURN = "desired/", "return/"
"""Débuts des noms, parmi les choix du journal, de ce qui est voulu d'un modèle et d'où en est son retour."""

UNREADABLE = (AttributeError, KeyError, TypeError, ValueError)
"""Ce que lève la lecture d'un choix qu'une autre version de Passerelle a écrit autrement."""


@dataclass(frozen=True, slots=True)
class Desired:
    """Modèle voulu chargé."""

    seats: tuple[tuple[int, ...], ...]
    """GPU de chaque exemplaire."""
    asleep: int = 0
    """Profondeur du sommeil voulu ; 0 : éveillé."""
    at: float = field(default_factory=time.time)
    """Instant de l'ordre, en secondes depuis 1970."""

    @property
    def gpus(self) -> tuple[int, ...]:
        """GPU de tous les exemplaires, dans l'ordre de leurs rangs."""
        return tuple(gpu for seat in self.seats for gpu in seat)

    def kept(self) -> dict[str, Any]:
        """Forme écrite."""
        return {"seats": [list(seat) for seat in self.seats], "asleep": self.asleep, "at": self.at}

    @classmethod
    def of(cls, kept: Mapping[str, Any] | None) -> "Desired | None":
        """Ce que `kept` a écrit, ou une autre version de Passerelle ; `None` si le modèle n'est plus voulu.

        Raises:
            Exception: l'une de `UNREADABLE`, si cela ne se comprend pas.
        """
        if not kept:
            return None
        if not isinstance(kept["seats"], list):
            raise TypeError(f"seats : {kept['seats']}")
        seats = tuple(tuple(int(gpu) for gpu in seat) for seat in kept["seats"])
        return cls(seats, int(kept.get("asleep", 0)), float(kept.get("at", 0.0)))


@dataclass(frozen=True, slots=True)
class Return:
    """Où en est le retour d'un modèle voulu."""

    life: str = ""
    """Vie du serveur dont cela parle ; à la suivante, tout est à refaire."""
    tries: int = 0
    """Essais commencés."""
    broken_off: bool = False
    """Vrai d'un essai que rien n'a encore fini : s'il emporte le serveur, il compte encore à la vie suivante."""
    resting: bool = False
    """Vrai s'il n'y a plus rien à faire dans cette vie : parti de lui-même, ou abandonné."""
    failure: Failure | None = None
    """Pourquoi il est abandonné."""

    def kept(self) -> dict[str, Any]:
        """Forme écrite."""
        return asdict(self)

    @classmethod
    def of(cls, kept: Mapping[str, Any] | None) -> "Return":
        """Ce que `kept` a écrit ; ce qu'une autre version de Passerelle a écrit autrement est à refaire."""
        if not kept:
            return cls()
        try:
            failed = kept["failure"]
            failure = Failure(str(failed["reason"]), str(failed["message"]), float(failed["at"])) if failed else None
            flags = bool(kept["broken_off"]), bool(kept["resting"])
            return cls(str(kept["life"]), int(kept["tries"]), *flags, failure)
        except UNREADABLE:
            return cls()

    def at(self, life: str) -> "Return":
        """Ce qui en vaut encore dans cette vie."""
        return self if self.life == life else Return(life, self.tries if self.broken_off else 0)


def survey(journal: Path) -> dict[str, Failure | None]:
    """Modèles voulus d'après un journal que personne ne tient forcément, et pourquoi ils ne sont pas revenus.

    Raises:
        JournalUnavailable: il ne se lit pas.
    """
    query = "SELECT name, value FROM choices WHERE name LIKE ? || '%' OR name LIKE ? || '%'"
    try:
        with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as db:
            kept = {name: json.loads(value) for name, value in db.execute(query, (DESIRED, RETURN))}
    except sqlite3.Error as error:
        raise JournalUnavailable(f"{journal} : {explained(error)}") from error
    keys = [name.removeprefix(DESIRED) for name in kept if name.startswith(DESIRED)]
    return {key: Return.of(kept.get(f"{RETURN}{key}")).failure for key in keys}
