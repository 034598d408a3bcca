"""Les adresses à annoncer : hôtes de `ADVERTISED_HOSTS`, sinon ceux que l'écoute laisse deviner."""

import socket
from collections.abc import Sequence

from server.domain import Endpoint

ROUTES = (
    ("Tableau de bord", "GET", "/"),
    ("Conversation", "POST", "/v1/chat/completions"),
    ("Complétion", "POST", "/v1/completions"),
    ("Modèles", "GET", "/v1/models"),
    ("Transcription (OpenAI)", "POST", "/v1/audio/transcriptions"),
    ("Transcription", "POST", "/api/audio/transcribe"),
    ("Diarisation", "POST", "/api/diarization/process"),
    ("État", "GET", "/api/admin/status"),
    ("Capacités", "GET", "/api/capabilities"),
    ("gRPC", "gRPC", ""),
)
"""Nom, méthode et chemin de chaque route annoncée."""


def public_hosts(advertised: Sequence[str], bind: str) -> tuple[str, ...]:
    """Hôtes à montrer : ceux qu'on a donnés, sinon l'adresse d'écoute, sinon celle de la route par défaut."""
    if advertised:
        return tuple(advertised)
    if bind not in ("0.0.0.0", "::"):
        return (bind,)
    return (_default_route_address(),)


def endpoints(hosts: Sequence[str], port: int, scheme: str = "http") -> tuple[Endpoint, ...]:
    """Adresse de chaque route sur chaque hôte."""
    return tuple(Endpoint(name, method, host, port, path, scheme) for host in hosts for name, method, path in ROUTES)


def _default_route_address() -> str:
    """Adresse d'où partirait un paquet vers l'extérieur ; rien n'est envoyé."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"
