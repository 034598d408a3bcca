"""Les options d'un moteur, lues au chargement : une inconnue, d'un autre type ou hors bornes l'arrête, nommée.

La dataclass de chacun est dans son `options.py`, qui n'importe rien de lourd : au démarrage, le profil y est déjà jugé.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

from server.errors import ModelLoadFailed
from server.tables import FieldRefused, read_table

_Settings = TypeVar("_Settings")


def read_options(kind: type[_Settings], options: Mapping[str, Any]) -> _Settings:
    """Range des options dans une dataclass dont chaque champ a un défaut.

    Raises:
        ModelLoadFailed: option inconnue, d'un autre type ou hors bornes.
    """
    try:
        return read_table("options", options, kind)
    except FieldRefused as error:
        metadata = {"field": error.field, "value": str(error.value), "limit": error.expected}
        raise ModelLoadFailed(str(error), metadata=metadata) from error


def refusal(name: str, reason: str, value: object, *, limit: object = "") -> ModelLoadFailed:
    """Erreur qui nomme une option du profil, que seul le modèle chargé pouvait juger."""
    allowed = f" ; accepté : {limit}" if str(limit) else ""
    return ModelLoadFailed(
        f"options.{name} : {reason} (reçu : {value}{allowed}).",
        metadata={"field": f"options.{name}", "value": str(value), "limit": str(limit)},
    )
