"""Les routes annoncées, et leur adresse sur chaque hôte : celles du contrat, et le peu qu'il ne décrit pas."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from google.api import annotations_pb2
from google.protobuf.descriptor import ServiceDescriptor
from passerelle.v1 import route_pb2

from server.domain import PublicAddress
from server.rpc.contract import FOREIGN, KEYS, METHODS, POLICY, SERVICES, options_of

WEB_SOCKET = "WebSocket"
"""Méthode d'une route qui s'ouvre par un WebSocket."""

_SHOWN = (
    route_pb2.ENDPOINT_GROUP_DASHBOARD,
    route_pb2.ENDPOINT_GROUP_OPENAI,
    route_pb2.ENDPOINT_GROUP_AUDIO,
    route_pb2.ENDPOINT_GROUP_GRPC,
    route_pb2.ENDPOINT_GROUP_GRPC_WEB,
    route_pb2.ENDPOINT_GROUP_WEB_SOCKET,
    route_pb2.ENDPOINT_GROUP_PROBES,
    route_pb2.ENDPOINT_GROUP_ADMIN,
)
"""Familles, dans l'ordre où les montrer."""


class Route(NamedTuple):
    """Route du produit, sans son hôte."""

    name: str
    method: str
    path: str
    group: "route_pb2.EndpointGroup"
    key: "route_pb2.KeyScope"


def _http() -> Iterator[Route]:
    for method in METHODS.values():
        extensions: Any = method.GetOptions().Extensions
        rule = extensions[annotations_pb2.http]
        if verb := rule.WhichOneof("pattern"):
            options = options_of(method)
            path = getattr(rule, verb).replace("{model=**}", "{model}")
            yield Route(options.label, verb.upper(), path, options.group, KEYS[options.scope])


def _typed() -> Iterator[Route]:
    for service in SERVICES:
        extensions: Any = service.GetOptions().Extensions
        if label := extensions[route_pb2.label]:
            path, key = f"/{service.full_name}", _service_key(service)
            yield Route(label, "gRPC", path, route_pb2.ENDPOINT_GROUP_GRPC, key)
            yield Route(label, "gRPC-Web", path, route_pb2.ENDPOINT_GROUP_GRPC_WEB, key)


def _service_key(service: ServiceDescriptor) -> "route_pb2.KeyScope":
    keys = {KEYS[options_of(method).scope] for method in service.methods}
    return keys.pop() if len(keys) == 1 else route_pb2.KEY_SCOPE_ADMIN_TO_CHANGE


def _others() -> Iterator[Route]:
    """Ce qu'aucune méthode du contrat ne décrit."""
    none = route_pb2.KEY_SCOPE_NONE
    yield Route("Tableau de bord", "GET", "/", route_pb2.ENDPOINT_GROUP_DASHBOARD, none)
    for label, service in FOREIGN.items():
        yield Route(label, "gRPC", f"/{service.full_name}", route_pb2.ENDPOINT_GROUP_GRPC, none)
    key = KEYS[POLICY["/passerelle.v1.TranscribeService/StreamTranscribe"]]
    yield Route("Transcription en direct", WEB_SOCKET, "/ws/transcribe", route_pb2.ENDPOINT_GROUP_WEB_SOCKET, key)


ROUTES = tuple(sorted((*_http(), *_typed(), *_others()), key=lambda route: _SHOWN.index(route.group)))
"""Routes annoncées, dans l'ordre où les montrer."""


def endpoints(addresses: Sequence[PublicAddress]) -> tuple[route_pb2.Endpoint, ...]:
    """Adresse entière de chaque route, à chaque adresse annoncée."""
    return tuple(
        route_pb2.Endpoint(
            name=route.name,
            method=route.method,
            host=address.host,
            port=address.port,
            path=route.path,
            # Un WebSocket passe derrière le même certificat que le reste.
            url=address.url(
                route.path, scheme=address.scheme.replace("http", "ws") if route.method == WEB_SOCKET else ""
            ),
            group=route.group,
            key=route.key,
        )
        for address in addresses
        for route in ROUTES
    )
