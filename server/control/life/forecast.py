"""Quand un modèle sera prêt : ce que son dernier chargement a duré, moins ce qui en est déjà fait."""

from server.control.record.journal import Journal
from server.control.record.operations import Operation, OperationKind
from server.errors import ModelLoading

UNKNOWN = 5.0
"""Secondes conseillées quand rien ne permet d'estimer."""
SHORTEST, LONGEST = 1.0, 60.0
"""Bornes du conseil : au-delà d'une minute, les SDK d'OpenAI n'en tiennent pas compte."""


async def retry_after(operation: Operation | None, journal: Journal, *, downloading: bool, elapsed: float) -> float:
    """Secondes au bout desquelles refaire la requête.

    Args:
        operation: opération en cours.
        downloading: vrai tant que les poids n'y sont pas.
        elapsed: secondes depuis le début de l'état présent du modèle.
    """
    if operation is None or operation.kind not in (OperationKind.DOWNLOAD, OperationKind.LOAD, OperationKind.RESTART):
        return UNKNOWN
    expected = await journal.load_seconds(operation.model)
    ahead = operation.progress.remaining if downloading else -elapsed
    if expected is None or ahead is None:
        return UNKNOWN
    left = expected + ahead
    # Un chargement déjà plus long que le précédent ne dit plus quand il finira.
    return min(LONGEST, max(SHORTEST, left)) if left > 0 else UNKNOWN


async def not_ready(
    key: str, waited: float, operation: Operation | None, journal: Journal, *, downloading: bool, elapsed: float
) -> ModelLoading:
    """Refus d'une requête qui a attendu son modèle tant de secondes, selon `retry_after`."""
    wait = await retry_after(operation, journal, downloading=downloading, elapsed=elapsed)
    return ModelLoading(
        f"Le modèle « {key} » n'est pas encore prêt après {waited:.0f} s ; réessayez dans {wait:.0f} s.",
        metadata={"model": key, "waited_seconds": f"{waited:.0f}"},
        retry_after=wait,
    )
