"""La vie d'un modèle sur ses GPU : exemplaires, place à faire, inactivité, sommeil, chutes."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from server.control.life.choices import LoadOrder
from server.control.life.exits import Exit
from server.control.life.state import ModelState
from server.control.record.operations import OperationKind, OperationState
from server.domain import MemorySpec
from server.errors import (
    EngineFailed,
    GpuBusy,
    GpuDirty,
    GpuMemoryInsufficient,
    InvalidRequest,
    InvalidState,
    ModelLoadFailed,
    NoGpuVisible,
    UnsupportedOption,
)
from tests.fakes.gpus import GIB
from tests.support.models_rig import Rig, make, spec, state_of


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    made = await make(tmp_path, 8)
    yield made
    await asyncio.gather(*(model.aclose() for model in made.models))
    await made.journal.aclose()


async def test_a_load_leases_and_an_unload_tells_what_came_back(rig: Rig) -> None:
    await rig.load(gpus=(3,))
    assert rig.model().replicas[0].gpus == (3,) and rig.board.leases.reserved(3) == 10 * GIB
    operation = rig.model().unload()
    await operation.result()
    assert operation.freed_bytes == 10 * GIB and operation.elapsed == 0.0
    assert rig.board.leases.replicas() == [] and rig.gpus.held[3] == {}
    page, _ = await rig.journal.page(1)
    assert (page[0].freed_bytes, page[0].elapsed) == (10 * GIB, 0.0)


async def test_an_unload_that_leaves_memory_fails_and_blocks_the_gpu(rig: Rig) -> None:
    await rig.load(gpus=(0,))
    rig.replicas.leaks = GIB
    operation = rig.model().unload()
    with pytest.raises(GpuDirty, match="GPU 0 : 1024 Mio restent"):
        await operation.result()
    assert state_of(rig.model()) is ModelState.CACHED
    with pytest.raises(GpuDirty):
        await rig.load("b", gpus=(0,))
    await rig.load("b")
    assert rig.model("b").replicas[0].gpus == (1,)  # le choix libre l'évite
    rig.gpus.left[0] = 0
    await rig.load("c", gpus=(0,))


async def test_a_gpu_asked_twice_says_who_holds_it(rig: Rig) -> None:
    rig.replicas.uses = 75 * GIB
    await rig.load(gpus=(0,))
    with pytest.raises(GpuBusy, match="a-0") as caught:
        await rig.load("b", gpus=(0,))
    assert caught.value.metadata["holders"] == "a-0" and caught.value.metadata["field"] == "gpus"
    assert rig.replicas.started == ["a-0"]


async def test_a_load_that_fails_gives_its_lease_back(rig: Rig) -> None:
    rig.replicas.error = ModelLoadFailed("raté")
    with pytest.raises(ModelLoadFailed):
        await rig.load(gpus=(0, 1), replicas=2)
    assert rig.board.leases.replicas() == []


@pytest.mark.parametrize("count", [1, 2, 8, 16])
async def test_one_replica_per_gpu_asked(tmp_path: Path, count: int) -> None:
    rig = await make(tmp_path, count)
    await rig.load(gpus=tuple(range(count)))
    assert [one.gpus for one in rig.model().replicas] == [(gpu,) for gpu in range(count)]
    await rig.model().unload().result()
    assert all(reading.used_bytes == 0 for reading in rig.board.readings.values())
    await rig.journal.aclose()


async def test_options_change_the_gpus_of_a_replica(rig: Rig) -> None:
    await rig.load(gpus=(4, 5, 6, 7), replicas=2, options={"tensor_parallel_size": 2})
    assert [one.gpus for one in rig.model().replicas] == [(4, 5), (6, 7)]
    assert rig.board.leases.reserved(4) == 6 * GIB  # 8 Gio de poids à deux
    assert rig.replicas.specs[0].options == {"tensor_parallel_size": 2}
    choices = await rig.journal.choices()
    desired = choices.pop("desired/a")
    assert desired["seats"] == [[4, 5], [6, 7]]
    assert choices == {"gpus/a": [4, 5, 6, 7], "replicas/a": 2, "options/a": {"tensor_parallel_size": 2}}
    restored = rig.model("b").choices.restored(rig.model().spec, choices)
    assert restored == rig.model().choices
    with pytest.raises(InvalidState, match="déchargez-le"):
        await rig.load(options={"seed": 3})
    with pytest.raises(InvalidRequest, match="trust_remote_code"):
        await rig.load("b", options={"trust_remote_code": True})


async def test_replicas_are_added_and_removed_while_others_serve(rig: Rig) -> None:
    model = rig.model()
    await rig.load()
    kept = model.replicas[0]
    rig.replicas.gate.clear()
    growing = await rig.models.load("a", LoadOrder(replicas=3))
    await asyncio.sleep(0)
    assert state_of(model) is ModelState.READY and model.replicas == [kept]
    with pytest.raises(InvalidState, match=growing.id):
        await rig.models.load("a", LoadOrder(replicas=2))
    rig.replicas.gate.set()
    await growing.result()
    assert [one.id for one in model.replicas] == ["a-0", "a-1", "a-2"] and model.replicas[0] is kept
    assert {gpu for one in model.replicas for gpu in one.gpus} == {0, 1, 2}

    shrinking = await rig.load(replicas=1)
    assert model.replicas == [kept] and shrinking.freed_bytes == 20 * GIB
    assert sorted(rig.replicas.stopped) == [("a-1", 8.0), ("a-2", 8.0)]
    assert rig.board.leases.replicas() == ["a-0"]


async def test_other_gpus_move_a_replica_without_interruption(rig: Rig) -> None:
    model = rig.model()
    await rig.load(gpus=(0, 1))
    await rig.load(gpus=(1, 5))
    assert [(one.id, one.gpus) for one in model.replicas] == [("a-1", (1,)), ("a-2", (5,))]
    assert rig.replicas.stopped == [("a-0", 8.0)]
    assert (await rig.load(gpus=(1, 5))).state is OperationState.SUCCEEDED and len(rig.replicas.started) == 3


async def test_idle_models_leave_after_their_delay(rig: Rig) -> None:
    await rig.load(idle_unload=60.0)
    await rig.load("b", idle_unload=60.0, pinned=True)
    await rig.load("c")
    await rig.pass_seconds(59)
    rig.say("a", steps=4)  # une requête brève, passée entre deux battements
    await rig.pass_seconds(30)
    rig.say("a", running=1, steps=5)
    await rig.pass_seconds(59)
    await rig.pass_seconds(59)
    assert state_of(rig.model("a")) is ModelState.READY
    assert rig.model("a").usage.last_used_at is not None
    rig.say("a", steps=5)
    await rig.pass_seconds(1)
    await rig.pass_seconds(60)
    states = [state_of(rig.model(key)) for key in "abc"]
    assert states == [ModelState.CACHED, ModelState.READY, ModelState.READY]


async def test_room_is_made_only_when_asked_and_by_the_oldest(tmp_path: Path) -> None:
    rig = await make(tmp_path, 1, *(spec(key, memory=MemorySpec(weights_gib=29, reserve_gib=1)) for key in "abcd"))
    rig.replicas.uses = 30 * GIB
    await rig.load("a")
    rig.clock.now += 10
    await rig.load("b")
    with pytest.raises(GpuBusy):
        await rig.load("c")
    await rig.pass_seconds(10)
    rig.say("a", steps=1)
    await rig.pass_seconds(0)
    operation = await rig.load("c", make_room=True)
    assert operation.kind is OperationKind.LOAD
    assert [state_of(rig.model(key)) for key in "abc"] == [ModelState.READY, ModelState.CACHED, ModelState.READY]

    rig.say("a", running=1)
    await rig.load("c", pinned=True)
    await rig.pass_seconds(1)
    with pytest.raises(GpuBusy):  # l'un est occupé, l'autre épinglé : personne ne part
        await rig.load("d", make_room=True)
    assert [state_of(rig.model(key)) for key in "ac"] == [ModelState.READY, ModelState.READY]
    await rig.journal.aclose()


async def test_a_model_busy_again_keeps_its_place(tmp_path: Path) -> None:
    """Entre l'ordre et le départ, le temps d'un téléchargement, quelqu'un s'est mis à s'en servir."""
    rig = await make(tmp_path, 1, *(spec(key, memory=MemorySpec(weights_gib=59, reserve_gib=1)) for key in "ab"))
    rig.replicas.uses = 60 * GIB
    await rig.load("a")
    await rig.pass_seconds(1)
    loading = rig.model("b").load(LoadOrder(make_room=True), [rig.model("a")])
    rig.say("a", running=1)
    with pytest.raises(InvalidState, match="1 en cours"):
        await loading.result()
    assert rig.replicas.stopped == [] and state_of(rig.model("a")) is ModelState.READY
    assert rig.board.leases.replicas() == ["a-0"]
    await rig.journal.aclose()


