"""Ce qu'un dépôt contient à un commit : noms, tailles, empreintes, venus du hub ou d'un cache déjà là."""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from server.control.weights.cache import read_as
from server.control.weights.hub_client import HubClient
from server.domain import HubRepository
from server.errors import HubNotFound, HubUnreachable

COMMIT = re.compile(r"[0-9a-f]{40}")
_DIGEST = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_TREE_VERSION = 1
_SHA256_LENGTH = 64


@dataclass(frozen=True, slots=True)
class HubFile:
    """Fichier d'un dépôt."""

    path: str
    """Chemin dans le dépôt."""
    size: int
    """Octets."""
    digest: str
    """SHA-256 du contenu (LFS), ou SHA-1 de l'objet git."""


@dataclass(frozen=True, slots=True)
class Listing:
    """Contenu d'un dépôt à un commit."""

    commit: str
    files: tuple[HubFile, ...]
    exact: bool = True
    """Faux si rien ne dit que la liste est entière : un instantané sans liste d'arbre."""

    def chosen(self, wanted: HubRepository) -> "Listing":
        """Les fichiers que le profil prend.

        Raises:
            HubNotFound: un motif ne correspond à aucun fichier, ou rien n'est pris.
        """
        from huggingface_hub.utils import filter_repo_objects

        def matching(include: Iterable[str], exclude: Iterable[str] = ()) -> list[HubFile]:
            patterns = {"allow_patterns": list(include) or None, "ignore_patterns": list(exclude) or None}
            return list(filter_repo_objects(self.files, key=lambda file: file.path, **patterns))

        for pattern in wanted.include:
            if not matching([pattern]):
                raise HubNotFound(
                    f"include : « {pattern} » ne correspond à aucun fichier de {wanted.repository} @ {self.commit}.",
                    metadata={"field": "include", "value": pattern, "repository": wanted.repository},
                )
        kept = [file for file in matching(wanted.include, wanted.exclude) if is_safe(file.path)]
        if not kept:
            raise HubNotFound(f"Le dépôt {wanted.repository} @ {self.commit} n'a aucun fichier à prendre.")
        return Listing(self.commit, tuple(kept), self.exact)


def from_hub(client: HubClient, wanted: HubRepository, *, attempts: int | None = None) -> Listing:
    """Demande au hub ; une branche ou une étiquette devient le commit qu'elle désigne à cet instant.

    Raises:
        DownloadFailed: refus, ou hub injoignable.
    """
    from huggingface_hub import constants

    # Pas `list_repo_tree` : il n'a pas de délai, et un hub muet le retiendrait pour toujours.
    timeout = constants.HF_HUB_DOWNLOAD_TIMEOUT
    info = client.call(
        lambda: client.api.model_info(
            wanted.repository, revision=wanted.revision, files_metadata=True, timeout=timeout
        ),
        wanted,
        attempts=attempts,
    )
    files = [
        HubFile(one.rfilename, one.size or 0, (one.lfs.sha256 if one.lfs else one.blob_id) or "")
        for one in info.siblings or ()
    ]
    if not COMMIT.fullmatch(info.sha or "") or not all(_DIGEST.fullmatch(file.digest) for file in files):
        raise HubUnreachable(f"{client.endpoint} ne donne ni commit ni empreintes pour {wanted.repository}.")
    return Listing(info.sha or "", tuple(files))


def from_disk(wanted: HubRepository, folder: Path, caches: Iterable[Path]) -> Listing | None:
    """Cherche ce qu'un autre outil a laissé : liste d'arbre ou instantané du cache standard, liste d'un dossier local.

    Une liste d'arbre dit tout le dépôt. Un instantané sans elle n'est pris que si rien n'y manque à vue : ni poids, ni
    lien rompu, ni fichier inachevé, ni morceau d'un index.
    """
    stores = [folder / ".cache" / "huggingface", *(repository_dir(cache, wanted.repository) for cache in caches)]
    for store in stores:
        for commit in _commits(store, wanted.revision):
            found = _tree(store, commit) or _snapshot(store, commit)
            if found is not None:
                return found
    return None


def repository_dir(cache: Path, repository: str) -> Path:
    """Dossier d'un dépôt dans un cache standard du hub."""
    return cache / f"models--{repository.replace('/', '--')}"


def _commits(store: Path, revision: str) -> Iterator[str]:
    if COMMIT.fullmatch(revision):
        yield revision
        return
    try:
        yield (store / "refs" / revision).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        # Un dossier local ne garde pas le nom de la révision : une seule liste d'arbre ne laisse pas de doute.
        trees = list((store / "trees").glob("*.json")) if store.name == "huggingface" else []
        if len(trees) == 1:
            yield trees[0].stem


def _tree(store: Path, commit: str) -> Listing | None:
    def listed(tree: Any) -> Listing | None:
        if tree["format_version"] != _TREE_VERSION:
            return None
        entries = tree["files"].items()
        files = (HubFile(path, int(one["size"]), str(one.get("lfs_sha256") or one["blob_id"])) for path, one in entries)
        return Listing(commit, tuple(files))

    return read_as(store / "trees" / f"{commit}.json", listed, None)


def _snapshot(store: Path, commit: str) -> Listing | None:
    root = store / "snapshots" / commit
    if not root.is_dir() or any((store / "blobs").glob("*.incomplete")):
        return None
    files = []
    for parent, _, names in os.walk(root):
        for name in names:
            path = Path(parent) / name
            digest = Path(os.readlink(path)).name if path.is_symlink() else ""
            if not path.is_file() or not _DIGEST.fullmatch(digest):
                return None
            files.append(HubFile(path.relative_to(root).as_posix(), path.stat().st_size, digest))
    known = {file.path for file in files}
    weights = any(len(file.digest) == _SHA256_LENGTH for file in files)
    indexes = [root / file.path for file in files if file.path.endswith(".index.json")]
    if not weights or not all(_shards(index, root) <= known for index in indexes):
        return None
    return Listing(commit, tuple(files), exact=False)


def _shards(index: Path, root: Path) -> set[str]:
    """Morceaux que nomme un index ; illisible, il en nomme un qu'aucun instantané n'a."""
    folder = index.parent.relative_to(root)
    named = read_as(index, lambda found: {str(shard) for shard in found.get("weight_map", {}).values()}, {""})
    return {(folder / shard).as_posix() for shard in named}


def is_safe(path: str) -> bool:
    """Un dépôt ne choisit pas où ses fichiers sont écrits, ni n'écrit nos propres fichiers."""
    pure = PurePosixPath(path)
    reserved = path.startswith((".passerelle", ".cache/")) or path.endswith(".partial")
    return not (pure.is_absolute() or ".." in pure.parts or "\\" in path or "\0" in path or reserved)
