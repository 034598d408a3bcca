"""Les filtres d'une liste d'opérations, du contrat aux valeurs."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, TypeVar

from passerelle.v1 import operation_pb2

from server.control.record.operations import OperationKind, OperationState
from server.errors import InvalidRequest

E = TypeVar("E", bound=StrEnum)


def to_kinds(numbers: Iterable[int]) -> list[OperationKind]:
    """Genres voulus.

    Raises:
        InvalidRequest: genre inconnu.
    """
    return _values("kinds", numbers, operation_pb2.OperationKind, "OPERATION_KIND_", OperationKind)


def to_states(numbers: Iterable[int]) -> list[OperationState]:
    """États voulus.

    Raises:
        InvalidRequest: état inconnu.
    """
    return _values("states", numbers, operation_pb2.OperationState, "OPERATION_STATE_", OperationState)


def _values(field: str, numbers: Iterable[int], wire: Any, prefix: str, values: type[E]) -> list[E]:
    names = {number: name.removeprefix(prefix) for name, number in wire.items()}
    found = []
    for number in numbers:
        if names.get(number) not in set(values):
            known = ", ".join(f"{prefix}{value}" for value in values)
            raise InvalidRequest(
                f"{field} : {wire.Name(number) if number in names else number} n'est pas admis ; valeurs : {known}.",
                metadata={"field": field, "value": str(number), "limit": known},
            )
        found.append(values(names[number]))
    return found
