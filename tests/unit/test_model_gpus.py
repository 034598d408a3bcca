"""La vie d'un modèle sur ses GPU : exemplaires, place à faire, inactivité, sommeil, chutes."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from server.control.gpu.board import GpuBoard
from server.control.life.choices import LoadOrder
from server.control.life.model import ManagedModel
from server.control.life.state import ModelState, ModelTools
from server.control.models import Models
from server.control.record.journal import Journal
from server.control.record.operations import Changes, Operation, OperationKind, OperationState
from server.control.weights.cache import Artifacts
from server.control.weights.discovery import Adoption
from server.domain import Capability, MemorySpec, ModelSource, ModelSpec, Profile
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
from server.link.client import WorkerLoad
from tests.fakes.gpus import GIB, FakeClock, FakeGpus, board_of
from tests.fakes.replicas import FakeDownloads, FakeReplicas, intact


def spec(key: str, **changes: Any) -> ModelSpec:
    values: dict[str, Any] = {
        "key": key,
        "capability": Capability.CHAT,
        "engine": "x",
        "source": ModelSource("package", "p", "1"),
        "display_name": key,
        "memory": MemorySpec(weights_gib=8, working_gib=1, reserve_gib=1),
        "load_options": ("tensor_parallel_size", "seed"),
    }
    return ModelSpec(**(values | changes))


@dataclass
class Bench:
    models: Models
    replicas: FakeReplicas
    gpus: FakeGpus
    board: GpuBoard
    clock: FakeClock
    journal: Journal

    def model(self, key: str = "a") -> ManagedModel:
        return self.models.get(key)

    async def load(self, key: str = "a", **order: Any) -> Operation:
        operation = await self.models.load(key, LoadOrder(**order))
        await operation.result()
        return operation

    def say(self, key: str, index: int = 0, **load: Any) -> None:
        """Charge annoncée par un exemplaire."""
        link: Any = self.model(key).replicas[index].link
        link.load = WorkerLoad(**load)

    async def pass_seconds(self, seconds: float) -> None:
        """Le temps passe, un battement se produit, et ce qu'il lance finit."""
        self.clock.now += seconds
        await self.board.refresh()
        for model in self.models:
            model.watch()
        await self.settle()

    async def settle(self) -> None:
        """Laisse finir ce qui est en cours."""
        for model in self.models:
            while model.operation is not None:
                await model.operation.done.wait()
                await asyncio.sleep(0)


def state_of(model: ManagedModel) -> ModelState:
    return model.state


async def make(tmp_path: Path, count: int, *specs: ModelSpec) -> Bench:
    journal = Journal(tmp_path / "j.sqlite")
    await journal.open()
    gpus, clock = FakeGpus(count), FakeClock()
    replicas = FakeReplicas(gpus)
    board = board_of(gpus, clock, replicas.pids)
    fakes: Any = (replicas, FakeDownloads(lambda: None), None, None)
    tools = ModelTools(
        replicas=fakes[0],
        downloads=fakes[1],
        journal=journal,
        changes=Changes(),
        inspect=lambda _spec: Artifacts(True, 8 * GIB, 8 * GIB),
        verify=intact,
        gpus=board,
        stop_grace=3.0,
        clock=clock,
        sleep=clock.sleep,
    )
    profile = Profile("essai", "", specs or (spec("a"), spec("b"), spec("c")))
    models = Models(
        profile,
        tools,
        fakes[2],
        fakes[3],
        adoption=Adoption(tmp_path, (), tools.downloads.adopt),
        on_exit=lambda _pid: None,
    )
    for model in models:
        model.look(Artifacts(True, 8 * GIB, 8 * GIB))
    await board.refresh()
    return Bench(models, replicas, gpus, board, clock, journal)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    made = await make(tmp_path, 8)
    yield made
    await asyncio.gather(*(model.aclose() for model in made.models))
    await made.journal.aclose()


async def test_a_load_leases_and_an_unload_tells_what_came_back(bench: Bench) -> None:
    await bench.load(gpus=(3,))
    assert bench.model().replicas[0].gpus == (3,) and bench.board.leases.reserved(3) == 10 * GIB
    operation = bench.model().unload()
    await operation.result()
    assert operation.freed_bytes == 10 * GIB and operation.elapsed == 0.0
    assert bench.board.leases.replicas() == [] and bench.gpus.held[3] == {}
    page, _ = await bench.journal.page(1)
    assert (page[0].freed_bytes, page[0].elapsed) == (10 * GIB, 0.0)


