"""L'échéance d'un appel, vue du serveur : un peu avant celle de son client, pour que la réponse dise pourquoi.

À l'échéance même, gRPC chez le client et Envoy closent l'appel sans attendre personne : ni motif, ni détail.
"""

from typing import Any

_SHARE, _LONGEST, _SHORTEST = 0.1, 0.5, 0.02
"""Avance sur l'échéance : une part du temps donné, entre ces secondes ; c'est le temps que met un statut à revenir."""


def margin(seconds: float) -> float:
    """Avance sur une échéance qui est dans `seconds` secondes."""
    return max(0.0, min(_LONGEST, max(_SHORTEST, seconds * _SHARE), seconds / 2))


def time_left(context: Any) -> float | None:
    """Secondes qu'une méthode peut prendre ; `None` sans échéance.

    Une avance de moins que l'appel lui-même : ce qu'elle attendait, elle seule sait le dire (un chargement, un moteur).
    """
    seconds: float | None = context.time_remaining()
    return None if seconds is None else max(0.0, seconds - 2 * margin(seconds))
