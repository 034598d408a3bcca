"""Des durées rangées par tranches : de quoi additionner des heures et en tirer des quantiles, à 5 % près."""

from collections.abc import Mapping
from math import floor, log

_SHORTEST, _STEP = 0.001, 1.09
_LAST = floor(log(86_400 / _SHORTEST, _STEP))
_SCALE = 1 / log(_STEP)

Waits = dict[int, int]
"""Nombre de durées de chaque tranche."""


def slot_of(seconds: float) -> int:
    """Tranche d'une durée, d'une milliseconde à un jour."""
    return 0 if seconds <= _SHORTEST else min(_LAST, int(log(seconds / _SHORTEST) * _SCALE))


def quantile(waits: Mapping[int, int], share: float) -> float | None:
    """Durée que cette part des durées ne dépasse pas : le milieu de sa tranche ; `None` s'il n'y en a pas."""
    left = share * sum(waits.values())
    for slot in sorted(waits):
        left -= waits[slot]
        if left <= 0:
            return float(_SHORTEST * _STEP ** (slot + 0.5))
    return None
