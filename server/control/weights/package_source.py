"""Assemble et vérifie les poids livrés dans des paquets.

Les paquets sont lus comme des fichiers, jamais importés ; ce qui est déjà écrit est repris après une interruption.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from server.control.weights.cache import inspect, model_dir, write_manifest
from server.control.weights.fetching import DownloadSettings, ProgressReport, Report, check_disk
from server.control.weights.locks import writing
from server.domain import ModelSpec, SourceFile
from server.errors import DownloadFailed, IntegrityMismatch

_BLOCK = 1024 * 1024


def package_bytes(spec: ModelSpec, weights_dir: Path) -> int:
    """Octets du modèle entier ; 0 si des paquets manquent ou si la source est ailleurs."""
    try:
        return sum((weights_dir / part).stat().st_size for file in spec.source.files for part in file.parts)
    except OSError:
        return 0


def fetch(settings: DownloadSettings, report: Report) -> None:
    """Assemble et vérifie chaque fichier, puis déclare le modèle entier.

    Raises:
        DownloadFailed: paquet absent.
        DiskFull: disque trop plein.
        IntegrityMismatch: empreinte différente de celle du profil.
    """
    spec = settings.spec
    folder = model_dir(settings.cache_dir, spec)
    if inspect(settings.cache_dir, spec).complete:
        return  # rien n'est retiré sous un exemplaire qui l'ouvre
    with writing(folder, report):
        if inspect(settings.cache_dir, spec).complete:
            return  # un autre processus vient de finir
        folder.mkdir(exist_ok=True)
        sizes = {file.name: _size(file, settings.weights_dir) for file in spec.source.files}
        present = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
        check_disk(folder, max(0, sum(sizes.values()) - present))
        progress = ProgressReport(report, sizes)
        for file in spec.source.files:
            _assemble(file, settings.weights_dir, folder, progress)
        progress.send("verifying", force=True)
        write_manifest(folder, spec.source.revision, {file.name: file.sha256 for file in spec.source.files})


def _assemble(file: SourceFile, weights_dir: Path, folder: Path, progress: ProgressReport) -> None:
    final, partial = folder / file.name, folder / f"{file.name}.partial"
    if final.exists():
        final.replace(partial)  # sans manifeste, rien ne prouve qu'il est entier : il est vérifié comme une reprise
    final.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    done = 0

    def add(count: int) -> None:
        nonlocal done
        done += count
        progress.reach(file.name, done)
        progress.send("downloading")

    with partial.open("a+b") as output:
        output.seek(0)
        kept = _hash(output, digest, add)
        for part in file.parts:
            kept = _copy(weights_dir / part, kept, output, digest, add)
        output.flush()
        os.fsync(output.fileno())
    found = digest.hexdigest()
    if kept or found != file.sha256:
        partial.unlink()
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
