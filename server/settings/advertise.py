"""Les adresses à annoncer : hôtes de `ADVERTISED_HOSTS`, sinon ceux que l'écoute laisse deviner."""

import socket
from collections.abc import Sequence
from typing import NamedTuple

from server.domain import Endpoint, EndpointGroup, KeyScope

_SERVICES = (
    ("Conversation", "passerelle.v1.ChatService", KeyScope.INFERENCE),
    ("Transcription", "passerelle.v1.TranscribeService", KeyScope.INFERENCE),
    ("Diarisation", "passerelle.v1.DiarizeService", KeyScope.INFERENCE),
    ("Administration", "passerelle.v1.AdminService", KeyScope.ADMIN_TO_CHANGE),
)
_TOOLS = (
    ("Santé", "grpc.health.v1.Health"),
    ("Réflexion", "grpc.reflection.v1alpha.ServerReflection"),
)
_VERBS = (
    ("Télécharger", "download"),
    ("Charger", "load"),
    ("Décharger", "unload"),
    ("Endormir", "sleep"),
    ("Réveiller", "wake"),
)

WEB_SOCKET = "WebSocket"
"""Méthode d'une route qui s'ouvre par un WebSocket."""


class Route(NamedTuple):
    """Route du produit, sans son hôte."""

    name: str
    method: str
    path: str
    group: EndpointGroup
    key: KeyScope = KeyScope.NONE


def _routes(group: EndpointGroup, key: KeyScope, *rows: tuple[str, str, str]) -> tuple[Route, ...]:
    return tuple(Route(*row, group, key) for row in rows)


ROUTES = (
    *_routes(EndpointGroup.DASHBOARD, KeyScope.NONE, ("Tableau de bord", "GET", "/")),
    *_routes(
        EndpointGroup.OPENAI,
        KeyScope.INFERENCE,
        ("Conversation", "POST", "/v1/chat/completions"),
        ("Complétion", "POST", "/v1/completions"),
        ("Modèles", "GET", "/v1/models"),
        ("Un modèle", "GET", "/v1/models/{model}"),
        ("Transcription", "POST", "/v1/audio/transcriptions"),
        ("Traduction en anglais", "POST", "/v1/audio/translations"),
    ),
    *_routes(
        EndpointGroup.AUDIO,
        KeyScope.INFERENCE,
        ("Transcription, avec ou sans locuteurs", "POST", "/api/audio/transcribe"),
        ("Diarisation", "POST", "/api/diarization/process"),
    ),
    *(Route(name, "gRPC", f"/{path}", EndpointGroup.GRPC, key) for name, path, key in _SERVICES),
    *(Route(name, "gRPC", f"/{path}", EndpointGroup.GRPC) for name, path in _TOOLS),
    *(Route(name, "gRPC-Web", f"/{path}", EndpointGroup.GRPC_WEB, key) for name, path, key in _SERVICES),
    *_routes(
        EndpointGroup.WEB_SOCKET,
        KeyScope.INFERENCE,
        ("Transcription en direct", WEB_SOCKET, "/ws/transcribe"),
    ),
    *_routes(
        EndpointGroup.PROBES,
        KeyScope.NONE,
        ("Vivant", "GET", "/healthz"),
        ("Prêt", "GET", "/readyz"),
    ),
    Route("Mesures (Prometheus)", "GET", "/metrics", EndpointGroup.PROBES, KeyScope.LOCAL_OR_ADMIN),
    *_routes(
        EndpointGroup.ADMIN,
        KeyScope.NONE,
        ("Capacités, limites et adresses", "GET", "/api/capabilities"),
        ("État", "GET", "/api/admin/status"),
        ("Modèles et leur état", "GET", "/api/admin/models"),
        ("Opérations", "GET", "/api/admin/operations"),
        ("Vérifier qu'un chargement tiendrait", "POST", "/api/admin/models/{model}/preflight"),
    ),
    *_routes(
        EndpointGroup.ADMIN,
        KeyScope.ADMIN,
        *((name, "POST", f"/api/admin/models/{{model}}/{verb}") for name, verb in _VERBS),
        ("Annuler une opération", "POST", "/api/admin/operations/{operation_id}/cancel"),
    ),
)
"""Routes annoncées, dans l'ordre où les montrer."""


def public_hosts(advertised: Sequence[str], bind: str) -> tuple[str, ...]:
    """Hôtes à montrer : ceux qu'on a donnés, sinon l'adresse d'écoute, sinon celle de la route par défaut."""
    if advertised:
        return tuple(advertised)
    if bind not in ("0.0.0.0", "::"):
        return (bind,)
    return (_default_route_address(),)


def endpoints(hosts: Sequence[str], port: int, scheme: str = "http") -> tuple[Endpoint, ...]:
    """Adresse de chaque route sur chaque hôte."""
    return tuple(
        Endpoint(route.name, route.method, host, port, route.path, _scheme(route, scheme), route.group, route.key)
        for host in hosts
        for route in ROUTES
    )


def _scheme(route: Route, http: str) -> str:
    """Protocole de l'adresse d'une route, derrière le même certificat que les autres."""
    return http.replace("http", "ws") if route.method == WEB_SOCKET else http


def _default_route_address() -> str:
    """Adresse d'où partirait un paquet vers l'extérieur ; rien n'est envoyé."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"
