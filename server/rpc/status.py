"""La seule correspondance entre les erreurs de Passerelle et les codes gRPC, HTTP et OpenAI.

Une erreur devient un `google.rpc.Status` dont les détails portent ErrorInfo (motif, domaine, métadonnées), RetryInfo
s'il est utile de réessayer, et RequestInfo. Le chemin inverse sert aux processus qui en appellent un autre.
"""

from dataclasses import dataclass
from math import ceil
from typing import Any

import grpc
import grpc.aio
import orjson
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2
from grpc import StatusCode

from server import errors

DOMAIN = "passerelle"
DETAILS_KEY = "grpc-status-details-bin"

_INVALID = "invalid_request_error"
_SERVER = "server_error"
_RATE = "rate_limit_error"
_PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class ErrorCodes:
    """Ce qu'une classe d'erreur devient sur chaque fil."""

    grpc: StatusCode
    """Code gRPC."""
    http: int
    """Code HTTP."""
    openai_type: str
    """Champ `type` du corps d'erreur d'OpenAI."""
    openai_code: str
    """Champ `code` du corps d'erreur d'OpenAI."""


TABLE: dict[type[errors.PasserelleError], ErrorCodes] = {
    errors.PasserelleError: ErrorCodes(StatusCode.INTERNAL, 500, _SERVER, "internal_error"),
    errors.InternalError: ErrorCodes(StatusCode.INTERNAL, 500, _SERVER, "internal_error"),
    errors.InvalidRequest: ErrorCodes(StatusCode.INVALID_ARGUMENT, 400, _INVALID, "invalid_request"),
    errors.UnsupportedOption: ErrorCodes(StatusCode.INVALID_ARGUMENT, 400, _INVALID, "unsupported_option"),
    errors.ContextLengthExceeded: ErrorCodes(StatusCode.INVALID_ARGUMENT, 400, _INVALID, "context_length_exceeded"),
    errors.WrongCapability: ErrorCodes(StatusCode.INVALID_ARGUMENT, 400, _INVALID, "wrong_capability"),
    errors.AudioConfigExpected: ErrorCodes(StatusCode.INVALID_ARGUMENT, 400, _INVALID, "audio_config_expected"),
    errors.InvalidAudio: ErrorCodes(StatusCode.INVALID_ARGUMENT, 400, _INVALID, "invalid_audio"),
    errors.AudioLimitExceeded: ErrorCodes(StatusCode.INVALID_ARGUMENT, 400, _INVALID, "audio_limit_exceeded"),
    errors.PayloadTooLarge: ErrorCodes(StatusCode.RESOURCE_EXHAUSTED, 413, _INVALID, "payload_too_large"),
    errors.MissingApiKey: ErrorCodes(StatusCode.UNAUTHENTICATED, 401, _INVALID, "invalid_api_key"),
    errors.InvalidApiKey: ErrorCodes(StatusCode.UNAUTHENTICATED, 401, _INVALID, "invalid_api_key"),
    errors.RevokedApiKey: ErrorCodes(StatusCode.UNAUTHENTICATED, 401, _INVALID, "revoked_api_key"),
    errors.ExpiredApiKey: ErrorCodes(StatusCode.UNAUTHENTICATED, 401, _INVALID, "expired_api_key"),
    errors.ScopeNotAllowed: ErrorCodes(StatusCode.PERMISSION_DENIED, 403, "permission_error", "scope_not_allowed"),
    errors.ModelNotAllowed: ErrorCodes(StatusCode.PERMISSION_DENIED, 403, "permission_error", "model_not_allowed"),
    errors.InvalidToken: ErrorCodes(StatusCode.UNAUTHENTICATED, 401, _INVALID, "invalid_token"),
    errors.TokenExpired: ErrorCodes(StatusCode.UNAUTHENTICATED, 401, _INVALID, "token_expired"),
    errors.TokenNotYetValid: ErrorCodes(StatusCode.UNAUTHENTICATED, 401, _INVALID, "token_not_yet_valid"),
    errors.TokenAudience: ErrorCodes(StatusCode.UNAUTHENTICATED, 401, _INVALID, "token_audience"),
    errors.TokenIssuer: ErrorCodes(StatusCode.UNAUTHENTICATED, 401, _INVALID, "token_issuer"),
    errors.TokenKeyUnknown: ErrorCodes(StatusCode.UNAUTHENTICATED, 401, _INVALID, "token_key_unknown"),
    errors.TokenKeysUnavailable: ErrorCodes(StatusCode.UNAVAILABLE, 503, _SERVER, "token_keys_unavailable"),
    errors.ForeignOrigin: ErrorCodes(StatusCode.PERMISSION_DENIED, 403, "permission_error", "foreign_origin"),
    errors.ModelNotFound: ErrorCodes(StatusCode.NOT_FOUND, 404, _INVALID, "model_not_found"),
    errors.OperationNotFound: ErrorCodes(StatusCode.NOT_FOUND, 404, _INVALID, "operation_not_found"),
    errors.KeyNotFound: ErrorCodes(StatusCode.NOT_FOUND, 404, _INVALID, "key_not_found"),
    errors.RequestNotFound: ErrorCodes(StatusCode.NOT_FOUND, 404, _INVALID, "request_not_found"),
    errors.RouteNotFound: ErrorCodes(StatusCode.UNIMPLEMENTED, 404, _INVALID, "unknown_url"),
    errors.ModelNotDownloaded: ErrorCodes(StatusCode.UNAVAILABLE, 503, _SERVER, "model_not_downloaded"),
    errors.ModelLoading: ErrorCodes(StatusCode.UNAVAILABLE, 503, _SERVER, "model_loading"),
    errors.ModelLoadFailed: ErrorCodes(StatusCode.UNAVAILABLE, 503, _SERVER, "model_load_failed"),
    errors.QueueFull: ErrorCodes(StatusCode.RESOURCE_EXHAUSTED, 429, _RATE, "queue_full"),
    errors.RateLimitExceeded: ErrorCodes(StatusCode.RESOURCE_EXHAUSTED, 429, _RATE, "rate_limit_exceeded"),
    errors.QuotaExhausted: ErrorCodes(StatusCode.RESOURCE_EXHAUSTED, 429, "insufficient_quota", "insufficient_quota"),
    errors.SlowConsumer: ErrorCodes(StatusCode.RESOURCE_EXHAUSTED, 429, _RATE, "slow_consumer"),
    errors.WorkerLost: ErrorCodes(StatusCode.UNAVAILABLE, 503, _SERVER, "worker_lost"),
    errors.WorkerKilled: ErrorCodes(StatusCode.UNAVAILABLE, 503, _SERVER, "worker_killed"),
    errors.ModelUnloaded: ErrorCodes(StatusCode.UNAVAILABLE, 503, _SERVER, "model_unloaded"),
    errors.ShuttingDown: ErrorCodes(StatusCode.UNAVAILABLE, 503, _SERVER, "shutting_down"),
    errors.ControlUnavailable: ErrorCodes(StatusCode.UNAVAILABLE, 503, _SERVER, "control_unavailable"),
    errors.HostExhausted: ErrorCodes(StatusCode.UNAVAILABLE, 503, _SERVER, "host_exhausted"),
    errors.EngineFailed: ErrorCodes(StatusCode.INTERNAL, 500, _SERVER, "engine_failed"),
    errors.EngineUnavailable: ErrorCodes(StatusCode.UNIMPLEMENTED, 501, _SERVER, "engine_unavailable"),
    errors.NoGpuVisible: ErrorCodes(StatusCode.FAILED_PRECONDITION, 503, _SERVER, "no_gpu_visible"),
    errors.CudaUnusable: ErrorCodes(StatusCode.FAILED_PRECONDITION, 503, _SERVER, "cuda_unusable"),
    errors.GpuBusy: ErrorCodes(StatusCode.FAILED_PRECONDITION, 503, _SERVER, "gpu_busy"),
    errors.GpuMemoryInsufficient: ErrorCodes(StatusCode.FAILED_PRECONDITION, 503, _SERVER, "gpu_memory_insufficient"),
    errors.GpuDirty: ErrorCodes(StatusCode.FAILED_PRECONDITION, 503, _SERVER, "gpu_dirty"),
    errors.DownloadFailed: ErrorCodes(StatusCode.FAILED_PRECONDITION, 503, _SERVER, "download_failed"),
    errors.HubTokenMissing: ErrorCodes(StatusCode.FAILED_PRECONDITION, 503, _SERVER, "hub_token_missing"),
    errors.HubTokenInvalid: ErrorCodes(StatusCode.FAILED_PRECONDITION, 503, _SERVER, "hub_token_invalid"),
    errors.HubAccessDenied: ErrorCodes(StatusCode.FAILED_PRECONDITION, 503, _SERVER, "hub_access_denied"),
    errors.HubNotFound: ErrorCodes(StatusCode.FAILED_PRECONDITION, 503, _SERVER, "hub_not_found"),
    errors.HubUnreachable: ErrorCodes(StatusCode.UNAVAILABLE, 503, _SERVER, "hub_unreachable"),
    errors.DiskFull: ErrorCodes(StatusCode.FAILED_PRECONDITION, 503, _SERVER, "disk_full"),
    errors.IntegrityMismatch: ErrorCodes(StatusCode.DATA_LOSS, 500, _SERVER, "integrity_mismatch"),
    errors.InvalidState: ErrorCodes(StatusCode.FAILED_PRECONDITION, 409, _INVALID, "invalid_state"),
    errors.KeysReadOnly: ErrorCodes(StatusCode.FAILED_PRECONDITION, 409, _INVALID, "keys_read_only"),
    errors.OperationCancelled: ErrorCodes(StatusCode.ABORTED, 409, _INVALID, "operation_cancelled"),
    # Pas 409, qu'un SDK d'OpenAI recommence de lui-même.
    errors.RequestCancelled: ErrorCodes(StatusCode.PERMISSION_DENIED, 403, "permission_error", "request_cancelled"),
    errors.DeadlineExceeded: ErrorCodes(StatusCode.DEADLINE_EXCEEDED, 504, _SERVER, "deadline_exceeded"),
}


