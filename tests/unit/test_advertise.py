"""Les adresses annoncées : toutes, et à la bonne clé."""

import pytest
from google.api import annotations_pb2
from passerelle.v1 import admin_pb2, chat_pb2, diarize_pb2, probe_pb2, rest_pb2, route_pb2, transcribe_pb2

from server.control.services.messages import to_endpoint
from server.domain import EndpointGroup, KeyScope
from server.rpc.auth import POLICY, Scope
from server.rpc.server import PUBLIC_SERVICES
from server.settings.advertise import ROUTES, endpoints, public_hosts

SERVICES = [
    service
    for module in (admin_pb2, chat_pb2, diarize_pb2, probe_pb2, rest_pb2, transcribe_pb2)
    for service in module.DESCRIPTOR.services_by_name.values()
]


def http_routes() -> dict[tuple[str, str], str]:
    """Routes HTTP du contrat (méthode et chemin), et la méthode gRPC de chacune."""
    found = {}
    for service in SERVICES:
        for method in service.methods:
            rule = method.GetOptions().Extensions[annotations_pb2.http]
            if verb := rule.WhichOneof("pattern"):
                path = getattr(rule, verb).replace("{model=**}", "{model}")
                found[(verb.upper(), path)] = f"/{service.full_name}/{method.name}"
    return found


def test_given_hosts_win() -> None:
    assert public_hosts(("gpu.example", "10.0.0.5"), "0.0.0.0") == ("gpu.example", "10.0.0.5")


def test_a_precise_bind_is_shown_as_it_is() -> None:
    assert public_hosts((), "127.0.0.1") == ("127.0.0.1",)


def test_a_wide_bind_shows_an_address_one_can_type() -> None:
    [host] = public_hosts((), "0.0.0.0")
    assert host not in ("0.0.0.0", "::") and host.count(".") == 3


def test_every_route_is_told_for_every_host() -> None:
    found = endpoints(("a", "::1"), 9000)
    assert len(found) == 2 * len(ROUTES)
    urls = {endpoint.url for endpoint in found}
    assert "http://a:9000/v1/chat/completions" in urls and "http://[::1]:9000/v1/models" in urls


@pytest.mark.parametrize(("scheme", "expected"), [("http", "ws"), ("https", "wss")])
def test_a_web_socket_is_told_with_its_own_scheme(scheme: str, expected: str) -> None:
    told = {endpoint.path: endpoint.url for endpoint in endpoints(("a",), 9000, scheme)}
    assert told["/ws/transcribe"] == f"{expected}://a:9000/ws/transcribe"
    assert told["/v1/models"] == f"{scheme}://a:9000/v1/models"
    [key] = {route.key for route in ROUTES if route.path == "/ws/transcribe"}
    assert key.value == POLICY["/passerelle.v1.TranscribeService/StreamTranscribe"].value


def test_every_http_route_of_the_contract_is_told_with_its_key() -> None:
    told = {(route.method, route.path): route for route in ROUTES if route.method in ("GET", "POST")}
    contract = http_routes()
    assert set(told) - {("GET", "/")} == set(contract)
    for place, method in contract.items():
        if place == ("GET", "/metrics"):
            assert told[place].key is KeyScope.LOCAL_OR_ADMIN
        else:
            assert told[place].key.value == POLICY[method].value, place


@pytest.mark.parametrize("group", [EndpointGroup.GRPC, EndpointGroup.GRPC_WEB])
def test_every_service_of_the_contract_is_told_with_its_key(group: EndpointGroup) -> None:
    told = {route.path[1:]: route.key for route in ROUTES if route.group is group}
    # Les méthodes de ces deux-là sont les routes HTTP.
    ours = set(PUBLIC_SERVICES) - {"passerelle.v1.RestService", "passerelle.v1.ProbeService"}
    tools = {"grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"}
    assert set(told) == (ours | tools if group is EndpointGroup.GRPC else ours)
    for service, key in told.items():
        scopes = {scope for method, scope in POLICY.items() if method.startswith(f"/{service}/")}
        expected = KeyScope.ADMIN_TO_CHANGE if scopes == {Scope.NONE, Scope.ADMIN} else KeyScope(scopes.pop().value)
        assert key is expected, service


def test_groups_and_keys_have_their_name_on_the_wire() -> None:
    for endpoint in endpoints(("a",), 9000):
        message = to_endpoint(endpoint)
        assert route_pb2.EndpointGroup.Name(message.group) == f"ENDPOINT_GROUP_{endpoint.group.name}"
        assert route_pb2.KeyScope.Name(message.key) == f"KEY_SCOPE_{endpoint.key.name}"
