"""Ce que l'exploitant veut chargé revient au démarrage, et rien d'autre."""

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from server.cli.checks import run_checks
from server.cli.findings import Level
from server.control.life.choices import LoadOrder
from server.control.life.exits import Exit
from server.control.life.state import ModelState
from server.control.record.operations import OperationState
from server.control.record.schema import JOURNAL, check_version
from server.domain import MemorySpec, ModelSource, worker_digest
from server.errors import GpuBusy, InvalidRequest, InvalidState, ModelLoadFailed, UnsupportedOption
from tests.support.models_rig import Rig, spec, state_of
from tests.support.starts import PROCESSOR, A, B, C, Start, again, seats, starts


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    async with starts(tmp_path) as found:
        yield found


async def test_what_was_loaded_comes_back_where_it_was(start: Start) -> None:
    rig = await start(A, B, C)
    await rig.load("a", gpus=(5, 2), replicas=2, options={"seed": 7}, pinned=True)
    await rig.load("b")
    placed = seats(rig, "b")
    # Un GPU choisi de lui-même est retenu comme un autre : à vide, ce serait le premier.
    rig = await again(start, A, B, C)
    assert seats(rig) == [(5,), (2,)] and seats(rig, "b") == placed and not seats(rig, "c")
    assert rig.replicas.specs[rig.replicas.started.index("a-0")].options == {"seed": 7}
    assert rig.model().choices.pinned and rig.model("b").choices.gpus == (), "aucun choix n'a changé"
    assert rig.models.not_ready() == [] == rig.models.notices()
    assert "return/a" not in await rig.journal.choices()


async def test_a_sleeper_comes_back_asleep(start: Start) -> None:
    rig = await start(A, B)
    for key, verb in (("a", "sleep"), ("b", "wake")):
        await rig.load(key)
        await (await rig.models.sleep(key, 2)).result()
        if verb == "wake":
            await (await rig.models.wake(key)).result()
    rig = await again(start, A, B)
    assert (state_of(rig.model("a")), state_of(rig.model("b"))) == (ModelState.ASLEEP, ModelState.READY)


async def test_an_engine_that_could_not_sleep_comes_back_awake(start: Start) -> None:
    rig = await start(A)
    await rig.load()
    rig.replicas.nap_error = UnsupportedOption("Ce moteur ne sait pas dormir.")
    with pytest.raises(UnsupportedOption):
        await (await rig.models.sleep("a", 1)).result()
    rig = await again(start, A)
    assert state_of(rig.model()) is ModelState.READY and rig.model().last_failure is None


async def unloaded(rig: Rig) -> None:
    await (await rig.models.unload("a")).result()


async def cancelled(rig: Rig) -> None:
    await (await rig.models.unload("a")).result()
    rig.replicas.gate.clear()
    operation = await rig.models.load("a", LoadOrder())
    assert (await rig.models.cancel(operation.id)).state is OperationState.CANCELLED


@pytest.mark.parametrize("verb", [unloaded, cancelled])
async def test_a_verb_that_takes_a_model_away_is_remembered(start: Start, verb: Callable[[Rig], Any]) -> None:
    rig = await start(A)
    await rig.load()
    await verb(rig)
    rig = await again(start, A)
    assert rig.replicas.started == [] and "desired/a" not in await rig.journal.choices()


async def test_a_replica_that_was_taken_away_does_not_come_back(start: Start) -> None:
    rig = await start(A)
    await rig.load(gpus=(0, 1))
    await rig.load(gpus=(1,))
    rig = await again(start, A)
    assert seats(rig) == [(1,)]


async def test_a_cancelled_replica_more_does_not_come_back(start: Start) -> None:
    rig = await start(A)
    await rig.load(gpus=(3,))
    rig.replicas.gate.clear()
    operation = await rig.models.load("a", LoadOrder(gpus=(3, 4)))
    await rig.models.cancel(operation.id)
    rig = await again(start, A)
    assert seats(rig) == [(3,)]


