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
class Bench:
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


def bench_of(count: int = 1, *, named: bool = True) -> Bench:
    gpus, clock = FakeGpus(count, named=named), FakeClock()
    pids: dict[str, int] = {}
    return Bench(gpus, clock, pids, board_of(gpus, clock, pids))


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("count", [1, 2, 8, 16])
async def test_everything_comes_back(count: int, named: bool) -> None:
    bench = bench_of(count, named=named)
    for gpu in range(count):
        await bench.load(f"m-{gpu}", 100 + gpu, gpu=gpu)
    freed = await bench.unload(*(f"m-{gpu}" for gpu in range(count)))
    assert freed == Freed(count * 10 * GIB, 0.0, ())
    assert bench.board.leases.replicas() == [] and bench.board.groups == {}
    assert all(reading.used_bytes == 0 for reading in bench.board.readings.values())


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize(("rest", "dirty"), [(64 * MIB, False), (65 * MIB, True)])
async def test_the_tolerance_decides(named: bool, rest: int, dirty: bool) -> None:
    bench = bench_of(named=named)
    await bench.load("m-0", 100)
    bench.gpus.left[0] = rest
    freed = await bench.unload("m-0")
    assert bool(freed.stains) is dirty and (0 in bench.board.stains) is dirty
    if not dirty:
        return
    assert freed.seconds == pytest.approx(5.0, abs=0.3) and freed.bytes == 10 * GIB - (65 * MIB if named else 0)
    with pytest.raises(GpuDirty, match="GPU 0 : 65 Mio restent 5 s après l'arrêt de m-0"):
        freed.check()


@pytest.mark.parametrize("rest", [0, GIB])
async def test_memory_nobody_explains_is_judged_when_the_last_of_ours_leaves(rest: int) -> None:
    bench = bench_of()
    await bench.load("a-0", 100)
    await bench.load("b-0", 200)
    bench.gpus.left[0] = GIB  # ce que le contexte d'un voisin tient sans que NVML le lui attribue
    assert not (await bench.unload("a-0")).stains and not bench.board.stains
    bench.gpus.left[0] = rest
    assert bool((await bench.unload("b-0")).stains) is bool(rest)


async def test_memory_that_comes_back_slowly_is_waited_for() -> None:
    bench = bench_of()
    await bench.load("m-0", 100)
    bench.gpus.left[0] = 2 * GIB

    async def slowly(seconds: float) -> None:
        bench.clock.now += seconds
        bench.gpus.left[0] = max(0, bench.gpus.left[0] - GIB)

    bench.board.sleep = slowly
    freed = await bench.unload("m-0")
    assert not freed.stains and freed.seconds == pytest.approx(0.4)


async def test_a_dirty_gpu_is_clean_again_when_its_memory_comes_back() -> None:
    bench = bench_of()
    await bench.load("m-0", 100)
    bench.gpus.left[0] = GIB
    assert (await bench.unload("m-0")).stains
    await bench.board.refresh()
    assert bench.board.stains  # le plancher n'a pas suivi ce qui reste
    bench.gpus.left[0] = 0
    await bench.board.refresh()
    assert not bench.board.stains


async def test_a_process_of_ours_that_survives_is_named() -> None:
    bench = bench_of()
    await bench.load("m-0", 100)
    bench.board.group_of = lambda pid: frozenset({pid, 101})
    bench.gpus.take(0, 101, GIB)
    await bench.board.refresh()
    freed = await bench.unload("m-0")
    assert "processus 101 encore là" in freed.stains[0].reason
    bench.gpus.free(101)
    await bench.board.refresh()
    assert not bench.board.stains


async def test_a_stranger_that_grows_meanwhile_is_reported_not_called_dirty() -> None:
    bench = bench_of()
    bench.gpus.take(0, 999, GIB)
    await bench.load("m-0", 100)
    assert bench.board.foreign_bytes(0) == GIB
    bench.gpus.take(0, 999, 30 * GIB)
    bench.gpus.take(0, 998, 5 * GIB)
    assert await bench.unload("m-0") == Freed(10 * GIB, 0.0, ())
    assert bench.board.foreign_bytes(0) == 35 * GIB
    assert bench.board.owner(999) == ""


async def test_neighbours_of_ours_may_load_meanwhile() -> None:
    bench = bench_of()
    await bench.load("a-0", 100)
    await bench.load("b-0", 200)
    bench.gpus.take(0, 200, 25 * GIB)
    assert await bench.unload("a-0") == Freed(10 * GIB, 0.0, ())
    bench.gpus.left[0] = GIB
    assert (await bench.unload("b-0")).stains


async def test_without_names_the_proof_waits_for_the_last_neighbour() -> None:
    bench = bench_of(named=False)
    await bench.load("a-0", 100)
    await bench.load("b-0", 200)
    bench.gpus.left[0] = GIB  # laissé par a-0, et impossible à lui imputer tant que b-0 est là
    assert not (await bench.unload("a-0")).stains
    assert (await bench.unload("b-0")).stains[0].bytes == GIB


async def test_leases_kept_for_a_restart() -> None:
    bench = bench_of()
    await bench.load("m-0", 100)
    assert (await bench.lessor.clear(["m-0"])).bytes == 10 * GIB
    assert bench.board.leases.replicas() == ["m-0"]


async def test_measures_never_overlap() -> None:
    """Une mesure ancienne ne remplace jamais une plus récente."""
    bench = bench_of()
    await asyncio.gather(*(bench.board.refresh() for _ in range(8)))
    assert bench.gpus.reads == 8


async def test_a_lease_found_again_keeps_its_floor() -> None:
    bench = bench_of()
    bench.gpus.take(0, 999, GIB)
    await bench.load("m-0", 100)
    lease = bench.board.leases.of("m-0")
    assert lease is not None
    meta = bench.lessor.meta(Seat("m-0", (0,), lease))
    again = Bench(bench.gpus, bench.clock, bench.pids, board_of(bench.gpus, bench.clock, bench.pids))
    await again.board.refresh()
    again.lessor.found([{"name": "m-0", "meta": {"gpus": [0], **meta}}])
    await again.board.refresh()
    assert again.board.leases.of("m-0") == lease and again.board.floors == bench.board.floors
    assert await again.unload("m-0") == Freed(10 * GIB, 0.0, ())
