"""La profondeur d'un JSON reçu : ce qui le relit ou l'écrit descend d'un appel par niveau, jusqu'à une limite."""

from typing import Any

from server.errors import InvalidRequest

DEEPEST = 250
"""Niveaux qu'orjson sait encore écrire."""


def check_depth(data: Any, limit: int) -> None:
    """Refuse un JSON de plus de `limit` niveaux, celui de sa racine compris.

    Raises:
        InvalidRequest: trop de niveaux.
    """
    level, depth = [data], 0
    while level := [value for value in level if isinstance(value, dict | list)]:
        depth += 1
        if depth > limit:
            raise InvalidRequest(
                f"Le JSON reçu a plus de {limit} niveaux imbriqués, la limite.",
                metadata={"field": "body", "limit": str(limit)},
            )
        level = [value for inner in level for value in (inner.values() if isinstance(inner, dict) else inner)]
