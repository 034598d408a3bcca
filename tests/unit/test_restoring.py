"""Le retour des modèles voulus : leur ordre, ce qui y renonce, et ce que l'exploitant demande pendant ce temps."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from server.control.gpu.turns import Turns
from server.control.life.choices import LoadOrder
from server.control.record.operations import OperationKind, OperationState
from server.errors import InvalidRequest, ModelLoadFailed
from tests.fakes.gpus import GIB
from tests.support.starts import PROCESSOR, A, B, C, Start, again, held_opening, phases, seats, starts


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    async with starts(tmp_path) as found:
        yield found


async def test_a_gpu_opens_its_models_one_after_another(start: Start) -> None:
    rig = await start(A, B, C)
    await rig.load("a", gpus=(0, 1))
    await rig.load("b", gpus=(1,))
    await rig.load("c", gpus=(2,))
    rig = await start(A, B, C)
    async with held_opening(rig, "c-0", "b-0"):
        # Le dernier demandé d'abord ; `a`, qui partage le GPU 1, attend tout entier, sa place déjà retenue.
        waiting = rig.model("a").operation
        assert waiting is not None and waiting.progress.phase == "queued"
        assert set(rig.replicas.started) == {"b-0", "c-0"} and rig.board.leases.reserved(1) == 20 * GIB
        assert len(rig.models.not_ready()) == 3
    await rig.returned()
    assert rig.replicas.started[2:] == ["a-0", "a-1"] and seats(rig) == [(0,), (1,)]


async def test_models_of_the_processor_come_back_one_by_one(start: Start) -> None:
    specs = [replace(PROCESSOR, key=key) for key in "abc"]
    rig = await start(*specs)
    for key in "abc":
        await rig.load(key)
    rig = await start(*specs)
    async with held_opening(rig, "c-0"):
        assert sorted(phases(rig)) == ["opening", "queued", "queued"]
    await rig.returned()
    assert rig.replicas.started == ["c-0", "b-0", "a-0"]


async def test_an_opening_that_dies_gives_its_turn_back_once_its_memory_is(start: Start) -> None:
    turns, order = Turns(), []

    async def opened(name: str, gpus: tuple[int, ...], *, dies: bool = False) -> None:
        async with turns.turn() as turn:
            await turn.take(gpus, lambda: order.append(f"{name} attend"))
            order.append(name)
            await asyncio.sleep(0)
            if dies:
                raise ModelLoadFailed("mort")

    found = await asyncio.gather(
        opened("a", (0, 1), dies=True),
        opened("b", (1, 2)),
        opened("c", (2,)),
        opened("d", (3,)),
        return_exceptions=True,
    )
    assert isinstance(found[0], ModelLoadFailed)
    assert order == ["a", "b attend", "c attend", "d", "b", "c"]


async def test_three_failures_stop_and_are_said(start: Start) -> None:
    rig = await start(A, B, life="un")
    await rig.load("a")
    await rig.load("b")
    rig = await start(A, B, life="deux")
    rig.replicas.error = ModelLoadFailed("Le moteur ne s'ouvre pas.")
    before = rig.clock.now
    await rig.come_back()
    await rig.returned()
    assert sorted(rig.replicas.started) == ["a-0"] * 3 + ["b-0"] * 3
    assert rig.clock.now - before >= 30.0, "dix secondes, puis vingt"
    failure = rig.model().last_failure
    assert failure is not None and "ne s'ouvre pas. Il n'est pas revenu au démarrage, après 3 essais" in failure.message
    assert rig.models.not_ready() == [] and len(rig.models.notices()) == 2
    page, _ = await rig.journal.page(10, model="a", kinds=[OperationKind.LOAD], states=[OperationState.FAILED])
    assert len(page) == 3
    # Le plan de contrôle relancé ne recommence pas, et le dit encore ; le serveur relancé recommence.
    rig = await again(start, A, B, life="deux")
    assert rig.replicas.started == [] and len(rig.models.notices()) == 2
    assert rig.model().last_failure == failure
    rig = await again(start, A, B, life="trois")
    assert seats(rig) == [(0,)] and rig.models.notices() == [] and rig.model().last_failure is None


async def test_openings_that_take_the_server_with_them_stop_too(start: Start, tmp_path: Path) -> None:
    journal, copy = tmp_path / "j.sqlite", tmp_path / "copie.sqlite"
    rig = await start(A, life="0")
    await rig.load("a")
    for life in range(1, 4):
        rig = await start(A, life=str(life))
        async with held_opening(rig, "a-0"):
            kept = (await rig.journal.choices())["return/a"]
            assert (kept["tries"], kept["broken_off"]) == (life, True)
            # Tué net, il n'en écrit pas plus : c'est ce que lira la vie suivante.
            with closing(sqlite3.connect(journal)) as now, closing(sqlite3.connect(copy)) as then:
                now.backup(then)
            await rig.aclose()
            copy.replace(journal)
    rig = await again(start, A, life="4")
    assert rig.replicas.started == []
    failure = rig.model().last_failure
    assert failure is not None and "après 3 essais" in failure.message and rig.models.not_ready() == []


async def test_a_stop_that_was_asked_for_does_not_count(start: Start) -> None:
    rig = await start(A, life="0")
    await rig.load("a")
    for life in range(1, 6):
        rig = await start(A, life=str(life))
        async with held_opening(rig, "a-0"):
            await rig.aclose()
    rig = await again(start, A, life="dernière")
    assert seats(rig) == [(0,)]


@pytest.mark.parametrize(
    ("changed", "gpus", "words"),
    [
        ({}, 2, "GPU visibles : 0, 1"),
        ({"options": {"tensor_parallel_size": 2}}, 8, "il en faut 2"),
    ],
)
async def test_what_cannot_come_back_is_said_at_once(
    start: Start, changed: dict[str, Any], gpus: int, words: str
) -> None:
    rig = await start(A)
    await rig.load("a", gpus=(5,))
    rig = await again(start, replace(A, **changed), gpus=gpus)
    failure = rig.model().last_failure
    assert failure is not None and words in failure.message and "après 1 essai :" in failure.message
    assert rig.replicas.started == [] and rig.models.not_ready() == [] and len(rig.models.notices()) == 1
    # Ce n'est pas une prison : un ordre le charge ailleurs, et c'est là qu'il reviendra.
    await rig.load("a", gpus=(0,) if gpus == 2 else (0, 1))
    assert rig.models.notices() == []


async def test_an_order_given_while_a_model_comes_back_wins(start: Start) -> None:
    rig = await start(A, B)
    await rig.load("a", gpus=(0,))
    await rig.load("b", gpus=(1,))
    rig = await start(A, B)
    async with held_opening(rig, "a-0", "b-0"):
        with pytest.raises(InvalidRequest):
            await rig.models.load("a", LoadOrder(gpus=(99,)))
        assert rig.model().operation is not None, "un ordre refusé n'a rien interrompu"
        unloading = await rig.models.unload("b")
        loading = asyncio.create_task(rig.models.load("a", LoadOrder(gpus=(4,))))
        await unloading.result()
        await loading
    await rig.returned()
    await rig.settle()
    assert seats(rig) == [(4,)] and not seats(rig, "b")
    rig = await again(start, A, B)
    assert seats(rig) == [(4,)] and not seats(rig, "b")


async def test_the_same_order_given_while_a_model_comes_back_joins_it(start: Start) -> None:
    rig = await start(A)
    await rig.load("a", gpus=(3,))
    rig = await start(A)
    async with held_opening(rig, "a-0"):
        joined = await rig.models.load("a", LoadOrder())
        assert joined is rig.model().operation
    await joined.result()
    rig = await again(start, A)
    assert seats(rig) == [(3,)]


async def test_a_refused_order_does_not_stop_a_return(start: Start) -> None:
    rig = await start(A)
    await rig.load("a", gpus=(3,))
    rig = await start(A)
    async with held_opening(rig, "a-0"):
        rig.gpus.take(5, 77, 79 * GIB)
        with pytest.raises(Exception, match="GPU 5"):
            await rig.models.load("a", LoadOrder(gpus=(5,)))
    await rig.returned()
    assert seats(rig) == [(3,)]


async def test_loading_all_brings_the_rest_and_keeps_places(start: Start) -> None:
    rig = await start(A, B)
    await rig.load("b", gpus=(6,))
    rig = await start(A, B, C)
    rig.models.wanted = ("a", "b", "c")
    await rig.come_back(load_all=True)
    assert len(rig.models.not_ready()) == 3
    await rig.returned()
    assert seats(rig, "b") == [(6,)] and seats(rig, "a") and seats(rig, "c")
    assert rig.models.not_ready() == []
    # Le profil les demande au démarrage, l'exploitant ne les a pas demandés : sans cela, ils ne reviennent pas.
    assert "desired/a" not in await rig.journal.choices()
    # Chargé au démarrage puis perdu, il manque ; déchargé exprès, non.
    await rig.model("a").unload().result()
    assert rig.models.not_ready() == ["Le modèle « a », demandé au démarrage, n'est pas chargé."]
    await rig.models.unload("a")
    assert rig.models.not_ready() == []


async def test_a_control_plane_back_with_all_to_load_does_not_recall_what_left(start: Start) -> None:
    rig = await start(A, B, life="un")
    await rig.load("a")
    await (await rig.models.unload("a")).result()
    rig = await start(A, B, life="un")
    rig.models.wanted = ("a", "b")
    await rig.come_back(load_all=True)
    await rig.returned()
    assert rig.replicas.started == ["b-0"] and rig.models.not_ready() == []
    rig = await start(A, B, life="deux")
    await rig.come_back(load_all=True)
    await rig.returned()
    assert sorted(rig.replicas.started) == ["a-0", "b-0"]
