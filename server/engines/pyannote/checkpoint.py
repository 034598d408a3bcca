"""Un modèle de pyannote (`pytorch_model.bin`), lu sans exécuter ce que son fichier porterait.

pyannote.audio lit ce fichier comme un pickle entier, qui peut appeler n'importe quoi. Le lecteur restreint de torch lit
donc d'abord les mêmes octets : il n'admet que des tenseurs, des valeurs simples et les types qu'un tel fichier nomme.
"""

import io
import pickle
from pathlib import Path
from typing import Any

from server.errors import ModelLoadFailed

_ARCHITECTURES = "pyannote.audio.models."
"""Où pyannote range ses modèles ; le fichier dit lequel, et pyannote l'importe."""


def read_model(path: Path, *, strict: bool = True, trusted: bool = False) -> Any:
    """Modèle, sur le processeur.

    Args:
        strict: chaque poids du fichier doit avoir sa place dans le modèle.
        trusted: lit le fichier tel quel ; il peut alors tout exécuter.

    Raises:
        ModelLoadFailed: fichier illisible, ou qui demande autre chose que des poids.
    """
    from pyannote.audio import Model

    data = io.BytesIO(path.read_bytes())
    if not trusted:
        _check(data, path)
    found = Model.from_pretrained(data, map_location="cpu", strict=strict)
    if found is None:
        raise ModelLoadFailed(f"pyannote.audio n'a pas pu lire {path.name}.")
    return found


def _check(data: io.BytesIO, path: Path) -> None:
    import torch
    from pyannote.audio.core.task import Problem, Resolution, Specifications
    from torch.torch_version import TorchVersion

    try:
        with torch.serialization.safe_globals([Problem, Resolution, Specifications, TorchVersion]):
            found = torch.load(data, map_location="cpu", weights_only=True)
        module = str(found["pyannote.audio"]["architecture"]["module"])
    except (pickle.UnpicklingError, RuntimeError, KeyError, TypeError, EOFError) as error:
        raise _refused(path, f"il porte autre chose que des poids, ou n'en est pas un ({_first(error)})") from error
    if not module.startswith(_ARCHITECTURES):
        raise _refused(path, f"son architecture, « {module[:80]} », n'est pas de pyannote.audio")
    data.seek(0)


def _refused(path: Path, why: str) -> ModelLoadFailed:
    return ModelLoadFailed(
        f"{path.name} n'est pas lu : {why}.", metadata={"file": path.name, "field": "options.trust_checkpoint"}
    )


def _first(error: Exception) -> str:
    """Ce qu'un lecteur dit, sans ses conseils : la ligne qui nomme le type refusé, sinon la première."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [repr(error)]
    return next((line for line in lines if "GLOBAL" in line), lines[0])[:300]