async def test_an_unload_that_leaves_memory_fails_and_blocks_the_gpu(bench: Bench) -> None:
    await bench.load(gpus=(0,))
    bench.replicas.leaks = GIB
    operation = bench.model().unload()
    with pytest.raises(GpuDirty, match="GPU 0 : 1024 Mio restent"):
        await operation.result()
    assert state_of(bench.model()) is ModelState.CACHED
    with pytest.raises(GpuDirty):
        await bench.load("b", gpus=(0,))
    await bench.load("b")
    assert bench.model("b").replicas[0].gpus == (1,)  # le choix libre l'évite
    bench.gpus.left[0] = 0
    await bench.load("c", gpus=(0,))


async def test_a_gpu_asked_twice_says_who_holds_it(bench: Bench) -> None:
    bench.replicas.uses = 75 * GIB
    await bench.load(gpus=(0,))
    with pytest.raises(GpuBusy, match="a-0") as caught:
        await bench.load("b", gpus=(0,))
    assert caught.value.metadata["holders"] == "a-0" and caught.value.metadata["field"] == "gpus"
    assert bench.replicas.started == ["a-0"]


async def test_a_load_that_fails_gives_its_lease_back(bench: Bench) -> None:
    bench.replicas.error = ModelLoadFailed("raté")
    with pytest.raises(ModelLoadFailed):
        await bench.load(gpus=(0, 1), replicas=2)
    assert bench.board.leases.replicas() == []


@pytest.mark.parametrize("count", [1, 2, 8, 16])
async def test_one_replica_per_gpu_asked(tmp_path: Path, count: int) -> None:
    bench = await make(tmp_path, count)
    await bench.load(gpus=tuple(range(count)))
    assert [one.gpus for one in bench.model().replicas] == [(gpu,) for gpu in range(count)]
    await bench.model().unload().result()
    assert all(reading.used_bytes == 0 for reading in bench.board.readings.values())
    await bench.journal.aclose()


async def test_options_change_the_gpus_of_a_replica(bench: Bench) -> None:
    await bench.load(gpus=(4, 5, 6, 7), replicas=2, options={"tensor_parallel_size": 2})
    assert [one.gpus for one in bench.model().replicas] == [(4, 5), (6, 7)]
    assert bench.board.leases.reserved(4) == 6 * GIB  # 8 Gio de poids à deux
    assert bench.replicas.specs[0].options == {"tensor_parallel_size": 2}
    choices = await bench.journal.choices()
    assert choices == {"gpus/a": [4, 5, 6, 7], "replicas/a": 2, "options/a": {"tensor_parallel_size": 2}}
    restored = bench.model("b").choices.restored(bench.model().spec, choices)
    assert restored == bench.model().choices
    with pytest.raises(InvalidState, match="déchargez-le"):
        await bench.load(options={"seed": 3})
    with pytest.raises(InvalidRequest, match="trust_remote_code"):
        await bench.load("b", options={"trust_remote_code": True})


async def test_replicas_are_added_and_removed_while_others_serve(bench: Bench) -> None:
    model = bench.model()
    await bench.load()
    kept = model.replicas[0]
    bench.replicas.gate.clear()
    growing = await bench.models.load("a", LoadOrder(replicas=3))
    await asyncio.sleep(0)
    assert state_of(model) is ModelState.READY and model.replicas == [kept]
    with pytest.raises(InvalidState, match=growing.id):
        await bench.models.load("a", LoadOrder(replicas=2))
    bench.replicas.gate.set()
    await growing.result()
    assert [one.id for one in model.replicas] == ["a-0", "a-1", "a-2"] and model.replicas[0] is kept
    assert {gpu for one in model.replicas for gpu in one.gpus} == {0, 1, 2}

    shrinking = await bench.load(replicas=1)
    assert model.replicas == [kept] and shrinking.freed_bytes == 20 * GIB
    assert sorted(bench.replicas.stopped) == [("a-1", 8.0), ("a-2", 8.0)]
    assert bench.board.leases.replicas() == ["a-0"]


async def test_other_gpus_move_a_replica_without_interruption(bench: Bench) -> None:
    model = bench.model()
    await bench.load(gpus=(0, 1))
    await bench.load(gpus=(1, 5))
    assert [(one.id, one.gpus) for one in model.replicas] == [("a-1", (1,)), ("a-2", (5,))]
    assert bench.replicas.stopped == [("a-0", 8.0)]
    assert (await bench.load(gpus=(1, 5))).state is OperationState.SUCCEEDED and len(bench.replicas.started) == 3


