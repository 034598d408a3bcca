"""Le cache des poids : où est chaque modèle, et ce qui prouve qu'il est entier.

`<cache>/<clé>/<révision>/` contient les fichiers et un manifeste, écrit une fois tous les fichiers vérifiés. Pendant un
téléchargement depuis le hub, un plan le remplace : le commit choisi et la taille attendue.
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from server.domain import ModelSource, ModelSpec
from server.french import why

T = TypeVar("T")

MANIFEST = ".passerelle.json"
"""Manifeste : révision, puis taille, date et empreinte de chaque fichier."""
PLAN = ".passerelle.plan.json"
"""Plan d'un téléchargement commencé : commit, taille totale, fichiers."""


@dataclass(frozen=True, slots=True)
class Artifacts:
    """Ce que le disque contient d'un modèle."""

    complete: bool = False
    """Tous les fichiers du manifeste sont là, à leur taille."""
    cached_bytes: int = 0
    """Octets présents."""
    total_bytes: int = 0
    """Octets du modèle entier ; 0 tant que la taille est inconnue."""
    commit: str = ""
    """Commit du hub dont viennent les fichiers ; vide s'il n'est pas connu."""


class WeightsRefused(Exception):
    """Le dossier des poids ne peut pas servir ; le message dit lequel, et pourquoi."""


def check_folder(cache_dir: Path) -> list[str]:
    """Vérifie que les poids se lisent ; rend ce que l'exploitant doit savoir.

    Raises:
        WeightsRefused: dossier qui ne peut être ni créé, ni lu.
    """
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        os.listdir(cache_dir)
    except OSError as error:
        raise WeightsRefused(
            f"MODEL_CACHE_DIR : « {cache_dir} » n'est pas un dossier que ce serveur peut lire ({why(error)})."
        ) from error
    if os.access(cache_dir, os.W_OK | os.X_OK, effective_ids=True):
        return []
    return [
        f"MODEL_CACHE_DIR : « {cache_dir} » n'est pas inscriptible ; ce qui y est sera servi, rien n'y sera téléchargé."
    ]


def model_dir(cache_dir: Path, spec: ModelSpec) -> Path:
    """Dossier des poids d'un modèle."""
    return cache_dir / spec.key / spec.source.revision


def download_lock(folder: Path) -> Path:
    """Verrou du téléchargement d'une révision ; lire des poids n'en prend aucun."""
    return folder.with_name(f".{folder.name}.lock")


def selection(source: ModelSource) -> str:
    """Ce que le profil prend en plus ou en moins du dépôt ; un autre choix demande un autre téléchargement."""
    if not (source.include or source.exclude or source.extra):
        return ""
    extra = [[one.repository, one.revision, one.include, one.exclude] for one in source.extra]
    return json.dumps([source.include, source.exclude, extra])


def write_manifest(
    folder: Path,
    revision: str,
    files: Mapping[str, str],
    *,
    selected: str = "",
    commits: Mapping[str, str] | None = None,
) -> None:
    """Déclare le modèle entier.

    Args:
        files: empreinte SHA-256 de chaque fichier, par nom.
        selected: choix du profil (`selection`).
        commits: commit de chaque dépôt du hub, le principal d'abord.
    """
    entries = {}
    for name, digest in files.items():
        status = (folder / name).stat()
        entries[name] = {"bytes": status.st_size, "mtime_ns": status.st_mtime_ns, "sha256": digest}
    manifest: dict[str, Any] = {"revision": revision, "files": entries}
    if selected:
        manifest["selection"] = selected
    if commits:
        manifest["commits"] = dict(commits)
        manifest["commit"] = next(iter(commits.values()))
    write_json(folder / MANIFEST, manifest)


def write_json(path: Path, value: Any, *, mode: int = 0o666) -> None:
    """Écrit un fichier JSON d'un coup : un lecteur voit l'ancien ou le nouveau, entiers."""
    partial = path.with_name(f"{path.name}.partial")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False, indent=1)
    partial.replace(path)


def read_as(path: Path, form: Callable[[Any], T], absent: T) -> T:
    """Ce que `form` tire du JSON d'un fichier ; `absent` si le fichier manque, ou s'il n'a pas la forme attendue.

    Un disque plein, une coupure ou une main y laissent n'importe quoi : il ne vaut alors pas mieux qu'absent.
    """
    try:
        return form(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, AttributeError, LookupError, OverflowError, RecursionError):
        return absent


def entries(manifest: Any) -> dict[str, Mapping[str, Any]]:
    """Taille, date et empreinte de chaque fichier d'un manifeste, à lire par `read_as`."""
    found: dict[str, Mapping[str, Any]] = dict(manifest["files"].items())
    for entry in found.values():
        # Sans l'une des deux, rien ne pourrait être vérifié.
        if not isinstance(entry["bytes"], int) or not isinstance(entry["sha256"], str):
            raise TypeError("entrée de manifeste sans taille ou sans empreinte")
    return found


def inspect(cache_dir: Path, spec: ModelSpec) -> Artifacts:
    """Regarde le disque, sans relire les fichiers : le téléchargement l'a fait, et `verify` le refait au besoin."""
    folder = model_dir(cache_dir, spec)

    def whole(manifest: Any) -> tuple[dict[str, int], str] | None:
        wanted = spec.source.revision, selection(spec.source)
        if (manifest["revision"], manifest.get("selection", "")) != wanted:
            return None
        return {name: entry["bytes"] for name, entry in entries(manifest).items()}, str(manifest.get("commit", ""))

    known = read_as(folder / MANIFEST, whole, None)
    if known is None:
        begun = read_as(folder / PLAN, lambda plan: (int(plan["total"]), str(plan["commit"])), (0, ""))
        return Artifacts(False, _bytes_in(folder), *begun)
    expected, commit = known
    found = {name: _size(folder / name) for name in expected}
    complete = bool(expected) and found == expected
    return Artifacts(complete, sum(found.values()), sum(expected.values()), commit)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except (OSError, ValueError):
        return 0


def _bytes_in(folder: Path) -> int:
    """Octets des fichiers de poids, sous-dossiers compris, sans ceux que le cache se réserve."""
    total = 0
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != ".cache"]
        total += sum(_size(Path(parent) / name) for name in names if not name.startswith(".passerelle"))
    return total
