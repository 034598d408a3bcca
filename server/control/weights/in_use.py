"""Ce dont un exemplaire se sert : un verrou partagé, qui tombe avec son processus, et que tout retrait prend seul.

Plusieurs serveurs peuvent avoir le même dossier de poids : aucun ne sait ce qu'un autre a chargé, le verrou le dit.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from server.errors import InvalidState


def use(folder: Path) -> int | None:
    """Retient une révision jusqu'à la fin de ce processus ; rend le descripteur du verrou.

    `None` là où il ne peut pas être posé : un dossier qu'on ne peut que lire, et que personne n'y a jamais tenu.
    """
    try:
        held = os.open(_lock(folder), os.O_RDONLY | os.O_CREAT, 0o666)
    except OSError:
        return None
    try:
        fcntl.flock(held, fcntl.LOCK_SH)
    except OSError:
        os.close(held)
        return None
    return held


@contextmanager
def used(folder: Path) -> Iterator[None]:
    """Retient une révision le temps du bloc."""
    held = use(folder)
    try:
        yield
    finally:
        if held is not None:
            os.close(held)


@contextmanager
def unused(key: str, folder: Path) -> Iterator[None]:
    """S'assure, le temps du bloc, que personne ne se sert d'une révision.

    Raises:
        InvalidState: un exemplaire, d'ici ou d'un autre serveur, s'en sert.
    """
    held = os.open(_lock(folder), os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(held)
        raise InvalidState(
            f"Un autre processus se sert des poids de « {key} » ({folder.name}) : un serveur qui partage ce dossier, "
            "ou un export. Déchargez-les là-bas d'abord.",
            metadata={"model": key, "revision": folder.name},
        ) from error
    try:
        yield
    finally:
        os.close(held)


def _lock(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.use")
