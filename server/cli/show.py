"""Ce que la ligne de commande écrit : des tailles, des tableaux, du JSON."""

import json
from collections.abc import Sequence
from typing import Any

import click
from google.protobuf.json_format import MessageToDict

_UNITS = ("o", "Kio", "Mio", "Gio", "Tio")

PHASES = {
    "held": "attente d'un autre téléchargement",
    "resolving": "préparation",
    "retrying": "attente du hub",
    "downloading": "copie",
    "verifying": "vérification",
    "making_room": "place à faire",
    "backoff": "attente avant relance",
    "queued": "attente de son tour",
    "checking": "relecture des poids",
    "spawning": "lancement",
    "opening": "ouverture du modèle",
    "importing": "bibliothèques",
    "preparing": "configuration et lexique",
    "extracting": "archive à défaire",
    "building": "construction du modèle",
    "loading_weights": "lecture des poids",
    "moving_to_gpu": "passage au GPU",
    "profiling": "mesure de la mémoire",
    "compiling": "compilation",
    "allocating_cache": "cache KV et noyaux",
    "capturing_graphs": "graphes CUDA",
    "starting": "mise en service",
    "warming_up": "première inférence",
    "draining": "fin des requêtes en cours",
    "stopping": "arrêt",
    "waking": "réveil",
}
"""Étapes d'une opération, aux mots de la page."""

STATES = {
    "UNSPECIFIED": "Inconnu",
    "UNAVAILABLE": "À télécharger",
    "DOWNLOADING": "Téléchargement",
    "CACHED": "Téléchargé",
    "LOADING": "Chargement",
    "READY": "Prêt",
    "ASLEEP": "Endormi",
    "UNLOADING": "Déchargement",
}
"""États d'un modèle, aux mots de la page."""

STAGES = {
    "decoding": "Décodage",
    "recognition": "Reconnaissance",
    "segmentation": "Recherche des tours",
    "embeddings": "Reconnaissance des voix",
    "merging": "Fusion",
}
"""Étapes d'un travail sur de l'audio, aux mots de la page."""

_ENDS = {"FAILED": "l'opération a échoué", "CANCELLED": "l'opération a été annulée"}


def phase(name: str) -> str:
    """Étape d'une opération ; une inconnue se montre telle quelle."""
    return PHASES.get(name, name)


def state(name: str) -> str:
    """État d'un modèle, d'après son nom dans le contrat."""
    short = name.removeprefix("MODEL_STATE_")
    return STATES.get(short, short)


def stage(name: str) -> str:
    """Étape d'un travail sur de l'audio ; une inconnue se montre telle quelle."""
    return STAGES.get(name, name)


def end(name: str) -> str:
    """Fin d'une opération qui n'a pas réussi."""
    return _ENDS.get(name, name)


def size(count: float) -> str:
    """Taille lisible."""
    unit = 0
    while count >= 1024 and unit < len(_UNITS) - 1:
        count, unit = count / 1024, unit + 1
    return f"{count:.0f} {_UNITS[unit]}" if unit == 0 else f"{count:.1f} {_UNITS[unit]}".replace(".", ",")


def clock(seconds: float) -> str:
    """Instant d'un enregistrement, `1:02:03,4`."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02}:{rest:04.1f}".replace(".", ",")


def table(rows: Sequence[Sequence[str]]) -> None:
    """Écrit des colonnes alignées ; la première ligne est l'en-tête."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def message(value: Any, *, one_line: bool = False) -> None:
    """Écrit un message du contrat en JSON, aux noms de champs du contrat ; un compte y est un entier."""
    found = MessageToDict(value, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    click.echo(json.dumps(_counted(found), ensure_ascii=False, indent=None if one_line else 2))


def _counted(value: Any) -> Any:
    # Le contrat compte en `double` ; « 138.0 » n'est pas ce que le REST écrit du même message.
    if isinstance(value, dict):
        return {name: _counted(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_counted(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
