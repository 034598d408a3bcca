"""Ce qu'une vérification de `doctor` a trouvé."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """Gravité."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Finding:
    """Ce qu'une vérification a trouvé."""

    name: str
    level: Level
    found: str
    advice: str = ""
