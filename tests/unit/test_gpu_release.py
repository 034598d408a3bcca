"""La preuve de mémoire rendue : ce qui est à nous doit partir, ce qui est aux autres ne salit rien."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from server.control.gpu.board import GpuBoard
from server.control.gpu.leases import Lease
from server.control.gpu.lessor import Lessor
from server.control.gpu.placement import Seat
from server.control.gpu.release import Freed
from server.errors import GpuDirty
from tests.fakes.gpus import GIB, MIB, FakeClock, FakeGpus, board_of


@dataclass
class Rig:
    gpus: FakeGpus
    clock: FakeClock
    pids: dict[str, int]
    board: GpuBoard

    async def load(self, name: str, pid: int, size: int = 10 * GIB, gpu: int = 0) -> None:
        """Prend un bail, puis la mémoire."""
        await self.board.refresh()
        self.board.leases.take(Lease(name, {gpu: size}))
        self.pids[name] = pid
        self.gpus.take(gpu, pid, size)
        await self.board.refresh()

    @property
    def lessor(self) -> Lessor:
        """Bailleur dont les exemplaires s'arrêtent aussitôt."""

        async def stop(names: Sequence[str], _grace: float) -> None:
            for name in names:
                self.gpus.free(self.pids.pop(name))

        return Lessor(self.board, stop)

    async def unload(self, *names: str) -> Freed:
        """Arrête, attend la preuve et rend les baux."""
        return await self.lessor.leave(names)


def bench_of(count: int = 1, *, named: bool = True) -> Rig:
    gpus, clock = FakeGpus(count, named=named), FakeClock()
    pids: dict[str, int] = {}
    return Rig(gpus, clock, pids, board_of(gpus, clock, pids))


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("count", [1, 2, 8, 16])
async def test_everything_comes_back(count: int, named: bool) -> None:
    rig = bench_of(count, named=named)
    for gpu in range(count):
        await rig.load(f"m-{gpu}", 100 + gpu, gpu=gpu)
    freed = await rig.unload(*(f"m-{gpu}" for gpu in range(count)))
    assert freed == Freed(count * 10 * GIB, 0.0, ())
    assert rig.board.leases.replicas() == [] and rig.board.groups == {}
    assert all(reading.used_bytes == 0 for reading in rig.board.readings.values())


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize(("rest", "dirty"), [(64 * MIB, False), (65 * MIB, True)])
async def test_the_tolerance_decides(named: bool, rest: int, dirty: bool) -> None:
    rig = bench_of(named=named)
    await rig.load("m-0", 100)
    rig.gpus.left[0] = rest
    freed = await rig.unload("m-0")
    assert bool(freed.stains) is dirty and (0 in rig.board.stains) is dirty
    if not dirty:
        return
    assert freed.seconds == pytest.approx(5.0, abs=0.3) and freed.bytes == 10 * GIB - (65 * MIB if named else 0)
    with pytest.raises(GpuDirty, match="GPU 0 : 65 Mio restent 5 s après l'arrêt de m-0"):
        freed.check()


@pytest.mark.parametrize("rest", [0, GIB])
async def test_memory_nobody_explains_is_judged_when_the_last_of_ours_leaves(rest: int) -> None:
    rig = bench_of()
    await rig.load("a-0", 100)
    await rig.load("b-0", 200)
    rig.gpus.left[0] = GIB  # ce que le contexte d'un voisin tient sans que NVML le lui attribue
    assert not (await rig.unload("a-0")).stains and not rig.board.stains
    rig.gpus.left[0] = rest
    assert bool((await rig.unload("b-0")).stains) is bool(rest)


async def test_memory_that_comes_back_slowly_is_waited_for() -> None:
    rig = bench_of()
    await rig.load("m-0", 100)
    rig.gpus.left[0] = 2 * GIB

    async def slowly(seconds: float) -> None:
        rig.clock.now += seconds
        rig.gpus.left[0] = max(0, rig.gpus.left[0] - GIB)

    rig.board.sleep = slowly
    freed = await rig.unload("m-0")
    assert not freed.stains and freed.seconds == pytest.approx(0.4)


