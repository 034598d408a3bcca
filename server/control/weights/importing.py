"""Importe les poids qu'un export a laissés dans un dossier : tout est vérifié à part, puis mis en place d'un coup."""

import shutil
from collections.abc import Collection
from pathlib import Path

from server.control.weights import parcel
from server.control.weights.cache import inspect, model_dir, selection, write_manifest
from server.control.weights.fetching import ProgressReport, Report, check_disk
from server.control.weights.in_use import unused
from server.control.weights.locks import writing
from server.control.weights.removal import IMPORTING
from server.domain import HubRepository, ModelSpec
from server.errors import IntegrityMismatch, InvalidState
from server.french import why


def bring(cache_dir: Path, spec: ModelSpec, root: Path, report: Report, *, expected: Collection[str] = ()) -> str:
    """Importe un modèle ; sans effet s'il est déjà entier. Rend l'empreinte du manifeste.

    Args:
        expected: empreintes de manifestes admises, venues d'ailleurs que du dossier ; vide : toutes.

    Raises:
        InvalidRequest: dossier qui n'est pas un export, ou dont un nom sortirait.
        InvalidState: un autre modèle, ou une autre révision, que ceux du profil.
        IntegrityMismatch: un fichier manque, ou n'est pas celui que dit le manifeste.
        DiskFull: disque trop plein.
    """
    found = parcel.read(root, spec.key)
    _trusted(spec, found, expected)
    folder = model_dir(cache_dir, spec)
    if inspect(cache_dir, spec).complete:
        return found.digest
    with writing(folder, report), unused(spec.key, folder):
        if inspect(cache_dir, spec).complete:
            return found.digest
        unfinished = folder.with_name(f"{IMPORTING}{folder.name}")
        shutil.rmtree(unfinished, ignore_errors=True)
        check_disk(folder.parent, found.bytes)
        unfinished.mkdir()
        try:
            read_all(root, spec.key, found, report, target=unfinished)
            digests = {name: entry.sha256 for name, entry in found.files.items()}
            commits = {one.repository: found.commits[one.repository] for one in _hub(spec)}
            write_manifest(unfinished, spec.source.revision, digests, selected=selection(spec.source), commits=commits)
            # Ce qu'un téléchargement interrompu avait laissé n'a plus d'objet.
            shutil.rmtree(folder, ignore_errors=True)
            unfinished.rename(folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return found.digest


def read_all(root: Path, key: str, found: parcel.Parcel, report: Report, *, target: Path | None) -> None:
    """Vérifie chaque fichier d'un export, et le copie si un dossier est donné.

    Raises:
        IntegrityMismatch: un fichier manque, ou n'est pas celui que dit le manifeste.
    """
    phase = "verifying" if target is None else "downloading"
    progress = ProgressReport(
        report,
        {name: entry.bytes for name, entry in found.files.items()},
        commit=next(iter(found.commits.values()), ""),
    )
    progress.send(phase, force=True)
    for name, entry in found.files.items():

        def reached(size: int, name: str = name) -> None:
            progress.reach(name, size)
            progress.send(phase)

        try:
            source = parcel.open_inside(root, f"{key}/{parcel.FILES}/{name}")
        except OSError as error:
            raise IntegrityMismatch(
                f"« {name} » manque, ou n'est pas un fichier ordinaire ({why(error)}).", metadata={"file": name}
            ) from error
        with source:
            parcel.copy(name, source, None if target is None else target / name, entry, reached)
    progress.send("verifying", force=True)


def _trusted(spec: ModelSpec, found: parcel.Parcel, expected: Collection[str]) -> None:
    source = spec.source
    if expected and found.digest not in expected:
        raise IntegrityMismatch(
            f"Le manifeste de « {spec.key} » n'est pas celui qu'on attend (SHA-256 {found.digest}).",
            metadata={"model": spec.key, "found": found.digest},
        )
    # Une branche épinglée depuis par son commit désigne le même contenu.
    revisions = {found.revision, found.commits.get(source.repository, found.revision)}
    said = (found.kind, found.repository, found.selection)
    if said != (source.kind, source.repository, selection(source)) or source.revision not in revisions:
        raise InvalidState(
            f"Le dossier porte {found.repository} @ {found.revision} pour « {spec.key} », et le profil veut "
            f"{source.repository} @ {source.revision} (ou d'autres fichiers) : exportez-le avec le même profil.",
            metadata={"model": spec.key, "field": "revision", "value": found.revision, "limit": source.revision},
        )
    declared = {file.name: file.sha256 for file in source.files}
    if source.kind == "package" and declared != {name: entry.sha256 for name, entry in found.files.items()}:
        raise IntegrityMismatch(
            f"Les empreintes de « {spec.key} » ne sont pas celles du profil.", metadata={"model": spec.key}
        )
    if any(one.repository not in found.commits for one in _hub(spec)):
        raise IntegrityMismatch(
            f"Le manifeste de « {spec.key} » ne dit pas le commit de chaque dépôt.", metadata={"model": spec.key}
        )


def _hub(spec: ModelSpec) -> tuple[HubRepository, ...]:
    return spec.source.repositories if spec.source.kind == "hub" else ()
