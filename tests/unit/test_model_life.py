"""La vie d'un modèle : chaque verbe dans chaque état, les échecs, les annulations, les chutes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from server.control.life.choices import LoadOrder
from server.control.life.exits import Exit
from server.control.life.forecast import LONGEST, SHORTEST, UNKNOWN, load_wait, retry_after
from server.control.life.model import ManagedModel
from server.control.life.setbacks import FALLS
from server.control.life.state import ModelState, ModelTools
from server.control.record.journal import Journal
from server.control.record.operations import Changes, Failure, Operation, OperationKind, OperationState, Progress
from server.control.weights.cache import Artifacts
from server.domain import Capability, Limits, ModelSource, ModelSpec
from server.errors import (
    DownloadFailed,
    IntegrityMismatch,
    InvalidRequest,
    InvalidState,
    ModelLoadFailed,
    ModelLoading,
    ModelNotDownloaded,
    ModelUnloaded,
    NoGpuVisible,
    OperationCancelled,
    PasserelleError,
    WorkerKilled,
)
from tests.fakes.gpus import FakeClock, FakeGpus, board_of
from tests.fakes.replicas import FakeDownloads, FakeReplicas, intact
from tests.support.waiting import PATIENCE

SPEC = ModelSpec(
    key="m",
    capability=Capability.CHAT,
    engine="x",
    source=ModelSource("package", "p", "1"),
    display_name="M",
    requires_gpu=False,
)


def state_of(model: ManagedModel) -> ModelState:
    """État du moment, que l'analyse de types ne croit pas figé."""
    return model.state


def shown_failure(model: ManagedModel) -> Failure | None:
    """Échec du moment, de même."""
    return model.last_failure


@dataclass
class Rig:
    model: ManagedModel
    replicas: FakeReplicas
    downloads: FakeDownloads
    disk: list[Artifacts]
    tools: ModelTools
    clock: FakeClock

    def with_spec(self, *, gpus: int = 0, reason: str = "", **changes: Any) -> ManagedModel:
        board = board_of(FakeGpus(gpus, reason=reason), FakeClock(), self.replicas.pids)
        board.readings = {reading.index: reading for reading in board.probe.read()}
        tools = replace(self.tools, gpus=board)
        model = ManagedModel(replace(SPEC, **changes), tools)
        model.look(self.disk[0])
        return model


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    journal = Journal(tmp_path / "j.sqlite")
    await journal.open()
    disk = [Artifacts()]
    replicas, clock = FakeReplicas(), FakeClock()

    def downloaded() -> None:
        disk[0] = Artifacts(True, 10, 10)

    downloads = FakeDownloads(downloaded)
    fakes: Any = (replicas, downloads)
    tools = ModelTools(
        replicas=fakes[0],
        downloads=fakes[1],
        journal=journal,
        changes=Changes(),
        inspect=lambda _spec: disk[0],
        verify=intact,
        gpus=board_of(FakeGpus(0), clock),
        stop_grace=3.0,
        clock=clock,
        sleep=clock.sleep,
    )
    model = ManagedModel(SPEC, tools)
    yield Rig(model, replicas, downloads, disk, tools, clock)
    await model.aclose()
    await journal.aclose()


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


async def test_a_load_says_how_long_each_phase_took(rig: Rig) -> None:
    model, clock = rig.with_spec(auto_download=True), rig.tools.clock
    assert isinstance(clock, FakeClock)
    rig.downloads.gate.clear()
    rig.replicas.gate.clear()
    operation = model.load()
    for phase, gate, seconds in (("downloading", rig.downloads.gate, 5.0), ("opening", rig.replicas.gate, 30.0)):
        async with asyncio.timeout(PATIENCE):
            while operation.progress.phase != phase:
                await rig.tools.changes.wait(0.01)
        clock.now += seconds
        if phase == "opening":
            [running] = await rig.tools.journal.running()
            assert running.times.seconds == operation.times.seconds == {"downloading": 5.0}
        gate.set()
    await operation.result()
    [kept], _ = await rig.tools.journal.page(1)
    assert kept.times.seconds == operation.times.seconds == {"downloading": 5.0, "opening": 30.0}


async def test_a_phase_left_by_a_failure_or_a_cancel_is_counted(rig: Rig) -> None:
    rig.disk[0] = Artifacts(True, 10, 10)
    rig.model.look(rig.disk[0])
    rig.replicas.gate.clear()
    operation = rig.model.load()
    async with asyncio.timeout(PATIENCE):
        while operation.progress.phase != "opening":
            await rig.tools.changes.wait(0.01)
    assert isinstance(rig.tools.clock, FakeClock)
    rig.tools.clock.now += 7.0
    await rig.model.cancel(operation)
    assert operation.times.seconds == {"opening": 7.0}


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


async def opening(model: ManagedModel) -> None:
    """Lance un chargement, et attend qu'il en soit à ouvrir le modèle."""
    model.load()
    async with asyncio.timeout(PATIENCE):
        while model.operation is None or model.operation.progress.phase != "opening":
            await asyncio.sleep(0.005)