async def test_a_refused_verb_changes_nothing(start: Start) -> None:
    rig = await start(A, B)
    await rig.load("a", gpus=(0,))
    before = (await rig.journal.choices())["desired/a"]
    rig.say("a", running=1)
    with pytest.raises(InvalidState):
        await rig.models.unload("a", only_if_idle=True)
    with pytest.raises(InvalidRequest):
        await rig.models.load("a", LoadOrder(gpus=(99,)))
    with pytest.raises(InvalidState):
        await rig.models.sleep("b", 1)
    choices = await rig.journal.choices()
    assert choices["desired/a"] == before and "desired/b" not in choices


async def test_what_leaves_by_itself_comes_back(start: Start) -> None:
    rig = await start(replace(A, idle_unload_seconds=10.0), B, gpus=1, life="un")
    await rig.load("a")
    await rig.pass_seconds(11.0)
    assert state_of(rig.model()) is ModelState.CACHED
    # Le plan de contrôle seul relancé n'y touche pas : personne ne l'a demandé depuis.
    rig = await again(start, A, B, gpus=1, life="un")
    assert rig.replicas.started == []
    rig = await again(start, A, B, gpus=1, life="deux")
    assert rig.replicas.started == ["a-0"]


async def test_an_evicted_model_leaves_its_place_to_the_last_asked(start: Start) -> None:
    big = {key: replace(spec(key), exclusive=True) for key in "ab"}
    rig = await start(*big.values(), gpus=1, life="un")
    await rig.load("a")
    await rig.load("b", make_room=True)
    rig = await again(start, *big.values(), gpus=1, life="deux")
    assert seats(rig, "b") == [(0,)] and not seats(rig, "a")
    failure = rig.model("a").last_failure
    assert failure is not None and failure.reason == GpuBusy.reason and "b-0" in failure.message


@pytest.mark.parametrize(("line", "started"), [(False, []), (True, ["a-0"])])
async def test_what_a_request_loaded_comes_back_only_if_the_profile_says_so(
    start: Start, line: bool, started: list[str]
) -> None:
    asked = replace(A, restore_lazy=line)
    rig = await start(asked)
    await rig.model().ensure(30)
    rig = await again(start, asked)
    assert rig.replicas.started == started


async def test_a_model_gone_from_the_profile_is_said_and_kept(start: Start) -> None:
    rig = await start(A, B)
    await rig.load("a")
    rig = await again(start, B)
    assert rig.replicas.started == []
    assert rig.models.notices() == ["Le modèle « a », chargé avant l'arrêt, n'est plus dans le profil."]
    rig = await again(start, A, B)
    assert seats(rig) == [(0,)]


async def test_a_model_of_gpus_become_one_of_the_processor_comes_back_there(start: Start) -> None:
    rig = await start(A)
    await rig.load("a", gpus=(1, 2))
    rig = await again(start, PROCESSOR)
    assert seats(rig) == [(), ()]


async def test_a_worker_found_running_is_not_loaded_twice(start: Start) -> None:
    rig = await start(A)
    await rig.load("a", gpus=(1, 2))
    processes = [{"name": f"a-{index}", "pid": 50 + index, "meta": {"gpus": [1 + index]}} for index in range(2)]
    rig = await start(A)
    await rig.model().reattach(processes)
    await rig.come_back()
    await rig.returned()
    assert rig.replicas.started == [] and seats(rig) == [(1,), (2,)]
    # Tombé pendant que personne ne regardait, l'un d'eux manque : lui seul revient, à sa place.
    rig = await start(A)
    await rig.model().reattach(processes[1:])
    await rig.come_back()
    await rig.returned()
    assert rig.replicas.started == ["a-0"] and seats(rig) == [(1,), (2,)]


async def test_a_replica_that_falls_is_still_wanted(start: Start) -> None:
    rig = await start(A)
    await rig.load("a", gpus=(1,))
    for _ in range(3):
        rig.replicas.crash("a-0")
        await rig.model().replica_exited("a-0", Exit(-9), asked=False)
        await rig.settle()
    assert state_of(rig.model()) is ModelState.CACHED
    rig = await again(start, A)
    assert seats(rig) == [(1,)]


