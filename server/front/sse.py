"""Les événements SSE qu'un front ajoute à ceux des moteurs, et la lecture de ceux-ci."""

from collections.abc import Iterator
from typing import Any

import orjson

DONE = b"data: [DONE]\n\n"
"""Fin d'un flux réussi."""
LOADING = b": chargement\n\n"
"""Commentaire envoyé pendant qu'un modèle se charge : il tient la connexion ouverte, et les clients l'ignorent."""
EVENT_HEADERS = (("cache-control", "no-cache"), ("x-accel-buffering", "no"))
"""En-têtes d'un flux d'événements ; le second dit à nginx de ne pas le retenir."""

_FIELD = b"data:"


def events(frames: bytes) -> Iterator[dict[str, Any]]:
    """Objets JSON des trames entières `frames`, dans l'ordre ; les commentaires sont passés."""
    for frame in frames.split(b"\n\n"):
        if frame.startswith(_FIELD):
            data = frame[len(_FIELD) :].strip()
            if data != b"[DONE]":
                yield orjson.loads(data)
