"""Ce que tout moteur doit dire de son ouverture."""

from collections.abc import Sequence
from itertools import pairwise

from server.engines.base import LoadPhase


def check_phases(phases: Sequence[LoadPhase]) -> None:
    """Vérifie qu'un moteur a dit des étapes connues, au moins une, et jamais deux fois de suite la même."""
    assert phases
    assert all(isinstance(phase, LoadPhase) for phase in phases)
    assert all(before is not after for before, after in pairwise(phases))
