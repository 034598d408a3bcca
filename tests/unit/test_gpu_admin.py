"""Ce que l'administration dit des GPU : état, baux, étrangers, salissures, verdict."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from passerelle.v1 import admin_pb2, model_pb2, model_verbs_pb2, operation_pb2

from server.control.life.choices import LoadOrder
from server.control.record.operations import Operation, OperationKind, OperationState
from server.control.requests.activity import Activity
from server.control.requests.window import Request
from server.control.services.admin import AdminFacts, AdminService
from server.control.services.gpu_messages import to_gpus
from server.control.services.messages import to_model, to_route
from server.control.services.orders import to_order
from server.domain import Limits
from server.errors import InvalidRequest, InvalidState, ModelNotFound
from server.rpc.auth import Guard
from tests.fakes.gpus import GIB
from tests.support.models_rig import Rig, make, spec
from tests.support.waiting import PATIENCE


def service_of(rig: Rig) -> AdminService:
    return AdminService(rig.models, rig.journal, AdminFacts(Limits(), (), Path(), 0.0, Guard((), ()), 12.5, "7515820"))


@pytest.fixture
async def rig(tmp_path: Path) -> Any:
    made = await make(tmp_path, 2)
    yield made
    for model in made.models:
        await model.aclose()
    await made.journal.aclose()


async def test_a_refused_list_is_why_the_server_is_not_ready(rig: Rig, tmp_path: Path) -> None:
    assert rig.models.gpu_refusal() == []
    rig.gpus.reason = "PASSERELLE_GPUS : « 9 » n'est aucun GPU de cette machine."
    assert rig.models.gpu_refusal() == [rig.gpus.reason]
    (tmp_path / "processeur").mkdir()
    without = await make(tmp_path / "processeur", 0, spec("p", requires_gpu=False))
    without.gpus.reason = rig.gpus.reason
    assert without.models.gpu_refusal() == []
    await without.journal.aclose()


async def test_a_stop_that_was_asked_for_is_told_at_once(rig: Rig) -> None:
    async def events() -> AsyncIterator[dict[str, str]]:
        yield {"event": "started", "name": "a-0"}
        yield {"event": "stopping"}

    watch: Any = service_of(rig).WatchStatus(admin_pb2.WatchStatusRequest(interval=Duration(seconds=60)), None)
    status = (await anext(watch)).status
    assert not status.HasField("stopping_at") and status.build == "7515820"
    await rig.models.follow(events())
    async with asyncio.timeout(PATIENCE):
        assert (await anext(watch)).status.stopping_at.seconds > 0


async def test_the_status_shows_what_requests_do_on_each_gpu(rig: Rig) -> None:
    await rig.load(gpus=(1,))
    [replica] = rig.model("a").replicas
    link: Any = replica.link
    link.load = link.load._replace(running=3, waiting=2)
    now = iter((100.0, 100.0, 101.0, *[101.0] * 9))
    activity = Activity(rig.models.gpus_of, lambda: next(now))
    activity.wrote({"a-0": 50})
    activity.told(Request(gpus=[1], first=0.5), None)
    facts = AdminFacts(Limits(), (), Path(), 0.0, Guard((), ()), 12.5, activity=activity)
    status = (await AdminService(rig.models, rig.journal, facts).GetStatus(None, None)).status
    first, second = (gpu.activity for gpu in status.gpus)
    assert (first.running, first.waiting, first.tokens_per_second, first.first_count) == (0, 0, 0, 0)
    assert not first.HasField("first_p95")
    for busy in (second, status.host.activity):
        assert (busy.running, busy.waiting, busy.tokens_per_second, busy.first_count) == (3, 2, 5, 1)
        assert busy.first_p95.ToMilliseconds() == pytest.approx(500, rel=0.05)


async def test_the_status_shows_who_holds_what(rig: Rig) -> None:
    rig.gpus.take(1, 999, 3 * GIB)
    await rig.load(gpus=(1,), pinned=True, idle_unload=90.0)
    rig.replicas.uses = 4 * GIB
    await rig.load("b", gpus=(0,))
    rig.replicas.leaks = GIB
    with pytest.raises(Exception, match="GPU 0"):
        await rig.model("b").unload().result()
    first, second = to_gpus(rig.board)
    assert first.dirty and "après l'arrêt de b-0" in first.dirty_reason and not first.leases
    assert not second.dirty and second.dirty_reason == ""
    [lease] = second.leases
    assert (lease.replica, lease.reserved_bytes, lease.exclusive) == ("a-0", 10 * GIB, False)
    assert list(second.replicas) == ["a-0"] and second.uuid == "GPU-1"
    assert (second.foreign_bytes, second.available_bytes, second.free_bytes) == (3 * GIB, 67 * GIB, 67 * GIB)
    assert {(process.replica, process.used_bytes) for process in second.processes} == {
        ("", 3 * GIB),
        ("a-0", 10 * GIB),
    }

    shown = to_model(rig.model(), rig.board)
    assert shown.pinned and shown.idle_unload.seconds == 90 and list(shown.selected_gpus) == [1]
    assert (shown.selected_replicas, shown.gpus_per_replica) == (1, 1) and shown.state_since.seconds > 0
    assert (shown.memory.weights_bytes, shown.memory.working_bytes) == (8 * GIB, GIB)
    assert shown.replicas[0].gpu_bytes == 10 * GIB and not shown.replicas[0].asleep
    assert not shown.HasField("last_used_at")


async def test_a_verdict_says_each_gpu_and_who_would_leave(rig: Rig) -> None:
    service = service_of(rig)
    rig.replicas.uses = 75 * GIB
    await rig.load("b", gpus=(0,))
    request = model_verbs_pb2.CheckLoadRequest(model="a", gpus=[0, 1])
    answer = await service.CheckLoad(request, None)
    assert not answer.fits and answer.error.reason == "GPU_BUSY" and list(answer.evictions) == ["b"]
    assert (answer.replicas, answer.gpus_per_replica) == (2, 1)
    refused, accepted = answer.gpus
    assert (refused.index, refused.replica, refused.fits, list(refused.holders)) == (0, "a-0", False, ["b-0"])
    assert refused.reason == answer.error.message and refused.needed_bytes == 10 * GIB
    assert (refused.weights_bytes, refused.working_bytes, refused.reserve_bytes) == (8 * GIB, GIB, GIB)
    assert (accepted.index, accepted.fits, accepted.reason) == (1, True, "")
    assert rig.replicas.started == ["b-0"]
    assert (await service.CheckLoad(model_verbs_pb2.CheckLoadRequest(model="a", gpus=[1]), None)).fits


async def test_a_verdict_proposes_what_fits_and_eviction_last(tmp_path: Path) -> None:
    """Le GPU du profil est plein : d'autres sont proposés, et personne ne part tant que l'un d'eux a la place."""
    rig = await make(tmp_path, 3, spec("a", gpus=(0,)), spec("b"), spec("c"))
    service = service_of(rig)
    asked = model_verbs_pb2.CheckLoadRequest(model="a")
    rig.gpus.take(0, 999, 75 * GIB)
    rig.replicas.uses = 75 * GIB
    await rig.load("b", gpus=(2,))
    proposed = await service.CheckLoad(asked, None)
    assert proposed.fits and [one.index for one in proposed.gpus] == [1] and not proposed.evictions
    await rig.load("a")
    assert rig.model("a").replicas[0].gpus == (1,) and rig.model("a").choices.gpus == (0,)
    await rig.model("a").unload().result()
    await rig.load("c", gpus=(1,))
    # Plus rien n'est libre : le verdict porte sur le GPU que le départ de « b » rendrait, non sur celui d'un étranger.
    full = await service.CheckLoad(asked, None)
    assert not full.fits and list(full.evictions) == ["b"]
    assert [(one.index, list(one.holders)) for one in full.gpus] == [(2, ["b-0"])]
    await rig.load("a", make_room=True)
    assert rig.model("a").replicas[0].gpus == (2,) and not rig.model("b").replicas
    await rig.journal.aclose()


