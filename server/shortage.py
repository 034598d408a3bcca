"""Ce qui manque à la machine : une place, un descripteur, de la mémoire. rien n'est cassé."""

import errno
import os

from server.errors import HostExhausted
from server.french import why

_SHORTAGES = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM})
_RETRY_SECONDS = 5.0


def is_shortage(error: BaseException) -> bool:
    """Vrai si cette exception dit que la machine n'a plus de quoi, et rien d'autre."""
    return isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in _SHORTAGES)


def shortage(error: BaseException) -> HostExhausted | None:
    """Erreur à rendre au client quand la machine n'a plus de quoi le servir ; `None` pour toute autre exception."""
    if not is_shortage(error):
        return None
    code = error.errno if isinstance(error, OSError) and error.errno is not None else errno.ENOMEM
    cause = os.strerror(code)
    said = why(OSError(code, cause))
    return HostExhausted(
        f"La machine n'a plus de quoi servir cette requête ({said}) ; réessayez bientôt.",
        metadata={"detail": cause},
        retry_after=_RETRY_SECONDS,
    )
