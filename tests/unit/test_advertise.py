"""Les adresses annoncées : toutes, et à la bonne clé."""

import socket

import pytest
from passerelle.v1 import route_pb2

from server.rpc.contract import METHODS, options_of
from server.rpc.routes import ROUTES, endpoints
from server.settings.advertise import answered_hosts, public_hosts
from server.settings.config import load_config

EMBEDDED = {"PASSERELLE_PROFILE": "embarque"}


def keys() -> dict[str, set[str]]:
    """Ce que chaque clé ouvre ; un changement ici change ce qu'une clé donnée hier permet."""
    found: dict[str, set[str]] = {}
    for route in ROUTES:
        found.setdefault(route_pb2.KeyScope.Name(route.key).removeprefix("KEY_SCOPE_"), set()).add(
            f"{route.method} {route.path}"
        )
    return found


def test_given_hosts_win() -> None:
    assert public_hosts(("gpu.example", "10.0.0.5"), "0.0.0.0") == ("gpu.example", "10.0.0.5")


def test_a_precise_bind_is_shown_as_it_is() -> None:
    assert public_hosts((), "127.0.0.1") == ("127.0.0.1",)


def test_a_wide_bind_shows_an_address_one_can_type() -> None:
    [host] = public_hosts((), "0.0.0.0")
    assert host not in ("0.0.0.0", "::") and host.count(".") == 3


@pytest.mark.parametrize(
    ("env", "names"),
    [
        ({"ADVERTISED_HOSTS": "gpu.exemple"}, {"gpu.exemple", socket.gethostname()}),
        ({"ADVERTISED_HOSTS": "gpu.exemple", "PASSERELLE_ALLOWED_HOSTS": "a, b"}, {"gpu.exemple", "a", "b"}),
    ],
)
def test_a_server_without_a_key_answers_to_its_names(env: dict[str, str], names: set[str]) -> None:
    found = answered_hosts(load_config(EMBEDDED | env))
    assert names <= set(found) and ("PASSERELLE_ALLOWED_HOSTS" not in env or set(found) == names)


@pytest.mark.parametrize("env", [{"OPENAI_KEYS": "cle"}, {"PASSERELLE_ALLOWED_HOSTS": "a *"}])
def test_a_key_or_a_star_answers_to_all(env: dict[str, str]) -> None:
    assert answered_hosts(load_config(EMBEDDED | env)) == ()


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


def test_what_each_key_opens() -> None:
    services = [f"passerelle.v1.{name}Service" for name in ("Chat", "Transcribe", "Diarize")]
    found = keys()
    assert found["INFERENCE"] == {
        "POST /v1/chat/completions",
        "POST /v1/completions",
        "GET /v1/models",
        "GET /v1/models/{model}",
        "POST /v1/audio/transcriptions",
        "POST /v1/audio/translations",
        "POST /api/audio/transcribe",
        "POST /api/diarization/process",
        "WebSocket /ws/transcribe",
        *(f"{method} /{service}" for method in ("gRPC", "gRPC-Web") for service in services),
    }
    assert found["ADMIN"] == {
        *(f"POST /api/admin/models/{{model}}/{verb}" for verb in ("download", "load", "unload", "sleep", "wake")),
        "POST /api/admin/operations/{operation_id}/cancel",
    }
    assert found["ADMIN_TO_CHANGE"] == {
        "gRPC /passerelle.v1.AdminService",
        "gRPC-Web /passerelle.v1.AdminService",
    }
    assert found["LOCAL_OR_ADMIN"] == {"GET /metrics"}
    assert set(found) == {"INFERENCE", "ADMIN", "ADMIN_TO_CHANGE", "LOCAL_OR_ADMIN", "NONE"}


def test_every_http_route_has_its_name_and_its_group() -> None:
    assert not [route for route in ROUTES if not route.name or not route.group]
    places = [(route.method, route.path) for route in ROUTES]
    assert len(places) == len(set(places))
    # Un libellé sans route HTTP ne se montrerait nulle part.
    assert sum(bool(options_of(method).label) for method in METHODS.values()) == sum(
        route.method in ("GET", "POST") for route in ROUTES if route.path != "/"
    )