async def test_idle_models_leave_after_their_delay(bench: Bench) -> None:
    await bench.load(idle_unload=60.0)
    await bench.load("b", idle_unload=60.0, pinned=True)
    await bench.load("c")
    await bench.pass_seconds(59)
    bench.say("a", steps=4)  # une requête brève, passée entre deux battements
    await bench.pass_seconds(30)
    bench.say("a", running=1, steps=5)
    await bench.pass_seconds(59)
    await bench.pass_seconds(59)
    assert state_of(bench.model("a")) is ModelState.READY
    assert bench.model("a").usage.last_used_at is not None
    bench.say("a", steps=5)
    await bench.pass_seconds(1)
    await bench.pass_seconds(60)
    states = [state_of(bench.model(key)) for key in "abc"]
    assert states == [ModelState.CACHED, ModelState.READY, ModelState.READY]


async def test_room_is_made_only_when_asked_and_by_the_oldest(tmp_path: Path) -> None:
    bench = await make(tmp_path, 1, *(spec(key, memory=MemorySpec(weights_gib=29, reserve_gib=1)) for key in "abcd"))
    bench.replicas.uses = 30 * GIB
    await bench.load("a")
    bench.clock.now += 10
    await bench.load("b")
    with pytest.raises(GpuBusy):
        await bench.load("c")
    await bench.pass_seconds(10)
    bench.say("a", steps=1)
    await bench.pass_seconds(0)
    operation = await bench.load("c", make_room=True)
    assert operation.kind is OperationKind.LOAD
    assert [state_of(bench.model(key)) for key in "abc"] == [ModelState.READY, ModelState.CACHED, ModelState.READY]

    bench.say("a", running=1)
    await bench.load("c", pinned=True)
    await bench.pass_seconds(1)
    with pytest.raises(GpuBusy):  # l'un est occupé, l'autre épinglé : personne ne part
        await bench.load("d", make_room=True)
    assert [state_of(bench.model(key)) for key in "ac"] == [ModelState.READY, ModelState.READY]
    await bench.journal.aclose()


async def test_a_model_busy_again_keeps_its_place(tmp_path: Path) -> None:
    """Entre l'ordre et le départ, le temps d'un téléchargement, quelqu'un s'est mis à s'en servir."""
    bench = await make(tmp_path, 1, *(spec(key, memory=MemorySpec(weights_gib=59, reserve_gib=1)) for key in "ab"))
    bench.replicas.uses = 60 * GIB
    await bench.load("a")
    await bench.pass_seconds(1)
    loading = await bench.models.load("b", LoadOrder(make_room=True))
    bench.say("a", running=1)
    with pytest.raises(InvalidState, match="1 en cours"):
        await loading.result()
    assert bench.replicas.stopped == [] and state_of(bench.model("a")) is ModelState.READY
    assert bench.board.leases.replicas() == ["a-0"]
    await bench.journal.aclose()


async def test_nobody_leaves_for_nothing(tmp_path: Path) -> None:
    """Ni pour un modèle qui ne tiendrait pas, ni d'un GPU qui n'y servirait pas."""
    big = spec("big", memory=MemorySpec(weights_gib=75, reserve_gib=1))
    huge = spec("huge", memory=MemorySpec(weights_gib=90, reserve_gib=1))
    bench = await make(tmp_path, 2, spec("a"), spec("b"), big, huge)
    await bench.load("a", gpus=(0,))
    bench.clock.now += 1
    await bench.load("b", gpus=(1,))
    with pytest.raises((GpuBusy, GpuMemoryInsufficient)):
        await bench.load("huge", make_room=True)
    assert bench.replicas.stopped == []
    await bench.load("big", gpus=(1,), make_room=True)
    assert [name for name, _ in bench.replicas.stopped] == ["b-0"] and state_of(bench.model("a")) is ModelState.READY
    await bench.journal.aclose()


async def test_asleep_a_model_gives_its_memory_and_a_request_wakes_it(bench: Bench) -> None:
    model = bench.model()
    with pytest.raises(InvalidState, match="n'est pas chargé"):
        model.sleep()
    await bench.load(gpus=(0,))
    operation = model.sleep()
    assert model.sleep() is operation
    await operation.result()
    assert state_of(model) is ModelState.ASLEEP and model.replicas[0].asleep
    assert operation.freed_bytes == 10 * GIB - GIB // 2
    assert bench.board.leases.reserved(0) == GIB and model.sleep().state is OperationState.SUCCEEDED
    await model.ensure(5)
    assert state_of(model) is ModelState.READY and bench.board.leases.reserved(0) == 10 * GIB
    assert model.wake().state is OperationState.SUCCEEDED