async def test_nobody_leaves_for_nothing(tmp_path: Path) -> None:
    """Ni pour un modèle qui ne tiendrait pas, ni d'un GPU qui n'y servirait pas."""
    big = spec("big", memory=MemorySpec(weights_gib=75, reserve_gib=1))
    huge = spec("huge", memory=MemorySpec(weights_gib=90, reserve_gib=1))
    rig = await make(tmp_path, 2, spec("a"), spec("b"), big, huge)
    await rig.load("a", gpus=(0,))
    rig.clock.now += 1
    await rig.load("b", gpus=(1,))
    with pytest.raises((GpuBusy, GpuMemoryInsufficient)):
        await rig.load("huge", make_room=True)
    assert rig.replicas.stopped == []
    await rig.load("big", gpus=(1,), make_room=True)
    assert [name for name, _ in rig.replicas.stopped] == ["b-0"] and state_of(rig.model("a")) is ModelState.READY
    await rig.journal.aclose()


async def test_asleep_a_model_gives_its_memory_and_a_request_wakes_it(rig: Rig) -> None:
    model = rig.model()
    with pytest.raises(InvalidState, match="n'est pas chargé"):
        model.sleep()
    await rig.load(gpus=(0,))
    operation = model.sleep()
    assert model.sleep() is operation
    await operation.result()
    assert state_of(model) is ModelState.ASLEEP and model.replicas[0].asleep
    assert operation.freed_bytes == 10 * GIB - GIB // 2
    assert rig.board.leases.reserved(0) == GIB and model.sleep().state is OperationState.SUCCEEDED
    await model.ensure(5)
    assert state_of(model) is ModelState.READY and rig.board.leases.reserved(0) == 10 * GIB
    assert model.wake().state is OperationState.SUCCEEDED