async def test_the_verbs_answer_with_their_operation(rig: Rig) -> None:
    service = service_of(rig)
    loaded = await service.LoadModel(model_verbs_pb2.LoadModelRequest(model="a", gpus=[0], wait=True), None)
    assert loaded.operation.state == operation_pb2.OPERATION_STATE_SUCCEEDED
    [opening] = loaded.operation.phases
    assert opening.phase == "opening" and opening.HasField("duration")
    slept = await service.SleepModel(model_verbs_pb2.SleepModelRequest(model="a", wait=True), None)
    assert slept.operation.kind == operation_pb2.OPERATION_KIND_SLEEP and slept.operation.freed_bytes == 9.5 * GIB
    status = (await service.GetStatus(None, None)).status
    assert status.models[0].state == model_pb2.MODEL_STATE_ASLEEP and status.models[0].replicas[0].asleep
    woken = await service.WakeModel(model_verbs_pb2.WakeModelRequest(model="a", wait=True), None)
    assert woken.operation.kind == operation_pb2.OPERATION_KIND_WAKE
    gone = await service.UnloadModel(model_verbs_pb2.UnloadModelRequest(model="a", wait=True), None)
    assert gone.operation.freed_bytes == 10 * GIB and gone.operation.HasField("elapsed")
    with pytest.raises(InvalidRequest, match="level : 3"):
        await service.SleepModel(model_verbs_pb2.SleepModelRequest(model="a", level=3), None)


