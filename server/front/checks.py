"""Les vérifications élémentaires d'un JSON reçu ; chaque refus nomme le champ, la limite et la valeur."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from server.errors import InvalidRequest
from server.shown import shown

JsonObject = Mapping[str, Any]


def refusal(path: str, expected: str, value: Any, *, limit: object = None) -> InvalidRequest:
    """Erreur qui dit où, ce qui était attendu et ce qui est arrivé."""
    received = show(value)
    metadata = {"field": path, "value": received}
    if limit is not None:
        metadata["limit"] = str(limit)
    return InvalidRequest(f"{path} : {expected} (reçu : {received}).", metadata=metadata)


def missing(path: str, expected: str) -> InvalidRequest:
    """Erreur d'un champ obligatoire absent."""
    return InvalidRequest(f"{path} : champ obligatoire absent ; {expected}.", metadata={"field": path})


def show(value: Any) -> str:
    """Valeur en JSON, abrégée."""
    return shown(value if isinstance(value, str) else orjson.dumps(value, default=str).decode())


def joined(path: str, name: str) -> str:
    """Chemin d'un champ dans l'objet `path`."""
    return f"{path}.{name}" if path else name


def text(data: JsonObject, path: str, name: str, *, required: bool = False, empty: bool = True) -> str | None:
    """Chaîne du champ, ou `None` s'il est absent ou nul.

    Raises:
        InvalidRequest: autre type, champ obligatoire absent ou chaîne vide.
    """
    value = data.get(name)
    where = joined(path, name)
    if value is None:
        if required:
            raise missing(where, "une chaîne est attendue")
        return None
    if not isinstance(value, str):
        raise refusal(where, "une chaîne est attendue", value)
    if not value and not empty:
        raise refusal(where, "une chaîne non vide est attendue", value)
    return value


def choice(data: JsonObject, path: str, name: str, allowed: Sequence[str], *, required: bool = False) -> str | None:
    """Chaîne du champ, parmi `allowed`."""
    value = text(data, path, name, required=required)
    if value is not None and value not in allowed:
        listed = ", ".join(allowed)
        raise refusal(joined(path, name), f"une de ces valeurs est attendue : {listed}", value, limit=listed)
    return value


def boolean(data: JsonObject, path: str, name: str) -> bool:
    """Booléen du champ, faux s'il est absent ou nul."""
    value = data.get(name)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise refusal(joined(path, name), "un booléen est attendu", value)
    return value


def integer(data: JsonObject, path: str, name: str, low: int | None = None, high: int | None = None) -> int | None:
    """Entier du champ, entre `low` et `high` compris, ou `None` s'il est absent ou nul."""
    value = data.get(name)
    if value is None:
        return None
    where = joined(path, name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise refusal(where, "un entier est attendu", value)
    check_range(where, value, low, high)
    return value


def number(data: JsonObject, path: str, name: str, low: float | None = None, high: float | None = None) -> float | None:
    """Nombre du champ, entre `low` et `high` compris, ou `None` s'il est absent ou nul."""
    value = data.get(name)
    if value is None:
        return None
    where = joined(path, name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refusal(where, "un nombre est attendu", value)
    check_range(where, value, low, high)
    return float(value)


def check_range(where: str, value: float, low: float | None, high: float | None) -> None:
    """Refuse une valeur hors de l'intervalle fermé."""
    # Écrites ainsi, les deux comparaisons refusent aussi NaN.
    if low is not None and not value >= low:
        raise refusal(where, f"la valeur doit être au moins {low:g}", value, limit=f"{low:g}")
    if high is not None and not value <= high:
        raise refusal(where, f"la valeur doit être au plus {high:g}", value, limit=f"{high:g}")


def mapping(data: JsonObject, path: str, name: str, *, required: bool = False) -> JsonObject | None:
    """Objet du champ, ou `None` s'il est absent ou nul."""
    value = data.get(name)
    where = joined(path, name)
    if value is None:
        if required:
            raise missing(where, "un objet est attendu")
        return None
    if not isinstance(value, dict):
        raise refusal(where, "un objet est attendu", value)
    return value


def sequence(
    data: JsonObject, path: str, name: str, *, low: int = 0, high: int | None = None, required: bool = False
) -> list[Any] | None:
    """Liste du champ, de `low` à `high` éléments, ou `None` s'il est absent ou nul."""
    value = data.get(name)
    where = joined(path, name)
    if value is None:
        if required:
            raise missing(where, "une liste est attendue")
        return None
    if not isinstance(value, list):
        raise refusal(where, "une liste est attendue", value)
    if len(value) < low:
        raise refusal(where, f"la liste doit compter au moins {low} élément(s)", len(value), limit=low)
    if high is not None and len(value) > high:
        raise refusal(where, f"la liste doit compter au plus {high} élément(s)", len(value), limit=high)
    return value


def entry(value: Any, path: str) -> JsonObject:
    """Élément de liste, qui doit être un objet."""
    if not isinstance(value, dict):
        raise refusal(path, "un objet est attendu", value)
    return value