async def test_a_request_waits_for_its_model(rig: Rig) -> None:
    model = rig.with_spec(auto_download=True)
    rig.replicas.gate.clear()
    await opening(model)
    with pytest.raises(ModelLoading) as early:
        await model.ensure(0.05)
    assert state_of(model) is ModelState.LOADING and early.value.retry_after == UNKNOWN
    waiting = asyncio.create_task(model.ensure(5))
    rig.replicas.gate.set()
    await waiting
    assert state_of(model) is ModelState.READY and rig.replicas.started == ["m-0"]


@pytest.mark.parametrize(
    ("last", "downloading", "elapsed", "wanted"),
    [
        (None, False, 1.0, UNKNOWN),
        (40.0, False, 25.0, 15.0),
        (158.0, False, 20.0, LONGEST),
        (40.0, False, 39.9, SHORTEST),
        (40.0, False, 50.0, UNKNOWN),
        (20.0, True, 300.0, 30.0),
    ],
)
async def test_a_refused_request_is_told_when_to_come_back(
    last: float | None, downloading: bool, elapsed: float, wanted: float
) -> None:
    current = Operation(OperationKind.LOAD, "m", progress=Progress(completed=50, total=100, rate=5.0))
    found = retry_after(current, last, downloading=downloading, elapsed=elapsed)
    assert found == pytest.approx(wanted)
    for kind in (OperationKind.UNLOAD, OperationKind.WAKE):
        assert retry_after(Operation(kind, "m"), last, downloading=False, elapsed=1.0) == UNKNOWN


@pytest.mark.parametrize(
    ("last", "weights", "wanted"),
    [
        (None, 0, 120.0),
        (20.0, 0, 120.0),
        (158.0, 0, 237.0),
        (158.0, 400 * 10**9, 237.0),
        (1000.0, 0, 300.0),
        (None, 4 * 10**9, 120.0),
        (None, 62 * 10**9, 231.0),
        (None, 400 * 10**9, 300.0),
    ],
)
def test_a_request_waits_as_long_as_its_model_takes_to_load(last: float | None, weights: int, wanted: float) -> None:
    assert load_wait(last, weights, Limits()) == pytest.approx(wanted)


def test_the_wait_of_a_load_stays_within_its_two_limits() -> None:
    assert load_wait(158.0, 0, Limits(load_wait_seconds=1.0)) == pytest.approx(237.0)
    assert load_wait(158.0, 0, Limits(max_load_wait_seconds=0.0)) == 120.0
    # Une attente déjà réglée plus longue que l'autre limite reste celle qui a été choisie.
    assert load_wait(158.0, 0, Limits(load_wait_seconds=600.0)) == 600.0


async def reached(condition: Callable[[], bool]) -> None:
    """Attend une condition, avec une échéance."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.001)


async def test_each_load_is_timed_without_its_download_nor_a_replica_more(rig: Rig) -> None:
    model = rig.with_spec(auto_download=True)
    assert model.load_wait == 120.0
    rig.downloads.gate.clear()
    rig.replicas.gate.clear()
    operation = model.load()
    await reached(lambda: rig.downloads.calls == 1)
    await rig.clock.sleep(500.0)
    rig.downloads.gate.set()
    await reached(lambda: rig.replicas.started == ["m-0"])
    await rig.clock.sleep(90.0)
    rig.replicas.gate.set()
    await operation.result()
    assert model.load_seconds == 90.0 and model.load_wait == 135.0
    await model.load(LoadOrder(replicas=2)).result()
    assert model.load_seconds == 90.0
    await model.load(LoadOrder(replicas=1)).result()
    assert model.load_seconds == 90.0


async def test_the_last_load_is_what_a_waiting_request_is_told(rig: Rig) -> None:
    model = rig.with_spec(auto_download=True)
    model.load_seconds = 50.0
    rig.replicas.gate.clear()
    await opening(model)
    with pytest.raises(ModelLoading, match="réessayez dans") as caught:
        await model.ensure(0.05)
    assert UNKNOWN < (caught.value.retry_after or 0) < 50.0
    rig.replicas.gate.set()


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


async def test_a_request_whose_load_is_unloaded_is_told_so(rig: Rig) -> None:
    model = rig.with_spec(auto_download=True)
    rig.replicas.gate.clear()
    waiting = asyncio.create_task(model.ensure(30))
    await reached(lambda: rig.replicas.started == ["m-0"])
    await model.unload().result()
    with pytest.raises(ModelUnloaded, match="pendant son chargement"):
        await waiting
    # Annulé sans rien d'autre, il le dit comme cela s'est passé.
    waiting = asyncio.create_task(model.ensure(30))
    await reached(lambda: len(rig.replicas.started) == 2)
    assert model.operation is not None
    await model.cancel(model.operation)
    with pytest.raises(OperationCancelled):
        await waiting


async def test_reattached_replicas_serve_at_once(rig: Rig) -> None:
    await rig.model.reattach([{"name": "m-0", "pid": 1, "meta": {}}])
    assert state_of(rig.model) is ModelState.READY
