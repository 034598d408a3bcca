"""Les réponses qu'Envoy écrit lui-même, à la forme de la famille de leur route.

Le résultat est la liste `mappers` de `local_reply_config`. Les motifs et les codes suivent `server/rpc/status.py`.
"""

from dataclasses import dataclass
from typing import Any

_OPENAI = r"/v1([/?].*)?"
_API = r"/(api|healthz|health|live|ping|readyz|ready|version|metrics)([/?].*)?"
_ANY = r"/.*"
_READY = r"/readyz?([?].*)?"
_BODY = "%LOCAL_REPLY_BODY%"


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    """Code HTTP, ou le plus petit de ceux que la règle couvre."""
    exact: bool
    """Faux : la règle vaut aussi pour les codes supérieurs."""
    reason: str
    """Motif des routes `/api`."""
    openai_type: str
    """Champ `type` des routes `/v1`."""
    openai_code: str
    """Champ `code` des routes `/v1`."""
    message: str
    """Explication ; le texte d'Envoy peut y entrer."""
    retry_after: int = 0
    """Secondes avant un nouvel essai ; 0 : aucun conseil."""


def local_replies(max_json_body_bytes: int, max_admin_body_bytes: int, max_upload_bytes: int) -> list[dict[str, Any]]:
    """Règles des deux familles, de la plus précise à la plus large ; la première qui convient l'emporte."""
    too_large = (
        "Le corps de la requête est trop gros : "
        f"{max_json_body_bytes} octets de JSON (PASSERELLE_MAX_JSON_BODY_BYTES), "
        f"{max_admin_body_bytes} hors inférence (PASSERELLE_MAX_ADMIN_BODY_BYTES), "
        f"ou {max_upload_bytes} octets d'audio (PASSERELLE_MAX_UPLOAD_BYTES)."
    )
    unavailable = (
        "Le serveur ne peut pas répondre pour l'instant : il démarre, s'arrête ou se relance. Réessayez bientôt."
    )
    slow = "La requête a dépassé sa durée ou son silence admis."
    invalid = "invalid_request_error"
    replies = (
        _Reply(400, True, "INVALID_REQUEST", invalid, "invalid_request", f"La requête ne se lit pas : {_BODY}"),
        _Reply(403, True, "FOREIGN_ORIGIN", "permission_error", "foreign_origin", _BODY),
        _Reply(404, True, "ROUTE_NOT_FOUND", invalid, "unknown_url", _BODY),
        _Reply(405, True, "ROUTE_NOT_FOUND", invalid, "method_not_allowed", _BODY),
        _Reply(408, True, "DEADLINE_EXCEEDED", invalid, "deadline_exceeded", slow),
        _Reply(413, True, "PAYLOAD_TOO_LARGE", invalid, "payload_too_large", too_large),
        _Reply(429, True, "QUEUE_FULL", "rate_limit_error", "queue_full", unavailable, 1),
        _Reply(503, True, "CONTROL_UNAVAILABLE", "server_error", "unavailable", unavailable, 1),
        _Reply(504, True, "DEADLINE_EXCEEDED", "server_error", "deadline_exceeded", slow),
        _Reply(500, False, "INTERNAL", "server_error", "internal_error", _BODY),
        _Reply(400, False, "INVALID_REQUEST", invalid, "invalid_request", _BODY),
    )
    absent = next(reply for reply in replies if reply.status == 503)
    missing = next(reply for reply in replies if reply.status == 404)
    return [
        # La sonde garde sa forme : qui l'attend y lit toujours une raison.
        _mapper(_READY, absent, {"ready": False, "reasons": ["Aucun front ne répond encore, ou n'est plus là."]}),
        *(_mapper(_OPENAI, reply, {"error": _openai_body(reply)}) for reply in replies),
        *(_mapper(_API, reply, {"error": _api_body(reply)}) for reply in replies),
        # Qui se trompe d'adresse lit du JSON, jamais une page ; en gRPC, ce texte est le message d'un statut.
        _mapper(_ANY, missing, {"error": _api_body(missing)}, but_grpc=True),
    ]


def _openai_body(reply: _Reply) -> dict[str, Any]:
    return {"message": reply.message, "type": reply.openai_type, "param": None, "code": reply.openai_code}


def _api_body(reply: _Reply) -> dict[str, Any]:
    code: int | str = reply.status if reply.exact else "%RESPONSE_CODE%"
    return {"code": code, "reason": reply.reason, "message": reply.message, "metadata": {}}


def _mapper(path: str, reply: _Reply, body: dict[str, Any], *, but_grpc: bool = False) -> dict[str, Any]:
    # Une fois la requête transcodée, :path est l'adresse gRPC et x-envoy-original-path celle du client.
    of_family = [
        {"header_filter": {"header": {"name": name, "string_match": {"safe_regex": {"regex": path}}}}}
        for name in (":path", "x-envoy-original-path")
    ]
    status = {
        "op": "EQ" if reply.exact else "GE",
        "value": {"default_value": reply.status, "runtime_key": f"passerelle.local_reply_{reply.status}"},
    }
    filters: list[dict[str, Any]] = [
        {"or_filter": {"filters": of_family}},
        {"status_code_filter": {"comparison": status}},
    ]
    if but_grpc:
        grpc = {"name": "content-type", "string_match": {"prefix": "application/grpc"}}
        invert = {"invert_match": True, "treat_missing_header_as_empty": True}
        filters.append({"header_filter": {"header": grpc | invert}})
    mapper: dict[str, Any] = {
        "filter": {"and_filter": {"filters": filters}},
        "body_format_override": {"json_format": body},
    }
    if reply.retry_after:
        header = {"key": "retry-after", "value": str(reply.retry_after)}
        mapper["headers_to_add"] = [{"header": header, "append_action": "ADD_IF_ABSENT"}]
    return mapper