async def test_a_model_wakes_only_if_there_is_still_room(rig: Rig) -> None:
    model, other = rig.model("a"), rig.model("b")
    await rig.load(gpus=(0,))
    await model.sleep().result()
    rig.gpus.take(0, 999, 75 * GIB)
    await rig.board.refresh()
    with pytest.raises(GpuMemoryInsufficient):
        await model.ensure(5)
    assert state_of(model) is ModelState.ASLEEP and rig.board.leases.reserved(0) == GIB
    rig.gpus.free(999)
    await rig.load("b", gpus=(0,))
    with pytest.raises(InvalidState, match="dort"):
        await rig.load(gpus=(1,))
    await rig.load(pinned=True)  # charger un modèle endormi le réveille
    assert model.choices.pinned
    assert state_of(model) is ModelState.READY and state_of(other) is ModelState.READY
    await model.unload().result()
    assert state_of(model) is ModelState.CACHED


async def test_a_request_that_reached_a_sleeper_wakes_it(rig: Rig) -> None:
    await rig.load()
    await rig.model().sleep().result()
    rig.say("a", waiting=1)
    await rig.pass_seconds(1)
    assert state_of(rig.model()) is ModelState.READY


async def test_an_engine_that_cannot_sleep_stays_ready(rig: Rig) -> None:
    await rig.load()
    rig.replicas.nap_error = UnsupportedOption("ne sait pas dormir")
    with pytest.raises(UnsupportedOption):
        await rig.model().sleep().result()
    assert state_of(rig.model()) is ModelState.READY and rig.board.leases.reserved(0) == 10 * GIB


