"""Ce que dit le `config.yaml` d'un pipeline de diarisation, ramené à des dossiers de ce disque.

Un pipeline nomme ses modèles par `$model/segmentation` (community-1) ou par un dépôt (`pyannote/segmentation-3.0`, que
demande la 3.1). pyannote irait chercher le second en ligne : ici, il est lu dans `<dossier du modèle>/<organisation>/
<nom>`, où le téléchargement le range.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from server.errors import ModelLoadFailed

CONFIG = "config.yaml"
_WEIGHTS = "pytorch_model.bin"
_PLDA = ("xvec_transform.npz", "plda.npz")
_PIPELINE = "SpeakerDiarization"


@dataclass(frozen=True, slots=True)
class PipelineRecipe:
    """De quoi bâtir un pipeline sans réseau."""

    segmentation: Path
    """Poids du modèle de segmentation."""
    embedding: Path
    """Poids du modèle d'empreintes."""
    plda: Path | None
    """Dossier de la PLDA ; `None` si le regroupement s'en passe."""
    clustering: str
    """Regroupement (`VBxClustering`, `AgglomerativeClustering`…)."""
    parameters: Mapping[str, Any]
    """Hyperparamètres."""
    embedding_exclude_overlap: bool = False
    segmentation_step: float = 0.1
    """Pas de la fenêtre glissante, en part de sa durée."""


def read_recipe(folder: Path) -> PipelineRecipe:
    """Lit la recette du dossier d'un modèle.

    Raises:
        ModelLoadFailed: fichier absent, illisible, ou qui désigne un modèle absent du dossier.
    """
    import yaml

    try:
        found = yaml.safe_load((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ModelLoadFailed(
            f"{CONFIG} : illisible dans le dossier du modèle ({error}).", metadata={"field": CONFIG}
        ) from error
    return recipe_of(found, folder)


def recipe_of(config: Any, folder: Path) -> PipelineRecipe:
    """Recette que décrit un `config.yaml` déjà lu ; lève comme `read_recipe`."""
    pipeline = _mapping(config, "pipeline")
    name = str(pipeline.get("name", ""))
    if name.rpartition(".")[2] != _PIPELINE:
        raise _refused("pipeline.name", f"seul {_PIPELINE} est servi", name)
    params = _mapping(pipeline, "params")
    clustering = str(params.get("clustering", "VBxClustering"))
    return PipelineRecipe(
        segmentation=_file(folder, params, "segmentation"),
        embedding=_file(folder, params, "embedding"),
        plda=_plda(folder, params) if clustering == "VBxClustering" else None,
        clustering=clustering,
        parameters=_mapping(config, "params"),
        embedding_exclude_overlap=bool(params.get("embedding_exclude_overlap", False)),
        segmentation_step=float(params.get("segmentation_step", 0.1)),
    )


def _file(folder: Path, params: Mapping[str, Any], field: str) -> Path:
    place = _place(folder, params, field)
    path = place / _WEIGHTS if place.is_dir() else place
    if not path.is_file():
        raise _missing(folder, params, field, path)
    return path


def _plda(folder: Path, params: Mapping[str, Any]) -> Path:
    place = _place(folder, params, "plda")
    for name in _PLDA:
        if not (place / name).is_file():
            raise _missing(folder, params, "plda", place / name)
    return place


def _place(folder: Path, params: Mapping[str, Any], field: str) -> Path:
    """Dossier, ou fichier, que désigne un champ ; jamais hors du dossier du modèle."""
    value = params.get(field)
    parts: list[str]
    if isinstance(value, Mapping):
        parts = [str(value.get("checkpoint", "")), str(value.get("subfolder") or "")]
    else:
        parts = [str(value or "")]
    inside = "/".join(part.partition("@")[0] for part in parts if part).removeprefix("$model").strip("/")
    place = folder / inside
    if not inside or not place.resolve().is_relative_to(folder.resolve()):
        raise _refused(f"pipeline.params.{field}", "un dossier du modèle, ou un dépôt, est attendu", value)
    return place


def _missing(folder: Path, params: Mapping[str, Any], field: str, path: Path) -> ModelLoadFailed:
    return _refused(
        f"pipeline.params.{field}",
        f"« {path.relative_to(folder)} » manque au dossier du modèle ; un dépôt nommé ici se range dans un dossier à "
        "son nom (organisation/nom)",
        params.get(field),
    )


def _mapping(config: Any, field: str) -> Mapping[str, Any]:
    found = config.get(field) if isinstance(config, Mapping) else None
    if not isinstance(found, Mapping):
        raise _refused(field, "une table est attendue", found)
    return found


def _refused(field: str, reason: str, value: object) -> ModelLoadFailed:
    return ModelLoadFailed(
        f"{CONFIG}, {field} : {reason} (reçu : {value}).", metadata={"field": field, "value": str(value)}
    )
