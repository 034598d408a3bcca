"""La place à faire, quand un chargement le demande : les modèles les moins récemment employés partent, et eux seuls."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from server.control.gpu.board import GpuBoard
from server.control.gpu.placement import Plan, plan
from server.control.life.choices import LoadOrder, Move
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


def foreseen(
    model: ManagedModel, order: LoadOrder, others: Iterable[ManagedModel], board: GpuBoard
) -> tuple[Move, Plan, Sequence[ManagedModel]]:
    """Ce qu'un ordre ferait, s'il tient, et qui devrait partir pour cela ; le refus porte alors sur la place à faire.

    Raises:
        PasserelleError: celles de `ManagedModel.foresee`.
    """
    move, found = model.foresee(order)
    if found.error is None or not (room := victims(model, order, others)):
        return move, found, []
    _, freed = model.foresee(order, without=_names(room))
    there = tuple(gpu for seat in freed.seats for gpu in seat.gpus)
    return move, plan(board, replace(move.demand, asked=there)), room


def _fits(model: ManagedModel, order: LoadOrder, gone: Iterable[ManagedModel]) -> bool:
    return model.foresee(order, without=_names(gone))[1].error is None


def _names(gone: Iterable[ManagedModel]) -> list[str]:
    return [one.id for other in gone for one in other.replicas]
