"""Le schéma du journal, version après version ; `PRAGMA user_version` dit celle d'une base."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

JOURNAL = "journal.sqlite"
"""Nom du journal dans le dossier d'état."""

_MAGIC = b"SQLite format 3\0"
_VERSION_BYTES = slice(60, 64)
"""Place de `user_version` dans l'en-tête du fichier."""

_TABLES = (
    """
CREATE TABLE IF NOT EXISTS operations (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, kind TEXT NOT NULL, model TEXT NOT NULL,
  state TEXT NOT NULL, phase TEXT NOT NULL, completed INTEGER, total INTEGER,
  reason TEXT, message TEXT, failed_at REAL, started_at REAL NOT NULL, finished_at REAL
)""",
    "CREATE TABLE IF NOT EXISTS choices (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    """
CREATE TABLE IF NOT EXISTS transitions (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, model TEXT NOT NULL, state TEXT NOT NULL,
  phase TEXT NOT NULL, operation TEXT NOT NULL
)""",
)
_ADDED = {"freed_bytes": "INTEGER", "elapsed": "REAL", "phases": "TEXT"}


class JournalTooNew(Exception):
    """Le journal est d'une version de Passerelle plus récente."""


def _first(db: "sqlite3.Connection") -> None:
    # Avant d'être numérotées, les bases ont reçu leurs colonnes une à une : celle-ci peut en avoir déjà.
    for table in _TABLES:
        db.execute(table)
    present = {row[1] for row in db.execute("PRAGMA table_info(operations)")}
    for name, kind in _ADDED.items():
        if name not in present:
            db.execute(f"ALTER TABLE operations ADD COLUMN {name} {kind}")


Migrations = Sequence[Callable[["sqlite3.Connection"], None]]
"""Ce qui mène une base à chaque version, depuis la précédente."""

MIGRATIONS: Migrations = (_first,)
"""Ce qui mène à chaque version, depuis la précédente ; jamais changé, seulement allongé."""


def outdated(db: "sqlite3.Connection", migrations: Migrations) -> int | None:
    """Version d'une base que `upgrade` changerait ; `None` si elle est à jour, ou vide."""
    version = _version(db)
    [tables] = db.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
    return version if tables and version < len(migrations) else None


def upgrade(db: "sqlite3.Connection", migrations: Migrations) -> None:
    """Mène une base à la version présente, chaque pas en entier ou pas du tout.

    Raises:
        JournalTooNew: elle est d'une version plus récente ; rien n'y est changé.
    """
    version = _version(db)
    _check(version, migrations)
    for number, migrate in enumerate(migrations[version:], version + 1):
        db.execute("BEGIN IMMEDIATE")
        try:
            migrate(db)
            db.execute(f"PRAGMA user_version = {number}")
        except BaseException:
            db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")
    # `check_version`, ici ou dans une version précédente, lit le fichier seul, sans ce qui attend à côté.
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def check_version(path: Path) -> None:
    """Vérifie, sans l'ouvrir, qu'un journal n'est pas d'une version plus récente.

    Raises:
        JournalTooNew: il l'est.
    """
    try:
        with path.open("rb") as file:
            header = file.read(_VERSION_BYTES.stop)
    except OSError:
        return
    if header.startswith(_MAGIC):
        _check(int.from_bytes(header[_VERSION_BYTES], "big"))


def _version(db: "sqlite3.Connection") -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _check(version: int, migrations: Migrations = MIGRATIONS) -> None:
    if version > len(migrations):
        raise JournalTooNew(
            f"le journal est de la version {version}, et cette version de Passerelle connaît la {len(migrations)} : "
            "relancez la version qui l'a écrit, ou remettez la copie faite avant elle (journal.v<version>.sqlite)."
        )
