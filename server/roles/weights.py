"""Les rôles qui ne servent personne : télécharger, vérifier, porter et retirer des poids."""

import argparse
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from server.roles.shared import asked_model, start_logging
from server.settings.config import Config, load_config
from server.settings.profile import ConfigError


def download(config: Config, key: str, *, found_only: bool, recheck: bool) -> int:
    """Télécharge les poids d'un modèle, ou vérifie seulement ceux qui sont là ; rend le code de sortie."""
    from server.control.weights.download_process import run
    from server.control.weights.fetching import DownloadSettings

    start_logging(config, f"download-{key}")
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # ses lignes portent des adresses signées
    spec = asked_model(config, key)
    if spec is None:
        return 2
    return run(
        DownloadSettings(
            spec=spec,
            cache_dir=config.cache_dir,
            weights_dir=config.weights_dir,
            endpoint=config.hf_endpoint,
            token=config.hf_token,
            hub_caches=config.hub_caches,
            streams=config.download_streams,
            attempts=config.download_attempts,
            found_only=found_only,
        ),
        recheck=recheck,
    )


def carry(config: Config, options: argparse.Namespace) -> int:
    """Exporte, importe ou relit les poids d'un modèle ; rend le code de sortie."""
    from server.control.weights.download_process import run_export, run_import, run_verify

    start_logging(config, f"{options.action}-{options.key}")
    spec = asked_model(config, options.key)
    if spec is None:
        return 2
    match options.action:
        case "export":
            return run_export(config.cache_dir, spec, options.folder)
        case "import":
            return run_import(config.cache_dir, spec, options.folder, options.expect)
    return run_verify(config.cache_dir, spec, options.folder)


def verify(config: Config, *, deep: bool) -> int:
    """Écrit en JSON ce que le disque tient de chaque modèle du profil ; rend le code de sortie."""
    from server.control.weights.verify import survey

    for spec in config.profile.models:
        print(json.dumps(survey(config.cache_dir, spec, deep=deep)), flush=True)
    return 0


def remove_weights(key: str, *, old_only: bool, dry_run: bool) -> Any:
    """Retire des poids sans serveur ; le dossier d'état, tenu le temps du retrait, dit qu'aucun ne s'en sert.

    Raises:
        ConfigError: configuration refusée, ou dossier d'état tenu par un serveur.
        PasserelleError: modèle inconnu, poids qu'on ne peut que lire ou qui se téléchargent.
    """
    from server.control.services.messages import to_removal
    from server.control.weights.removal import erase, left_behind, revisions, set_aside
    from server.errors import ModelNotFound

    config = load_config()
    spec = config.profile.model(key)
    found = revisions(config.cache_dir, spec, old_only=old_only) if spec else left_behind(config.cache_dir, key)
    if spec is None and not found:
        known = ", ".join(model.key for model in config.profile.models)
        raise ModelNotFound(
            f"Le modèle « {key} » n'est pas dans le profil {config.profile.name} ({known}) ; aucun serveur ne répond.",
            metadata={"field": "model", "value": key},
        )
    if found and not dry_run:
        with state_held(config):
            erase(set_aside(spec.key if spec else key, found))
    return to_removal(found)


@contextmanager
def state_held(config: Config) -> Iterator[None]:
    """Tient le dossier d'état le temps du bloc : aucun serveur ne s'en sert.

    Raises:
        ConfigError: dossier tenu par un serveur, ou qui ne peut pas servir.
    """
    from server.control.record.state_dir import StateDir, StateRefused
    from server.settings.config import STATE_FOLDER

    try:
        held = StateDir(config.state_dir, config.cache_dir / STATE_FOLDER)
    except StateRefused as error:
        raise ConfigError(str(error)) from error
    with held:
        yield
