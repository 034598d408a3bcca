"""Les chutes d'exemplaires : relancés, abandonnés, figés, ou retrouvés par un plan de contrôle relancé."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.control.life.choices import LoadOrder
from server.control.life.exits import Exit
from server.control.life.setbacks import FALLS
from server.control.life.state import ModelState
from server.control.record.operations import OperationKind
from server.errors import ModelLoadFailed, WorkerKilled
from tests.support.model_rig import Rig, one_model, shown_failure
from tests.support.models_rig import state_of


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with one_model(tmp_path) as found:
        yield found


async def test_a_lost_replica_is_replaced_until_it_falls_too_often(rig: Rig) -> None:
    model = rig.with_spec(auto_download=True)
    await model.load().result()
    for fall in range(1, FALLS + 1):
        await model.replica_exited("m-0", Exit(-9), asked=False)
        if fall < FALLS:
            assert model.operation is not None
            await model.operation.result()
            assert state_of(model) is ModelState.READY
    assert model.operation is None and state_of(model) is ModelState.CACHED
    assert model.last_failure is not None and "3 fois" in model.last_failure.message
    with pytest.raises(WorkerKilled, match=r"tué par SIGKILL.*3 fois"):
        await model.ensure(1)


async def test_a_replica_stopped_on_purpose_is_not_replaced(rig: Rig) -> None:
    model = rig.with_spec(auto_download=True)
    await model.load().result()
    await model.replica_exited("m-0", Exit(0), asked=True)
    assert model.operation is None and rig.replicas.started == ["m-0"]


async def test_a_replica_that_does_not_answer_does_not_hold_back_the_control(rig: Rig) -> None:
    rig.replicas.error = ModelLoadFailed("L'exemplaire m-0 ne répond pas sur sa prise.")
    await rig.model.reattach([{"name": "m-0", "pid": 1, "meta": {}}])
    operation = rig.model.operation
    assert operation is not None and operation.kind is OperationKind.LOAD
    with pytest.raises(ModelLoadFailed):
        await operation.result()
    assert rig.replicas.stopped == [("m-0", 0.0)]
    assert rig.model.operation is None and not rig.model.replicas


async def test_a_frozen_replica_is_said(rig: Rig) -> None:
    model = rig.with_spec(auto_download=True)
    await model.load().result()
    await model.replica_exited("m-0", Exit(-9, frozen=True), asked=False)
    assert model.last_failure is not None and "ne répondait plus" in model.last_failure.message
    assert model.last_failure.reason == "WORKER_KILLED"
    assert model.operation is not None
    await model.operation.result()


async def test_a_death_is_history_once_the_model_is_ready_again(rig: Rig) -> None:
    model = rig.with_spec(auto_download=True)
    await model.load(LoadOrder(replicas=2)).result()
    await model.replica_exited("m-0", Exit(-9), asked=False)
    # L'autre sert encore : le modèle est prêt, mais pas entier.
    assert state_of(model) is ModelState.READY and model.operation is not None
    assert model.last_failure is not None and model.last_failure.reason == "WORKER_KILLED" and not model.past_failure
    first, fallen = model.operation, model.last_failure
    rig.replicas.gate.clear()
    await model.replica_exited("m-1", Exit(4), asked=False)
    rig.replicas.gate.set()
    await first.result()
    # La relance du premier n'efface pas la chute du second.
    assert model.last_failure is not None and model.last_failure.reason == "WORKER_LOST"
    assert model.operation is not None and model.operation.kind is OperationKind.RESTART
    await model.operation.result()
    assert shown_failure(model) is None and len(model.replicas) == 2
    assert model.past_failure is not None and model.past_failure.reason == "WORKER_LOST"
    assert fallen.at <= model.past_failure.at
    await model.unload().result()
    assert model.past_failure is not None


async def test_a_restart_that_fails_keeps_its_own_failure_in_sight(rig: Rig) -> None:
    model = rig.with_spec(auto_download=True)
    await model.load().result()
    rig.replicas.error = ModelLoadFailed("ne se rouvre pas")
    await model.replica_exited("m-0", Exit(-9), asked=False)
    assert model.operation is not None
    with pytest.raises(ModelLoadFailed):
        await model.operation.result()
    assert model.last_failure is not None and model.last_failure.reason == "MODEL_LOAD_FAILED"
    rig.replicas.error = None
    await model.load().result()
    assert model.last_failure is None
    assert model.past_failure is not None and "ne se rouvre pas" in model.past_failure.message


async def test_reattached_replicas_serve_at_once(rig: Rig) -> None:
    await rig.model.reattach([{"name": "m-0", "pid": 1, "meta": {}}])
    assert state_of(rig.model) is ModelState.READY
