"""Les erreurs que Passerelle rend à ses clients.

PasserelleError
├── InvalidRequest ─┬─ UnsupportedOption
│                   ├─ ContextLengthExceeded
│                   ├─ WrongCapability
│                   ├─ AudioConfigExpected
│                   ├─ InvalidAudio
│                   └─ AudioLimitExceeded
├── PayloadTooLarge
├── MissingApiKey · InvalidApiKey · RevokedApiKey · ExpiredApiKey · ScopeNotAllowed · ModelNotAllowed · ForeignOrigin
├── InvalidToken ───┬─ TokenExpired · TokenNotYetValid · TokenAudience
│                   └─ TokenIssuer · TokenKeyUnknown
├── TokenKeysUnavailable
├── ModelNotFound · OperationNotFound · KeyNotFound · RequestNotFound · RouteNotFound
├── ModelNotDownloaded · ModelLoading · ModelLoadFailed
├── RateLimitExceeded ── QuotaExhausted
├── QueueFull · SlowConsumer · WorkerLost · WorkerKilled · ModelUnloaded · ShuttingDown · ControlUnavailable
├── HostExhausted
├── EngineFailed · EngineUnavailable · NoGpuVisible · CudaUnusable · GpuBusy · GpuMemoryInsufficient · GpuDirty
├── DownloadFailed ─┬─ HubTokenMissing · HubTokenInvalid · HubAccessDenied
│                   └─ HubNotFound · HubUnreachable · DiskFull
├── IntegrityMismatch · InvalidState · KeysReadOnly · OperationCancelled · RequestCancelled
└── DeadlineExceeded · InternalError

Chaque classe porte un motif (`reason`) de l'énumération publique `ErrorReason`. La correspondance avec les codes gRPC
et HTTP est faite une seule fois, dans `server.rpc.status`.
"""

from collections.abc import Mapping
from typing import ClassVar

from server.english import english
from server.shown import shown_message, shown_metadata


