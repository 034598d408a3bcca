"""Ce qu'un modèle refuse, et ce qu'il dit à ceux qu'il interrompt."""

from server.errors import InvalidState, ModelUnloaded, ShuttingDown

_RETRY_SECONDS = 1.0


def not_loaded(key: str) -> InvalidState:
    """Il faudrait qu'il le soit."""
    return InvalidState(f"« {key} » n'est pas chargé.", metadata={"model": key})


def in_use(key: str) -> InvalidState:
    """Ses poids servent."""
    return InvalidState(f"« {key} » est chargé, et ses poids servent : déchargez-le d'abord.", metadata={"model": key})


def asleep(key: str) -> InvalidState:
    """Endormi, il ne change pas."""
    return InvalidState(
        f"« {key} » dort : réveillez-le, ou déchargez-le, avant de changer ses GPU, ses exemplaires ou ses options.",
        metadata={"model": key},
    )


def unloaded(key: str, why: str) -> ModelUnloaded:
    """Il part, et interrompt une requête."""
    return ModelUnloaded(
        f"Le modèle « {key} » a été déchargé {why} ; la requête, refaite, le rechargerait.",
        metadata={"model": key},
        retry_after=_RETRY_SECONDS,
    )


def retired(key: str) -> ShuttingDown:
    """Un de ses exemplaires part, et interrompt une requête."""
    return ShuttingDown(
        f"Un exemplaire de « {key} » est retiré ; refaites la requête, un autre la servira.",
        metadata={"model": key},
        retry_after=_RETRY_SECONDS,
    )
