"""Un fichier du hub : repris où il en est, vérifié, ou trouvé ailleurs sur le disque.

`snapshot_download` et `hf_hub_download` ne conviennent pas : depuis huggingface_hub 2, leurs fichiers partiels ont un
nom aléatoire et sont effacés à l'échec, donc rien n'est repris. Seule leur session HTTP sert, avec ses refus typés.
"""

import contextlib
import hashlib
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

from server.control.weights.cache import MANIFEST, read_as
from server.control.weights.hub_client import HubClient, Stopped
from server.control.weights.hub_listing import HubFile, repository_dir
from server.domain import HubRepository
from server.errors import IntegrityMismatch

logger = logging.getLogger(__name__)

_BLOCK = 4 * 1024 * 1024
_SHA256_LENGTH = 64


@dataclass(frozen=True, slots=True)
class Target:
    """Fichier d'un dépôt et sa place dans le dossier du modèle."""

    file: HubFile
    wanted: HubRepository
    commit: str
    name: str
    """Nom relatif au dossier du modèle."""
    folder: Path
    """Dossier du modèle."""

    @property
    def final(self) -> Path:
        """Place du fichier entier."""
        return self.folder / self.name

    @property
    def partial(self) -> Path:
        """Place du fichier inachevé ; son nom porte l'empreinte, pour ne jamais reprendre un autre contenu."""
        return self.final.with_name(f"{self.final.name}.{self.file.digest[:12]}.partial")

    @property
    def present(self) -> int:
        """Octets déjà là."""
        for path in (self.final, self.partial):
            with contextlib.suppress(OSError):
                size = path.stat().st_size
                if path == self.partial or size == self.file.size:
                    return min(size, self.file.size)
        return 0


def transfer(target: Target, client: HubClient, written: Callable[[int], None]) -> None:
    """Télécharge ce qui manque du fichier inachevé.

    Args:
        written: reçoit la taille du fichier à chaque écriture.

    Raises:
        DownloadFailed: refus, ou hub injoignable après plusieurs essais.
        OSError: écriture impossible.
    """
    from huggingface_hub import hf_hub_url

    url = hf_hub_url(target.wanted.repository, target.file.path, revision=target.commit, endpoint=client.endpoint)
    target.partial.parent.mkdir(parents=True, exist_ok=True)
    # Sans tampon : ce qui est compté est sur le disque, et un processus tué n'en perd rien.
    with target.partial.open("ab", buffering=0) as sink:

        def reached() -> int:
            return os.fstat(sink.fileno()).st_size

        while reached() != target.file.size:
            client.call(
                lambda: _receive(url, target.file.size, sink, client, written),
                target.wanted,
                file=target.file.path,
                progress=reached,
            )
        os.fsync(sink.fileno())


def _receive(url: str, size: int, sink: FileIO, client: HubClient, written: Callable[[int], None]) -> None:
    from httpx2 import RemoteProtocolError
    from huggingface_hub import constants
    from huggingface_hub.utils import get_session, hf_raise_for_status

    have = os.fstat(sink.fileno()).st_size
    if have > size:
        sink.truncate(have := 0)
    # Un contenu comprimé à la volée n'aurait ni la taille du dépôt, ni de quoi être repris.
    headers = {**client.headers, "accept-encoding": "identity"}
    if have:
        headers["range"] = f"bytes={have}-"
    timeout = constants.HF_HUB_DOWNLOAD_TIMEOUT
    with get_session().stream("GET", url, headers=headers, timeout=timeout) as response:
        if response.status_code == 416:
            sink.truncate(0)
            raise RemoteProtocolError("reprise refusée")
        hf_raise_for_status(response)
        if have and response.headers.get("content-range", "").partition("-")[0] != f"bytes {have}":
            sink.truncate(have := 0)  # le serveur a ignoré la reprise
            if response.status_code != 200:
                raise RemoteProtocolError("reprise à un autre endroit que demandé")
        announced = response.headers.get("content-length", "")
        plain = announced.isdigit() and "content-encoding" not in response.headers
        if plain and have + int(announced) != size:
            sink.truncate(0)
            raise _another_size(url, have + int(announced), size)
        for chunk in response.iter_bytes():
            if client.stopped.is_set():
                raise Stopped
            have += len(chunk)
            if have > size:
                sink.truncate(0)
                raise _another_size(url, have, size)
            view = memoryview(chunk)
            while view:
                view = view[sink.write(view) :]
            written(have)
    if have < size:
        raise RemoteProtocolError(f"{have} octets reçus sur {size}")


def _another_size(url: str, found: int, size: int) -> IntegrityMismatch:
    return IntegrityMismatch(
        f"« {url} » envoie {found} octets, le hub en annonce {size} : relancez ; si cela dure, le miroir est fautif.",
        metadata={"expected": str(size), "found": str(found)},
    )


def check(path: Path, file: HubFile) -> str:
    """Vérifie l'empreinte du hub ; rend le SHA-256, que le manifeste garde.

    Raises:
        IntegrityMismatch: un autre contenu.
    """
    sha256, sha1 = hashlib.sha256(), hashlib.sha1(f"blob {file.size}\0".encode(), usedforsecurity=False)
    lfs = len(file.digest) == _SHA256_LENGTH
    with path.open("rb") as source:
        while block := source.read(_BLOCK):
            sha256.update(block)
            if not lfs:
                sha1.update(block)
    found = (sha256 if lfs else sha1).hexdigest()
    if found != file.digest:
        raise IntegrityMismatch(
            f"« {file.path} » n'a pas l'empreinte annoncée par le hub ({found}, attendu {file.digest}). S'il vient "
            "d'être téléchargé, il a été retiré : relancez.",
            metadata={"file": file.path, "expected": file.digest, "found": found},
        )
    return sha256.hexdigest()


def link_found(target: Target, caches: Iterable[Path], key_dir: Path) -> bool:
    """Met à sa place un fichier trouvé dans un cache du hub, ou sous une autre révision du même modèle, sans le copier.

    Un lien dur si le disque est le même, un lien symbolique sinon. Vrai si le fichier a été trouvé.
    """
    for found in _elsewhere(target, caches, key_dir):
        target.final.parent.mkdir(parents=True, exist_ok=True)
        target.final.unlink(missing_ok=True)
        try:
            os.link(found, target.final)
        except OSError:
            target.final.symlink_to(found)
        logger.info("artifact_found", extra={"file": target.name, "at": str(found)})
        return True
    return False


def _elsewhere(target: Target, caches: Iterable[Path], key_dir: Path) -> Iterator[Path]:
    file = target.file
    for cache in caches:
        repository = repository_dir(cache, target.wanted.repository)
        for path in (repository / "blobs" / file.digest, repository / "snapshots" / target.commit / file.path):
            if path.is_file() and path.stat().st_size == file.size:
                yield path.resolve()
    # Épingler un commit ne retélécharge pas ce que `main` avait apporté.
    for manifest in key_dir.glob(f"*/{MANIFEST}"):
        named: list[str] = read_as(manifest, lambda found: _named(found, file.digest), [])
        for name in named:
            path = manifest.parent / name
            if path.is_file() and path.stat().st_size == file.size:
                yield path.resolve()


def _named(manifest: Any, digest: str) -> list[str]:
    """Fichiers d'un manifeste qui ont cette empreinte."""
    return [name for name, entry in manifest["files"].items() if entry["sha256"] == digest]
