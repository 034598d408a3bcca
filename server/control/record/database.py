"""Une base du dossier d'état : fermée aux autres, vérifiée, menée à la version présente ; abîmée, remplacée."""

import contextlib
import logging
import os
import sqlite3
from pathlib import Path

from server.control.record.schema import JournalTooNew, Migrations, outdated, upgrade
from server.control.record.trouble import JournalDamaged, JournalUnavailable, explained, is_corrupt

logger = logging.getLogger(__name__)

MOUNTS = Path("/proc/self/mountinfo")
"""Ce que le noyau dit de chaque système de fichiers monté."""

_NETWORK = ("nfs", "cifs", "smb", "9p", "afs", "beegfs", "ceph", "gpfs", "lustre", "glusterfs", "sshfs", "s3fs")
"""Débuts des noms de systèmes de fichiers qu'une autre machine peut écrire."""


def open_database(path: Path, migrations: Migrations) -> sqlite3.Connection:
    """Ouvre la base ; abîmée, et alors seulement, elle est mise de côté, et cela se dit.

    Raises:
        JournalUnavailable: dossier inaccessible, base occupée, disque plein : elle est laissée comme elle est.
        JournalTooNew: base d'une version plus récente, laissée comme elle est.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            return _connect(path, migrations)
        except sqlite3.DatabaseError as error:
            if not is_corrupt(error):
                raise
            aside = _put_aside(path)
            logger.error("journal_unreadable", extra={"moved_to": str(aside), "error": str(error)})
            return _connect(path, migrations)
    except (OSError, sqlite3.Error) as error:
        raise JournalUnavailable(f"{path} : {explained(error)}") from error


def network_type(path: Path) -> str:
    """Système de fichiers en réseau qui porte ce chemin ; vide s'il est de cette machine."""
    found, deepest = "", -1
    with contextlib.suppress(OSError):
        for line in MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
            ours, _, theirs = line.partition(" - ")
            mount = Path(ours.split()[4].replace("\\040", " "))
            # Le dernier monté au même endroit cache les précédents.
            if len(mount.parts) >= deepest and path.is_relative_to(mount):
                found, deepest = theirs.split()[0], len(mount.parts)
    return found if found.removeprefix("fuse.").startswith(_NETWORK) else ""


def _connect(path: Path, migrations: Migrations) -> sqlite3.Connection:
    _close_to_others(path)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        # Le WAL partage de la mémoire entre les processus d'une machine : en réseau, il peut abîmer la base.
        mode = "DELETE" if network_type(path.resolve()) else "WAL"
        connection.execute(f"PRAGMA journal_mode = {mode}")
        # Ce qu'un verbe a demandé survit à une coupure de courant : chaque écriture va jusqu'au disque.
        connection.execute("PRAGMA synchronous = FULL")
        # Une page abîmée passe l'ouverture, et ferait tomber le plan de contrôle à chacun de ses démarrages.
        [found] = connection.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise JournalDamaged(found)
        if (version := outdated(connection, migrations)) is not None:
            _copy(connection, path.with_name(f"{path.stem}.v{version}{path.suffix}"))
        upgrade(connection, migrations)
    except (sqlite3.Error, JournalTooNew):
        connection.close()
        raise
    return connection


def _copy(connection: sqlite3.Connection, copy: Path) -> None:
    """Garde la base telle qu'elle est : la version qui l'a écrite saura la relire, et non celle qu'on va en faire."""
    copy.unlink(missing_ok=True)
    os.close(os.open(copy, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    connection.execute("VACUUM INTO ?", (str(copy),))


def _close_to_others(path: Path) -> None:
    """Crée la base en 0600, ou l'y ramène ; SQLite donne le même mode à ce qu'il crée à côté d'elle."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError, PermissionError):
            os.chmod(f"{path}{suffix}", 0o600)


def _put_aside(path: Path) -> Path:
    """Écarte une base sous un nom encore libre ; le rend."""
    aside = path.with_suffix(".illisible")
    number = 1
    while aside.exists():
        number += 1
        aside = path.with_suffix(f".illisible-{number}")
    return path.replace(aside)
