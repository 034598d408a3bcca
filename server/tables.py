"""La lecture d'une table vers une dataclass : noms, types et bornes viennent de ses champs, et d'eux seuls.

Un profil et les options d'un moteur se lisent ici. Un champ refusé nomme sa table, ce qui était attendu et ce qui a été
reçu.
"""

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

_T = TypeVar("_T")

_SCALARS = {str: "un texte", bool: "true ou false", int: "un entier", float: "un nombre"}
_LISTS = {str: "une liste de textes", int: "une liste d'entiers"}
_SHOWN = 80
"""Caractères montrés d'une valeur refusée."""


class ConfigError(Exception):
    """Configuration refusée ; le message dit quelle valeur et que faire."""


class FieldRefused(ConfigError):
    """Champ refusé d'une table."""

    def __init__(self, field: str, problem: str, expected: str = "", value: object = "") -> None:
        super().__init__(f"{field} : {problem}.")
        self.field = field
        self.problem = problem
        self.expected = expected
        self.value = value


def read_table(where: str, entry: object, kind: type[_T]) -> _T:
    """Range une table dans une dataclass ; ses champs qui sont eux-mêmes des dataclass sont des tables.

    Un entier vaut pour un nombre. Aucun nombre n'est négatif ; `metadata` d'un champ resserre ses bornes : `minimum`,
    `maximum`, et `above`, borne exclue. Une dataclass refuse ce que ses champs ont d'incompatible dans son
    `__post_init__`, par un `FieldRefused` à son seul nom.

    Raises:
        FieldRefused: champ inconnu, manquant, d'un autre type ou hors bornes.
    """
    if not isinstance(entry, Mapping):
        raise refusal(where, "une table", entry)
    known: dict[str, Field[Any]] = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(entry) - set(known))
    if unknown:
        names = ", ".join(sorted(known))
        raise FieldRefused(f"{where}.{unknown[0]}", f"champ inconnu (connus : {names})", names, entry[unknown[0]])
    required = [n for n, field in known.items() if field.default is MISSING and field.default_factory is MISSING]
    missing = sorted(set(required) - set(entry))
    if missing:
        raise FieldRefused(where, f"champ manquant {', '.join(missing)}")
    hints = get_type_hints(kind)
    values = {
        name: _value(f"{where}.{name}", value, hints[name], known[name].metadata) for name, value in entry.items()
    }
    try:
        return kind(**values)
    except FieldRefused as error:
        raise FieldRefused(f"{where}.{error.field}", error.problem, error.expected, error.value) from None


def refusal(where: str, expected: str, value: object) -> FieldRefused:
    """Erreur d'un champ, avec ce qui était attendu et ce qui a été reçu, coupé s'il est long."""
    shown = repr(value) if isinstance(value, str) else str(value)
    if len(shown) > _SHOWN:
        shown = f"{shown[:_SHOWN]}…"
    agreed = "attendue" if expected.startswith("une ") else "attendu"
    problem = f"{expected} est {agreed}, reçu : {shown} ({type(value).__name__})"
    return FieldRefused(where, problem, expected.rstrip(","), value)


def _value(where: str, value: Any, hint: Any, bounds: Mapping[str, Any]) -> Any:
    if get_origin(hint) is UnionType:
        # TOML n'a pas de null : `None` n'est que le défaut.
        (hint,) = (one for one in get_args(hint) if one is not NoneType)
    if get_origin(hint) is tuple:
        return _list(where, value, get_args(hint)[0], bounds)
    if get_origin(hint) is Literal:
        return choice(where, value, get_args(hint))
    if isinstance(hint, type) and is_dataclass(hint):
        return read_table(where, value, hint)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return hint(choice(where, value, tuple(hint)))
    if hint in _SCALARS:
        return _scalar(where, value, hint, bounds)
    if not isinstance(value, Mapping):
        raise refusal(where, "une table", value)
    return value


def _list(where: str, value: Any, item: Any, bounds: Mapping[str, Any]) -> tuple[Any, ...]:
    if not isinstance(value, list) or (item in _LISTS and not all(type(one) is item for one in value)):
        raise refusal(where, _LISTS.get(item, "une liste de tables"), value)
    return tuple(_value(f"{where}[{index}]", one, item, bounds) for index, one in enumerate(value))


def choice(where: str, value: Any, choices: tuple[str, ...]) -> str:
    """Rend une valeur, qui est l'une de celles-là.

    Raises:
        FieldRefused: elle n'en est pas.
    """
    if not isinstance(value, str) or value not in choices:
        # Le texte vide dit « celui d'ailleurs » : il n'y a rien à en montrer.
        expected = ", ".join(choice for choice in choices if choice)
        raise FieldRefused(where, f"« {value} » inconnu (attendu : {expected})", expected, value)
    return value


def _scalar(where: str, value: Any, kind: type, bounds: Mapping[str, Any]) -> Any:
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise refusal(where, _SCALARS[kind], value)
    if isinstance(value, int | float):
        _check_bounds(where, value, _SCALARS[kind], bounds)
    return value


def _check_bounds(where: str, value: float, kind: str, bounds: Mapping[str, Any]) -> None:
    above, minimum, maximum = bounds.get("above"), bounds.get("minimum", 0), bounds.get("maximum")
    # Ni négatif, ni infini, ni NaN : une comparaison avec NaN est toujours fausse.
    if minimum <= value < float("inf") and (above is None or value > above) and (maximum is None or value <= maximum):
        return
    least = f"plus de {above}" if above is not None else f"{minimum} ou plus"
    most = "" if maximum is None else f", {maximum} au plus"
    raise refusal(where, f"{kind}, {least}{most},", value)
