"""Le schéma du journal ; le numéro d'une base (`PRAGMA user_version`) dit quelles versions de Passerelle s'en servent.

Une table, un indice ou une colonne facultative de plus s'ajoute à l'ouverture sans changer ce numéro : les versions
d'avant, qui nomment leurs colonnes, lisent et écrivent encore la base ; `choices` garde ses deux colonnes, que celles
de novembre 2026 ne nomment pas. Ne change le numéro que ce qu'elles ne sauraient plus lire.
"""

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
_ADDED = {"operations": {"freed_bytes": "INTEGER", "elapsed": "REAL", "phases": "TEXT"}}
"""Colonnes venues après leur table ; sans valeur dans ce qu'une version d'avant écrit."""


class JournalTooNew(Exception):
    """Le journal est d'une version de Passerelle plus récente."""


def _complete(db: "sqlite3.Connection") -> None:
    """Ajoute ce qui manque ; n'écrit rien dans une base complète."""
    for table in _TABLES:
        db.execute(table)
    for table, columns in _ADDED.items():
        present = {row[1] for row in db.execute(f"PRAGMA table_info({table})")}
        for name, kind in columns.items():
            if name not in present:
                db.execute(f"ALTER TABLE {table} ADD COLUMN {name} {kind}")


Migrations = Sequence[Callable[["sqlite3.Connection"], None]]
"""Ce qui mène une base à chaque version. Le premier pas, qui n'ajoute que ce qui manque, est rejoué à chaque fois ;
un autre rend la base illisible à la version d'avant, n'est joué qu'une fois, et ne change jamais."""

MIGRATIONS: Migrations = (_complete,)
"""Celles du journal ; seulement allongées."""


def outdated(db: "sqlite3.Connection", migrations: Migrations) -> int | None:
    """Version d'une base que `upgrade` rendrait illisible à celle d'avant ; `None` sinon, ou si elle est vide."""
    version = _version(db)
    [tables] = db.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
    return version if tables and version < len(migrations) else None


def upgrade(db: "sqlite3.Connection", migrations: Migrations) -> None:
    """Mène une base à la version présente, en entier ou pas du tout.

    Raises:
        JournalTooNew: elle est d'une version plus récente ; rien n'y est changé.
    """
    version = _version(db)
    _check(version, migrations)
    db.execute("BEGIN")
    try:
        for migrate in (migrations[0], *migrations[max(1, version) :]):
            migrate(db)
        if version < len(migrations):
            db.execute(f"PRAGMA user_version = {len(migrations)}")
    except BaseException:
        if db.in_transaction:
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
            "relancez la version qui l'a écrit, ou remettez à sa place la copie faite avant elle "
            f"({JOURNAL.replace('.', f'.v{len(migrations)}.')})."
        )
