"""D'une version de Passerelle à une autre, et retour : ce que l'une écrit, l'autre le reprend."""

import errno
import json
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from server.control.life.state import ModelState
from server.control.record import schema
from server.control.record.desired import Desired, Return
from server.control.record.journal import Journal
from server.control.record.operations import Failure, Operation, OperationKind
from server.control.record.schema import JournalTooNew
from server.control.record.state_dir import StateDir, StateRefused
from server.control.record.trouble import JournalUnavailable
from tests.support.models_rig import Rig, make, spec, state_of

_TABLES = """
CREATE TABLE IF NOT EXISTS operations (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, kind TEXT NOT NULL, model TEXT NOT NULL,
  state TEXT NOT NULL, phase TEXT NOT NULL, completed INTEGER, total INTEGER,
  reason TEXT, message TEXT, failed_at REAL, started_at REAL NOT NULL, finished_at REAL
);
CREATE TABLE IF NOT EXISTS choices (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS transitions (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, model TEXT NOT NULL, state TEXT NOT NULL,
  phase TEXT NOT NULL, operation TEXT NOT NULL
);
"""
"""Le schéma du 24 novembre 2026 ; les versions suivantes l'ont complété de `COLUMNS`, dans cet ordre."""
COLUMNS = ("freed_bytes", "elapsed", "phases")
TYPES = {"freed_bytes": "INTEGER", "elapsed": "REAL", "phases": "TEXT"}

LOADED = """
INSERT INTO operations (id, kind, model, state, phase, started_at, finished_at)
  VALUES ('avant', 'LOAD', 'a', 'SUCCEEDED', 'warming_up', 1000.0, 1009.5);
INSERT INTO transitions (at, model, state, phase, operation) VALUES (1000.5, 'a', 'LOADING', 'opening', 'avant');
INSERT INTO choices VALUES ('gpus/a', '[5, 2]'), ('replicas/a', '2'), ('options/a', '{"seed": 7}'), ('pinned/a', 'true');
"""
"""Un modèle chargé, comme l'ont écrit toutes les versions."""
DESIRED_AT_7515820 = """
INSERT INTO choices VALUES
  ('desired/a', '{"seats": [[5], [2]], "asleep": 0, "at": 1795977101.7398887}'),
  ('desired/b', '{"seats": [[0]], "asleep": 1, "at": 1795977063.9854238}'),
  ('desired/c', '{"seats": [[1]], "asleep": 0, "at": 1795977050.5}'),
  ('return/c', '{"life": "passerelle-d5c1", "tries": 3, "broken_off": false, "resting": true, "failure":
    {"reason": "MODEL_LOAD_FAILED", "message": "raté", "at": 1795977060.25}}');
"""


def written(path: Path, columns: int, version: int, rows: str) -> None:
    """Journal d'une version d'avant, tel qu'elle l'a laissé."""
    with closing(sqlite3.connect(path)) as db:
        db.executescript(_TABLES)
        for column in COLUMNS[:columns]:
            db.execute(f"ALTER TABLE operations ADD COLUMN {column} {TYPES[column]}")
        db.executescript(rows)
        db.execute(f"PRAGMA user_version = {version}")
        db.commit()


def runs_before(path: Path, columns: int) -> None:
    """Ouvre, écrit et relit un journal par les mots mêmes de la version qui avait ces colonnes."""
    own = ", ".join(COLUMNS[:columns])
    named = (
        "id, kind, model, state, phase, completed, total, reason, message, failed_at, started_at, finished_at"
        f"{', ' * bool(own)}{own}"
    )
    values = ["encore", "UNLOAD", "a", "SUCCEEDED", "", None, None, None, None, None, 1.0, 2.0, *[None] * columns]
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript(_TABLES)
        present = {row[1] for row in db.execute("PRAGMA table_info(operations)")}
        assert set(COLUMNS[:columns]) <= present
        db.execute(
            f"INSERT INTO operations ({named}) VALUES ({', '.join('?' * len(values))}) "
            "ON CONFLICT (id) DO UPDATE SET state = excluded.state",
            values,
        )
        db.execute("INSERT INTO transitions (at, model, state, phase, operation) VALUES (3.0, 'a', 'CACHED', '', 'x')")
        db.execute("INSERT OR REPLACE INTO choices VALUES (?, ?)", ("pinned/a", "false"))
        kinds = [row[2] for row in db.execute(f"SELECT seq, {named} FROM operations ORDER BY seq")]
        assert kinds[0] == "LOAD" and kinds[-1] == "UNLOAD"
        assert dict(db.execute("SELECT name, value FROM choices"))["replicas/a"] == "2"


def dump(path: Path) -> tuple[list[str], int]:
    with closing(sqlite3.connect(path)) as db:
        return list(db.iterdump()), int(db.execute("PRAGMA user_version").fetchone()[0])


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Journal]:
    journal = Journal(path)
    await journal.open()
    try:
        yield journal
    finally:
        await journal.aclose()