async def test_a_model_wakes_only_if_there_is_still_room(bench: Bench) -> None:
    model, other = bench.model("a"), bench.model("b")
    await bench.load(gpus=(0,))
    await model.sleep().result()
    bench.gpus.take(0, 999, 75 * GIB)
    await bench.board.refresh()
    with pytest.raises(GpuMemoryInsufficient):
        await model.ensure(5)
    assert state_of(model) is ModelState.ASLEEP and bench.board.leases.reserved(0) == GIB
    bench.gpus.free(999)
    await bench.load("b", gpus=(0,))
    with pytest.raises(InvalidState, match="dort"):
        await bench.load(gpus=(1,))
    await bench.load(pinned=True)  # charger un modèle endormi le réveille
    assert model.choices.pinned
    assert state_of(model) is ModelState.READY and state_of(other) is ModelState.READY
    await model.unload().result()
    assert state_of(model) is ModelState.CACHED


async def test_a_request_that_reached_a_sleeper_wakes_it(bench: Bench) -> None:
    await bench.load()
    await bench.model().sleep().result()
    bench.say("a", waiting=1)
    await bench.pass_seconds(1)
    assert state_of(bench.model()) is ModelState.READY


async def test_an_engine_that_cannot_sleep_stays_ready(bench: Bench) -> None:
    await bench.load()
    bench.replicas.nap_error = UnsupportedOption("ne sait pas dormir")
    with pytest.raises(UnsupportedOption):
        await bench.model().sleep().result()
    assert state_of(bench.model()) is ModelState.READY and bench.board.leases.reserved(0) == 10 * GIB


async def test_a_gpu_that_vanished_is_said(bench: Bench) -> None:
    await bench.load(gpus=(7,))
    await bench.model().sleep().result()
    bench.gpus.count = 7
    with pytest.raises(NoGpuVisible, match="Le GPU 7 n'est plus visible"):
        await bench.model().ensure(5)
    await bench.model().unload().result()
    assert bench.board.leases.replicas() == []


async def test_replicas_that_fall_together_are_all_replaced(bench: Bench) -> None:
    model = bench.model()
    await bench.load(gpus=tuple(range(8)))
    for gpu in range(8):
        bench.replicas.crash(f"a-{gpu}")
        await model.replica_exited(f"a-{gpu}", -9, asked=False)
    await bench.settle()
    assert [one.gpus for one in model.replicas] == [(gpu,) for gpu in range(8)]
    assert model.last_failure is not None and "SIGKILL" in model.last_failure.message


async def test_two_fallen_replicas_are_both_replaced_on_their_gpus(bench: Bench) -> None:
    model = bench.model()
    await bench.load(gpus=(2, 3, 4))
    for name in ("a-0", "a-2"):
        bench.replicas.crash(name)
        await model.replica_exited(name, -9, asked=False)
    assert state_of(model) is ModelState.READY and model.last_failure is not None
    assert "tué par SIGKILL" in model.last_failure.message and "plus de mémoire" in model.last_failure.message
    await bench.settle()
    assert [(one.id, one.gpus) for one in model.replicas] == [("a-0", (2,)), ("a-1", (3,)), ("a-2", (4,))]
    assert sorted(bench.board.leases.replicas()) == ["a-0", "a-1", "a-2"] and bench.replicas.started[3:] == [
        "a-0",
        "a-2",
    ]


async def test_a_missing_replica_comes_back_when_asked(bench: Bench) -> None:
    model = bench.model()
    await bench.load(gpus=(2, 3))
    bench.replicas.crash("a-0")
    bench.replicas.error = ModelLoadFailed("raté")
    await model.replica_exited("a-0", 1, asked=False)
    await bench.settle()
    assert [one.id for one in model.replicas] == ["a-1"] and state_of(model) is ModelState.READY
    assert bench.board.leases.replicas() == ["a-1"]
    bench.replicas.error = None
    await bench.load()
    assert [(one.id, one.gpus) for one in model.replicas] == [("a-0", (2,)), ("a-1", (3,))]


