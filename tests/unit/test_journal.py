"""Le journal : ce qui survit à un redémarrage."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from server.cli.checks import run_checks
from server.cli.findings import Level
from server.control.record import schema
from server.control.record.journal import Journal
from server.control.record.operations import Failure, Operation, OperationKind, OperationState, PhaseTimes
from server.control.record.schema import JournalTooNew, check_version
from tests.fakes.gpus import FakeClock


async def opened(path: Path) -> Journal:
    journal = Journal(path)
    await journal.open()
    return journal


async def test_operations_survive_and_come_by_pages(tmp_path: Path) -> None:
    journal = await opened(tmp_path / "sous" / "journal.sqlite")
    made = [Operation(OperationKind.LOAD, "qwen" if index % 2 else "canary") for index in range(7)]
    for operation in made:
        journal.save(operation)
    made[3].finish(OperationState.FAILED, Failure("MODEL_LOAD_FAILED", "raté", 12.5))
    journal.save(made[3])
    await journal.aclose()

    journal = await opened(tmp_path / "sous" / "journal.sqlite")
    seen: list[Operation] = []
    before = 0
    while True:
        page, before = await journal.page(3, before=before)
        seen += page
        if not before:
            break
    assert [operation.id for operation in seen] == [operation.id for operation in reversed(made)]
    failed = next(operation for operation in seen if operation.id == made[3].id)
    assert failed.failure == Failure("MODEL_LOAD_FAILED", "raté", 12.5) and failed.done.is_set()
    assert [operation.id for operation in await journal.running()] == [o.id for o in made if o is not made[3]]
    only, _ = await journal.page(50, model="qwen")
    assert {operation.model for operation in only} == {"qwen"}
    await journal.aclose()


async def test_operations_are_filtered_page_by_page(tmp_path: Path) -> None:
    journal = await opened(tmp_path / "journal.sqlite")
    made = [Operation(OperationKind.LOAD, "qwen" if index % 2 else "canary") for index in range(6)]
    made[3].finish(OperationState.FAILED, Failure("MODEL_LOAD_FAILED", "raté", 12.5))
    for operation in made:
        journal.save(operation)
    loads, ended = [OperationKind.LOAD], [OperationState.FAILED, OperationState.CANCELLED]
    page, _ = await journal.page(50, model="qwen", kinds=loads, states=ended)
    assert [operation.id for operation in page] == [made[3].id]
    assert await journal.page(50, model="canary", kinds=loads, states=ended) == ([], 0)
    assert await journal.page(50, kinds=[OperationKind.UNLOAD]) == ([], 0)
    page, before = await journal.page(1, states=[OperationState.RUNNING], model="qwen")
    rest, end = await journal.page(1, states=[OperationState.RUNNING], model="qwen", before=before)
    assert [operation.id for operation in page + rest] == [made[5].id, made[1].id] and end == 0
    await journal.aclose()


async def test_the_last_load_is_timed_without_its_download(tmp_path: Path) -> None:
    journal = await opened(tmp_path / "journal.sqlite")
    assert await journal.load_seconds("qwen") is None
    for kind, state, loading, end in (
        (OperationKind.LOAD, OperationState.SUCCEEDED, 100.0, 400.0),
        (OperationKind.LOAD, OperationState.SUCCEEDED, 1000.0, 1158.0),
        (OperationKind.LOAD, OperationState.FAILED, 2000.0, 2001.0),
        (OperationKind.UNLOAD, OperationState.SUCCEEDED, 3000.0, 3002.0),
    ):
        operation = Operation(kind, "qwen", started_at=loading - 600)
        operation.finish(state)
        operation.finished_at = end
        journal.transition(loading - 600, "qwen", "DOWNLOADING", "downloading", operation.id)
        for after, phase in ((0.0, "opening"), (30.0, "warming_up")):
            journal.transition(loading + after, "qwen", "LOADING", phase, operation.id)
        journal.save(operation)
    assert await journal.load_seconds("qwen") == 158.0
    assert await journal.load_seconds("canary") is None
    await journal.aclose()


async def test_the_time_of_each_phase_survives(tmp_path: Path) -> None:
    clock, path = FakeClock(), tmp_path / "journal.sqlite"
    journal = await opened(path)
    operation = Operation(OperationKind.LOAD, "qwen", times=PhaseTimes(clock=clock))
    for phase, seconds in (("spawning", 1.0), ("profiling", 16.0), ("compiling", 31.0), ("profiling", 15.0)):
        assert operation.times.enter(phase) is (phase != "spawning")
        clock.now += seconds
        assert not operation.times.enter(phase)
    operation.finish(OperationState.SUCCEEDED)
    journal.save(operation)
    await journal.aclose()

    journal = await opened(path)
    [kept], _ = await journal.page(1)
    # La mesure de la mémoire a lieu deux fois : son temps s'ajoute, à la place de la première.
    assert list(kept.times.seconds.items()) == [("spawning", 1.0), ("profiling", 31.0), ("compiling", 31.0)]
    await journal.aclose()


_UNNUMBERED = """
CREATE TABLE operations (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, kind TEXT NOT NULL, model TEXT NOT NULL,
  state TEXT NOT NULL, phase TEXT NOT NULL, completed INTEGER, total INTEGER,
  reason TEXT, message TEXT, failed_at REAL, started_at REAL NOT NULL, finished_at REAL
);
CREATE TABLE choices (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE transitions (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, model TEXT NOT NULL, state TEXT NOT NULL,
  phase TEXT NOT NULL, operation TEXT NOT NULL
);
INSERT INTO operations (id, kind, model, state, phase, started_at) VALUES ('a1', 'LOAD', 'qwen', 'RUNNING', '', 1.0);
INSERT INTO choices VALUES ('gpus/qwen', '[2]');
"""
_COLUMNS_ADDED = ("freed_bytes INTEGER", "elapsed REAL", "phases TEXT")


def version_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


@pytest.mark.parametrize("added", range(len(_COLUMNS_ADDED) + 1))
async def test_a_journal_from_before_versions_is_completed(tmp_path: Path, added: int) -> None:
    path = tmp_path / "journal.sqlite"
    with closing(sqlite3.connect(path)) as db:
        db.executescript(_UNNUMBERED)
        for column in _COLUMNS_ADDED[:added]:
            db.execute(f"ALTER TABLE operations ADD COLUMN {column}")
    journal = await opened(path)
    [kept], _ = await journal.page(1)
    assert (kept.id, kept.times.seconds, kept.freed_bytes) == ("a1", {}, None)
    assert await journal.choices() == {"gpus/qwen": [2]}
    kept.finish(OperationState.SUCCEEDED)
    kept.freed_bytes, kept.times.seconds = 5, {"opening": 2.0}
    journal.save(kept)
    await journal.aclose()
    journal = await opened(path)
    [again], _ = await journal.page(1)
    assert (again.freed_bytes, again.times.seconds) == (5, {"opening": 2.0})
    await journal.aclose()
    assert version_of(path) == 1


async def test_a_newer_journal_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    check_version(path)
    journal = await opened(path)
    journal.choose("gpus/qwen", [0])
    await journal.aclose()
    check_version(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 2")
    with pytest.raises(JournalTooNew, match="version 2"):
        check_version(path)
    with pytest.raises(JournalTooNew, match="version 2, et cette version de Passerelle connaît la 1"):
        await opened(path)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT name FROM choices").fetchall() == [("gpus/qwen",)]
    assert version_of(path) == 2 and not path.with_suffix(".illisible").exists()


async def test_serve_and_doctor_refuse_a_newer_journal(tmp_path: Path) -> None:
    path = tmp_path / ".passerelle" / "journal.sqlite"
    await (await opened(path)).aclose()
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 2")
    command = [sys.executable, "-m", "server", "serve"]
    env = {**os.environ, "MODEL_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(f"Passerelle ne démarre pas : {path} : le journal est de la version 2")
    [found] = [one for one in run_checks(env) if one.name == "journal"]
    assert (found.level, f"Passerelle ne démarre pas : {found.found}\n") == (Level.FAILURE, done.stderr)


LAST_WEEK = Path(__file__).resolve().parents[1] / "data" / "journal-semaine.sqlite"


async def test_last_weeks_journal_goes_forward_and_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    path.write_bytes(LAST_WEEK.read_bytes())
    journal = await opened(path)
    kept, _ = await journal.page(10)
    assert [(one.id, one.kind, one.state) for one in kept] == [
        ("semaine3", OperationKind.UNLOAD, OperationState.SUCCEEDED),
        ("semaine2", OperationKind.LOAD, OperationState.FAILED),
        ("semaine1", OperationKind.LOAD, OperationState.SUCCEEDED),
        ("semaine0", OperationKind.DOWNLOAD, OperationState.SUCCEEDED),
    ]
    assert await journal.choices() == {"gpus/qwen": [1], "pinned/canary": True}
    assert await journal.load_seconds("qwen") == 59.0
    await journal.aclose()
    assert version_of(path) == 1
    # Ce qu'elle était : la version d'alors la relit telle qu'elle l'a écrite.
    before = tmp_path / "journal.v0.sqlite"
    assert dump(before) == dump(LAST_WEEK) and version_of(before) == 0
    assert before.stat().st_mode & 0o777 == 0o600
    # Une base à jour n'est plus copiée.
    before.unlink()
    await (await opened(path)).aclose()
    assert not before.exists()


def dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as db:
        return list(db.iterdump())


async def test_an_interrupted_upgrade_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal.sqlite"
    await (await opened(path)).aclose()

    def broken(db: sqlite3.Connection) -> None:
        db.execute("DROP TABLE choices")
        raise RuntimeError

    monkeypatch.setattr("server.control.record.journal.MIGRATIONS", (*schema.MIGRATIONS, broken))
    with pytest.raises(RuntimeError):
        await opened(path)
    monkeypatch.undo()
    journal = await opened(path)
    assert await journal.choices() == {} and version_of(path) == 1
    await journal.aclose()


async def test_choices(tmp_path: Path) -> None:
    journal = await opened(tmp_path / "journal.sqlite")
    journal.choose("gpus/qwen", [0, 1])
    journal.choose("gpus/qwen", [2])
    assert await journal.choices() == {"gpus/qwen": [2]}
    await journal.aclose()


async def test_an_unreadable_journal_is_put_aside(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    path.write_bytes(b"ceci n'est pas une base" * 100)
    journal = await opened(path)
    assert await journal.page(10) == ([], 0)
    await journal.aclose()
    assert path.with_suffix(".illisible").read_bytes().startswith(b"ceci")
