"""La part de TLS dans la configuration d'Envoy : d'où viennent les certificats, et ce qui est exigé du client."""

from pathlib import Path
from typing import Any

_TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3"
_SERVER = "server"
_CLIENTS = "clients"


def server_secret(run_dir: Path) -> Path:
    """Fichier de secrets qui porte le certificat et sa clé."""
    return run_dir / "tls-server.json"


def clients_secret(run_dir: Path) -> Path:
    """Fichier de secrets qui porte les autorités des clients."""
    return run_dir / "tls-clients.json"


def transport_socket(run_dir: Path, *, client_certificates: bool) -> dict[str, Any]:
    """Réglage TLS de l'écoute publique ; Envoy relit un fichier de secrets dès qu'un renommage le remplace."""
    context: dict[str, Any] = {
        "alpn_protocols": ["h2", "http/1.1"],
        "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
        "tls_certificate_sds_secret_configs": [_from_file(_SERVER, server_secret(run_dir))],
    }
    if client_certificates:
        context["validation_context_sds_secret_config"] = _from_file(_CLIENTS, clients_secret(run_dir))
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": f"{_TLS}.DownstreamTlsContext",
            "require_client_certificate": client_certificates,
            "common_tls_context": context,
        },
    }


def server_resource(certificate: str, key: str) -> dict[str, Any]:
    """Certificat et clé ensemble : Envoy ne voit jamais l'un sans l'autre."""
    value = {"certificate_chain": {"inline_string": certificate}, "private_key": {"inline_string": key}}
    return _resource(_SERVER, {"tls_certificate": value})


def clients_resource(authorities: str) -> dict[str, Any]:
    """Autorités dont un certificat de client doit venir."""
    return _resource(_CLIENTS, {"validation_context": {"trusted_ca": {"inline_string": authorities}}})


def _from_file(name: str, path: Path) -> dict[str, Any]:
    source = {"path_config_source": {"path": str(path), "watched_directory": {"path": str(path.parent)}}}
    return {"name": name, "sds_config": {**source, "resource_api_version": "V3"}}


def _resource(name: str, value: dict[str, Any]) -> dict[str, Any]:
    return {"resources": [{"@type": f"{_TLS}.Secret", "name": name, **value}]}
