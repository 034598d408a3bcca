"""Télécharge les poids d'un modèle depuis le hub : résoudre, prendre ce qui est déjà là, télécharger, vérifier.

Le commit choisi au départ est écrit dans un plan : une reprise continue le même, même si la branche a bougé.
"""

import logging
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from pathlib import Path

from server.control.weights.cache import PLAN, inspect, model_dir, selection, write_manifest
from server.control.weights.fetching import DownloadSettings, ProgressReport, Report, check_disk
from server.control.weights.hub_client import HubClient, Stopped
from server.control.weights.hub_files import Target, check, link_found, transfer
from server.control.weights.hub_listing import Listing, from_disk, from_hub
from server.control.weights.hub_plan import read_plan, write_plan
from server.control.weights.locks import writing
from server.domain import HubRepository
from server.errors import DownloadFailed, HubNotFound, HubUnreachable, IntegrityMismatch

logger = logging.getLogger(__name__)

_REPORT_SECONDS = 0.25
_STOP_SECONDS = 2.0


def fetch(settings: DownloadSettings, report: Report) -> None:
    """Télécharge et vérifie chaque fichier, puis déclare le modèle entier.

    Raises:
        DownloadFailed: refus du hub, hub injoignable, disque trop plein.
        IntegrityMismatch: empreinte différente de celle que le hub annonce.
    """
    spec = settings.spec
    folder = model_dir(settings.cache_dir, spec)
    if inspect(settings.cache_dir, spec).complete:
        return  # fût-ce dans un dossier qu'on ne peut que lire
    with writing(folder, report):
        if inspect(settings.cache_dir, spec).complete:
            return  # un autre processus vient de finir
        folder.mkdir(exist_ok=True)
        client = HubClient(settings, report)
        listings = _listings(settings, client, folder)
        targets = _targets(spec.source.repositories, listings, folder)
        key_dir = settings.cache_dir / spec.key
        linked = [
            target for target in targets if not target.present and link_found(target, settings.hub_caches, key_dir)
        ]
        missing = sum(target.file.size - target.present for target in targets)
        if settings.found_only and missing:
            for target in linked:
                target.final.unlink()
            raise DownloadFailed(f"Les poids trouvés sur le disque sont incomplets : il manque {missing} octets.")
        _drop_strays(folder, targets)
        check_disk(folder, missing)
        progress = ProgressReport(report, {t.name: t.file.size for t in targets}, commit=listings[0].commit)
        try:
            digests = _fetch_all(targets, client, settings, progress)
        except HubNotFound:
            # Le commit choisi a disparu : le prochain essai en choisira un autre.
            (folder / PLAN).unlink(missing_ok=True)
            raise
        commits = {one.repository: found.commit for one, found in zip(spec.source.repositories, listings, strict=True)}
        write_manifest(folder, spec.source.revision, digests, selected=selection(spec.source), commits=commits)
        (folder / PLAN).unlink(missing_ok=True)


def _listings(settings: DownloadSettings, client: HubClient, folder: Path) -> list[Listing]:
    source = settings.spec.source
    planned = read_plan(folder, source)
    if planned:
        return planned
    found = [
        _listing(settings, client, wanted, folder if wanted == source.repositories[0] else folder / wanted.repository)
        for wanted in source.repositories
    ]
    chosen = [one.chosen(wanted) for one, wanted in zip(found, source.repositories, strict=True)]
    if not settings.found_only:
        write_plan(folder, source, chosen)
    return chosen


def _listing(settings: DownloadSettings, client: HubClient, wanted: HubRepository, folder: Path) -> Listing:
    known = from_disk(wanted, folder, settings.hub_caches)
    if known is not None and known.exact and settings.found_only:
        return known
    try:
        return from_hub(client, wanted, attempts=1 if known or settings.found_only else None)
    except HubUnreachable:
        if known is None:
            raise
        logger.warning("hub_unreachable_disk_used", extra={"repository": wanted.repository, "commit": known.commit})
        return known


def _targets(repositories: Sequence[HubRepository], listings: Sequence[Listing], folder: Path) -> list[Target]:
    """Le dépôt principal à la racine, les autres sous leur nom ; les plus gros fichiers d'abord."""
    targets = []
    for index, (wanted, listing) in enumerate(zip(repositories, listings, strict=True)):
        prefix = f"{wanted.repository}/" if index else ""
        targets += [Target(file, wanted, listing.commit, f"{prefix}{file.path}", folder) for file in listing.files]
    return sorted(targets, key=lambda target: -target.file.size)


def _drop_strays(folder: Path, targets: Sequence[Target]) -> None:
    """Retire les fichiers inachevés d'un contenu qui n'est plus demandé."""
    wanted = {target.partial for target in targets}
    for path in folder.rglob("*.partial"):
        if path not in wanted:
            path.unlink(missing_ok=True)


def _fetch_all(
    targets: Sequence[Target], client: HubClient, settings: DownloadSettings, progress: ProgressReport
) -> dict[str, str]:
    """Empreinte SHA-256 de chaque fichier, par nom."""
    for target in targets:
        progress.reach(target.name, target.present)
    pool = ThreadPoolExecutor(settings.streams)
    futures = {pool.submit(_one, target, client, settings, progress): target for target in targets}
    try:
        _watch(futures, progress)
    finally:
        # Après un échec, les autres fichiers cessent à leur prochain octet ; ceux que le hub fait patienter n'ont pas
        # à retenir l'erreur.
        client.stopped.set()
        pool.shutdown(wait=False, cancel_futures=True)
        wait([future for future in futures if not future.cancelled()], timeout=_STOP_SECONDS)
    return {target.name: future.result() for future, target in futures.items()}


def _watch(futures: dict["Future[str]", Target], progress: ProgressReport) -> None:
    pending = set(futures)
    while pending:
        progress.send("downloading", force=True)
        done, pending = wait(pending, timeout=_REPORT_SECONDS, return_when=FIRST_EXCEPTION)
        for future in done:
            error = future.exception()
            # Un fichier arrêté par l'échec d'un autre peut finir avant lui : c'est l'autre qu'il faut montrer.
            if error is not None and not isinstance(error, Stopped):
                raise error
    progress.send("verifying", force=True)


def _one(target: Target, client: HubClient, settings: DownloadSettings, progress: ProgressReport) -> str:
    if client.stopped.is_set():
        raise Stopped
    try:
        return _verified(target, client, settings, progress)
    except BaseException:
        client.stopped.set()
        raise


def _verified(target: Target, client: HubClient, settings: DownloadSettings, progress: ProgressReport) -> str:
    """Le fichier à sa place, à l'empreinte du hub ; rend son SHA-256."""
    if target.final.is_file() and target.final.stat().st_size == target.file.size:
        try:
            digest = check(target.final, target.file)
            target.partial.unlink(missing_ok=True)
            return digest
        except IntegrityMismatch:
            if settings.found_only:
                raise  # rien n'est effacé sans qu'on l'ait demandé
            logger.warning("artifact_refused", extra={"file": target.name})
            target.final.unlink()
    transfer(target, client, lambda size: progress.reach(target.name, size))
    try:
        digest = check(target.partial, target.file)
    except IntegrityMismatch:
        target.partial.unlink()
        raise
    target.partial.replace(target.final)
    return digest