@asynccontextmanager
async def come_back(tmp_path: Path) -> AsyncIterator[Rig]:
    """Un démarrage sur ce journal, huit GPU et trois modèles, une fois revenu ce qui doit l'être."""
    rig = await make(tmp_path, 8, spec("a"), spec("b"), spec("c"), life="la suivante")
    try:
        await rig.come_back()
        await rig.returned()
        await rig.settle()
        yield rig
    finally:
        await rig.aclose()


def a_table_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Le schéma d'une version future, qui a de plus une table, un indice et une colonne."""
    added = ("CREATE TABLE IF NOT EXISTS usages (id INTEGER)", "CREATE INDEX IF NOT EXISTS par_id ON usages (id)")
    monkeypatch.setattr(schema, "_TABLES", (*schema._TABLES, *added))
    monkeypatch.setattr(schema, "_ADDED", {**schema._ADDED, "transitions": {"why": "TEXT"}})


@pytest.mark.parametrize("future", [False, True], ids=["cette version", "une version future"])
@pytest.mark.parametrize("columns", range(len(COLUMNS) + 1))
async def test_a_version_before_goes_on_with_the_journal_of_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, columns: int, future: bool
) -> None:
    path = tmp_path / "journal.sqlite"
    written(path, columns, version=0, rows=LOADED)
    if future:
        a_table_more(monkeypatch)
    async with opened(path) as journal:
        journal.save(Operation(OperationKind.LOAD, "b"))
    # Le nouveau n'a pas tenu : l'ancien repart, puis le nouveau encore.
    runs_before(path, columns)
    async with opened(path) as journal:
        kept, _ = await journal.page(10)
        assert [one.id for one in kept][::2] == ["encore", "avant"]
        assert (await journal.choices())["pinned/a"] is False


async def test_what_is_added_needs_neither_a_copy_nor_a_new_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.sqlite"
    async with opened(path) as journal:
        journal.choose("gpus/a", [5])
    with monkeypatch.context() as future:
        a_table_more(future)
        async with opened(path):
            pass
    found, version = dump(path)
    assert version == 1 and any("usages" in line for line in found)
    assert [one.name for one in tmp_path.glob("*.sqlite")] == ["journal.sqlite"]
    # Cette version-ci, d'avant celle-là, la reprend sans rien y changer.
    async with opened(path) as journal:
        assert await journal.choices() == {"gpus/a": [5]}
    assert dump(path) == (found, version)


async def test_the_models_of_the_version_before_come_back(tmp_path: Path) -> None:
    written(tmp_path / "j.sqlite", 3, version=1, rows=LOADED + DESIRED_AT_7515820)
    async with come_back(tmp_path) as rig:
        # Ce qu'elle avait abandonné est essayé de nouveau : c'est un autre démarrage.
        assert {key: [one.gpus for one in rig.model(key).replicas] for key in "abc"} == {
            "a": [(5,), (2,)],
            "b": [(0,)],
            "c": [(1,)],
        }
        assert [state_of(rig.model(key)) for key in "abc"] == [ModelState.READY, ModelState.ASLEEP, ModelState.READY]
        assert rig.model("a").choices.pinned and rig.model("a").choices.options == {"seed": 7}
        assert rig.models.notices() == []


async def test_before_desired_models_a_version_kept_only_its_choices(tmp_path: Path) -> None:
    written(tmp_path / "j.sqlite", 3, version=0, rows=LOADED)
    async with come_back(tmp_path) as rig:
        assert rig.replicas.started == [] and rig.models.not_ready() == []
        await rig.load("a")
        assert [one.gpus for one in rig.model("a").replicas] == [(5,), (2,)]


def test_what_is_kept_has_the_form_the_version_before_reads() -> None:
    # 7515820 lit ces champs un à un, et ne reconnaît pas `return/` s'il en a un de plus.
    assert list(Desired(((5,), (2,)), 1, 2.5).kept()) == ["seats", "asleep", "at"]
    kept = Return("vie", 2, True, False, Failure("X", "raté", 1.5)).kept()
    assert list(kept) == ["life", "tries", "broken_off", "resting", "failure"]
    assert list(kept["failure"]) == ["reason", "message", "at"]


