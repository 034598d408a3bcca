"""Les options d'un moteur, telles que le profil les écrit : une inconnue, ou d'un autre type, est une erreur de
chargement qui la nomme."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from typing import Any, TypeVar

from server.errors import ModelLoadFailed

_Settings = TypeVar("_Settings")


def read_options(kind: type[_Settings], options: Mapping[str, Any]) -> _Settings:
    """Range des options dans une dataclass dont chaque champ a un défaut, qui en donne aussi le type.

    Un entier vaut pour un flottant, et une liste pour un tuple de textes ; un champ dont le défaut est `None` est un
    entier.

    Raises:
        ModelLoadFailed: option inconnue, ou d'un autre type.
    """
    known: dict[str, Field[Any]] = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    for name in options:
        if name not in known:
            raise refusal(name, "option inconnue de ce moteur", options[name], limit=", ".join(sorted(known)))
    return kind(**{name: _typed(known[name], value) for name, value in options.items()})


def refusal(name: str, reason: str, value: object, *, limit: object = "") -> ModelLoadFailed:
    """Erreur qui nomme une option du profil."""
    allowed = f" ; accepté : {limit}" if str(limit) else ""
    return ModelLoadFailed(
        f"options.{name} : {reason} (reçu : {value}{allowed}).",
        metadata={"field": f"options.{name}", "value": str(value), "limit": str(limit)},
    )


def _typed(field: Field[Any], value: Any) -> Any:
    default = field.default if field.default is not MISSING else ()
    kind = int if default is None else type(default)
    if kind is tuple and isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return tuple(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not kind:
        names = {bool: "vrai ou faux", int: "entier", float: "nombre", str: "texte", tuple: "liste de textes"}
        raise refusal(field.name, "type inattendu", value, limit=names[kind])
    return value
