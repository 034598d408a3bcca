"""Les erreurs, une classe par motif.

Un programme se fie à la classe ou à `reason`, jamais au message, qui est un texte français pour une personne.
"""

from collections.abc import Mapping

import grpc

BY_REASON: "dict[str, type[PasserelleError]]" = {}
"""Classe de chaque motif de `ErrorReason`."""


class PasserelleError(Exception):
    """Échec d'un appel ; tel quel, il vient d'un serveur plus récent que ce client, ou d'un intermédiaire."""

    reason: str = ""
    """Motif, sans préfixe ; le code gRPC de l'échec s'il n'en porte pas."""

    def __init__(
        self,
        message: str,
        *,
        reason: str = "",
        code: grpc.StatusCode = grpc.StatusCode.UNKNOWN,
        metadata: Mapping[str, str] | None = None,
        retry_after: float | None = None,
        request_id: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason or self.reason
        self.code = code
        self.metadata = dict(metadata or {})
        """Champ, limite et valeur en cause (`field`, `limit`, `value`), et ce que le motif ajoute."""
        self.retry_after = retry_after
        """Secondes avant de revenir ; `None` : le serveur n'en dit rien."""
        self.request_id = request_id

    def __init_subclass__(cls, *, reason: str = "") -> None:
        super().__init_subclass__()
        if reason:
            cls.reason = reason
            BY_REASON[reason] = cls


class ServerUnreachable(PasserelleError):
    """Aucun serveur ne répond, ou la connexion s'est rompue."""

    reason = "UNAVAILABLE"


class InvalidRequest(PasserelleError, reason="INVALID_REQUEST"):
    """Requête mal formée : champ manquant, type ou valeur hors limites."""


class UnsupportedOption(InvalidRequest, reason="UNSUPPORTED_OPTION"):
    """Option que le modèle choisi ne sait pas honorer."""


class PayloadTooLarge(PasserelleError, reason="PAYLOAD_TOO_LARGE"):
    """Corps plus grand que la limite annoncée par GetCapabilities."""


class MissingApiKey(PasserelleError, reason="MISSING_API_KEY"):
    """Aucune clé fournie alors que le serveur en exige une."""


class InvalidApiKey(PasserelleError, reason="INVALID_API_KEY"):
    """Clé fournie mais inconnue."""


class ForeignOrigin(PasserelleError, reason="FOREIGN_ORIGIN"):
    """Appel de la page d'un autre site, ou, sans clé, sous un nom d'hôte qui n'est pas du serveur."""


class ModelNotFound(PasserelleError, reason="MODEL_NOT_FOUND"):
    """Clé de modèle ou alias inconnu."""


class WrongCapability(InvalidRequest, reason="WRONG_CAPABILITY"):
    """Modèle connu, mais d'une autre capacité que celle demandée."""


class ModelNotDownloaded(PasserelleError, reason="MODEL_NOT_DOWNLOADED"):
    """Poids absents du cache : il faut d'abord les télécharger."""


class ModelLoading(PasserelleError, reason="MODEL_LOADING"):
    """Le modèle n'a pas fini de se charger dans le délai imparti."""


class ModelLoadFailed(PasserelleError, reason="MODEL_LOAD_FAILED"):
    """Le chargement a échoué."""


class QueueFull(PasserelleError, reason="QUEUE_FULL"):
    """File d'attente du modèle pleine."""


class SlowConsumer(PasserelleError, reason="SLOW_CONSUMER"):
    """Client trop lent à lire sa réponse : son tampon est plein."""


class WorkerLost(PasserelleError, reason="WORKER_LOST"):
    """Processus du modèle perdu en cours de requête ; réessayer est sans danger."""


class EngineFailed(PasserelleError, reason="ENGINE_FAILED"):
    """Le moteur a refusé ou raté cette requête."""


class NoGpuVisible(PasserelleError, reason="NO_GPU_VISIBLE"):
    """Aucun GPU visible alors que le profil l'exige."""


class DownloadFailed(PasserelleError, reason="DOWNLOAD_FAILED"):
    """Téléchargement impossible (accès, espace disque, intégrité)."""


class IntegrityMismatch(PasserelleError, reason="INTEGRITY_MISMATCH"):
    """Empreinte d'un fichier différente de celle attendue."""


class OperationNotFound(PasserelleError, reason="OPERATION_NOT_FOUND"):
    """Opération inconnue ou déjà terminée."""


class InvalidState(PasserelleError, reason="INVALID_STATE"):
    """L'état du modèle interdit l'action demandée."""


class OperationCancelled(PasserelleError, reason="OPERATION_CANCELLED"):
    """Opération annulée par son auteur ou par une action contraire."""


class ShuttingDown(PasserelleError, reason="SHUTTING_DOWN"):
    """Le serveur s'arrête et n'accepte plus rien de nouveau."""


class AudioConfigExpected(InvalidRequest, reason="AUDIO_CONFIG_EXPECTED"):
    """Premier message d'un flux audio différent d'une configuration."""


class InvalidAudio(InvalidRequest, reason="INVALID_AUDIO"):
    """Audio illisible : format inconnu, tronqué ou vide."""


class AudioLimitExceeded(InvalidRequest, reason="AUDIO_LIMIT_EXCEEDED"):
    """Audio plus long, plus large ou à une fréquence hors des limites annoncées."""


class ControlUnavailable(PasserelleError, reason="CONTROL_UNAVAILABLE"):
    """Le plan de contrôle ne répond pas."""


class DeadlineExceeded(PasserelleError, reason="DEADLINE_EXCEEDED"):
    """Délai de la requête dépassé."""


class RouteNotFound(PasserelleError, reason="ROUTE_NOT_FOUND"):
    """Route ou méthode HTTP inconnue."""


class InternalError(PasserelleError, reason="INTERNAL"):
    """Erreur imprévue, consignée en entier côté serveur."""


class EngineUnavailable(PasserelleError, reason="ENGINE_UNAVAILABLE"):
    """Aucun moteur de ce profil ne sait rendre ce service."""


class CudaUnusable(PasserelleError, reason="CUDA_UNUSABLE"):
    """GPU présent, mais pas utilisable : roue de torch pour processeur, ou trop récente pour le pilote."""


class ContextLengthExceeded(InvalidRequest, reason="CONTEXT_LENGTH_EXCEEDED"):
    """Requête, ou réponse demandée, plus longue que le contexte du modèle."""


class WorkerKilled(PasserelleError, reason="WORKER_KILLED"):
    """Processus d'un modèle tué, par le noyau faute de mémoire ou par le chien de garde ; relancé de lui-même."""


class ModelUnloaded(PasserelleError, reason="MODEL_UNLOADED"):
    """Modèle déchargé exprès pendant la requête, qui le rechargerait si elle était refaite."""


class GpuBusy(PasserelleError, reason="GPU_BUSY"):
    """GPU déjà tenu : bail exclusif, ou somme des baux qui ne tient pas."""


class GpuMemoryInsufficient(PasserelleError, reason="GPU_MEMORY_INSUFFICIENT"):
    """Mémoire du GPU insuffisante, dite avant tout chargement."""


class GpuDirty(PasserelleError, reason="GPU_DIRTY"):
    """GPU dont la mémoire n'est pas revenue après un déchargement ; refusé tant qu'il n'est pas propre."""


class HostExhausted(PasserelleError, reason="HOST_EXHAUSTED"):
    """La machine n'a plus de place sur le disque, de descripteurs ou de mémoire pour cette requête."""


class HubTokenMissing(DownloadFailed, reason="HUB_TOKEN_MISSING"):
    """Dépôt privé ou à accès restreint, et aucun jeton Hugging Face n'est configuré."""


class HubTokenInvalid(DownloadFailed, reason="HUB_TOKEN_INVALID"):
    """Le hub ne reconnaît pas le jeton configuré."""


class HubAccessDenied(DownloadFailed, reason="HUB_ACCESS_DENIED"):
    """Le jeton n'a pas le droit de lire ce dépôt : conditions non acceptées, ou droit absent."""


class HubNotFound(DownloadFailed, reason="HUB_NOT_FOUND"):
    """Dépôt, révision ou fichier inconnu du hub."""


class HubUnreachable(DownloadFailed, reason="HUB_UNREACHABLE"):
    """Hub injoignable, en panne ou trop lent, après plusieurs essais ; recommencer est sans danger."""


class DiskFull(DownloadFailed, reason="DISK_FULL"):
    """Plus assez de place sur le disque du cache."""


class RevokedApiKey(PasserelleError, reason="REVOKED_API_KEY"):
    """Clé révoquée."""


class ExpiredApiKey(PasserelleError, reason="EXPIRED_API_KEY"):
    """Clé expirée, ou valeur d'avant un renouvellement dont le temps est passé."""


class ScopeNotAllowed(PasserelleError, reason="SCOPE_NOT_ALLOWED"):
    """Clé admise, dont les portées n'ouvrent pas cet appel."""


class ModelNotAllowed(PasserelleError, reason="MODEL_NOT_ALLOWED"):
    """Clé admise, mais pas pour ce modèle."""


class KeyNotFound(PasserelleError, reason="KEY_NOT_FOUND"):
    """Identifiant de clé inconnu."""


class InvalidToken(PasserelleError, reason="INVALID_TOKEN"):
    """Jeton du fournisseur d'identité mal fait ou mal signé."""


class TokenExpired(InvalidToken, reason="TOKEN_EXPIRED"):
    """Jeton expiré."""


class TokenNotYetValid(InvalidToken, reason="TOKEN_NOT_YET_VALID"):
    """Jeton qui ne vaut pas encore."""


class TokenAudience(InvalidToken, reason="TOKEN_AUDIENCE"):
    """Jeton fait pour un autre service."""


class TokenIssuer(InvalidToken, reason="TOKEN_ISSUER"):
    """Jeton d'un autre émetteur."""


class TokenKeyUnknown(InvalidToken, reason="TOKEN_KEY_UNKNOWN"):
    """Jeton signé par une clé que le fournisseur d'identité ne publie pas, ou plus."""


class TokenKeysUnavailable(PasserelleError, reason="TOKEN_KEYS_UNAVAILABLE"):
    """Clés du fournisseur d'identité jamais lues : aucun jeton ne peut être vérifié."""


class RequestNotFound(PasserelleError, reason="REQUEST_NOT_FOUND"):
    """Aucune requête, gardée ou en cours, n'a cet identifiant."""


class RequestCancelled(PasserelleError, reason="REQUEST_CANCELLED"):
    """Requête interrompue par l'exploitant ; la refaire irait contre son gré."""


class RateLimitExceeded(PasserelleError, reason="RATE_LIMIT_EXCEEDED"):
    """Quota de la clé atteint, qui se rouvre en une heure au plus."""


class QuotaExhausted(RateLimitExceeded, reason="QUOTA_EXHAUSTED"):
    """Budget de la clé épuisé jusqu'au lendemain ou au mois suivant (UTC)."""


class KeysReadOnly(PasserelleError, reason="KEYS_READ_ONLY"):
    """Les clés nommées de ce serveur sont celles d'un fichier monté : elles ne se changent pas par lui."""