async def test_a_gpu_that_vanished_is_said(rig: Rig) -> None:
    await rig.load(gpus=(7,))
    await rig.model().sleep().result()
    rig.gpus.count = 7
    with pytest.raises(NoGpuVisible, match="Le GPU 7 n'est plus visible"):
        await rig.model().ensure(5)
    await rig.model().unload().result()
    assert rig.board.leases.replicas() == []


async def test_replicas_that_fall_together_are_all_replaced(rig: Rig) -> None:
    model = rig.model()
    await rig.load(gpus=tuple(range(8)))
    for gpu in range(8):
        rig.replicas.crash(f"a-{gpu}")
        await model.replica_exited(f"a-{gpu}", Exit(-9), asked=False)
    await rig.settle()
    assert [one.gpus for one in model.replicas] == [(gpu,) for gpu in range(8)]
    assert model.last_failure is None
    assert model.past_failure is not None and "SIGKILL" in model.past_failure.message


async def test_two_fallen_replicas_are_both_replaced_on_their_gpus(rig: Rig) -> None:
    model = rig.model()
    await rig.load(gpus=(2, 3, 4))
    for name in ("a-0", "a-2"):
        rig.replicas.crash(name)
        await model.replica_exited(name, Exit(-9), asked=False)
    assert state_of(model) is ModelState.READY and model.last_failure is not None
    assert "tué par SIGKILL" in model.last_failure.message and "plus de mémoire" in model.last_failure.message
    await rig.settle()
    assert [(one.id, one.gpus) for one in model.replicas] == [("a-0", (2,)), ("a-1", (3,)), ("a-2", (4,))]
    assert sorted(rig.board.leases.replicas()) == ["a-0", "a-1", "a-2"] and rig.replicas.started[3:] == [
        "a-0",
        "a-2",
    ]


async def test_a_missing_replica_comes_back_when_asked(rig: Rig) -> None:
    model = rig.model()
    await rig.load(gpus=(2, 3))
    rig.replicas.crash("a-0")
    rig.replicas.error = ModelLoadFailed("raté")
    await model.replica_exited("a-0", Exit(1), asked=False)
    await rig.settle()
    assert [one.id for one in model.replicas] == ["a-1"] and state_of(model) is ModelState.READY
    assert rig.board.leases.replicas() == ["a-1"]
    rig.replicas.error = None
    await rig.load()
    assert [(one.id, one.gpus) for one in model.replicas] == [("a-0", (2,)), ("a-1", (3,))]


async def test_a_sleeper_that_falls_is_not_replaced(rig: Rig) -> None:
    model = rig.model()
    await rig.load()
    await model.sleep().result()
    rig.replicas.crash("a-0")
    await model.replica_exited("a-0", Exit(-9), asked=False)
    await rig.settle()
    assert state_of(model) is ModelState.CACHED and model.last_failure is not None
    while rig.board.leases.replicas():
        await asyncio.sleep(0.01)
    await model.ensure(5)
    assert state_of(model) is ModelState.READY


