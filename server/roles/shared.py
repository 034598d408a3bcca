"""Ce que plusieurs rôles ont en commun."""

import sys
from pathlib import Path

from server.domain import ModelSpec
from server.named_keys import KEYS, KeyTable
from server.rpc.logs import LEVEL_FILE, configure_logging
from server.settings.config import Config
from server.settings.profile import ConfigError

ROOT = Path(__file__).resolve().parents[2]
_MAX_FRAME_BYTES = 80 * 1024 * 1024


def start_logging(config: Config, process: str) -> None:
    """Dirige le journal de ce processus ; son niveau suit celui que l'exploitant change en marche."""
    level_file = config.run_dir / LEVEL_FILE if config.run_dir is not None else None
    configure_logging(process, level=config.log_level, level_file=level_file)


def frame_bytes(config: Config) -> int:
    """Octets d'une trame de la liaison : assez pour la plus grande requête admise."""
    return max(_MAX_FRAME_BYTES, config.limits.max_json_body_bytes + 1024 * 1024)


def named_keys(config: Config, run_dir: Path) -> KeyTable:
    """Table des clés nommées : celle que l'exploitant monte, sinon la copie que le plan de contrôle publie."""
    if config.keys_file is not None:
        return KeyTable(config.keys_file, config.keys_file, mounted=True)
    return KeyTable(run_dir / KEYS, config.state_dir / KEYS)


def asked_model(config: Config, key: str) -> ModelSpec | None:
    """Modèle que nomme `--key` ; `None`, et la raison dite, s'il n'est pas dans le profil."""
    spec = config.profile.model(key)
    if spec is None:
        print(f"--key : le modèle « {key} » n'est pas dans le profil {config.profile.name}.", file=sys.stderr)
    return spec


def refused(error: ConfigError) -> int:
    """Dit pourquoi la configuration est refusée ; rend le code de sortie."""
    print(f"Configuration refusée : {error}", file=sys.stderr)
    return 2
