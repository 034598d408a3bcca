"""Les GPU que l'essai décrit, dans un fichier relu à chaque mesure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from server.control.weights.cache import write_json

GIB = 1024**3


@dataclass(frozen=True, slots=True)
class FakeGpu:
    """Un GPU tel qu'il serait sans le produit ; ce que tiennent les exemplaires s'y ajoute."""

    name: str = "NVIDIA H200"
    total_bytes: int = 140 * GIB
    foreign: Mapping[int, int] = field(default_factory=dict)
    """Octets tenus par d'autres programmes, par identifiant de processus."""
    unexplained_bytes: int = 0
    """Octets qu'aucun processus n'explique."""
    utilization_percent: float = 0.0
    temperature_celsius: float = 31.0
    power_watts: float = 78.0
    mig: bool = False
    """Vrai s'il est découpé en partitions."""


class Machine:
    """Le fichier qui décrit les GPU ; tout changement est vu à la mesure suivante."""

    def __init__(self, path: Path, gpus: Sequence[FakeGpu], held: Mapping[str, int]) -> None:
        """`held` : octets qu'un exemplaire d'un modèle, de clé donnée, tient sur chacun de ses GPU."""
        self.path = path
        self._gpus = list(gpus)
        self._held = dict(held)
        self._write()

    def change(self, index: int, **values: Any) -> None:
        """Change des champs d'un GPU."""
        self._gpus[index] = replace(self._gpus[index], **values)
        self._write()

    def become(self, gpus: Sequence[FakeGpu]) -> None:
        """Remplace tous les GPU, ce qu'un autre programme a écrit compris."""
        self._gpus = list(gpus)
        self._write()

    def _write(self) -> None:
        write_json(self.path, {"gpus": [asdict(gpu) for gpu in self._gpus], "held": self._held})


def read_machine(path: Path) -> tuple[list[FakeGpu], dict[str, int]]:
    """GPU et octets tenus par modèle, tels que l'essai les a écrits en dernier."""
    found = json.loads(path.read_text(encoding="utf-8"))
    gpus = [
        FakeGpu(**gpu | {"foreign": {int(pid): size for pid, size in gpu["foreign"].items()}}) for gpu in found["gpus"]
    ]
    return gpus, found["held"]
