"""Le choix des GPU et le verdict, sur 1, 2, 8 et 16 GPU."""

from dataclasses import replace
from typing import Any

import pytest

from server.control.gpu.board import GpuBoard, Stain
from server.control.gpu.leases import Lease
from server.control.gpu.needs import check_options, need_on
from server.control.gpu.nvml import NvmlDriver
from server.control.gpu.placement import Demand, Plan, plan
from server.control.gpu.probe import AllowedProbe
from server.domain import Capability, MemorySpec, ModelSource, ModelSpec
from server.errors import GpuBusy, GpuDirty, GpuMemoryInsufficient, InvalidRequest
from tests.fakes.gpus import GIB, FakeClock, FakeGpus, board_of

SPEC = ModelSpec(
    key="m",
    capability=Capability.CHAT,
    engine="x",
    source=ModelSource("package", "p", "1"),
    display_name="M",
    memory=MemorySpec(working_gib=4, reserve_gib=1),
)


async def board_with(count: int, **gpus: Any) -> tuple[GpuBoard, FakeGpus]:
    fake = FakeGpus(count, **gpus)
    board = board_of(fake, FakeClock())
    await board.refresh()
    return board, fake


def demand(*, replicas: int = 1, weights: int = 10 * GIB, asked: tuple[int, ...] = (), **changes: Any) -> Demand:
    extra = {name: changes.pop(name) for name in ("preferred", "kept") if name in changes}
    return Demand(replace(SPEC, **changes), weights, tuple(range(replicas)), asked=asked, **extra)


def gpus_of(found: Plan) -> list[tuple[int, ...]]:
    return [seat.gpus for seat in found.seats]


