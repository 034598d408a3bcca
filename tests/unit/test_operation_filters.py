"""Les filtres d'une liste d'opérations."""

import pytest
from passerelle.v1 import operation_pb2

from server.control.record.operations import OperationKind, OperationState
from server.control.services.filters import to_kinds, to_states
from server.errors import InvalidRequest


def test_every_kind_and_state_of_the_contract_is_known() -> None:
    kinds = [number for number in operation_pb2.OperationKind.values() if number]
    states = [number for number in operation_pb2.OperationState.values() if number]
    assert set(to_kinds(kinds)) == set(OperationKind) and set(to_states(states)) == set(OperationState)


@pytest.mark.parametrize("number", [0, 99])
def test_another_value_is_refused_by_name(number: int) -> None:
    with pytest.raises(InvalidRequest, match=r"kinds : .*OPERATION_KIND_LOAD") as refused:
        to_kinds([number])
    assert refused.value.metadata["field"] == "kinds"
    with pytest.raises(InvalidRequest, match=r"states : .*OPERATION_STATE_FAILED"):
        to_states([operation_pb2.OPERATION_STATE_FAILED, number])
