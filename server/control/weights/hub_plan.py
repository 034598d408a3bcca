"""Le plan d'un téléchargement commencé : le commit choisi et ce qu'on y prend, pour qu'une reprise continue le même."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from server.control.weights.cache import MANIFEST, PLAN, entries, read_as, selection, write_json
from server.control.weights.hub_listing import HubFile, Listing
from server.domain import HubRepository, ModelSource

logger = logging.getLogger(__name__)


def read_plan(folder: Path, source: ModelSource) -> list[Listing]:
    """Plan du même choix ; vide s'il n'y en a pas."""

    def begun(plan: Any) -> list[Listing]:
        if (plan["revision"], plan["selection"]) != (source.revision, selection(source)):
            return []
        return [Listing(one["commit"], tuple(HubFile(**file) for file in one["files"])) for one in plan["repositories"]]

    return read_as(folder / PLAN, begun, [])


def write_plan(folder: Path, source: ModelSource, listings: Sequence[Listing]) -> None:
    """Retient ce qui va être pris."""
    plan = {
        "revision": source.revision,
        "selection": selection(source),
        "commit": listings[0].commit,
        "total": sum(file.size for one in listings for file in one.files),
        "repositories": [{"commit": one.commit, "files": [asdict(file) for file in one.files]} for one in listings],
    }
    write_json(folder / PLAN, plan)


def withdraw(folder: Path, source: ModelSource, changed: Sequence[str]) -> None:
    """Ne tient plus un modèle pour entier ; du hub, son manifeste redevient le plan du même commit.

    Ce qui vient de paquets déjà là est retiré : le refaire ne coûte qu'une copie. Des poids en lecture seule restent
    déclarés, et chaque chargement les refusera.
    """
    files: dict[str, Mapping[str, Any]] = read_as(folder / MANIFEST, entries, {})
    commits: dict[str, str] = read_as(folder / MANIFEST, lambda manifest: dict(manifest["commits"].items()), {})
    try:
        if source.kind == "hub" and all(one.repository in commits for one in source.repositories):
            listings = []
            for one in source.repositories:
                names = [name for name in files if _holder(name, source) == one]
                prefix = _prefix(one, source)
                taken = (
                    HubFile(name.removeprefix(prefix), files[name]["bytes"], files[name]["sha256"]) for name in names
                )
                listings.append(Listing(commits[one.repository], tuple(taken)))
            write_plan(folder, source, listings)
        if source.kind == "package":
            for name in changed:
                (folder / name).unlink(missing_ok=True)
        (folder / MANIFEST).unlink(missing_ok=True)
    except OSError as error:
        logger.warning("manifest_kept", extra={"folder": str(folder), "error": str(error)})


def _holder(name: str, source: ModelSource) -> HubRepository:
    """Dépôt dont vient un fichier : les secondaires sont rangés sous leur nom, le reste est du principal."""
    main, *others = source.repositories
    return next((one for one in others if name.startswith(_prefix(one, source))), main)


def _prefix(one: HubRepository, source: ModelSource) -> str:
    return "" if one == source.repositories[0] else f"{one.repository}/"
