"""Le client du hub : adresse, jeton, essais, et ce que chaque refus veut dire.

Les essais d'huggingface_hub sont muets et ses messages en anglais : ici, un échec passager est repris avec une attente
qui double, un échec définitif devient aussitôt une erreur qui dit quoi faire.
"""

import logging
import os
import threading
from collections.abc import Callable
from json import JSONDecodeError
from typing import TypeVar

from server.control.weights.fetching import DownloadSettings, Report
from server.domain import HubRepository
from server.errors import (
    DownloadFailed,
    HubAccessDenied,
    HubNotFound,
    HubTokenInvalid,
    HubTokenMissing,
    HubUnreachable,
    PasserelleError,
)

logger = logging.getLogger(__name__)

_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
_MAX_WAIT_SECONDS = 60.0

# Lues à l'import d'huggingface_hub. Xet ne laisse pas voir ses octets sur le disque et saute de 0 à 26 puis 63 % ; ses
# dépôts servent aussi par HTTP.
_ENVIRONMENT = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_XET": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
}

T = TypeVar("T")


class Stopped(Exception):
    """Un autre fichier a échoué : celui-ci n'a plus de raison de continuer."""


class HubClient:
    """Le client d'huggingface_hub, réglé, et nos essais."""

    def __init__(self, settings: DownloadSettings, report: Report) -> None:
        """`report` reçoit l'annonce de chaque attente."""
        os.environ.update(_ENVIRONMENT)
        from huggingface_hub import HfApi
        from huggingface_hub.utils import build_hf_headers

        from server import __version__

        token = settings.token or False
        self.endpoint = settings.endpoint
        self.api = HfApi(settings.endpoint, token=token, library_name="passerelle", library_version=__version__)
        self.headers: dict[str, str] = build_hf_headers(
            token=token, library_name="passerelle", library_version=__version__
        )
        self.stopped = threading.Event()
        """Levé dès qu'un fichier échoue : les autres s'arrêtent."""
        self._attempts = settings.attempts
        self._retry_seconds = settings.retry_seconds
        self._has_token = bool(settings.token)
        self._report = report

    def call(
        self,
        action: Callable[[], T],
        repository: HubRepository,
        *,
        file: str = "",
        progress: Callable[[], int] = lambda: 0,
        attempts: int | None = None,
    ) -> T:
        """Mène une action, et la reprend après un échec passager.

        Args:
            progress: octets obtenus ; quand ils dépassent leur record, les essais repartent de zéro.
            attempts: essais d'affilée, si ce ne sont pas ceux des réglages.

        Raises:
            DownloadFailed: refus définitif, ou trop d'échecs.
            Stopped: tout le téléchargement s'arrête.
        """
        from httpx2 import HTTPError, StreamError
        from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

        failures, best = 0, progress()
        while True:
            try:
                return action()
            except (HTTPError, StreamError, OfflineModeIsEnabled, JSONDecodeError) as error:
                status = error.response.status_code if isinstance(error, HfHubHTTPError) else 0
                if status and status not in _TRANSIENT:
                    raise self._refusal(error, status, repository, file) from error
                # Un record, pas un gain : un serveur qui fait toujours tout reprendre ne retient pas sans fin.
                failures = 1 if progress() > best else failures + 1
                best = max(best, progress())
                if failures >= (attempts or self._attempts) or isinstance(error, OfflineModeIsEnabled):
                    raise self._unreachable(error, status, repository) from error
                wait = _wait(error, self._retry_seconds * 2 ** (failures - 1))
                logger.warning(
                    "hub_retry",
                    extra={
                        "repository": repository.repository,
                        "file": file,
                        "status": status,
                        "error": type(error).__name__,
                        "failures": failures,
                        "wait_seconds": wait,
                    },
                )
                # Sans elle, un hub en panne ne se distingue pas d'un téléchargement lent.
                self._report({"event": "phase", "phase": "retrying"})
                if self.stopped.wait(wait):
                    raise Stopped from error

    def _refusal(self, error: Exception, status: int, wanted: HubRepository, file: str) -> PasserelleError:
        headers = error.response.headers  # type: ignore[attr-defined]
        code, name = headers.get("X-Error-Code", ""), wanted.repository
        page = f"{self.endpoint}/{name}"
        metadata = {"repository": name, "revision": wanted.revision, "status": str(status)}
        if code == "RevisionNotFound":
            return HubNotFound(f"Le dépôt {name} n'a pas de révision « {wanted.revision} ».", metadata=metadata)
        if code == "EntryNotFound":
            return HubNotFound(f"Le fichier « {file} » manque dans {name} @ {wanted.revision}.", metadata=metadata)
        if status in (401, 403) and not self._has_token:
            kind = "est à accès restreint" if code == "GatedRepo" else "est privé, ou n'existe pas"
            return HubTokenMissing(
                f"Le dépôt {name} {kind}, et HUGGINGFACE_TOKEN n'est pas défini. Acceptez ses conditions sur {page}, "
                "puis donnez un jeton de lecture.",
                metadata={**metadata, "field": "HUGGINGFACE_TOKEN"},
            )
        if status == 401 and code != "GatedRepo":
            return HubTokenInvalid(
                f"{self.endpoint} ne reconnaît pas le jeton de HUGGINGFACE_TOKEN (expiré, révoqué ou mal copié) : "
                "donnez-en un autre.",
                metadata={**metadata, "field": "HUGGINGFACE_TOKEN"},
            )
        if status in (401, 403):
            return HubAccessDenied(
                f"Le jeton de HUGGINGFACE_TOKEN n'a pas accès à {name} : acceptez les conditions du dépôt sur {page} "
                "avec le compte de ce jeton, et vérifiez qu'il a le droit de lire ce dépôt.",
                metadata=metadata,
            )
        if status == 404:
            return HubNotFound(
                f"Le dépôt {name} est inconnu de {self.endpoint} (ou ce jeton ne le voit pas) : vérifiez son nom dans "
                "le profil.",
                metadata=metadata,
            )
        return DownloadFailed(f"{self.endpoint} a refusé {file or name} (HTTP {status}).", metadata=metadata)

    def _unreachable(self, error: Exception, status: int, wanted: HubRepository) -> HubUnreachable:
        what = f"HTTP {status}" if status else type(error).__name__
        return HubUnreachable(
            f"{self.endpoint} ne répond pas comme un hub ({what}) pour {wanted.repository}. Vérifiez le réseau, le "
            "mandataire et HF_ENDPOINT, puis relancez : ce qui est déjà téléchargé est gardé.",
            metadata={"repository": wanted.repository, "endpoint": self.endpoint, "status": str(status)},
            retry_after=30.0,
        )


def _wait(error: Exception, base: float) -> float:
    """Attente avant le prochain essai : celle que le hub demande, sinon `base`."""
    response = getattr(error, "response", None)
    asked = response.headers.get("Retry-After", "") if response is not None else ""
    return min(_MAX_WAIT_SECONDS, max(base, float(asked)) if asked.isdigit() else base)
