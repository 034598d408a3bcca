"""La lecture d'une table TOML vers une dataclass : noms, types et bornes viennent de ses champs, et d'eux seuls.

Un champ refusé nomme le fichier, la table, le champ, ce qui était attendu et ce qui a été reçu.
"""

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import StrEnum
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

_T = TypeVar("_T")

_SCALARS = {str: "un texte", bool: "true ou false", int: "un entier", float: "un nombre"}
_LISTS = {str: "une liste de textes", int: "une liste d'entiers"}
_SHOWN = 80
"""Caractères montrés d'une valeur refusée."""


class ConfigError(Exception):
    """Configuration refusée ; le message dit quelle valeur et que faire."""


def read_table(where: str, entry: object, kind: type[_T]) -> _T:
    """Range une table dans une dataclass ; ses champs qui sont eux-mêmes des dataclass sont des tables.

    Un entier vaut pour un nombre. Aucun nombre n'est négatif ; `metadata={"minimum": n}` d'un champ relève cette borne.

    Raises:
        ConfigError: champ inconnu, manquant, d'un autre type ou hors bornes.
    """
    if not isinstance(entry, Mapping):
        raise refusal(where, "une table", entry)
    known: dict[str, Field[Any]] = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(entry) - set(known))
    if unknown:
        raise ConfigError(f"{where} : champ inconnu {', '.join(unknown)} (connus : {', '.join(sorted(known))}).")
    required = [n for n, field in known.items() if field.default is MISSING and field.default_factory is MISSING]
    missing = sorted(set(required) - set(entry))
    if missing:
        raise ConfigError(f"{where} : champ manquant {', '.join(missing)}.")
    hints = get_type_hints(kind)
    return kind(
        **{
            name: _value(f"{where}.{name}", value, hints[name], known[name].metadata.get("minimum", 0))
            for name, value in entry.items()
        }
    )


def refusal(where: str, expected: str, value: object) -> ConfigError:
    """Erreur d'un champ, avec ce qui était attendu et ce qui a été reçu, coupé s'il est long."""
    shown = repr(value) if isinstance(value, str) else str(value)
    if len(shown) > _SHOWN:
        shown = f"{shown[:_SHOWN]}…"
    return ConfigError(f"{where} : {expected} est attendu, reçu : {shown} ({type(value).__name__}).")


def _value(where: str, value: Any, hint: Any, minimum: int) -> Any:
    if get_origin(hint) is tuple:
        return _list(where, value, get_args(hint)[0], minimum)
    if isinstance(hint, type) and is_dataclass(hint):
        return read_table(where, value, hint)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return _choice(where, value, hint)
    if hint in _SCALARS:
        return _scalar(where, value, hint, minimum)
    if not isinstance(value, Mapping):
        raise refusal(where, "une table", value)
    return value


def _list(where: str, value: Any, item: Any, minimum: int) -> tuple[Any, ...]:
    if not isinstance(value, list) or (item in _LISTS and not all(type(one) is item for one in value)):
        raise ConfigError(f"{where} : {_LISTS.get(item, 'une liste de tables')} est attendue, reçu : {value!r:.80}.")
    return tuple(_value(f"{where}[{index}]", one, item, minimum) for index, one in enumerate(value))


def _choice(where: str, value: Any, kind: type[StrEnum]) -> StrEnum:
    if not isinstance(value, str) or value not in list(kind):
        raise ConfigError(f"{where} : « {value} » inconnu (attendu : {', '.join(kind)}).")
    return kind(value)


def _scalar(where: str, value: Any, kind: type, minimum: int) -> Any:
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise refusal(where, _SCALARS[kind], value)
    # Ni négatif ni NaN : une comparaison avec NaN est toujours fausse.
    if isinstance(value, int | float) and not minimum <= value < float("inf"):
        raise refusal(where, f"{_SCALARS[kind]}, {minimum} ou plus,", value)
    return value