def codes(error: errors.PasserelleError) -> ErrorCodes:
    """Codes de l'erreur ; une classe hors de la table prend ceux de sa plus proche parente."""
    return next(TABLE[kind] for kind in type(error).__mro__ if kind in TABLE)


def to_status(error: errors.PasserelleError, request_id: str = "") -> status_pb2.Status:
    """Statut gRPC détaillé de l'erreur."""
    details: list[Any] = [error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=error.metadata)]
    if error.retry_after is not None:
        delay = Duration()
        delay.FromMilliseconds(round(error.retry_after * 1000))
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    if isinstance(error, errors.RateLimitExceeded):
        subject = f"key:{error.metadata.get('key', '')}"
        what = f"{error.metadata.get('field', '')} : {error.metadata.get('limit', '')}"
        violation = error_details_pb2.QuotaFailure.Violation(subject=subject[:64], description=what[:64])
        details.append(error_details_pb2.QuotaFailure(violations=[violation]))
    if request_id:
        details.append(error_details_pb2.RequestInfo(request_id=request_id))
    packed = []
    for detail in details:
        any_message = AnyMessage()
        any_message.Pack(detail)
        packed.append(any_message)
    return status_pb2.Status(code=codes(error).grpc.value[0], message=error.message, details=packed)


def from_status(status: status_pb2.Status) -> errors.PasserelleError | None:
    """Erreur d'un statut qui porte notre ErrorInfo ; `None` s'il vient d'ailleurs."""
    info = error_details_pb2.ErrorInfo()
    retry = error_details_pb2.RetryInfo()
    retry_after: float | None = None
    found = False
    for detail in status.details:
        if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
            detail.Unpack(info)
            found = info.domain == DOMAIN
        elif detail.Is(error_details_pb2.RetryInfo.DESCRIPTOR):
            detail.Unpack(retry)
            retry_after = retry.retry_delay.ToMilliseconds() / 1000
    if not found:
        return None
    return errors.error_for(info.reason, status.message, dict(info.metadata), retry_after)


