"""Ce qu'une requête a duré, dit à qui l'a faite : en-tête `Server-Timing` en REST, métadonnée de fin en gRPC.

Tout vient de la note que garde la fenêtre des requêtes : les deux ne peuvent pas se contredire.
"""

import time

from server.rpc.notes import Note, note

HEADER = "server-timing"
"""Nom de l'en-tête et de la métadonnée ; même écriture dans les deux."""


def server_timing(found: Note) -> str:
    """Durées connues, en millisecondes : `receive`, `load`, `queue`, `first`, `total`."""
    parts = []
    if found.asked:
        parts.append(f"receive;dur={(found.asked - found.started) * 1000:.3f}")
    if found.sent:
        parts.append(f"load;dur={(found.sent - found.asked) * 1000:.3f}")
        if found.first or found.last or found.ended:
            parts.append(f"queue;dur={found.queued * 1000:.3f}")
    if found.first:
        parts.append(f"first;dur={(found.first - found.started) * 1000:.3f}")
    if found.ended:
        parts.append(f"total;dur={(found.ended - found.started) * 1000:.3f}")
    return ", ".join(parts)


def timing_headers() -> tuple[tuple[str, str], ...]:
    """En-tête de ce qui est connu au début d'un flux ; aucun sans note."""
    found = note.get()
    return ((HEADER, server_timing(found)),) if found is not None else ()


def closing_comment() -> bytes:
    """Commentaire SSE qui dit, à la fin d'un flux, ce que son en-tête ne pouvait pas savoir ; vide sans note.

    HTTP/1.1 n'a pas d'en-têtes de fin que les clients lisent ; un commentaire, tous le passent.
    """
    found = note.get()
    if found is None:
        return b""
    found.answer(time.monotonic())
    return b": " + HEADER.encode() + b" " + server_timing(found).encode() + b"\n\n"