async def test_a_relaunch_cut_short_gives_its_lease_back(rig: Rig) -> None:
    """Décharger pendant qu'on attend la mémoire du tombé ne laisse aucun bail derrière soi."""
    model = rig.model()
    await rig.load(gpus=(0, 1))
    rig.replicas.leaks = GIB
    waiting, began = asyncio.Event(), asyncio.Event()

    async def sleep(seconds: float) -> None:
        rig.clock.now += seconds
        began.set()
        await waiting.wait()

    rig.board.sleep = sleep
    rig.replicas.crash("a-0")
    await model.replica_exited("a-0", Exit(1), asked=False)
    await began.wait()
    unloading = model.unload()
    rig.gpus.left.clear()
    rig.replicas.leaks = 0
    waiting.set()
    await unloading.result()
    assert rig.board.leases.replicas() == [] and state_of(model) is ModelState.CACHED


async def test_a_wake_that_fails_gives_back_what_it_took(rig: Rig) -> None:
    model = rig.model()
    await rig.load(gpus=(0,))
    await model.sleep().result()
    rig.replicas.wake_error = EngineFailed("ne s'est pas réveillé")
    waking = model.wake()
    assert rig.board.leases.reserved(0) == 10 * GIB
    with pytest.raises(EngineFailed):
        await waking.result()
    assert state_of(model) is ModelState.ASLEEP and rig.board.leases.reserved(0) == GIB


async def test_reattached_replicas_keep_their_leases_and_their_sleep(rig: Rig, tmp_path: Path) -> None:
    await rig.load(gpus=(5,))
    meta, pid = rig.replicas.metas["a-0"], rig.replicas.pids["a-0"]
    again = await make(tmp_path / "relance", 8)
    again.gpus.take(5, pid, 10 * GIB)
    again.replicas.naps = True
    await again.board.refresh()
    await again.model().reattach([{"name": "a-0", "pid": pid, "meta": meta}])
    assert state_of(again.model()) is ModelState.ASLEEP
    assert again.board.leases.of("a-0") == rig.board.leases.of("a-0")
    operation = again.model().unload()
    await operation.result()
    assert operation.freed_bytes == 10 * GIB and again.board.readings[5].used_bytes == 0
    await again.journal.aclose()


async def test_relaunches_wait_longer_then_stop_and_give_the_gpu_back(rig: Rig) -> None:
    model = rig.model()
    await rig.load()
    waits = []
    for _ in range(3):
        before = rig.clock.now
        rig.replicas.crash("a-0")
        await model.replica_exited("a-0", Exit(1), asked=False)
        await rig.settle()
        waits.append(rig.clock.now - before)
    assert waits == [0.0, 2.0, 0.0] and state_of(model) is ModelState.CACHED
    assert model.last_failure is not None and "code 1" in model.last_failure.message
    while rig.board.leases.replicas():
        await asyncio.sleep(0.01)


async def test_every_state_is_shown_and_journaled(rig: Rig, tmp_path: Path) -> None:
    model = rig.model()
    await rig.load()
    await model.sleep().result()
    await model.wake().result()
    await model.unload().result()
    await rig.journal.page(1)  # les écritures se suivent : celles d'avant sont faites
    with closing(sqlite3.connect(tmp_path / "j.sqlite")) as db:
        found = db.execute("SELECT state, phase FROM transitions WHERE model = 'a' ORDER BY seq").fetchall()
    states = [state for index, (state, _) in enumerate(found) if index == 0 or found[index - 1][0] != state]
    assert states == ["CACHED", "LOADING", "READY", "ASLEEP", "LOADING", "READY", "UNLOADING", "CACHED"]
    assert ("LOADING", "opening") in found and ("UNLOADING", "draining") in found


async def test_a_verdict_changes_nothing(rig: Rig) -> None:
    move, found = rig.model().foresee(LoadOrder(gpus=(1, 2)))
    assert [verdict.gpu for verdict in found.verdicts] == [1, 2] and found.error is None
    assert move.choices.replicas == 2 and rig.model().choices.gpus == ()
    assert rig.board.leases.replicas() == [] and rig.replicas.started == []
