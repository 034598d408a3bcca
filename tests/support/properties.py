"""Ce que demandent nos essais à hypothesis : peu de tirages, toujours les mêmes ; `HOSTILE_EXAMPLES` en demande d'autres."""

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

RANDOMS = st.randoms(use_true_random=False)
"""Hasard qu'hypothesis mène, et réduit au plus court quand un essai échoue."""

_EXAMPLES = os.environ.get("HOSTILE_EXAMPLES", "")

# Sans échéance : sur une machine chargée, elle ferait d'un essai lent un essai qui échoue.
settings.register_profile(
    "hostile",
    max_examples=int(_EXAMPLES or 60),
    derandomize=not _EXAMPLES,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("hostile")
