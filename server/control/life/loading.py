"""Ce qu'un ordre de chargement demande aux GPU : premier chargement, exemplaires de plus ou de moins, réveil."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from server.control.gpu.needs import gpus_per_replica
from server.control.gpu.placement import Demand, check_count
from server.control.life.choices import Choices, LoadOrder
from server.control.life.replicas import Replica
from server.control.weights.cache import Artifacts
from server.domain import ModelSpec
from server.errors import InvalidState


@dataclass(frozen=True, slots=True)
class Move:
    """Ce qu'il faut faire pour suivre un ordre."""

    choices: Choices
    """Choix une fois l'ordre suivi."""
    demand: Demand
    """Exemplaires à lancer."""
    leaving: tuple[Replica, ...] = ()
    """Exemplaires à retirer ensuite."""


def first(spec: ModelSpec, artifacts: Artifacts, choices: Choices, order: LoadOrder) -> Move:
    """Charger un modèle qui ne l'est pas.

    Raises:
        InvalidRequest: le nombre de GPU ne convient pas.
    """
    choices = _counted(choices.ordered(spec, order), spec, order)
    return Move(choices, _demand(spec, artifacts, choices, order.gpus, range(choices.replicas)))


def resize(
    spec: ModelSpec, artifacts: Artifacts, choices: Choices, order: LoadOrder, current: Sequence[Replica]
) -> Move:
    """Suivre un ordre quand des exemplaires servent déjà ; rien à lancer ni à retirer s'il est déjà suivi.

    Un exemplaire qui manque, tombé et non relancé, est rouvert. Un GPU de plus prend un exemplaire de plus ; celui dont
    les GPU ne sont plus demandés s'en va, une fois les nouveaux prêts.

    Raises:
        InvalidRequest: le nombre de GPU ne convient pas.
        InvalidState: options changées, ce qui demande un rechargement.
    """
    ordered = choices.ordered(spec, order)
    if ordered.options != choices.options:
        raise InvalidState(
            f"« {spec.key} » est chargé avec d'autres options ; déchargez-le pour les changer.",
            metadata={"field": "options", "model": spec.key},
        )
    if order.replicas is None and not order.gpus and len(current) == ordered.replicas:
        return Move(ordered, _demand(spec, artifacts, ordered, (), ()))
    ordered = _counted(ordered, spec, order)
    if order.gpus:
        kept = [one for one in current if set(one.gpus) <= set(order.gpus)]
    else:
        kept = list(current[: ordered.replicas])
    leaving = tuple(one for one in current if one not in kept)
    taken = {one.index for one in current}
    free = (index for index in range(len(current) + ordered.replicas) if index not in taken)
    indexes = tuple(index for _, index in zip(range(ordered.replicas - len(kept)), free, strict=False))
    held = tuple(gpu for one in kept for gpu in one.gpus)
    return Move(ordered, _demand(spec, artifacts, ordered, order.gpus, indexes, held), leaving)


def again(spec: ModelSpec, artifacts: Artifacts, choices: Choices, replicas: Sequence[Replica]) -> list[Demand]:
    """Reprendre les GPU d'exemplaires endormis, un par un."""
    return [_demand(spec, artifacts, choices, one.gpus, (one.index,)) for one in replicas]


def _counted(choices: Choices, spec: ModelSpec, order: LoadOrder) -> Choices:
    """Choix dont le nombre d'exemplaires suit les GPU demandés, quand l'ordre ne le dit pas."""
    per = gpus_per_replica(choices.spec(spec))
    if not order.gpus or not per:
        return choices
    if order.replicas is None:
        choices = replace(choices, replicas=max(1, len(order.gpus) // per))
    check_count(order.gpus, choices.replicas, per)
    return choices


def _demand(
    spec: ModelSpec,
    artifacts: Artifacts,
    choices: Choices,
    asked: Sequence[int],
    indexes: Sequence[int],
    kept: Sequence[int] = (),
) -> Demand:
    return Demand(
        spec=choices.spec(spec),
        weights_bytes=artifacts.total_bytes or artifacts.cached_bytes,
        indexes=tuple(indexes),
        asked=tuple(asked),
        preferred=choices.gpus,
        kept=kept,
    )
