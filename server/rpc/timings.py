"""Ce qu'une requête a duré et compté : dit à qui l'a faite (`Server-Timing`, métadonnée de fin) et au journal.

Tout vient de la note que garde la fenêtre des requêtes : aucun des trois ne peut contredire les autres.
"""

import time

from server.rpc.notes import Note, note

HEADER = "server-timing"
"""Nom de l'en-tête et de la métadonnée ; même écriture dans les deux."""


def durations(found: Note) -> dict[str, float]:
    """Durées connues, en millisecondes : `receive`, `load`, `queue`, `first`, `total`."""
    known = {}
    if found.asked:
        known["receive"] = found.asked - found.started
    if found.sent:
        known["load"] = found.sent - found.asked
        if found.first or found.last or found.ended:
            known["queue"] = found.queued
    if found.first:
        known["first"] = found.first - found.started
    if found.ended:
        known["total"] = found.ended - found.started
    return {name: round(seconds * 1000, 3) for name, seconds in known.items()}


def server_timing(found: Note) -> str:
    """Les mêmes, à la forme de `Server-Timing`."""
    return ", ".join(f"{name};dur={value:.3f}" for name, value in durations(found).items())


def journal_values(found: Note) -> dict[str, object]:
    """Ce que la ligne de journal d'une requête en dit : des mesures, jamais son contenu."""
    values: dict[str, object] = {f"{name}_ms": value for name, value in durations(found).items()}
    if found.model:
        values["model"] = found.model
        values["replicas"] = found.replicas
    if found.stream:
        values["stream"] = True
    if found.tokens_in >= 0:
        values["tokens_in"] = found.tokens_in
    if found.tokens_out >= 0 or found.frames:
        values["tokens_out"] = found.tokens_out if found.tokens_out >= 0 else found.frames
    if found.audio_seconds:
        values["audio_seconds"] = round(found.audio_seconds, 3)
    return values


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
