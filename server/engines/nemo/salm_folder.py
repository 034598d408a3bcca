"""Le dossier d'un SALM (canary-qwen) : une configuration et des poids, sans `.nemo`.

Sa configuration nomme un second dépôt (`Qwen/Qwen3-1.7B`), dont ne servent que la configuration et le vocabulaire : les
poids du modèle de langue sont ceux du SALM. NeMo irait le chercher en ligne ; ici, il est lu dans `<dossier du modèle>/
<organisation>/<nom>`, où le téléchargement le range, ou dans ce que NeMo 3 exporte à côté (`llm_backbone`).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from server.errors import ModelLoadFailed

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
_BACKBONE = "llm_backbone"
_TOKENIZER = "tokenizer_config.json"
_TEXTS = ("pretrained_llm", "audio_locator_tag", "prompt_format")
_PARTS = ("preprocessor", "encoder", "modality_adapter")
_TRAINING = ("init_from_checkpoint", "pretrained_s2s_model", "pretrained_perception_from_s2s")
"""Poids dont un entraînement partait : des chemins d'une autre machine."""


@dataclass(frozen=True, slots=True)
class SalmRecipe:
    """De quoi bâtir un SALM sans réseau."""

    config: dict[str, Any]
    """Configuration pour NeMo, dont les dépôts sont devenus des dossiers de ce disque."""
    weights: Path
    """Poids de tout le modèle."""


def is_salm(folder: Path) -> bool:
    """Vrai si le dossier n'a pas de `.nemo`, mais une configuration à sa racine."""
    return (folder / CONFIG).is_file() and not any(folder.glob("*.nemo"))


def read_salm(folder: Path) -> SalmRecipe:
    """Lit la recette du dossier d'un modèle.

    Raises:
        ModelLoadFailed: fichier absent ou illisible, autre modèle qu'un SALM, ou modèle de langue absent du dossier.
    """
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _refused(CONFIG, f"illisible ({error})", "") from error
    _check_salm(config)
    if not (folder / WEIGHTS).is_file():
        raise _refused(WEIGHTS, "ce fichier manque au dossier du modèle", "")
    own = {name: value for name, value in config.items() if name not in _TRAINING}
    own |= {
        "pretrained_llm": str(_with_file(folder, config, folder / _BACKBONE, CONFIG)),
        "tokenizer_path": str(_with_file(folder, config, folder, _TOKENIZER)),
        # Les poids du SALM suffisent, et aucun code d'un dépôt n'est exécuté.
        "pretrained_weights": False,
        "trust_remote_code": False,
    }
    return SalmRecipe(own, folder / WEIGHTS)


def _check_salm(config: Any) -> None:
    if not isinstance(config, Mapping):
        raise _refused(CONFIG, "une table est attendue", config)
    for name in _TEXTS:
        if not isinstance(config.get(name), str) or not config[name]:
            raise _refused(
                name, "absent : sans fichier .nemo, seul un SALM de NeMo (canary-qwen) est servi", config.get(name)
            )
    perception = config.get("perception")
    missing = [name for name in _PARTS if not isinstance(perception, Mapping) or name not in perception]
    if missing:
        raise _refused("perception", f"incomplète, il y manque {', '.join(missing)}", "")
    if config.get("use_nemo_automodel"):
        raise _refused("use_nemo_automodel", "la classe SALMAutomodel n'est pas servie", "true")


def _with_file(folder: Path, config: Mapping[str, Any], beside: Path, name: str) -> Path:
    """Dossier d'une pièce du modèle de langue : à côté des poids si elle y est, sinon dans le dépôt nommé.

    Rien n'est lu hors du dossier du modèle.
    """
    if (beside / name).is_file():
        return beside
    wanted = str(config["pretrained_llm"])
    place = folder / wanted
    if not place.resolve().is_relative_to(folder.resolve()):
        raise _refused("pretrained_llm", "un dépôt du hub est attendu", wanted)
    if not (place / name).is_file():
        raise _refused(
            "pretrained_llm",
            f"« {wanted}/{name} » manque au dossier du modèle ; ce dépôt se déclare dans [[models.source.extra]]",
            wanted,
        )
    return place


def _refused(field: str, reason: str, value: object) -> ModelLoadFailed:
    told = f" (reçu : {value})" if value else ""
    where = field if field in (CONFIG, WEIGHTS) else f"{CONFIG}, {field}"
    return ModelLoadFailed(f"{where} : {reason}{told}.", metadata={"field": field, "value": str(value)})
