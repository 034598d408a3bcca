"""Exporte les poids d'un modèle dans un dossier, vérifiés à mesure, pour un site sans réseau."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from server.control.weights import parcel
from server.control.weights.cache import MANIFEST, entries, inspect, model_dir, read_as, selection
from server.control.weights.fetching import ProgressReport, Report, check_disk
from server.control.weights.in_use import used
from server.domain import ModelSpec
from server.errors import InvalidRequest, ModelNotDownloaded


def export(cache_dir: Path, spec: ModelSpec, root: Path, report: Report) -> parcel.Parcel:
    """Copie et vérifie chaque fichier ; `<root>/<clé>` n'apparaît qu'entier, et remplace alors le précédent.

    Raises:
        ModelNotDownloaded: poids absents, ou incomplets.
        InvalidRequest: ce qui est à sa place n'est pas un export.
        DiskFull: disque trop plein.
        IntegrityMismatch: un fichier du cache n'a plus son empreinte.
    """
    folder = model_dir(cache_dir, spec)
    with used(folder):
        if not inspect(cache_dir, spec).complete:
            raise ModelNotDownloaded(
                f"Les poids de « {spec.key} » ne sont pas entiers dans {folder} : téléchargez-les d'abord "
                f"(« passerelle fetch {spec.key} »).",
                metadata={"model": spec.key},
            )
        commits: dict[str, str] = read_as(folder / MANIFEST, lambda said: dict(said["commits"].items()), {})
        held: dict[str, Mapping[str, Any]] = read_as(folder / MANIFEST, entries, {})
        files = {name: parcel.Entry(one["bytes"], one["sha256"]) for name, one in held.items()}
        source = spec.source
        made = parcel.Parcel(
            source.kind, source.repository, source.revision, selection(source), source.license, commits, files
        )
        root.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(root / spec.key) and not (root / spec.key / parcel.MANIFEST).is_file():
            raise InvalidRequest(
                f"« {root / spec.key} » existe et n'est pas un export : donnez un autre dossier.",
                metadata={"field": "folder", "value": str(root)},
            )
        check_disk(root, made.bytes, field=str(root))
        unfinished = root / f".{spec.key}.passerelle.partial"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        try:
            _copy_all(folder, unfinished, made, report)
            parcel.write(unfinished, made)
            shutil.rmtree(root / spec.key, ignore_errors=True)
            unfinished.rename(root / spec.key)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return parcel.read(root, spec.key)


def _copy_all(folder: Path, target: Path, made: parcel.Parcel, report: Report) -> None:
    progress = ProgressReport(
        report, {name: entry.bytes for name, entry in made.files.items()}, commit=next(iter(made.commits.values()), "")
    )
    progress.send("downloading", force=True)
    for name, entry in made.files.items():

        def reached(size: int, name: str = name) -> None:
            progress.reach(name, size)
            progress.send("downloading")

        with (folder / name).open("rb") as source:
            parcel.copy(name, source, target / parcel.FILES / name, entry, reached)
    progress.send("verifying", force=True)