async def test_an_unasked_unload_interrupts_nobody(rig: Rig) -> None:
    service = service_of(rig)
    request = model_verbs_pb2.UnloadModelRequest(model="a", only_if_idle=True, wait=True)
    await rig.load(gpus=(0, 1))
    rig.say("a", index=1, running=2, waiting=3)
    with pytest.raises(InvalidState, match="2 en cours, 3 en attente") as caught:
        await service.UnloadModel(request, None)
    told = {name: caught.value.metadata[name] for name in ("field", "running", "waiting")}
    assert told == {"field": "only_if_idle", "running": "2", "waiting": "3"}
    assert rig.replicas.stopped == [] and rig.model().operation is None
    rig.say("a", index=1)
    gone = await service.UnloadModel(request, None)
    assert gone.operation.state == operation_pb2.OPERATION_STATE_SUCCEEDED and len(rig.replicas.stopped) == 2
    assert (await service.UnloadModel(request, None)).operation.state == operation_pb2.OPERATION_STATE_SUCCEEDED


async def test_an_unasked_unload_cancels_no_load(rig: Rig) -> None:
    rig.replicas.gate.clear()
    loading = await rig.models.load("a", LoadOrder())
    with pytest.raises(InvalidState, match=loading.id):
        await service_of(rig).UnloadModel(model_verbs_pb2.UnloadModelRequest(model="a", only_if_idle=True), None)
    assert rig.model().operation is loading
    rig.replicas.gate.set()
    await loading.result()


async def test_a_verdict_names_who_would_stop_and_the_limits_how_long_they_have(rig: Rig) -> None:
    service = service_of(rig)
    await rig.load(gpus=(0, 1))
    answer = await service.CheckLoad(model_verbs_pb2.CheckLoadRequest(model="a", gpus=[1]), None)
    assert answer.fits and list(answer.leaving) == ["a-0"]
    assert not (await service.CheckLoad(model_verbs_pb2.CheckLoadRequest(model="a"), None)).leaving
    limits = (await service.GetCapabilities(None, None)).limits
    assert limits.stop_grace.ToMilliseconds() == 12500


