"""Les environnements de production : un par moteur, au verrou que le pilote NVIDIA permet.

`PASSERELLE_CUDA=cuda13` ou `cuda12` choisit le verrou sans interroger le pilote (construction d'une image) ;
`PASSERELLE_ENVS_DIR` dit où les mettre (`.envs` à côté du code).
"""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tools.steps import ROOT, Environment, SetupError

FAMILIES = ("vllm", "nemo", "pyannote")
"""Un environnement chacun ; `server/settings/environments.py` dit quel moteur y vit."""

VARIANTS = {"cuda13": 580, "cuda12": 550}
"""Verrous, du plus récent au plus ancien, et le premier pilote de chacun."""

_GIGABYTES = {
    "cuda13": {"vllm": "3,8", "nemo": "3,1", "pyannote": "2,9"},
    "cuda12": {"vllm": "5,2", "nemo": "4,5", "pyannote": "4,3"},
}
"""Somme des roues de chaque verrou ; uv ne télécharge qu'une fois celles que les environnements ont en commun."""

_PATIENCE = 60.0
"""Secondes laissées à nvidia-smi."""


def install_dgx(environ: Mapping[str, str] = os.environ) -> None:
    """Crée et remplit les environnements des moteurs de production."""
    variant, reason = choose_variant(environ)
    print(f"Verrous {variant} : {reason}.", flush=True)
    folder = Path(environ.get("PASSERELLE_ENVS_DIR", "").strip() or ROOT / ".envs").expanduser().resolve()
    for family in FAMILIES:
        environment = Environment(folder / family)
        clear_other_variant(environment, variant)
        environment.create(f"l'environnement de {family} ({environment.folder})")
        title = f"{family}, verrou {variant} ({_GIGABYTES[variant][family]} Go au plus)"
        environment.lock(f"dgx-{family}-{variant}", title, uv=True)


def clear_other_variant(environment: Environment, variant: str) -> None:
    """Retire un environnement rempli pour un autre pilote : des bibliothèques CUDA de deux versions s'y mêleraient."""
    mark = environment.folder / ".variante"
    if mark.is_file() and mark.read_text() != variant:
        print(f"→ retrait de {environment.folder}, fait pour {mark.read_text()}", flush=True)
        shutil.rmtree(environment.folder)
    environment.folder.mkdir(parents=True, exist_ok=True)
    mark.write_text(variant)


def choose_variant(environ: Mapping[str, str]) -> tuple[str, str]:
    """Verrou à installer, et pourquoi.

    Raises:
        SetupError: variable refusée, pilote absent ou trop ancien.
    """
    wanted = environ.get("PASSERELLE_CUDA", "").strip()
    if wanted:
        if wanted not in VARIANTS:
            raise SetupError(f"PASSERELLE_CUDA : « {wanted} » inconnu (attendu : {' ou '.join(VARIANTS)}).")
        return wanted, "demandés par PASSERELLE_CUDA"
    driver = installed_driver(environ)
    major = int(driver.partition(".")[0])
    for variant, first in VARIANTS.items():
        if major >= first:
            return variant, f"pilote NVIDIA {driver}"
    raise SetupError(
        f"le pilote NVIDIA {driver} est trop ancien : {min(VARIANTS.values())} au moins (CUDA 12.4). Mettez-le à jour."
    )


def installed_driver(environ: Mapping[str, str]) -> str:
    """Version du pilote, dite par nvidia-smi.

    Raises:
        SetupError: nvidia-smi absent ou muet.
    """
    advice = f"Sur une machine sans GPU, choisissez par PASSERELLE_CUDA={' ou '.join(VARIANTS)}."
    program = shutil.which("nvidia-smi", path=environ.get("PATH"))
    if program is None:
        raise SetupError(f"nvidia-smi est introuvable : aucun pilote NVIDIA ici. {advice}")
    command = [program, "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_PATIENCE)
    except subprocess.TimeoutExpired as error:
        raise SetupError(f"nvidia-smi n'a pas répondu en {_PATIENCE:g} s. {advice}") from error
    found = re.match(r"\d+(\.\d+)+", answer.stdout.strip())
    if answer.returncode or found is None:
        said = (answer.stdout + answer.stderr).strip().splitlines()
        raise SetupError(f"nvidia-smi n'a pas donné la version du pilote ({said[0] if said else 'muet'}). {advice}")
    return found[0]
