"""Quand un modèle sera prêt : ce que son dernier chargement a duré, moins ce qui en est déjà fait."""

from server.control.record.journal import Journal
from server.control.record.operations import Operation, OperationKind

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
