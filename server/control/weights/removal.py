"""Retirer des poids du disque : ceux d'un modèle, ou ses seules anciennes révisions."""

import errno
import fcntl
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from server.control.weights.cache import MANIFEST, download_lock
from server.control.weights.in_use import unused
from server.domain import ModelSpec
from server.errors import InvalidState

_ASIDE = ".retrait-"
"""Début du nom d'une révision qu'on retire : le renommage la rend inutilisable d'un coup, effacer peut durer."""
IMPORTING = ".import-"
"""Début du nom d'une révision qu'un import n'a pas encore vérifiée ; interrompu, il en laisse une à retirer."""
_KEY = re.compile(r"[A-Za-z0-9_][\w.-]*", re.ASCII)
"""Ce qu'est la clé d'un modèle : un nom de dossier, et rien qui en sorte."""
_HUB = ("models--", "datasets--", "spaces--")
"""Dossiers d'un cache du hub, qui peut être le même que celui des poids."""


@dataclass(frozen=True, slots=True)
class Revision:
    """Révision d'un modèle sur le disque."""

    folder: Path
    bytes: int
    """Octets que son retrait libère ; ce qu'un autre cache tient aussi n'en est pas."""
    current: bool
    """C'est celle du profil."""

    @property
    def name(self) -> str:
        """Révision, telle que le profil la nomme."""
        return self.folder.name.removeprefix(_ASIDE).removeprefix(IMPORTING)


def revisions(cache_dir: Path, spec: ModelSpec, *, old_only: bool = False) -> list[Revision]:
    """Révisions d'un modèle que le disque tient, celle du profil d'abord ; un retrait interrompu en est une."""
    found = _held(cache_dir / spec.key, spec.source.revision)
    return [one for one in found if not (one.current and old_only)]


def left_behind(cache_dir: Path, key: str) -> list[Revision]:
    """Révisions d'un modèle que le profil n'a plus : seules celles dont un manifeste dit qu'elles sont à ce serveur."""
    if _KEY.fullmatch(key) is None or key.startswith(_HUB):
        return []
    return [
        one for one in _held(cache_dir / key, "") if one.folder.name != one.name or (one.folder / MANIFEST).is_file()
    ]


def _held(parent: Path, current: str) -> list[Revision]:
    try:
        folders = [Path(one.path) for one in os.scandir(parent) if one.is_dir()]
    except OSError:
        return []
    found = []
    for folder in folders:
        hidden = folder.name.startswith(".") and not folder.name.startswith((_ASIDE, IMPORTING))
        if not hidden and not folder.name.startswith(_HUB):
            found.append(Revision(folder, _freed(folder), folder.name == current))
    return sorted(found, key=lambda one: (not one.current, one.folder.name))


def set_aside(key: str, found: Sequence[Revision]) -> list[Path]:
    """Rend ces révisions inutilisables, d'un renommage chacune ; rend les dossiers à effacer.

    Raises:
        InvalidState: poids qu'on ne peut que lire, dont un téléchargement est en cours, ou dont un exemplaire se sert.
    """
    aside = []
    for one in found:
        target = one.folder.with_name(f"{_ASIDE}{one.name}")
        try:
            named = one.folder.with_name(one.name)
            with _locked(key, named), unused(key, named):
                if one.folder != target and target.exists():
                    shutil.rmtree(target)
                one.folder.rename(target)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
                raise
            raise InvalidState(
                f"Les poids de « {key} » ne peuvent qu'être lus ici ({one.folder}) : retirez-les d'où ils sont écrits.",
                metadata={"model": key, "revision": one.name},
            ) from error
        aside.append(target)
    return aside


def erase(folders: Sequence[Path]) -> None:
    """Efface ce qui a été mis de côté ; un lien n'emporte pas ce qu'il désigne."""
    for folder in folders:
        if folder.is_symlink():
            folder.unlink()
        else:
            shutil.rmtree(folder)


@contextmanager
def _locked(key: str, folder: Path) -> Iterator[None]:
    lock = os.open(download_lock(folder), os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise InvalidState(
            f"Un téléchargement de « {key} » ({folder.name}) est en cours ; attendez-le ou annulez-le.",
            metadata={"model": key, "revision": folder.name},
            retry_after=2.0,
        ) from error
    finally:
        os.close(lock)


def _freed(folder: Path) -> int:
    if folder.is_symlink():
        return 0
    total = 0
    for parent, _folders, names in os.walk(folder):
        for name in names:
            try:
                status = (Path(parent) / name).lstat()
            except OSError:
                continue
            total += status.st_size if status.st_nlink == 1 else 0
    return total