@pytest.mark.parametrize(("count", "per"), [(1, 1), (2, 1), (2, 2), (8, 1), (8, 4), (16, 8), (16, 1)])
async def test_replicas_share_out_every_gpu(count: int, per: int) -> None:
    board, _ = await board_with(count)
    found = plan(board, demand(replicas=count // per, options={"tensor_parallel_size": per}))
    found.check()
    assert gpus_of(found) == [tuple(range(first, first + per)) for first in range(0, count, per)]
    assert all(seat.lease is not None and set(seat.lease.bytes) == set(seat.gpus) for seat in found.seats)


@pytest.mark.parametrize("count", [2, 8, 16])
async def test_the_freest_gpu_without_a_lease_is_chosen(count: int) -> None:
    board, fake = await board_with(count)
    for gpu in range(count):
        fake.take(gpu, 1, (count - gpu) * GIB)
    await board.refresh()
    assert gpus_of(plan(board, demand())) == [(count - 1,)]
    board.leases.take(Lease("autre-0", {count - 1: GIB}))
    assert gpus_of(plan(board, demand())) == [(count - 2,)]
    # Un choix retenu passe devant, s'il est encore visible.
    assert gpus_of(plan(board, demand(preferred=(0,)))) == [(0,)]
    assert gpus_of(plan(board, demand(preferred=(count,)))) == [(count - 2,)]


@pytest.mark.parametrize(
    ("asked", "replicas", "per", "said"),
    [
        ((0, 1, 2), 2, 2, "gpus : 3 GPU pour 2 exemplaires de 2 ; il en faut 4."),
        ((0,), 2, 1, "gpus : 1 GPU pour 2 exemplaires de 1 ; il en faut 2."),
        ((0, 1), 1, 1, "gpus : 2 GPU pour 1 exemplaire de 1 ; il en faut 1."),
    ],
)
async def test_the_number_of_gpus_must_fit(asked: tuple[int, ...], replicas: int, per: int, said: str) -> None:
    board, _ = await board_with(8)
    with pytest.raises(InvalidRequest) as caught:
        plan(board, demand(replicas=replicas, asked=asked, options={"tensor_parallel_size": per}))
    assert caught.value.message == said and caught.value.metadata["field"] == "gpus"


@pytest.mark.parametrize("per", [1, 2, 4])
@pytest.mark.parametrize("why", ["étranger", "bail", "exclusif", "sali"])
async def test_a_full_preference_gives_way_to_gpus_with_room(per: int, why: str) -> None:
    """Les GPU du profil ou d'un choix retenu ne sont qu'une préférence : pleins, d'autres servent."""
    board, fake = await board_with(8)
    for gpu in range(4):
        if why == "étranger":
            fake.take(gpu, 999, 79 * GIB)
        elif why != "sali":
            board.leases.take(Lease(f"autre-{gpu}", {gpu: GIB if why == "exclusif" else 79 * GIB}, why == "exclusif"))
    await board.refresh()
    if why == "sali":
        board.stains.update({gpu: Stain("x-0", frozenset(), GIB, "sali") for gpu in range(4)})
    options = {"tensor_parallel_size": per}
    found = plan(board, demand(preferred=tuple(range(per)), options=options))
    found.check()
    assert gpus_of(found) == [tuple(range(4, 4 + per))]
    # Ce qui reste de la préférence y est gardé ; et nommer un GPU plein reste un refus.
    assert gpus_of(plan(board, demand(preferred=(3, 7), options={"tensor_parallel_size": 2}))) == [(4, 7)]
    assert plan(board, demand(asked=(0,))).error is not None


async def test_a_preference_is_refused_when_no_gpu_has_room() -> None:
    board, fake = await board_with(2)
    for gpu in range(2):
        fake.take(gpu, 999, (70 + gpu) * GIB)
    await board.refresh()
    assert gpus_of(plan(board, demand(preferred=(1,)))) == [(1,)]
    with pytest.raises(GpuMemoryInsufficient, match="GPU 1 "):
        plan(board, demand(preferred=(1,))).check()


async def test_too_few_gpus_is_said() -> None:
    board, _ = await board_with(2)
    with pytest.raises(InvalidRequest, match="il faut 3 GPU de plus pour « m », il n'en reste que 2"):
        plan(board, demand(replicas=3))


async def test_the_three_models_share_one_gpu_until_it_is_full() -> None:
    board, _ = await board_with(1)
    for key, working in (("qwen", 44), ("canary", 6), ("pyannote", 3)):
        memory = MemorySpec(working_gib=working, reserve_gib=1)
        found = plan(board, demand(key=key, memory=memory, weights=5 * GIB))
        found.check()
        for seat in found.seats:
            assert seat.lease is not None
            board.leases.take(seat.lease)
    # 50 + 12 + 9 : il reste 9 Gio de bail, que personne n'a encore pris.
    with pytest.raises(GpuBusy) as caught:
        plan(board, demand(weights=5 * GIB)).check()
    assert caught.value.metadata["holders"] == "qwen-0, canary-0, pyannote-0"
    assert caught.value.metadata["available_bytes"] == str(9 * GIB) and "baux de qwen-0" in caught.value.message


async def test_memory_taken_is_not_counted_twice() -> None:
    """Un bail de 30 dont 20 sont pris en laisse 50 sur 80, que NVML nomme les processus ou non."""
    for named in (True, False):
        fake = FakeGpus(1, named=named)
        board = board_of(fake, FakeClock(), {"autre-0": 7})
        await board.refresh()
        board.leases.take(Lease("autre-0", {0: 30 * GIB}))
        fake.take(0, 7, 20 * GIB)
        await board.refresh()
        assert board.available_bytes(0) == 50 * GIB and board.foreign_bytes(0) == 0
        fake.take(0, 7, 40 * GIB)
        await board.refresh()
        assert board.available_bytes(0) == 40 * GIB


async def test_foreign_memory_is_counted_and_said() -> None:
    board, fake = await board_with(1)
    fake.take(0, 999, 70 * GIB)
    await board.refresh()
    with pytest.raises(GpuMemoryInsufficient, match="70,0 Gio sont pris par d'autres programmes") as caught:
        plan(board, demand()).check()
    assert {k: int(caught.value.metadata[k]) // GIB for k in ("needed_bytes", "weights_bytes", "available_bytes")} == {
        "needed_bytes": 15,
        "weights_bytes": 10,
        "available_bytes": 10,
    }


@pytest.mark.parametrize(("mine", "theirs"), [(True, False), (False, True)])
async def test_an_exclusive_gpu_has_one_tenant(mine: bool, theirs: bool) -> None:
    board, _ = await board_with(2)
    board.leases.take(Lease("autre-0", {0: GIB}, theirs))
    with pytest.raises(GpuBusy, match="déjà tenu par autre-0"):
        plan(board, demand(asked=(0,), exclusive=mine)).check()
    plan(board, demand(asked=(1,), exclusive=mine)).check()


async def test_a_dirty_gpu_is_refused_and_avoided() -> None:
    board, _ = await board_with(2)
    board.stains[0] = Stain("x-0", frozenset(), GIB, "GPU 0 : 1024 Mio restent.")
    with pytest.raises(GpuDirty, match="1024 Mio"):
        plan(board, demand(asked=(0,))).check()
    assert gpus_of(plan(board, demand())) == [(1,)]


async def test_without_a_gpu_there_is_nothing_to_lease() -> None:
    board, _ = await board_with(0)
    found = plan(board, demand(replicas=2, requires_gpu=False))
    found.check()
    assert [seat.lease for seat in found.seats] == [None, None]


def test_needs_follow_the_declared_share() -> None:
    spec = replace(SPEC, options={"tensor_parallel_size": 2, "gpu_memory_utilization": 0.5})
    need = need_on(spec, 60 * GIB, 80 * GIB)
    assert (need.weights, need.working, need.reserve) == (30 * GIB, 10 * GIB, GIB) and not need.short_by
    assert need_on(spec, 76 * GIB, 80 * GIB).short_by == 2 * GIB
    summed = need_on(SPEC, 10 * GIB, 80 * GIB)
    assert (summed.weights, summed.working, summed.total) == (10 * GIB, 4 * GIB, 15 * GIB)
    declared = replace(SPEC, memory=MemorySpec(budget_gib=20, weights_gib=8, reserve_gib=0))
    assert need_on(declared, 0, 80 * GIB).total == 20 * GIB


async def test_a_share_too_small_for_the_weights_is_refused() -> None:
    board, _ = await board_with(1)
    with pytest.raises(GpuMemoryInsufficient, match="la part déclarée"):
        plan(board, demand(weights=60 * GIB, options={"gpu_memory_utilization": 0.5})).check()


@pytest.mark.parametrize(
    "options",
    [
        {"tensor_parallel_size": 0},
        {"tensor_parallel_size": 1.5},
        {"pipeline_parallel_size": True},
        {"gpu_memory_utilization": 0},
        {"gpu_memory_utilization": 1.2},
        {"gpu_memory_utilization": "tout"},
    ],
)
def test_placement_options_are_checked(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_options(options)
    assert caught.value.metadata["field"] == f"options.{next(iter(options))}"


def test_nvml_tells_what_is_there() -> None:
    """Sans pilote, aucun GPU ; avec, des valeurs qui se tiennent."""
    for reading in AllowedProbe(NvmlDriver(), {}).read():
        assert reading.uuid and reading.name and 0 <= reading.used_bytes <= reading.total_bytes
        assert reading.used_bytes + reading.free_bytes <= reading.total_bytes
