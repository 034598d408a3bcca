"""La place à faire, quand un chargement le demande : les modèles les moins récemment employés partent, et eux seuls."""

from collections.abc import Iterable

from server.control.life.choices import LoadOrder
from server.control.life.model import ManagedModel


def victims(model: ManagedModel, order: LoadOrder, others: Iterable[ManagedModel]) -> list[ManagedModel]:
    """Modèles à décharger pour que l'ordre tienne ; aucun s'il tient déjà, ou s'il ne tiendrait de toute façon pas.

    Raises:
        PasserelleError: celles de `ManagedModel.foresee`.
    """
    chosen: list[ManagedModel] = []
    if _fits(model, order, chosen):
        return []
    present = [other for other in others if other is not model and any(one.gpus for one in other.replicas)]
    for other in present:
        other.usage.follow(other.replicas)
    candidates = sorted((other for other in present if other.evictable), key=lambda other: other.usage.order)
    for candidate in candidates:
        chosen.append(candidate)
        if _fits(model, order, chosen):
            break
    else:
        return []
    # Le plus ancien n'est pas toujours sur le bon GPU : ne déloger que qui sert.
    for candidate in candidates:
        rest = [other for other in chosen if other is not candidate]
        if len(rest) < len(chosen) and _fits(model, order, rest):
            chosen = rest
    return chosen


def _fits(model: ManagedModel, order: LoadOrder, gone: Iterable[ManagedModel]) -> bool:
    return model.foresee(order, without=[one.id for other in gone for one in other.replicas])[1].error is None