class PasserelleError(Exception):
    """Erreur attendue, dont le message français s'adresse à une personne.

    `metadata` nomme le champ, la limite et la valeur en cause ; `retry_after` est en secondes. Ce que le message et les
    métadonnées recopient d'une requête y est coupé (`server.shown`). La phrase anglaise qu'attendent des bibliothèques
    clientes, s'il y en a une, est la seconde ligne du message (`server.english`).
    """

    reason: ClassVar[str] = "INTERNAL"

    def __init__(
        self,
        message: str,
        *,
        metadata: Mapping[str, str] | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.metadata = shown_metadata(metadata or {})
        # À la milliseconde, comme sur un fil : l'erreur qui en revient dit la même chose.
        self.retry_after = None if retry_after is None else round(retry_after, 3)
        self._english = english(self.reason, self.metadata, self.retry_after)
        self.message = shown_message(message, self._english)
        super().__init__(self.message)

    @property
    def french(self) -> str:
        """Message pour une personne seule."""
        return self.message.removesuffix(f"\n{self._english}")


class InvalidRequest(PasserelleError):
    """Requête mal formée : `metadata["field"]` nomme le champ."""

    reason = "INVALID_REQUEST"


class UnsupportedOption(InvalidRequest):
    """Option que le modèle choisi ne sait pas honorer."""

    reason = "UNSUPPORTED_OPTION"


class ContextLengthExceeded(InvalidRequest):
    """Requête, ou réponse demandée, plus longue que le contexte du modèle."""

    reason = "CONTEXT_LENGTH_EXCEEDED"

    @classmethod
    def of(cls, field: str, limit: int, value: int | None = None) -> "ContextLengthExceeded":
        """Refus de `field` (`messages`, `prompt` ou `max_tokens`), qui vaut `value` jetons, si on le sait."""
        what = "la réponse demandée" if field.startswith("max_") else "la requête"
        length = "dépasse" if value is None else f"compte {value} jetons, plus que"
        metadata = {"field": field, "limit": str(limit)} | ({} if value is None else {"value": str(value)})
        return cls(f"{field} : {what} {length} le contexte du modèle ({limit} jetons).", metadata=metadata)


class WrongCapability(InvalidRequest):
    """Modèle d'une autre capacité que celle demandée."""

    reason = "WRONG_CAPABILITY"


class AudioConfigExpected(InvalidRequest):
    """Premier message d'un flux audio différent d'une configuration."""

    reason = "AUDIO_CONFIG_EXPECTED"


class InvalidAudio(InvalidRequest):
    """Audio illisible."""

    reason = "INVALID_AUDIO"


class AudioLimitExceeded(InvalidRequest):
    """Audio hors des limites annoncées."""

    reason = "AUDIO_LIMIT_EXCEEDED"


class PayloadTooLarge(PasserelleError):
    """Corps plus grand que la limite."""

    reason = "PAYLOAD_TOO_LARGE"


class MissingApiKey(PasserelleError):
    """Clé exigée, non fournie."""

    reason = "MISSING_API_KEY"


class InvalidApiKey(PasserelleError):
    """Clé fournie, inconnue."""

    reason = "INVALID_API_KEY"


class RevokedApiKey(PasserelleError):
    """Clé révoquée."""

    reason = "REVOKED_API_KEY"


class ExpiredApiKey(PasserelleError):
    """Clé expirée, ou valeur d'avant un renouvellement dont le temps est passé."""

    reason = "EXPIRED_API_KEY"


class ScopeNotAllowed(PasserelleError):
    """Clé admise, dont les portées n'ouvrent pas cet appel."""

    reason = "SCOPE_NOT_ALLOWED"


class ModelNotAllowed(PasserelleError):
    """Clé admise, mais pas pour ce modèle."""

    reason = "MODEL_NOT_ALLOWED"


class InvalidToken(PasserelleError):
    """Jeton du fournisseur d'identité mal fait ou mal signé."""

    reason = "INVALID_TOKEN"


class TokenExpired(InvalidToken):
    """Jeton expiré."""

    reason = "TOKEN_EXPIRED"


class TokenNotYetValid(InvalidToken):
    """Jeton qui ne vaut pas encore."""

    reason = "TOKEN_NOT_YET_VALID"


class TokenAudience(InvalidToken):
    """Jeton fait pour un autre service."""

    reason = "TOKEN_AUDIENCE"


class TokenIssuer(InvalidToken):
    """Jeton d'un autre émetteur."""

    reason = "TOKEN_ISSUER"


class TokenKeyUnknown(InvalidToken):
    """Jeton signé par une clé que le fournisseur ne publie pas, ou plus."""

    reason = "TOKEN_KEY_UNKNOWN"


class TokenKeysUnavailable(PasserelleError):
    """Clés du fournisseur d'identité que ce serveur n'a jamais pu lire."""

    reason = "TOKEN_KEYS_UNAVAILABLE"


class ForeignOrigin(PasserelleError):
    """Appel de la page d'un autre site."""

    reason = "FOREIGN_ORIGIN"


class ModelNotFound(PasserelleError):
    """Clé ou alias de modèle inconnu."""

    reason = "MODEL_NOT_FOUND"


class OperationNotFound(PasserelleError):
    """Opération inconnue ou déjà terminée."""

    reason = "OPERATION_NOT_FOUND"


class KeyNotFound(PasserelleError):
    """Identifiant de clé inconnu."""

    reason = "KEY_NOT_FOUND"


class RequestNotFound(PasserelleError):
    """Requête inconnue, oubliée ou déjà finie."""

    reason = "REQUEST_NOT_FOUND"


class RouteNotFound(PasserelleError):
    """Route ou méthode inconnue."""

    reason = "ROUTE_NOT_FOUND"


class ModelNotDownloaded(PasserelleError):
    """Poids absents du cache."""

    reason = "MODEL_NOT_DOWNLOADED"


class ModelLoading(PasserelleError):
    """Chargement plus long que l'attente permise."""

    reason = "MODEL_LOADING"


class ModelLoadFailed(PasserelleError):
    """Chargement raté."""

    reason = "MODEL_LOAD_FAILED"


class QueueFull(PasserelleError):
    """File d'attente pleine."""

    reason = "QUEUE_FULL"


class RateLimitExceeded(PasserelleError):
    """Quota de la clé atteint ; sans `retry_after`, la requête demande plus que la limite entière."""

    reason = "RATE_LIMIT_EXCEEDED"


class QuotaExhausted(RateLimitExceeded):
    """Budget de la clé épuisé jusqu'au jour ou au mois suivant."""

    reason = "QUOTA_EXHAUSTED"


class SlowConsumer(PasserelleError):
    """Client trop lent à lire sa réponse."""

    reason = "SLOW_CONSUMER"


class WorkerLost(PasserelleError):
    """Processus du modèle perdu ; la requête peut être refaite."""

    reason = "WORKER_LOST"


class WorkerKilled(PasserelleError):
    """Processus d'un modèle tué : par un signal, par le noyau faute de mémoire, ou figé, par le chien de garde."""

    reason = "WORKER_KILLED"


class ModelUnloaded(PasserelleError):
    """Modèle déchargé exprès pendant la requête."""

    reason = "MODEL_UNLOADED"


class ShuttingDown(PasserelleError):
    """Arrêt en cours."""

    reason = "SHUTTING_DOWN"


class ControlUnavailable(PasserelleError):
    """Plan de contrôle injoignable."""

    reason = "CONTROL_UNAVAILABLE"


class HostExhausted(PasserelleError):
    """La machine n'a plus de place, de descripteurs ou de mémoire pour cette requête (`server.shortage`)."""

    reason = "HOST_EXHAUSTED"


class EngineFailed(PasserelleError):
    """Le moteur a raté cette requête ; il reste utilisable."""

    reason = "ENGINE_FAILED"


class EngineUnavailable(PasserelleError):
    """Aucun moteur de ce profil ne rend ce service."""

    reason = "ENGINE_UNAVAILABLE"


class NoGpuVisible(PasserelleError):
    """Aucun GPU visible alors que le profil l'exige."""

    reason = "NO_GPU_VISIBLE"


class CudaUnusable(PasserelleError):
    """GPU présent, mais pas utilisable avec ce qui est installé."""

    reason = "CUDA_UNUSABLE"


class GpuBusy(PasserelleError):
    """GPU tenu par d'autres modèles : `metadata["holders"]` les nomme."""

    reason = "GPU_BUSY"


class GpuMemoryInsufficient(PasserelleError):
    """Mémoire du GPU insuffisante, avant tout chargement : `metadata` a les chiffres."""

    reason = "GPU_MEMORY_INSUFFICIENT"


class GpuDirty(PasserelleError):
    """GPU dont la mémoire n'est pas revenue après un déchargement."""

    reason = "GPU_DIRTY"


class DownloadFailed(PasserelleError):
    """Téléchargement impossible."""

    reason = "DOWNLOAD_FAILED"


class HubTokenMissing(DownloadFailed):
    """Dépôt privé ou à accès restreint, et aucun jeton."""

    reason = "HUB_TOKEN_MISSING"


class HubTokenInvalid(DownloadFailed):
    """Jeton que le hub ne reconnaît pas."""

    reason = "HUB_TOKEN_INVALID"


class HubAccessDenied(DownloadFailed):
    """Jeton reconnu, sans droit sur ce dépôt."""

    reason = "HUB_ACCESS_DENIED"


class HubNotFound(DownloadFailed):
    """Dépôt, révision ou fichier inconnu du hub."""

    reason = "HUB_NOT_FOUND"


class HubUnreachable(DownloadFailed):
    """Hub injoignable, en panne ou trop lent ; réessayer peut suffire."""

    reason = "HUB_UNREACHABLE"


class DiskFull(DownloadFailed):
    """Disque du cache trop plein."""

    reason = "DISK_FULL"


class IntegrityMismatch(PasserelleError):
    """Empreinte différente de celle attendue."""

    reason = "INTEGRITY_MISMATCH"


class InvalidState(PasserelleError):
    """Action interdite dans l'état présent du modèle."""

    reason = "INVALID_STATE"


class KeysReadOnly(PasserelleError):
    """Clés nommées d'un fichier monté, que ce serveur ne fait que lire."""

    reason = "KEYS_READ_ONLY"


class OperationCancelled(PasserelleError):
    """Opération annulée."""

    reason = "OPERATION_CANCELLED"


class RequestCancelled(PasserelleError):
    """Requête interrompue par l'exploitant."""

    reason = "REQUEST_CANCELLED"


class DeadlineExceeded(PasserelleError):
    """Délai de la requête dépassé."""

    reason = "DEADLINE_EXCEEDED"


class InternalError(PasserelleError):
    """Erreur imprévue, consignée en entier côté serveur."""

    reason = "INTERNAL"


class EngineDead(Exception):
    """Le moteur ne peut plus rien servir : son processus doit être remplacé.

    Jamais rendue telle quelle à un client, qui reçoit `WorkerLost`.
    """


def all_errors() -> list[type[PasserelleError]]:
    """Toutes les classes d'erreur, la racine comprise."""
    found: list[type[PasserelleError]] = [PasserelleError]
    for parent in found:
        found.extend(child for child in parent.__subclasses__() if child not in found)
    return found


def error_for(
    reason: str, message: str, metadata: Mapping[str, str] | None = None, retry_after: float | None = None
) -> PasserelleError:
    """Reconstruit l'erreur dont le motif a voyagé sur un fil ; un motif inconnu donne `InternalError`."""
    kind = next((c for c in all_errors() if c.reason == reason and c is not PasserelleError), InternalError)
    return kind(message, metadata=metadata, retry_after=retry_after)
