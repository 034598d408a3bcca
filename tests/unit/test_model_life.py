"""La vie d'un modèle : chaque verbe dans chaque état, les échecs, les annulations."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from server.control.life.choices import LoadOrder
from server.control.life.exits import Exit
from server.control.life.state import ModelState
from server.control.record.operations import OperationState
from server.control.weights.cache import Artifacts
from server.domain import ModelSpec
from server.errors import (
    DownloadFailed,
    IntegrityMismatch,
    InvalidRequest,
    InvalidState,
    ModelLoadFailed,
    ModelNotDownloaded,
    NoGpuVisible,
    OperationCancelled,
    PasserelleError,
)
from tests.support.model_rig import Rig, one_model
from tests.support.models_rig import state_of


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with one_model(tmp_path) as found:
        yield found


async def test_weights_are_verified_before_each_opening(rig: Rig) -> None:
    seen: list[str] = []

    async def verify(spec: ModelSpec, rereading: Callable[[], None]) -> None:
        rereading()
        seen.append(f"{spec.key} {model.state} {model.operation.progress.phase if model.operation else ''}")
        if len(seen) == 3:
            raise IntegrityMismatch("a.bin a changé")

    rig.disk[0] = Artifacts(True, 10, 10)
    rig.tools = replace(rig.tools, verify=verify)
    model = rig.with_spec()
    await model.load().result()
    [first] = model.replicas
    await model.replica_exited(first.id, Exit(1), asked=False)
    assert model.operation is not None
    await model.operation.result()
    await model.unload().result()
    with pytest.raises(IntegrityMismatch):
        await model.load().result()
    assert seen == [f"{model.spec.key} LOADING checking"] * 3
    assert state_of(model) is ModelState.CACHED and model.replicas == []
    assert model.last_failure is not None and model.last_failure.reason == "INTEGRITY_MISMATCH"


async def test_download_load_unload(rig: Rig) -> None:
    model = rig.model
    assert state_of(model) is ModelState.UNAVAILABLE
    rig.downloads.gate.clear()
    operation = model.download()
    await asyncio.sleep(0)
    assert state_of(model) is ModelState.DOWNLOADING and model.download() is operation
    with pytest.raises(InvalidState, match=operation.id):
        model.load()
    with pytest.raises(InvalidState):
        model.unload()
    rig.downloads.gate.set()
    await operation.result()
    assert state_of(model) is ModelState.CACHED
    assert model.download().state is OperationState.SUCCEEDED and rig.downloads.calls == 1

    rig.replicas.gate.clear()
    loading = model.load()
    await asyncio.sleep(0)
    assert state_of(model) is ModelState.LOADING and model.load() is loading
    rig.replicas.gate.set()
    await loading.result()
    assert state_of(model) is ModelState.READY and model.features == ("stream",)
    assert model.context_tokens == 777, "celui du moteur chargé"
    assert model.load().state is OperationState.SUCCEEDED and rig.replicas.started == ["m-0"]

    leaving = model.unload()
    assert state_of(model) is ModelState.UNLOADING and model.unload() is leaving
    with pytest.raises(InvalidState):
        await model.cancel(leaving)
    await leaving.result()
    assert state_of(model) is ModelState.CACHED and rig.replicas.stopped == [("m-0", 8.0)]
    assert model.unload().state is OperationState.SUCCEEDED


async def test_forced_unload_does_not_wait(rig: Rig) -> None:
    rig.disk[0] = Artifacts(True, 10, 10)
    rig.model.look(rig.disk[0])
    await rig.model.load(LoadOrder(replicas=2)).result()
    await rig.model.unload(force=True).result()
    assert rig.replicas.stopped == [("m-0", 0.0), ("m-1", 0.0)]


async def test_a_cancelled_download_is_undone(rig: Rig) -> None:
    rig.downloads.gate.clear()
    operation = rig.model.download()
    await asyncio.sleep(0)
    await rig.model.cancel(operation)
    assert operation.state is OperationState.CANCELLED and state_of(rig.model) is ModelState.UNAVAILABLE
    assert rig.model.last_failure is None
    with pytest.raises(OperationCancelled):
        await operation.result()


async def test_unloading_cancels_a_load(rig: Rig) -> None:
    model = rig.with_spec(auto_download=True)
    rig.replicas.gate.clear()
    loading = model.load()
    while not rig.replicas.started:
        await asyncio.sleep(0.01)
    await model.unload().result()
    assert loading.state is OperationState.CANCELLED
    assert ("m-0", 0.0) in rig.replicas.stopped and state_of(model) is ModelState.CACHED


async def test_a_failed_download_says_why(rig: Rig) -> None:
    rig.downloads.error = DownloadFailed("plus de place")
    with pytest.raises(DownloadFailed, match="plus de place"):
        await rig.model.download().result()
    assert state_of(rig.model) is ModelState.UNAVAILABLE
    assert rig.model.last_failure is not None and rig.model.last_failure.reason == "DOWNLOAD_FAILED"


async def test_a_failed_load_is_not_tried_again_at_once(rig: Rig) -> None:
    model = rig.with_spec(auto_download=True)
    rig.replicas.error = ModelLoadFailed("mémoire insuffisante")
    for _ in range(3):
        with pytest.raises(ModelLoadFailed, match="mémoire") as caught:
            await model.ensure(5)
    assert rig.replicas.started == ["m-0"] and (caught.value.retry_after or 0) > 0
    rig.replicas.error = None
    await model.load().result()
    assert state_of(model) is ModelState.READY and model.last_failure is None


@pytest.mark.parametrize(
    ("changes", "gpus", "asked", "error"),
    [
        ({"requires_gpu": True}, 0, (), NoGpuVisible),
        ({"requires_gpu": True}, 2, (2,), InvalidRequest),
        ({"requires_gpu": True}, 2, (1, 1), InvalidRequest),
        ({}, 0, (), ModelNotDownloaded),
    ],
)
async def test_what_cannot_load_is_refused_before_anything_starts(
    rig: Rig, changes: dict[str, Any], gpus: int, asked: tuple[int, ...], error: type[PasserelleError]
) -> None:
    model = rig.with_spec(gpus=gpus, **changes)
    with pytest.raises(error):
        model.load(LoadOrder(gpus=asked))
    assert model.operation is None and rig.replicas.started == []


async def test_why_there_is_no_gpu_is_said(rig: Rig) -> None:
    with pytest.raises(NoGpuVisible, match="Vérifiez le pilote NVIDIA"):
        rig.with_spec(requires_gpu=True).load(LoadOrder())
    refused = "PASSERELLE_GPUS : « 9 » n'est aucun GPU de cette machine."
    with pytest.raises(NoGpuVisible, match=refused) as caught:
        rig.with_spec(requires_gpu=True, reason=refused).load(LoadOrder())
    assert "pilote" not in caught.value.message


async def test_chosen_gpus_are_shared_and_kept(rig: Rig) -> None:
    model = rig.with_spec(requires_gpu=True, auto_download=True, gpus=4, options={"tensor_parallel_size": 2})
    await model.load(LoadOrder(gpus=(0, 1, 2, 3), replicas=2)).result()
    assert [replica.gpus for replica in model.replicas] == [(0, 1), (2, 3)]
    assert await rig.tools.journal.choices() == {"gpus/m": [0, 1, 2, 3], "replicas/m": 2}


@pytest.mark.parametrize("force", [False, True])
async def test_an_unload_tells_its_replicas_what_their_requests_get(rig: Rig, force: bool) -> None:
    model = rig.with_spec(auto_download=True)
    await model.load(LoadOrder(replicas=2)).result()
    await model.load(LoadOrder(replicas=1)).result()
    [(name, error, now)] = rig.replicas.parted
    assert (name, error.reason, now) == ("m-1", "SHUTTING_DOWN", False) and "est retiré" in error.message
    await model.unload(force=force).result()
    name, error, now = rig.replicas.parted[-1]
    assert (name, error.reason, now) == ("m-0", "MODEL_UNLOADED", force)
    assert "« m » a été déchargé sur demande" in error.message and error.retry_after


async def test_an_idle_unload_says_why(rig: Rig) -> None:
    model = rig.with_spec(auto_download=True, idle_unload_seconds=10.0)
    await model.load().result()
    await rig.clock.sleep(11.0)
    model.watch()
    assert model.operation is not None
    await model.operation.result()
    assert "faute d'usage" in rig.replicas.parted[-1][1].message
