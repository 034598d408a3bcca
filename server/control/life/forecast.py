"""Quand un modèle sera prêt, et combien l'attendre : d'après son dernier chargement, sinon d'après sa taille."""

from server.control.record.operations import Operation, OperationKind
from server.domain import Limits
from server.errors import ModelLoading

UNKNOWN = 5.0
"""Secondes conseillées quand rien ne permet d'estimer."""
SHORTEST, LONGEST = 1.0, 60.0
"""Bornes du conseil : au-delà d'une minute, les SDK d'OpenAI n'en tiennent pas compte."""

_WAIT_FACTOR = 1.5
"""Part du dernier chargement qu'une requête attend : le suivant peut être plus lent."""
_FIRST_SECONDS, _FIRST_BYTES_PER_SECOND = 30.0, 500e6
"""Premier chargement : ce qu'un moteur met à s'ouvrir, puis les octets de poids qu'il prépare par seconde
(docs/mesures.md : 158 s pour qwen, une soixantaine de Go)."""


def load_wait(expected: float | None, weights_bytes: int, limits: Limits) -> float:
    """Secondes qu'une requête attend un chargement.

    Args:
        expected: durée du dernier chargement réussi, s'il y en a eu un.
        weights_bytes: taille des poids, d'où s'estime le premier ; 0 si elle n'est pas connue.
    """
    if expected is None and weights_bytes:
        expected = _FIRST_SECONDS + weights_bytes / _FIRST_BYTES_PER_SECOND
    wanted = min(limits.max_load_wait_seconds, _WAIT_FACTOR * (expected or 0.0))
    return max(limits.load_wait_seconds, wanted)


def retry_after(operation: Operation | None, expected: float | None, *, downloading: bool, elapsed: float) -> float:
    """Secondes au bout desquelles refaire la requête.

    Args:
        operation: opération en cours.
        expected: durée du dernier chargement réussi, s'il y en a eu un.
        downloading: vrai tant que les poids n'y sont pas.
        elapsed: secondes depuis le début de l'état présent du modèle.
    """
    if operation is None or operation.kind not in (OperationKind.DOWNLOAD, OperationKind.LOAD, OperationKind.RESTART):
        return UNKNOWN
    ahead = operation.progress.remaining if downloading else -elapsed
    if expected is None or ahead is None:
        return UNKNOWN
    left = expected + ahead
    # Un chargement déjà plus long que le précédent ne dit plus quand il finira.
    return min(LONGEST, max(SHORTEST, left)) if left > 0 else UNKNOWN


def not_ready(
    key: str, waited: float, operation: Operation | None, expected: float | None, *, downloading: bool, elapsed: float
) -> ModelLoading:
    """Refus d'une requête qui a attendu son modèle tant de secondes, selon `retry_after`."""
    wait = retry_after(operation, expected, downloading=downloading, elapsed=elapsed)
    return ModelLoading(
        f"Le modèle « {key} » n'est pas encore prêt après {waited:.0f} s ; réessayez dans {wait:.0f} s.",
        metadata={"model": key, "waited_seconds": f"{waited:.0f}"},
        retry_after=wait,
    )
