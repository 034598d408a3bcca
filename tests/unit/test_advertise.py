"""Les adresses annoncées : toutes, et à la bonne clé."""

import socket

import pytest
from passerelle.v1 import route_pb2

from server.domain import PublicAddress
from server.rpc.contract import METHODS, options_of
from server.rpc.routes import ROUTES, endpoints
from server.settings.advertise import announced, answered_hosts
from server.settings.config import load_config
from server.settings.profile import ConfigError

EMBEDDED = {"PASSERELLE_PROFILE": "embarque"}


def keys() -> dict[str, set[str]]:
    """Ce que chaque clé ouvre ; un changement ici change ce qu'une clé donnée hier permet."""
    found: dict[str, set[str]] = {}
    for route in ROUTES:
        found.setdefault(route_pb2.KeyScope.Name(route.key).removeprefix("KEY_SCOPE_"), set()).add(
            f"{route.method} {route.path}"
        )
    return found


def urls(**env: str) -> list[str]:
    return [address.url("/") for address in announced(load_config(EMBEDDED | env))]


TLS = {"PASSERELLE_TLS_CERT": "c.pem", "PASSERELLE_TLS_KEY": "k.pem"}


@pytest.mark.parametrize(
    ("given", "env", "shown"),
    [
        ("gpu.example, 10.0.0.5", {}, ["http://gpu.example:8000/", "http://10.0.0.5:8000/"]),
        ("gpu.example gpu.example", {"HOST_PORT": "80"}, ["http://gpu.example/"]),
        ("gpu:9000 10.0.0.5:9001", TLS, ["https://gpu:9000/", "https://10.0.0.5:9001/"]),
        # Un répartiteur a son schéma et son port à lui.
        ("https://ia.exemple", {"HOST_PORT": "8123"}, ["https://ia.exemple/"]),
        ("HTTPS://ia.exemple:8443/, http://ia.exemple", TLS, ["https://ia.exemple:8443/", "http://ia.exemple/"]),
        ("2001:db8::1 [2001:db8::2] [2001:db8:0::3]:9000", {}, [
            "http://[2001:db8::1]:8000/",
            "http://[2001:db8::2]:8000/",
            "http://[2001:db8::3]:9000/",
        ]),
        ("gpu_1.exemple.", {}, ["http://gpu_1.exemple.:8000/"]),
        ("", {"HOST_BIND_ADDRESS": "127.0.0.1"}, ["http://127.0.0.1:8000/"]),
        ("", {"HOST_BIND_ADDRESS": "[::1]"}, ["http://[::1]:8000/"]),
        ("", {"HOST_BIND_ADDRESS": "localhost"}, ["http://127.0.0.1:8000/"]),
    ],
)  # fmt: skip
def test_what_is_announced(given: str, env: dict[str, str], shown: list[str]) -> None:
    assert urls(ADVERTISED_HOSTS=given, **env) == shown


@pytest.mark.parametrize(
    "entry",
    [
        "ftp://gpu", "gpu:port", "gpu:0", "gpu:65536", "gpu:-1", "https://", "://gpu", "gpu/v1", "http://gpu/v1", "-gpu",
        "gpu..exemple", "10.0.0.300", "10.0.0", "1.2.3.4.5", "*", "moi@gpu", "gpu?x", "[::1", "::zz", "é.exemple", "0.0.0.0",
        "http://[::]:80", "a" * 64, "fe80::1%eth0", "gpu;rm",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(entry: str) -> None:
    with pytest.raises(ConfigError, match=r"^ADVERTISED_HOSTS : « ") as refused:
        urls(ADVERTISED_HOSTS=f"gpu.exemple {entry}")
    assert f"« {entry} »" in str(refused.value)


@pytest.mark.parametrize("variable", ["HOST_BIND_ADDRESS", "PASSERELLE_BIND"])
@pytest.mark.parametrize(
    "text", ["mon-serveur", "10.0.0.300", "::zz", "0.0.0.0:8000", "http://10.0.0.5", "fe80::1%eth0", "*"]
)
def test_a_bind_is_an_address(variable: str, text: str) -> None:
    with pytest.raises(ConfigError, match=f"^{variable} : « ") as refused:
        load_config(EMBEDDED | {variable: text})
    assert f"« {text} » n'est pas une adresse IP" in str(refused.value)


@pytest.mark.parametrize(("bind", "local"), [("127.0.0.2", True), ("::1", True), ("0:0:0:0:0:0:0:0", False)])
def test_a_bind_is_local_or_not(bind: str, local: bool) -> None:
    assert load_config(EMBEDDED | {"HOST_BIND_ADDRESS": bind}).local is local


def test_a_wide_bind_shows_an_address_one_can_type() -> None:
    [address] = announced(load_config(EMBEDDED | {"HOST_BIND_ADDRESS": "0.0.0.0"}))
    assert address.host not in ("0.0.0.0", "::") and address.host.count(".") == 3


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
    found = endpoints([PublicAddress("a", 9000), PublicAddress("::1", 9000)])
    assert len(found) == 2 * len(ROUTES)
    urls = {endpoint.url for endpoint in found}
    assert "http://a:9000/v1/chat/completions" in urls and "http://[::1]:9000/v1/models" in urls


@pytest.mark.parametrize(("scheme", "expected"), [("http", "ws"), ("https", "wss")])
def test_a_web_socket_is_told_with_its_own_scheme(scheme: str, expected: str) -> None:
    told = {endpoint.path: endpoint.url for endpoint in endpoints([PublicAddress("a", 9000, scheme)])}
    assert told["/ws/transcribe"] == f"{expected}://a:9000/ws/transcribe"
    assert told["/v1/models"] == f"{scheme}://a:9000/v1/models"


def test_what_each_key_opens() -> None:
    services = [f"passerelle.v1.{name}Service" for name in ("Chat", "Transcribe", "Diarize", "Quota")]
    found = keys()
    assert found["INFERENCE"] == {
        "POST /v1/chat/completions",
        "POST /v1/completions",
        "POST /v1/tokenize",
        "POST /v1/detokenize",
        "GET /v1/models",
        "GET /v1/models/{model}",
        "POST /v1/audio/transcriptions",
        "POST /v1/audio/translations",
        "POST /api/audio/transcribe",
        "POST /api/diarization/process",
        "GET /api/quota",
        "WebSocket /ws/transcribe",
        *(f"{method} /{service}" for method in ("gRPC", "gRPC-Web") for service in services),
    }
    assert found["ADMIN"] == {
        *(
            f"POST /api/admin/models/{{model}}/{verb}"
            for verb in ("download", "load", "unload", "sleep", "wake", "remove")
        ),
        "POST /api/admin/operations/{operation_id}/cancel",
        "POST /api/admin/log-level",
        *("GET /api/keys", "POST /api/keys", "POST /api/keys/{id}/rotate", "POST /api/keys/{id}/revoke"),
        "POST /api/keys/{id}/quota",
        *(f"{method} /passerelle.v1.KeyService" for method in ("gRPC", "gRPC-Web")),
        "POST /api/requests/{id}/cancel",
        *("GET /api/usage", "GET /api/usage.csv", "POST /api/usage/erase", "POST /api/usage/erase-owner"),
        *(f"{method} /passerelle.v1.UsageService" for method in ("gRPC", "gRPC-Web")),
    }
    assert found["ADMIN_TO_CHANGE"] == {
        f"{method} /passerelle.v1.{name}Service" for method in ("gRPC", "gRPC-Web") for name in ("Admin", "Request")
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
