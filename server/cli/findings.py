"""Ce qu'une vérification de `doctor` a trouvé."""

from dataclasses import dataclass
from enum import StrEnum

import click


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


_MARKS = {Level.OK: ("✓", "green"), Level.WARNING: ("!", "yellow"), Level.FAILURE: ("✗", "red")}


def write(finding: Finding) -> None:
    """Écrit une ligne, et ce qu'il faut faire."""
    mark, color = _MARKS[finding.level]
    click.echo(f"{click.style(mark, fg=color)} {finding.name} : {finding.found}")
    if finding.advice:
        click.echo(f"    → {finding.advice}")