async def test_doctor_says_what_must_come_back_and_what_did_not(start: Start, tmp_path: Path) -> None:
    qwen, gone = replace(A, key="qwen"), replace(A, key="parti")
    rig = await start(qwen, gone, life="un")
    await rig.load("parti")
    await rig.load("qwen")
    rig = await start(qwen, gone, life="deux")
    rig.replicas.error = ModelLoadFailed("Le moteur ne s'ouvre pas.")
    await rig.come_back()
    await rig.returned()
    await rig.aclose()
    (tmp_path / "etat").mkdir()
    env = {
        "PASSERELLE_PROFILE": "embarque",
        "MODEL_CACHE_DIR": str(tmp_path),
        "PASSERELLE_STATE_DIR": str(tmp_path / "etat"),
    }

    def said() -> list[tuple[Level, str]]:
        return [(one.level, one.found) for one in run_checks(env) if one.name == "modèles voulus"]

    assert said() == [(Level.OK, "aucun")]
    (tmp_path / "j.sqlite").rename(tmp_path / "etat" / JOURNAL)
    [unknown, failed, wanted] = said()
    assert unknown == (Level.WARNING, "parti : plus dans le profil") and wanted == (Level.OK, "qwen")
    assert failed[0] is Level.WARNING and failed[1].startswith("qwen : Le moteur ne s'ouvre pas.")


async def test_an_earlier_version_reads_what_this_one_wrote(start: Start, tmp_path: Path) -> None:
    """Rien n'a changé au schéma : revenir en arrière ne demande rien, et ce qui était voulu attend la version d'après."""
    rig = await start(A)
    await rig.load("a", gpus=(4,))
    await rig.aclose()
    with closing(sqlite3.connect(tmp_path / "j.sqlite")) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (1,)
    check_version(tmp_path / "j.sqlite")
    rig = await again(start, A)
    assert seats(rig) == [(4,)]


async def test_a_model_whose_profile_changed_leaves_then_comes_back(start: Start) -> None:
    rig = await start(A, B, life="un")
    await rig.load("a", gpus=(3,))
    await rig.model("b").ensure(30)
    processes = {key: [{"name": f"{key}-0", "pid": 50, "meta": {"gpus": list(seats(rig, key)[0])}}] for key in "ab"}
    changed = replace(A, options={"seed": 9})
    rig = await start(changed, replace(B, options={"seed": 9}), life="un")
    for key in "ab":
        await rig.model(key).reattach(processes[key])
        rig.models.restorer.renew(rig.model(key))
    assert state_of(rig.model()) is ModelState.READY, "il sert en attendant"
    await rig.come_back()
    await rig.returned()
    # Demandé par une requête, `b` attend la suivante.
    assert seats(rig) == [(3,)] and not seats(rig, "b")
    assert [name for name, _ in rig.replicas.stopped] == ["a-0", "b-0"] and rig.replicas.started == ["a-0"]
    assert rig.replicas.specs[0].options == {"seed": 9}
    assert "pour prendre son nouveau réglage" in rig.replicas.parted[0][1].message


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"display_name": "Autre", "aliases": ("x",), "pinned": True, "idle_unload_seconds": 5.0}, True),
        ({"memory": MemorySpec(weights_gib=1), "gpus": (3,), "replicas": 2, "restore_lazy": True}, True),
        ({"options": {"seed": 1}}, False),
        ({"engine": "y"}, False),
        ({"max_waiting": 1}, False),
        ({"source": ModelSource("package", "p", "2")}, False),
        ({"python": "/autre"}, False),
    ],
)
def test_a_worker_is_outdated_only_by_what_it_received(changes: dict[str, Any], same: bool) -> None:
    assert (worker_digest(replace(A, **changes)) == worker_digest(A)) is same
    one, two = replace(A, options={"a": 1, "b": 2}), replace(A, options={"b": 2, "a": 1})
    assert worker_digest(one) == worker_digest(two), "l'ordre n'y est pour rien"
