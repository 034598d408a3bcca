"""Ce qu'un exemplaire demande à chacun de ses GPU : poids, mémoire de travail, réserve."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from server.domain import ModelSpec, PlacementOptions
from server.errors import InvalidRequest
from server.tables import FieldRefused, read_table

GIB = 1024**3


@dataclass(frozen=True, slots=True)
class Need:
    """Mémoire voulue par un exemplaire sur un de ses GPU, en octets."""

    weights: int
    """Poids."""
    working: int
    """Cache KV et activations."""
    reserve: int
    """Contexte CUDA, bibliothèques, graphes."""
    short_by: int = 0
    """Octets qui manquent à la part déclarée pour loger les poids et la mémoire de travail."""

    @property
    def total(self) -> int:
        """Somme, c'est-à-dire ce que le bail réserve."""
        return self.weights + self.working + self.reserve


def check_options(options: Mapping[str, Any]) -> None:
    """Vérifie les options dont dépend le placement.

    Raises:
        InvalidRequest: parallélisme ou part de mémoire hors des limites.
    """
    try:
        read_table("options", PlacementOptions.among(options), PlacementOptions)
    except FieldRefused as error:
        metadata = {"field": error.field, "limit": error.expected, "value": str(error.value)}
        raise InvalidRequest(str(error), metadata=metadata) from error


def gpus_per_replica(spec: ModelSpec) -> int:
    """GPU qu'un exemplaire tient : parallélisme de tenseurs par parallélisme d'étages."""
    if not spec.requires_gpu:
        return 0
    options = spec.options
    return int(options.get("tensor_parallel_size", 1)) * int(options.get("pipeline_parallel_size", 1))


def need_on(spec: ModelSpec, weights_bytes: int, total_bytes: int) -> Need:
    """Besoin d'un exemplaire sur un GPU de `total_bytes` octets.

    Une part déclarée (`gpu_memory_utilization` des options, sinon `budget_gib`) borne poids et mémoire de travail
    ensemble ; sans elle, ils s'ajoutent.
    """
    memory = spec.memory
    weights = round(memory.weights_gib * GIB) or weights_bytes
    weights //= max(1, gpus_per_replica(spec))
    working, reserve = round(memory.working_gib * GIB), round(memory.reserve_gib * GIB)
    share = spec.options.get("gpu_memory_utilization")
    budget = round(float(share) * total_bytes) if share is not None else round(memory.budget_gib * GIB)
    if not budget:
        return Need(weights, working, reserve)
    return Need(weights, max(0, budget - weights), reserve, max(0, weights + working - budget))
