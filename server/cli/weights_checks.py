"""Les poids vus de `doctor` : entiers, inchangés, et d'un commit que personne ne peut déplacer."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from server.cli.findings import Finding, Level
from server.domain import ModelSpec
from server.settings.config import Config

ROOT = Path(__file__).resolve().parents[2]
_COMMIT = re.compile(r"[0-9a-f]{40}")


def weights_checks(
    config: Config, environ: Mapping[str, str], *, deep: bool = False, keys: Collection[str] | None = None
) -> Iterator[Finding]:
    """Une ligne par modèle, ou par modèle de `keys` ; `deep` relit chaque fichier : le temps de lire les poids."""
    command = [sys.executable, "-m", "server", "verify", *(["--deep"] if deep else [])]
    env = {**environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "gen" / "python")])}
    try:
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
        found = [json.loads(line) for line in done.stdout.splitlines()]
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        yield Finding("poids", Level.FAILURE, f"ne peuvent pas être vérifiés : {error}")
        return
    for spec, one in zip(config.profile.models, found, strict=True):
        name = f"poids de {spec.key}"
        if keys is not None and spec.key not in keys:
            continue
        damaged = [*one["changed"], *one["missing"]]
        if damaged:
            advice = f"« passerelle fetch {spec.key} --recheck » ne reprend que ces fichiers."
            yield Finding(name, Level.FAILURE, f"abîmés ou manquants : {', '.join(damaged)}", advice)
            continue
        absent = [
            part for file in spec.source.files for part in file.parts if not (config.weights_dir / part).is_file()
        ]
        if absent and not one["complete"]:
            found_out = (
                f"à télécharger, mais {', '.join(absent)} manque dans PASSERELLE_WEIGHTS_DIR ({config.weights_dir})"
            )
            yield Finding(name, Level.FAILURE, found_out, "Installez ces paquets (make setup), ou corrigez le chemin.")
            continue
        shown = "entiers" if one["complete"] else "à télécharger"
        shown += ", empreintes vérifiées" if deep and one["complete"] else ""
        shown += f", commit {one['commit']}" if one["commit"] else ""
        yield _pinned(Finding(name, Level.OK, shown), spec, one["commit"])


def _pinned(finding: Finding, spec: ModelSpec, commit: str) -> Finding:
    moving = [one for one in spec.source.repositories if not _COMMIT.fullmatch(one.revision)]
    if spec.source.kind != "hub" or not moving:
        return finding
    names = ", ".join(f"{one.repository} @ {one.revision}" for one in moving)
    wanted = commit or "<commit>"
    advice = f'Cette révision peut changer de contenu : épinglez le commit dans le profil (revision = "{wanted}").'
    return Finding(finding.name, Level.WARNING, f"{finding.found} ; {names}", advice)
