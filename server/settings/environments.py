"""L'interpréteur de chaque moteur : un environnement par moteur de production, celui du serveur pour les autres.

Un environnement qui manque est une erreur : jamais l'interpréteur du serveur à sa place.
"""

import os
import shutil
import sys
from collections.abc import MutableMapping
from pathlib import Path

from server.domain import ModelSpec
from server.errors import EngineUnavailable

_FAMILIES = {"vllm": "vllm", "canary": "nemo", "pyannote": "pyannote"}
"""Environnement de chaque moteur de production."""

_LIBRARIES = {
    "vllm": "vllm",
    "canary": "nemo",
    "pyannote": "pyannote.audio",
    "llamacpp": "xllamacpp",
    "whisper": "faster_whisper",
    "pyannote-camplus": "pyannote.audio",
}
"""Bibliothèque de chaque moteur livré."""


def library(engine: str) -> str:
    """Module qu'un moteur importe à son ouverture : le sien, s'il est à l'exploitant."""
    return _LIBRARIES.get(engine) or engine.partition(":")[0]


def interpreter(spec: ModelSpec, envs_dir: Path) -> str:
    """Interpréteur d'un exemplaire : celui du profil, sinon celui de l'environnement de son moteur.

    Raises:
        EngineUnavailable: l'interpréteur du profil, ou l'environnement du moteur, manque.
    """
    family = _FAMILIES.get(spec.engine)
    if spec.python:
        wanted, advice = spec.python, f"Corrigez le champ « python » de « {spec.key} » dans le profil."
    elif family is None:
        return sys.executable
    else:
        wanted = str(envs_dir / family / "bin" / "python")
        advice = "Installez-le par « make setup-dgx », ou donnez son dossier parent par PASSERELLE_ENVS_DIR."
    found = shutil.which(wanted)
    if found is None:
        raise EngineUnavailable(
            f"L'environnement du moteur « {spec.engine} » manque : {wanted} n'existe pas ou ne s'exécute pas. {advice}",
            metadata={"model": spec.key, "engine": spec.engine, "environment": family or "", "value": wanted},
        )
    return found


def activate(environ: MutableMapping[str, str] = os.environ) -> None:
    """Met les programmes de cet environnement devant ceux de la machine : un moteur y cherche ninja, par exemple."""
    own = str(Path(sys.executable).parent)
    environ["PATH"] = os.pathsep.join([own, *filter(None, [environ.get("PATH")])])