async def test_a_dirty_gpu_is_clean_again_when_its_memory_comes_back() -> None:
    rig = bench_of()
    await rig.load("m-0", 100)
    rig.gpus.left[0] = GIB
    assert (await rig.unload("m-0")).stains
    await rig.board.refresh()
    assert rig.board.stains  # le plancher n'a pas suivi ce qui reste
    rig.gpus.left[0] = 0
    await rig.board.refresh()
    assert not rig.board.stains


async def test_a_process_of_ours_that_survives_is_named() -> None:
    rig = bench_of()
    await rig.load("m-0", 100)
    rig.board.group_of = lambda pid: frozenset({pid, 101})
    rig.gpus.take(0, 101, GIB)
    await rig.board.refresh()
    freed = await rig.unload("m-0")
    assert "processus 101 encore là" in freed.stains[0].reason
    rig.gpus.free(101)
    await rig.board.refresh()
    assert not rig.board.stains


async def test_a_stranger_that_grows_meanwhile_is_reported_not_called_dirty() -> None:
    rig = bench_of()
    rig.gpus.take(0, 999, GIB)
    await rig.load("m-0", 100)
    assert rig.board.foreign_bytes(0) == GIB
    rig.gpus.take(0, 999, 30 * GIB)
    rig.gpus.take(0, 998, 5 * GIB)
    assert await rig.unload("m-0") == Freed(10 * GIB, 0.0, ())
    assert rig.board.foreign_bytes(0) == 35 * GIB
    assert rig.board.owner(999) == ""


async def test_neighbours_of_ours_may_load_meanwhile() -> None:
    rig = bench_of()
    await rig.load("a-0", 100)
    await rig.load("b-0", 200)
    rig.gpus.take(0, 200, 25 * GIB)
    assert await rig.unload("a-0") == Freed(10 * GIB, 0.0, ())
    rig.gpus.left[0] = GIB
    assert (await rig.unload("b-0")).stains


async def test_without_names_the_proof_waits_for_the_last_neighbour() -> None:
    rig = bench_of(named=False)
    await rig.load("a-0", 100)
    await rig.load("b-0", 200)
    rig.gpus.left[0] = GIB  # laissé par a-0, et impossible à lui imputer tant que b-0 est là
    assert not (await rig.unload("a-0")).stains
    assert (await rig.unload("b-0")).stains[0].bytes == GIB


async def test_leases_kept_for_a_restart() -> None:
    rig = bench_of()
    await rig.load("m-0", 100)
    assert (await rig.lessor.clear(["m-0"])).bytes == 10 * GIB
    assert rig.board.leases.replicas() == ["m-0"]


async def test_measures_never_overlap() -> None:
    """Une mesure ancienne ne remplace jamais une plus récente."""
    rig = bench_of()
    await asyncio.gather(*(rig.board.refresh() for _ in range(8)))
    assert rig.gpus.reads == 8


async def test_a_lease_found_again_keeps_its_floor() -> None:
    rig = bench_of()
    rig.gpus.take(0, 999, GIB)
    await rig.load("m-0", 100)
    lease = rig.board.leases.of("m-0")
    assert lease is not None
    meta = rig.lessor.meta(Seat("m-0", (0,), lease))
    again = Rig(rig.gpus, rig.clock, rig.pids, board_of(rig.gpus, rig.clock, rig.pids))
    await again.board.refresh()
    again.lessor.found([{"name": "m-0", "meta": {"gpus": [0], **meta}}])
    await again.board.refresh()
    assert again.board.leases.of("m-0") == lease and again.board.floors == rig.board.floors
    assert await again.unload("m-0") == Freed(10 * GIB, 0.0, ())