async def test_what_a_later_version_added_does_not_count(tmp_path: Path) -> None:
    returning = {"life": "x", "tries": 1, "broken_off": True, "resting": False, "cause": "?"}
    failure = {"reason": "X", "message": "raté", "at": 1.0, "depth": 3}
    written(
        tmp_path / "j.sqlite",
        3,
        version=1,
        rows=f"""
        INSERT INTO choices VALUES ('desired/a', '{{"seats": [[5]], "asleep": 0, "at": 1.0, "why": {{"who": "moi"}}}}');
        INSERT INTO choices VALUES ('return/a', '{json.dumps({**returning, "failure": failure})}');
        INSERT INTO choices VALUES ('desired/b', '{{"seats": [[0]]}}'), ('return/b', '["autre"]');
        INSERT INTO choices VALUES ('quotas', '{{"x": 1}}');
        INSERT INTO operations (id, kind, model, state, phase, started_at)
          VALUES ('verifie', 'VERIFY', 'a', 'RUNNING', '', 1.0), ('suspendu', 'LOAD', 'a', 'PAUSED', '', 1.0),
                 ('connu', 'LOAD', 'a', 'CANCELLED', '', 1.0);
        """,
    )
    async with come_back(tmp_path) as rig:
        assert rig.replicas.started == ["a-0", "b-0"]
        kept, _ = await rig.journal.page(50)
        ids = {one.id for one in kept}
        assert "connu" in ids and not ids & {"verifie", "suspendu"}
        assert await rig.journal.running() == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("desired/a", '{"seats": {"0": [5]}}'),
        ("desired/a", '["a"]'),
        ("desired/a", '{"asleep": 0}'),
        ("desired/a", '{"seats": [["cinq"]]}'),
        ("options/a", "[1]"),
        ("replicas/a", '"deux"'),
    ],
)
async def test_what_cannot_be_understood_is_said_and_holds_nothing(tmp_path: Path, name: str, value: str) -> None:
    rows = f"INSERT INTO choices VALUES ('{name}', '{value}'), ('desired/b', '{{\"seats\": [[0]]}}')"
    written(tmp_path / "j.sqlite", 3, version=1, rows=rows)
    async with come_back(tmp_path) as rig:
        assert rig.replicas.started == ["b-0"] and rig.models.not_ready() == []
        [notice] = rig.models.notices()
        assert "« a » est d'une autre version de Passerelle" in notice and "rechargez-le" in notice
        await rig.load("a")
        assert rig.models.notices() == []


def migrating(monkeypatch: pytest.MonkeyPatch, *steps: Callable[[sqlite3.Connection], None]) -> None:
    """Les migrations d'une version future, qui a ces pas de plus."""
    for module in ("journal", "state_dir"):
        monkeypatch.setattr(f"server.control.record.{module}.MIGRATIONS", (*schema.MIGRATIONS, *steps))


def _raised(error: Exception) -> Callable[[sqlite3.Connection], None]:
    def migrate(db: sqlite3.Connection) -> None:
        db.execute("DROP TABLE choices")
        raise error

    return migrate


def _emptied(db: sqlite3.Connection) -> None:
    db.execute("UPDATE choices SET value = '[]'")


def _unknown_column(db: sqlite3.Connection) -> None:
    db.execute("DROP TABLE choices")
    db.execute("UPDATE operations SET nothing = 1")


def _corrupt() -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError("database disk image is malformed")
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


@pytest.mark.parametrize(
    "steps",
    [
        (_raised(RuntimeError("en plein vol")),),
        (_emptied, _raised(KeyError("choices"))),
        (_emptied, _unknown_column),
        # Un journal sain n'est pas mis de côté parce qu'une migration s'y perd.
        (_raised(_corrupt()),),
        (_raised(OSError(errno.EIO, "Input/output error")),),
    ],
    ids=["lève", "la seconde lève", "SQL refusé", "dite abîmée", "disque"],
)
async def test_a_migration_that_fails_leaves_the_journal_to_the_version_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: tuple[Callable[[sqlite3.Connection], None], ...]
) -> None:
    path = tmp_path / "journal.sqlite"
    written(path, 3, version=1, rows=LOADED + DESIRED_AT_7515820)
    before = dump(path)
    with monkeypatch.context() as next_version:
        migrating(next_version, *steps)
        with pytest.raises(JournalUnavailable, match="reste tel qu'il était : relancez celle d'avant"):
            await Journal(path).open()
        with pytest.raises(StateRefused, match=r"PASSERELLE_STATE_DIR : .*n'a pas pu être mené à cette version"):
            StateDir(tmp_path, tmp_path)
    assert dump(path) == before and not list(tmp_path.glob("*.illisible*"))
    with StateDir(tmp_path, tmp_path):
        runs_before(path, 3)


async def test_a_journal_the_version_before_cannot_read_is_put_back_from_its_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.sqlite"
    written(path, 3, version=1, rows=LOADED)
    before, _ = dump(path)
    with monkeypatch.context() as next_version:
        migrating(next_version, _emptied)
        async with opened(path) as journal:
            assert (await journal.choices())["gpus/a"] == []
    with pytest.raises(JournalTooNew, match=r"version 2, .*connaît la 1 : .*\(journal\.v1\.sqlite\)"):
        await Journal(path).open()
    # Ce que dit docs/exploitation.md.
    (tmp_path / "journal.v1.sqlite").replace(path)
    assert dump(path) == (before, 1)
    async with opened(path) as journal:
        assert (await journal.choices())["gpus/a"] == [5, 2]