async def test_a_sleeper_that_falls_is_not_replaced(bench: Bench) -> None:
    model = bench.model()
    await bench.load()
    await model.sleep().result()
    bench.replicas.crash("a-0")
    await model.replica_exited("a-0", -9, asked=False)
    await bench.settle()
    assert state_of(model) is ModelState.CACHED and model.last_failure is not None
    while bench.board.leases.replicas():
        await asyncio.sleep(0.01)
    await model.ensure(5)
    assert state_of(model) is ModelState.READY


async def test_a_relaunch_cut_short_gives_its_lease_back(bench: Bench) -> None:
    """Décharger pendant qu'on attend la mémoire du tombé ne laisse aucun bail derrière soi."""
    model = bench.model()
    await bench.load(gpus=(0, 1))
    bench.replicas.leaks = GIB
    waiting, began = asyncio.Event(), asyncio.Event()

    async def sleep(seconds: float) -> None:
        bench.clock.now += seconds
        began.set()
        await waiting.wait()

    bench.board.sleep = sleep
    bench.replicas.crash("a-0")
    await model.replica_exited("a-0", 1, asked=False)
    await began.wait()
    unloading = model.unload()
    bench.gpus.left.clear()
    bench.replicas.leaks = 0
    waiting.set()
    await unloading.result()
    assert bench.board.leases.replicas() == [] and state_of(model) is ModelState.CACHED


async def test_a_wake_that_fails_gives_back_what_it_took(bench: Bench) -> None:
    model = bench.model()
    await bench.load(gpus=(0,))
    await model.sleep().result()
    bench.replicas.wake_error = EngineFailed("ne s'est pas réveillé")
    waking = model.wake()
    assert bench.board.leases.reserved(0) == 10 * GIB
    with pytest.raises(EngineFailed):
        await waking.result()
    assert state_of(model) is ModelState.ASLEEP and bench.board.leases.reserved(0) == GIB


async def test_reattached_replicas_keep_their_leases_and_their_sleep(bench: Bench, tmp_path: Path) -> None:
    await bench.load(gpus=(5,))
    meta, pid = bench.replicas.metas["a-0"], bench.replicas.pids["a-0"]
    again = await make(tmp_path / "relance", 8)
    again.gpus.take(5, pid, 10 * GIB)
    again.replicas.naps = True
    await again.board.refresh()
    await again.model().reattach([{"name": "a-0", "pid": pid, "meta": meta}])
    assert state_of(again.model()) is ModelState.ASLEEP
    assert again.board.leases.of("a-0") == bench.board.leases.of("a-0")
    operation = again.model().unload()
    await operation.result()
    assert operation.freed_bytes == 10 * GIB and again.board.readings[5].used_bytes == 0
    await again.journal.aclose()


async def test_relaunches_wait_longer_then_stop_and_give_the_gpu_back(bench: Bench) -> None:
    model = bench.model()
    await bench.load()
    waits = []
    for _ in range(3):
        before = bench.clock.now
        bench.replicas.crash("a-0")
        await model.replica_exited("a-0", 1, asked=False)
        await bench.settle()
        waits.append(bench.clock.now - before)
    assert waits == [0.0, 2.0, 0.0] and state_of(model) is ModelState.CACHED
    assert model.last_failure is not None and "code 1" in model.last_failure.message
    while bench.board.leases.replicas():
        await asyncio.sleep(0.01)


async def test_every_state_is_shown_and_journaled(bench: Bench, tmp_path: Path) -> None:
    model = bench.model()
    await bench.load()
    await model.sleep().result()
    await model.wake().result()
    await model.unload().result()
    await bench.journal.page(1)  # les écritures se suivent : celles d'avant sont faites
    with closing(sqlite3.connect(tmp_path / "j.sqlite")) as db:
        found = db.execute("SELECT state, phase FROM transitions WHERE model = 'a' ORDER BY seq").fetchall()
    states = [state for index, (state, _) in enumerate(found) if index == 0 or found[index - 1][0] != state]
    assert states == ["CACHED", "LOADING", "READY", "ASLEEP", "LOADING", "READY", "UNLOADING", "CACHED"]
    assert ("LOADING", "opening") in found and ("UNLOADING", "draining") in found


async def test_a_verdict_changes_nothing(bench: Bench) -> None:
    move, found = bench.model().foresee(LoadOrder(gpus=(1, 2)))
    assert [verdict.gpu for verdict in found.verdicts] == [1, 2] and found.error is None
    assert move.choices.replicas == 2 and bench.model().choices.gpus == ()
    assert bench.board.leases.replicas() == [] and bench.replicas.started == []
