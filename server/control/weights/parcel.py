"""Un dossier d'export : ce qu'il contient d'un modèle, et comment le lire sans rien croire de lui.

`<dossier>/<clé>/` tient un manifeste (source, révision, commits ; taille et SHA-256 de chaque fichier) et `files/`.
"""

import hashlib
import json
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from server.control.weights.hub_listing import COMMIT, is_safe
from server.errors import IntegrityMismatch, InvalidRequest
from server.french import why

MANIFEST = "passerelle-weights.json"
FILES = "files"
_FORMAT = 1
_BLOCK = 4 * 1024 * 1024
_MANIFEST_BYTES = 64 * 1024 * 1024
_HEXADECIMAL = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class Entry:
    """Fichier annoncé."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Parcel:
    """Ce qu'un export dit d'un modèle."""

    kind: str
    repository: str
    revision: str
    selection: str
    """Ce que le profil prend du dépôt (`cache.selection`)."""
    license: str
    commits: Mapping[str, str]
    """Commit de chaque dépôt du hub, le principal d'abord."""
    files: Mapping[str, Entry]
    digest: str = field(default="", compare=False)
    """SHA-256 du manifeste lui-même."""

    @property
    def bytes(self) -> int:
        """Octets de tous les fichiers."""
        return sum(entry.bytes for entry in self.files.values())


def write(folder: Path, parcel: Parcel) -> str:
    """Écrit le manifeste ; rend son SHA-256."""
    said = {"format": _FORMAT, **asdict(parcel)}
    del said["digest"]
    content = (json.dumps(said, ensure_ascii=False, indent=1) + "\n").encode()
    with (folder / MANIFEST).open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return hashlib.sha256(content).hexdigest()


def read(root: Path, key: str) -> Parcel:
    """Lit et juge le manifeste d'un modèle.

    Raises:
        InvalidRequest: ce n'est pas un export, ou un nom de fichier en sortirait.
    """
    try:
        with open_inside(root, f"{key}/{MANIFEST}") as file:
            content = file.read(_MANIFEST_BYTES + 1)
    except OSError as error:
        raise InvalidRequest(
            f"« {root} » ne contient pas d'export de « {key} » ({key}/{MANIFEST} : {why(error)}).",
            metadata={"field": "folder", "value": str(root)},
        ) from error
    try:
        if len(content) > _MANIFEST_BYTES:
            raise ValueError(f"plus de {_MANIFEST_BYTES} octets")
        return _parcel(json.loads(content), hashlib.sha256(content).hexdigest())
    except (ValueError, TypeError, AttributeError, LookupError, RecursionError) as error:
        raise InvalidRequest(
            f"{root / key / MANIFEST} : ce manifeste ne peut pas être suivi ({error}).",
            metadata={"field": MANIFEST, "value": key},
        ) from error


def _parcel(said: Any, digest: str) -> Parcel:
    if said["format"] != _FORMAT:
        raise ValueError(f"forme {said['format']!r}, celle-ci lit la {_FORMAT}")
    texts = {name: said[name] for name in ("kind", "repository", "revision", "selection", "license")}
    commits, files = dict(said["commits"].items()), dict(said["files"].items())
    if not all(isinstance(text, str) for text in texts.values()):
        raise TypeError("un texte est attendu pour chaque champ de la source")
    if not all(isinstance(commit, str) and COMMIT.fullmatch(commit) for commit in commits.values()):
        raise ValueError("commits : un commit a 40 chiffres hexadécimaux")
    for name in files:
        # Le nom devient un chemin : rien n'y remonte, et deux noms n'y désignent pas le même fichier.
        name.encode()
        below = any(str(parent) in files for parent in PurePosixPath(name).parents)
        if not is_safe(name) or name != str(PurePosixPath(name)) or name == "." or below:
            raise ValueError(f"files : « {name[:200]} » n'est pas un nom admis")
    if not files:
        raise ValueError("files : aucun fichier")
    return Parcel(**texts, commits=commits, files={name: _entry(name, files[name]) for name in files}, digest=digest)


def _entry(name: str, said: Any) -> Entry:
    size, digest = said["bytes"], said["sha256"]
    whole = isinstance(size, int) and not isinstance(size, bool) and size >= 0
    if not whole or not isinstance(digest, str) or len(digest) != 64 or not _HEXADECIMAL.issuperset(digest):
        raise ValueError(f"files : « {name[:200]} » n'a pas une taille et une empreinte SHA-256")
    return Entry(size, digest)


def open_inside(root: Path, name: str) -> BinaryIO:
    """Ouvre un fichier d'un dossier dont on ne sait rien : aucun lien n'est suivi, seul un fichier ordinaire est lu.

    Raises:
        OSError: il n'y est pas, ou pas ainsi.
    """
    *folders, last = PurePosixPath(name).parts
    held = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in folders:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=held)
            os.close(held)
            held = inner
        # NONBLOCK : un tube retiendrait l'ouverture pour toujours.
        found = os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=held)
    finally:
        os.close(held)
    if not stat.S_ISREG(os.fstat(found).st_mode):
        os.close(found)
        raise OSError(0, "ce n'est pas un fichier ordinaire", name)
    return os.fdopen(found, "rb")


def copy(name: str, source: BinaryIO, target: Path | None, entry: Entry, done: Callable[[int], None]) -> None:
    """Copie un fichier et vérifie ce qui a été lu ; sans `target`, le vérifie seulement.

    Args:
        done: reçoit les octets faits à chaque bloc.

    Raises:
        IntegrityMismatch: autre taille, ou autre empreinte.
    """
    digest, size = hashlib.sha256(), 0
    sink = None
    if target is not None:
        target.parent.mkdir(parents=True, exist_ok=True)
        sink = target.open("xb")
    try:
        # Un octet de trop suffit à le juger : un fichier sans fin ne remplit pas le disque.
        while size <= entry.bytes and (block := source.read(min(_BLOCK, entry.bytes + 1 - size))):
            size += len(block)
            digest.update(block)
            if sink is not None:
                sink.write(block)
            done(min(size, entry.bytes))
        if sink is not None:
            sink.flush()
            os.fsync(sink.fileno())
    finally:
        if sink is not None:
            sink.close()
    found = digest.hexdigest()
    if (size, found) != (entry.bytes, entry.sha256):
        raise IntegrityMismatch(
            f"« {name} » n'est pas le fichier que dit le manifeste ({size} octets lus sur {entry.bytes}, SHA-256 "
            f"{found}, attendu {entry.sha256}).",
            metadata={"file": name, "expected": entry.sha256, "found": found},
        )
