"""La part des jetons d'un fournisseur d'identité dans la configuration d'Envoy : qui les signe, et où sont ses clés.

Envoy vérifie le jeton et ne répond rien : il en écrit le contenu, ou ce qui n'y va pas, dans un en-tête qu'aucun client
ne peut écrire. Les services répondent, chacun dans sa forme (`server/rpc/tokens.py`).
"""

import ipaddress
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

_CLUSTER = "identity"
_DASHBOARD = "dashboard"
_FILE_URL = "http://localhost/internal/jwks"
"""Ce que le tableau de bord rend du fichier des clés (`server/web/token_keys.py`)."""
_PROVIDER = "identity"
_FILTER = "envoy.filters.http.jwt_authn"
_FAILED = "failed"
_PORTS = {"http": 80, "https": 443}
_RETRY_SECONDS = 10.0
_TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3"


@dataclass(frozen=True, slots=True)
class TokenSource:
    """Fournisseur d'identité, vu d'Envoy."""

    issuer: str
    """Émetteur des jetons."""
    audiences: tuple[str, ...]
    """Destinataires admis."""
    url: str
    """Adresse des clés publiques ; vide : leur fichier, que rend le tableau de bord."""
    authorities: Path | None = None
    """Autorités crues pour une adresse https."""
    refresh_seconds: float = 300.0
    """Secondes entre deux lectures des clés."""
    timeout_seconds: float = 5.0
    """Secondes laissées à une lecture."""
    clock_skew_seconds: int = 60
    """Écart d'horloge admis."""


def token_parts(source: TokenSource | None) -> dict[str, str]:
    """Morceaux du modèle de configuration, chacun une ligne entière ; vides sans fournisseur : rien n'y change."""
    if source is None:
        return {"token_filter": "", "token_header": "", "token_cluster": ""}
    return {
        "token_filter": _item(10, _filter(source)),
        "token_header": _item(12, _error_header()),
        "token_cluster": _item(2, _cluster(source)) if source.url else "",
    }


def _item(indent: int, value: dict[str, Any]) -> str:
    """Élément d'une liste du YAML, sur une ligne."""
    return f"{' ' * indent}- {json.dumps(value, ensure_ascii=False)}\n"


def _filter(source: TokenSource) -> dict[str, Any]:
    provider = {
        "issuer": source.issuer,
        "audiences": list(source.audiences),
        "require_expiration": True,
        "clock_skew_seconds": source.clock_skew_seconds,
        # Envoy compare ce début lettre à lettre ; un client écrit « bearer » comme il veut.
        "from_headers": [
            {"name": "authorization", "value_prefix": scheme} for scheme in ("Bearer ", "bearer ", "BEARER ")
        ],
        "forward_payload_header": "x-passerelle-claims",
        # Gardé : le pont du microphone le rend à la prise locale, qui le vérifie de nouveau.
        "forward": True,
        "failed_status_in_metadata": _FAILED,
        # Pas de jwt_cache_config : un jeton retenu y survivrait à la clé qui l'a signé.
        "remote_jwks": {
            "http_uri": {
                "uri": source.url or _FILE_URL,
                "cluster": _CLUSTER if source.url else _DASHBOARD,
                "timeout": f"{source.timeout_seconds:.3f}s",
            },
            "cache_duration": f"{source.refresh_seconds:.3f}s",
            # Relues d'avance, gardées tant que les suivantes ne viennent pas ; l'écoute s'ouvre sans les attendre.
            "async_fetch": {
                "fast_listener": True,
                "failed_refetch_duration": f"{min(source.refresh_seconds, _RETRY_SECONDS):.3f}s",
            },
        },
    }
    token = {"name": "authorization", "string_match": {"safe_regex": {"regex": "(?i)bearer +eyJ.*"}}}
    # Tout le reste, clés comprises, ne dépend pas du fournisseur.
    either = [{"provider_name": _PROVIDER}, {"allow_missing_or_failed": {}}]
    return {
        "name": _FILTER,
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
            "providers": {_PROVIDER: provider},
            "rules": [
                {
                    "match": {"prefix": "/", "headers": [token]},
                    "requires": {"requires_any": {"requirements": either}},
                }
            ],
        },
    }


def _error_header() -> dict[str, Any]:
    value = f"%DYNAMIC_METADATA({_FILTER}:{_FAILED}:message)%"
    return {
        "header": {"key": "x-passerelle-token-error", "value": value},
        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
    }


def _cluster(source: TokenSource) -> dict[str, Any]:
    url = urlsplit(source.url)
    host = url.hostname or ""
    literal = _is_address(host)
    address = {"address": host, "port_value": url.port or _PORTS[url.scheme]}
    found: dict[str, Any] = {
        "name": _CLUSTER,
        "connect_timeout": f"{source.timeout_seconds:.3f}s",
        "load_assignment": {
            "cluster_name": _CLUSTER,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {"socket_address": address}}}]}],
        },
    }
    found |= {"type": "STATIC"} if literal else {"type": "LOGICAL_DNS", "dns_lookup_family": "ALL"}
    if url.scheme == "https":
        name = {"san_type": "IP_ADDRESS" if literal else "DNS", "matcher": {"exact": host}}
        validation = {
            "trusted_ca": {"filename": str(source.authorities)},
            "match_typed_subject_alt_names": [name],
        }
        found["transport_socket"] = {
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": f"{_TLS}.UpstreamTlsContext",
                **({} if literal else {"sni": host}),
                "common_tls_context": {
                    "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
                    "validation_context": validation,
                },
            },
        }
    return found


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
