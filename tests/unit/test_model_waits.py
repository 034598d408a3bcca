"""Ce que dure un chargement, et ce qu'en attend une requête."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from server.control.life.choices import LoadOrder
from server.control.life.forecast import LONGEST, SHORTEST, UNKNOWN, load_wait, retry_after
from server.control.life.state import ModelState
from server.control.record.operations import Operation, OperationKind, Progress
from server.control.weights.cache import Artifacts
from server.domain import Limits
from server.errors import ModelLoading, ModelUnloaded, OperationCancelled
from tests.fakes.gpus import FakeClock
from tests.support.model_rig import Rig, one_model, opening
from tests.support.models_rig import state_of
from tests.support.waiting import PATIENCE


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with one_model(tmp_path) as found:
        yield found


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
