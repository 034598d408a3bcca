"""Les poids déjà déclarés entiers : ce qui a changé depuis est relu, et refusé s'il n'a plus l'empreinte d'alors."""

import asyncio
import hashlib
import logging
import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from server.control.weights.cache import MANIFEST, entries, inspect, model_dir, read_as, write_json
from server.control.weights.fetching import ProgressReport, Report
from server.control.weights.hub_plan import withdraw
from server.domain import ModelSpec
from server.errors import IntegrityMismatch

logger = logging.getLogger(__name__)

_BLOCK = 4 * 1024 * 1024
_AT_ONCE = 4
"""Fichiers relus de front."""


class Verifier:
    """Vérifie les poids d'un modèle avant qu'un moteur ne les lise.

    La taille et la date suffisent quand elles sont celles du téléchargement, ou d'une relecture que `memory` retient :
    des poids copiés, ou d'une version qui ne notait pas leurs dates, ne sont relus qu'une fois.
    """

    def __init__(self, cache_dir: Path, memory: Path) -> None:
        """`memory` : fichier, dans le dossier d'état, des relectures qui ont réussi."""
        self._cache_dir = cache_dir
        self._memory = memory
        self._lock = threading.Lock()

    async def __call__(self, spec: ModelSpec, rereading: Callable[[], None]) -> None:
        """Vérifie ; `rereading` est appelée si des fichiers doivent être relus.

        Raises:
            IntegrityMismatch: un fichier manque ou a changé ; un téléchargement reprendra ceux-là seuls.
        """
        stop = threading.Event()
        doubtful = await asyncio.to_thread(self._doubtful, spec)
        if not doubtful:
            return
        rereading()
        logger.info("artifacts_reread", extra={"model": spec.key, "files": len(doubtful)})
        try:
            await asyncio.to_thread(self._reread, spec, doubtful, stop)
        finally:
            stop.set()

    def _doubtful(self, spec: ModelSpec) -> dict[str, Mapping[str, Any]]:
        """Fichiers dont la taille et la date ne disent pas qu'ils sont intacts, et ce que le manifeste en dit."""
        folder, known = model_dir(self._cache_dir, spec), self._known()
        found = {}
        for name, entry in _files(folder).items():
            stamp = _stamp(folder / name)
            dated = stamp == [entry["bytes"], entry.get("mtime_ns")]
            if not dated and [*stamp, entry["sha256"]] != known.get(str(folder / name)):
                found[name] = entry
        return found

    def _reread(self, spec: ModelSpec, doubtful: Mapping[str, Mapping[str, Any]], stop: threading.Event) -> None:
        folder = model_dir(self._cache_dir, spec)
        stamps = {name: _stamp(folder / name) for name in doubtful}
        changed = _changed(folder, doubtful, stop)
        if changed and not stop.is_set():
            withdraw(folder, spec.source, changed)
            raise IntegrityMismatch(
                f"Les poids de « {spec.key} » ont changé depuis leur vérification : {', '.join(changed[:8])}. Rien n'a "
                "été chargé ; relancez leur téléchargement, qui ne reprend que ces fichiers.",
                metadata={"model": spec.key, "file": changed[0]},
            )
        with self._lock:
            known = {path: stamp for path, stamp in self._known().items() if os.path.exists(path)}
            known |= {str(folder / name): [*stamps[name], entry["sha256"]] for name, entry in doubtful.items()}
            write_json(self._memory, known, mode=0o600)

    def _known(self) -> dict[str, Any]:
        """Relectures qui ont réussi."""
        known: dict[str, Any] = read_as(self._memory, lambda found: dict(found.items()), {})
        return known


def survey(cache_dir: Path, spec: ModelSpec, *, deep: bool, report: Report = lambda _event: None) -> dict[str, Any]:
    """Ce que le disque tient d'un modèle ; `deep` relit chaque fichier, quelle que soit sa date."""
    folder, found, files = model_dir(cache_dir, spec), inspect(cache_dir, spec), _files(model_dir(cache_dir, spec))
    missing = [name for name in files if not _stamp(folder / name)]
    there = {name: entry for name, entry in files.items() if name not in missing}
    changed = []
    if deep and there:
        progress = ProgressReport(report, {name: one["bytes"] for name, one in there.items()}, commit=found.commit)

        def read(name: str, size: int) -> None:
            progress.reach(name, size)
            progress.send("verifying")

        progress.send("verifying", force=True)
        changed = _changed(folder, there, threading.Event(), read)
        progress.send("verifying", force=True)
    return {
        "key": spec.key,
        "complete": found.complete,
        "bytes": found.cached_bytes,
        "commit": found.commit,
        "changed": changed,
        "missing": missing,
    }


def _changed(
    folder: Path,
    files: Mapping[str, Mapping[str, Any]],
    stop: threading.Event,
    read: Callable[[str, int], None] = lambda _name, _size: None,
) -> list[str]:
    """Fichiers qui n'ont plus leur empreinte ; `stop` interrompt la lecture, `read` suit les octets de chacun."""

    def digest_of(name: str) -> str:
        return _digest(folder / name, files[name]["bytes"], stop, lambda size: read(name, size))

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        digests = pool.map(digest_of, files)
        return [name for name, digest in zip(files, digests, strict=True) if digest != files[name]["sha256"]]


def _digest(path: Path, size: int, stop: threading.Event, read: Callable[[int], None]) -> str:
    """SHA-256 d'un fichier ; vide s'il n'a pas cette taille, ou ne se lit pas."""
    digest, done = hashlib.sha256(), 0
    try:
        with path.open("rb") as source:
            if os.fstat(source.fileno()).st_size != size:
                return ""
            while not stop.is_set() and (block := source.read(_BLOCK)):
                digest.update(block)
                done += len(block)
                read(done)
    except OSError:
        return ""
    return digest.hexdigest()


def _files(folder: Path) -> dict[str, Mapping[str, Any]]:
    return read_as(folder / MANIFEST, entries, {})


def _stamp(path: Path) -> list[int]:
    """Taille et date ; vide si le fichier manque."""
    try:
        status = path.stat()
    except OSError:
        return []
    return [status.st_size, status.st_mtime_ns]
