"""Le cache des poids : où est chaque modèle, et ce qui prouve qu'il est entier.

`<cache>/<clé>/<révision>/` contient les fichiers et un manifeste, écrit une fois tous les fichiers vérifiés.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from server.domain import ModelSpec

MANIFEST = ".passerelle.json"
"""Manifeste : révision, puis taille et empreinte de chaque fichier."""


@dataclass(frozen=True, slots=True)
class Artifacts:
    """Ce que le disque contient d'un modèle."""

    complete: bool = False
    """Tous les fichiers du manifeste sont là, à leur taille."""
    cached_bytes: int = 0
    """Octets présents."""
    total_bytes: int = 0
    """Octets du modèle entier ; 0 tant que la taille est inconnue."""


def model_dir(cache_dir: Path, spec: ModelSpec) -> Path:
    """Dossier des poids d'un modèle."""
    return cache_dir / spec.key / spec.source.revision


def write_manifest(folder: Path, revision: str, files: Mapping[str, str]) -> None:
    """Déclare le modèle entier ; `files` associe un nom à son empreinte SHA-256."""
    entries = {name: {"bytes": (folder / name).stat().st_size, "sha256": digest} for name, digest in files.items()}
    partial = folder / f"{MANIFEST}.partial"
    partial.write_text(json.dumps({"revision": revision, "files": entries}, indent=1), encoding="utf-8")
    partial.replace(folder / MANIFEST)


def inspect(cache_dir: Path, spec: ModelSpec) -> Artifacts:
    """Regarde le disque ; ne relit pas les fichiers, dont l'empreinte a été vérifiée à l'écriture."""
    folder = model_dir(cache_dir, spec)
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        expected = {name: int(entry["bytes"]) for name, entry in manifest["files"].items()}
        same_revision = manifest["revision"] == spec.source.revision
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Artifacts(cached_bytes=_bytes_in(folder))
    found = {name: _size(folder / name) for name in expected}
    complete = bool(expected) and same_revision and found == expected
    return Artifacts(complete, sum(found.values()), sum(expected.values()))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _bytes_in(folder: Path) -> int:
    try:
        return sum(_size(path) for path in folder.iterdir() if path.is_file())
    except OSError:
        return 0
