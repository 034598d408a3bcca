"""La ligne de commande des processus : elle lit le rôle, puis le joue (`server/roles/`).

`python -m server serve` lance le produit ; les autres rôles sont ceux de ses processus.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from server.french import speak_french
from server.roles.shared import refused, start_logging
from server.settings.config import load_config
from server.settings.profile import ConfigError


def main(arguments: Sequence[str] | None = None) -> int:
    """Joue un rôle ; rend le code de sortie."""
    options = _parser().parse_args(arguments)
    if options.role == "serve":
        from server.roles.serve import serve

        return serve()
    try:
        config = load_config()
    except ConfigError as error:
        return refused(error)
    if options.role in ("download", "verify", "weights"):
        from server.roles import weights

        match options.role:
            case "download":
                return weights.download(config, options.key, found_only=options.found_only, recheck=options.recheck)
            case "verify":
                return weights.verify(config, deep=options.deep)
        return weights.carry(config, options)
    name = options.role
    if name == "front":
        name = f"front-{options.index}"
    elif name == "worker":
        name = f"{options.key}-{options.replica}"
    start_logging(config, name)
    if config.run_dir is None:
        print("PASSERELLE_RUN_DIR manque : ce rôle est lancé par « python -m server serve ».", file=sys.stderr)
        return 2
    match options.role:
        case "control":
            from server.roles.control import control

            return control(config, config.run_dir)
        case "front":
            from server.roles.front import front

            front(config, config.run_dir, options.index)
        case "dashboard":
            from server.roles.dashboard import dashboard

            dashboard(config, config.run_dir)
        case "worker":
            from server.roles.worker import worker

            return worker(config, config.run_dir, options.key, options.replica, options.options)
    return 0


def _parser() -> argparse.ArgumentParser:
    speak_french()
    parser = argparse.ArgumentParser(prog="python -m server", description="Passerelle : un rôle par processus.")
    roles = parser.add_subparsers(dest="role", required=True, metavar="rôle")
    roles.add_parser("serve", help="lance le produit entier")
    roles.add_parser("control", help="plan de contrôle (lancé par serve)")
    front = roles.add_parser("front", help="front (lancé par serve)")
    front.add_argument("--index", type=int, required=True)
    roles.add_parser("dashboard", help="tableau de bord (lancé par serve)")
    worker = roles.add_parser("worker", help="exemplaire d'un modèle (lancé par le plan de contrôle)")
    worker.add_argument("--key", required=True)
    worker.add_argument("--replica", type=int, required=True)
    worker.add_argument("--options", type=json.loads, default={}, help="options du moteur changées, en JSON")
    verify = roles.add_parser("verify", help="dit en JSON ce que le disque tient de chaque modèle du profil")
    verify.add_argument("--deep", action="store_true", help="relit chaque fichier")
    download = roles.add_parser("download", help="télécharge les poids d'un modèle du profil")
    download.add_argument("--key", required=True)
    download.add_argument("--found-only", action="store_true", help="vérifie ce qui est déjà là, sans télécharger")
    download.add_argument("--recheck", action="store_true", help="relit aussi ce qui est déjà là")
    weights = roles.add_parser("weights", help="exporte, importe ou relit les poids d'un modèle du profil")
    weights.add_argument("action", choices=("export", "import", "verify"))
    weights.add_argument("--key", required=True)
    weights.add_argument("--folder", type=Path, help="dossier d'export")
    weights.add_argument("--expect", action="append", default=[], help="empreinte de manifeste admise")
    return parser


if __name__ == "__main__":
    sys.exit(main())
