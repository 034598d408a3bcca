"""Le contrat public, lu de ses descripteurs : la portée de chaque méthode, la clé qui l'ouvre, la forme de ses erreurs.

Tout s'écrit une fois, dans les .proto (`option (route)`). Ce module connaît les descripteurs de tous les services : la
réflexion les annonce depuis n'importe quel processus.
"""

from collections.abc import Mapping
from typing import Any

from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from grpc_health.v1 import health_pb2
from passerelle.v1 import (
    admin_pb2,
    chat_pb2,
    diarize_pb2,
    keys_pb2,
    probe_pb2,
    quotas_pb2,
    requests_pb2,
    rest_pb2,
    route_pb2,
    transcribe_pb2,
    usage_pb2,
)

from server.rpc.http_body import Family
from server.rpc.reflection import V1, V1ALPHA

SERVICES: tuple[ServiceDescriptor, ...] = tuple(
    service
    for module in (
        *(chat_pb2, transcribe_pb2, diarize_pb2, rest_pb2),
        *(admin_pb2, keys_pb2, quotas_pb2, requests_pb2, usage_pb2, probe_pb2),
    )
    for service in module.DESCRIPTOR.services_by_name.values()
)
"""Services du contrat, dans l'ordre où les montrer."""

FOREIGN: Mapping[str, ServiceDescriptor] = {
    "Santé": health_pb2.DESCRIPTOR.services_by_name["Health"],
    "Réflexion": V1,
    "Réflexion (v1alpha)": V1ALPHA,
}
"""Services qui ne sont pas de nous, sous leur nom lisible ; ils sont ouverts à tous."""

KEYS: "Mapping[route_pb2.Scope, route_pb2.KeyScope]" = {
    route_pb2.SCOPE_PUBLIC: route_pb2.KEY_SCOPE_NONE,
    route_pb2.SCOPE_STATUS: route_pb2.KEY_SCOPE_NONE,
    route_pb2.SCOPE_CHAT: route_pb2.KEY_SCOPE_INFERENCE,
    route_pb2.SCOPE_TRANSCRIBE: route_pb2.KEY_SCOPE_INFERENCE,
    route_pb2.SCOPE_DIARIZE: route_pb2.KEY_SCOPE_INFERENCE,
    route_pb2.SCOPE_MODELS: route_pb2.KEY_SCOPE_INFERENCE,
    route_pb2.SCOPE_ADMIN: route_pb2.KEY_SCOPE_ADMIN,
    route_pb2.SCOPE_METRICS: route_pb2.KEY_SCOPE_LOCAL_OR_ADMIN,
    route_pb2.SCOPE_KEYS: route_pb2.KEY_SCOPE_ADMIN,
}
"""Clé qui ouvre chaque portée."""


def path_of(method: MethodDescriptor) -> str:
    """Adresse gRPC d'une méthode."""
    return f"/{method.containing_service.full_name}/{method.name}"


def options_of(method: MethodDescriptor) -> route_pb2.RouteOptions:
    """Ce que le contrat dit d'une méthode."""
    extensions: Any = method.GetOptions().Extensions
    found: route_pb2.RouteOptions = extensions[route_pb2.route]
    return found


METHODS: Mapping[str, MethodDescriptor] = {
    path_of(method): method for service in SERVICES for method in service.methods
}
"""Méthodes du contrat."""

POLICY: "Mapping[str, route_pb2.Scope]" = {
    **{path: options_of(method).scope for path, method in METHODS.items()},
    **{path_of(method): route_pb2.SCOPE_PUBLIC for service in FOREIGN.values() for method in service.methods},
}
"""Portée de chaque méthode."""

AUDITED = frozenset(
    path
    for path, method in METHODS.items()
    if options_of(method).scope in (route_pb2.SCOPE_ADMIN, route_pb2.SCOPE_KEYS) and not options_of(method).read_only
)
"""Méthodes qui changent l'état du serveur : chaque appel a sa ligne dans le registre (`server/rpc/audit.py`)."""

FAMILIES: Mapping[str, Family] = {
    path: Family.OPENAI if options_of(method).group == route_pb2.ENDPOINT_GROUP_OPENAI else Family.API
    for path, method in METHODS.items()
    if method.output_type.full_name == "google.api.HttpBody"
}
"""Famille de chaque méthode qui répond par des HttpBody."""

WHOLE_BODIES = frozenset(
    path
    for path, method in METHODS.items()
    if method.input_type.full_name == "google.api.HttpBody" and not method.client_streaming
)
"""Méthodes dont le corps est reçu par morceaux et donné entier ; un client gRPC le donne en un message."""

PROBES = frozenset(
    [path for path, method in METHODS.items() if options_of(method).group == route_pb2.ENDPOINT_GROUP_PROBES]
    + [path_of(method) for method in FOREIGN["Santé"].methods]
)
"""Méthodes qui ne font que sonder le serveur."""