def from_rpc_error(error: grpc.aio.AioRpcError) -> errors.PasserelleError | None:
    """Erreur que le serveur appelé a levée ; `None` si l'appel a échoué autrement (prise fermée, délai…)."""
    for key, value in error.trailing_metadata() or ():
        if key == DETAILS_KEY and isinstance(value, bytes):
            return from_status(status_pb2.Status.FromString(value))
    return None


def openai_body(error: errors.PasserelleError) -> bytes:
    """Corps d'erreur au schéma d'OpenAI, pour `/v1`."""
    row = codes(error)
    body = {
        "message": error.message,
        "type": row.openai_type,
        "param": error.metadata.get("field"),
        "code": row.openai_code,
    }
    return orjson.dumps({"error": body})


def api_body(error: errors.PasserelleError) -> bytes:
    """Corps d'erreur des routes `/api`."""
    body = {
        "code": codes(error).http,
        "reason": error.reason,
        "message": error.message,
        "metadata": error.metadata,
    }
    return orjson.dumps({"error": body})


def retry_after_header(error: errors.PasserelleError) -> str | None:
    """Valeur de l'en-tête `retry-after`, en secondes entières, au moins 1 ; `None` sans délai conseillé."""
    return None if error.retry_after is None else str(max(1, ceil(error.retry_after)))


def never_soon(error: errors.PasserelleError) -> bool:
    """Vrai d'un refus que recommencer bientôt ne lèvera pas.

    Au-delà d'une minute, les SDK d'OpenAI ignorent `retry-after` et recommencent aussitôt.
    """
    waits = error.retry_after is not None and error.retry_after > _PATIENCE_SECONDS
    return waits or (isinstance(error, errors.RateLimitExceeded) and error.retry_after is None)