async def test_the_wait_of_a_load_is_announced_for_each_model(rig: Rig) -> None:
    done = Operation(OperationKind.LOAD, "a", started_at=100.0)
    rig.journal.transition(100.0, "a", "LOADING", "opening", done.id)
    done.finish(OperationState.SUCCEEDED)
    done.finished_at = 258.0
    rig.journal.save(done)
    await rig.models.restore()
    answer = await service_of(rig).GetCapabilities(None, None)
    waits = {model.key: model.load_wait.ToMilliseconds() / 1000 for model in answer.models}
    # « a » s'est chargé en 158 s, avant ce démarrage ; les 8 Gio de « b » le seraient en moins de LOAD_WAIT.
    assert (waits["a"], waits["b"]) == (237.0, 120.0)
    assert to_route(rig.model("a")).load_wait.seconds == 237
    assert (answer.limits.load_wait.seconds, answer.limits.max_load_wait.seconds) == (120, 300)


async def test_a_model_removed_from_the_profile_keeps_its_history(rig: Rig) -> None:
    service = service_of(rig)
    rig.journal.save(Operation(OperationKind.LOAD, "parti"))
    found = await service.ListOperations(operation_pb2.ListOperationsRequest(model="parti"), None)
    assert [operation.model for operation in found.operations] == ["parti"]
    with pytest.raises(ModelNotFound, match="jamais-vu"):
        await service.ListOperations(operation_pb2.ListOperationsRequest(model="jamais-vu"), None)


async def test_a_changed_option_keeps_its_default_in_sight(tmp_path: Path) -> None:
    rig = await make(tmp_path, 1, spec("a", options={"seed": 3, "file": "a.bin"}))
    await rig.load(options={"seed": 5})
    shown = to_model(rig.model(), rig.board)
    assert dict(shown.load_option_defaults) == {"seed": 3} and dict(shown.options) == {"seed": 5}
    await rig.model().aclose()
    await rig.journal.aclose()


def test_a_request_becomes_an_order() -> None:
    request = model_verbs_pb2.LoadModelRequest(
        model="a", gpus=[1, 2], replicas=2, pinned=False, idle_unload=Duration(seconds=5), make_room=True
    )
    request.options.update({"tensor_parallel_size": 2, "share": 0.5, "eager": True})
    options = {"tensor_parallel_size": 2, "share": 0.5, "eager": True}
    order = to_order(request, Limits())
    assert order == LoadOrder((1, 2), 2, options, False, 5.0, True)
    assert isinstance(order.options["tensor_parallel_size"], int) and order.options["eager"] is True
    assert to_order(model_verbs_pb2.LoadModelRequest(model="a"), Limits()) == LoadOrder()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"replicas": 0}, "replicas"),
        ({"replicas": 5}, "replicas"),
        ({"idle_unload": Duration(seconds=-1)}, "idle_unload"),
        ({"idle_unload": Duration(seconds=61)}, "idle_unload"),
        ({"options": {"a": float("nan")}}, "options"),
    ],
)
def test_an_order_out_of_bounds_names_its_field(changes: dict[str, Any], field: str) -> None:
    limits = Limits(max_replicas=4, max_idle_unload_seconds=60.0)
    with pytest.raises(InvalidRequest) as caught:
        to_order(model_verbs_pb2.LoadModelRequest(model="a", **changes), limits)
    assert caught.value.metadata["field"] == field


async def test_a_change_during_a_send_is_shown_at_once(rig: Rig) -> None:
    watch: Any = service_of(rig).WatchStatus(admin_pb2.WatchStatusRequest(interval=Duration(seconds=60)), None)
    assert (await anext(watch)).sequence == 1
    # Le premier message n'est pas encore parti que l'état change : le suivant ne doit pas attendre la période.
    rig.models.changes.notify()
    async with asyncio.timeout(PATIENCE):
        assert (await anext(watch)).sequence == 2
    await watch.aclose()
