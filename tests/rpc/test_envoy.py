"""La configuration d'Envoy, éprouvée par le vrai Envoy : routes, en-têtes, flux."""

import json
import socket
import stat

import httpx
import pytest
from websockets.sync.client import connect

from server.rpc.caller import address_label
from tests.support.gateway import ORIGIN, Gateway
from tests.support.tls import SSL

CHAT = "/v1/chat/completions"
OPENAI = {"message", "type", "param", "code"}
API = {"code", "reason", "message", "metadata"}


def test_the_admin_socket_is_private(envoy: Gateway) -> None:
    assert stat.S_IMODE(envoy.settings.admin_socket.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/healthz", "front-0"),
        ("/v1/models", "liste"),
        ("/v1/models/", "liste"),
        ("/v1/models/qwen", "qwen"),
        ("/v1/models/org%2Fmodele", "org/modele"),
        ("/v1/models/org/modele", "org/modele"),
        *((f"/{name}", "front-0") for name in ("health", "live", "ping", "health?x=1")),
        ("/version", '{"version": "0"}'),
        *((path, f"tableau {path}") for path in ("/", "/index.html", "/config.json", "/favicon.svg", "/assets/a-1.js")),
    ],
)
def test_each_family_reaches_its_process(envoy: Gateway, path: str, text: str) -> None:
    with envoy.http() as http:
        response = http.get(path)
    assert (response.status_code, response.text) == (200, text)
    assert response.headers["x-request-id"]
    assert not [name for name in response.headers if name.startswith(("grpc-", "x-envoy-", "x-http-"))]


@pytest.mark.parametrize("http2", [False, True])
@pytest.mark.parametrize(
    "path",
    [
        *("/", "/config.json", "/healthz", "/health", "/live", "/ping", "/readyz", "/ready", "/version", "/metrics"),
        *("/v1/models", "/v1/models/qwen", "/v1/models/absent", "/api/admin/status", "/api/capabilities", "/docs"),
    ],
)
def test_head_is_answered_wherever_get_is(envoy: Gateway, path: str, http2: bool) -> None:
    with envoy.http(http1=not http2, http2=http2) as http:
        got, head = http.get(path), http.head(path)
        assert (head.status_code, head.content) == (got.status_code, b"")
        assert http.get(path).status_code == got.status_code, "la connexion reste saine"
    for name in ("content-type", "retry-after", "allow"):
        assert head.headers.get(name) == got.headers.get(name)
    assert int(head.headers.get("content-length", "0")) in (0, len(got.content))
    assert not [name for name in head.headers if name.startswith(("grpc-", "x-envoy-", "x-http-"))]


@pytest.mark.parametrize("path", ["/docs", "/models", "/openapi.json", "/metrics/x", "/v10", "/une/page", "/health/x"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_address_of_nobody_is_a_404_in_json(envoy: Gateway, path: str, method: str) -> None:
    with envoy.http() as http:
        response = http.request(method, path, headers={"accept": "text/html"})
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["reason"]) == (404, 404, "ROUTE_NOT_FOUND")
    for route in ("GET /v1/models", "POST /v1/chat/completions", "GET /healthz", "GET /"):
        assert route in error["message"]
    assert response.headers["content-type"] == "application/json"


@pytest.mark.parametrize("head", ["", "Host: {host}\r\n", "Host: {host}\r\nConnection: close\r\n"])
def test_http_1_0_is_spoken(envoy: Gateway, head: str) -> None:
    """Ce que nginx envoie d'ordinaire ; une réponse sans longueur finit avec la connexion."""
    lines = head.format(host=envoy.target)
    for path, code, text in (("/healthz", b"200", b"front-0"), ("/docs", b"404", b"ROUTE_NOT_FOUND")):
        with socket.create_connection(("127.0.0.1", envoy.settings.port), 5) as raw:
            raw.sendall(f"GET {path} HTTP/1.0\r\n{lines}\r\n".encode())
            answer = b"".join(iter(lambda: raw.recv(65536), b""))
        assert answer.split()[1] == code and text in answer and b"chunked" not in answer.lower()


def test_admin_is_transcoded_as_json(envoy: Gateway) -> None:
    with envoy.http() as http:
        status = http.get("/api/admin/status").json()["status"]
        loaded = http.post("/api/admin/models/org%2Fmodele/load", json={"wait": True, "inconnu": 1})
        empty = http.post("/api/admin/models/qwen/load")
    assert status["gpus"] == [] and status["api_key_required"] is False
    assert loaded.status_code == 200 and loaded.json()["operation"]["model"] == "org/modele"
    assert empty.status_code == 200


def test_the_dashboard_has_web_sockets(envoy: Gateway) -> None:
    with connect(f"ws://{envoy.target}/ws/echo") as websocket:
        websocket.send("bonjour")
        assert websocket.recv(5) == "bonjour"


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", CHAT, "POST"),
        ("PUT", CHAT, "POST"),
        ("OPTIONS", CHAT, "POST"),
        ("GET", "/v1/completions?a=b", "POST"),
        ("DELETE", "/v1/audio/translations", "POST"),
        ("POST", "/v1/models", "GET, HEAD"),
        ("DELETE", "/v1/models/qwen", "GET, HEAD"),
        ("GET", "/api/audio/transcribe", "POST"),
        ("GET", "/api/diarization/process", "POST"),
        ("DELETE", "/api/admin/status", "GET, HEAD"),
        ("GET", "/api/admin/models/qwen/load", "POST"),
        ("GET", "/api/admin/operations/x/cancel", "POST"),
        ("POST", "/api/capabilities", "GET, HEAD"),
        ("POST", "/healthz", "GET, HEAD"),
        ("POST", "/ping", "GET, HEAD"),
        ("POST", "/version", "GET, HEAD"),
        ("POST", "/metrics", "GET, HEAD"),
        ("HEAD", "/v1/chat/completions", "POST"),
        ("POST", "/", "GET, HEAD"),
    ],
)
def test_another_method_is_405(envoy: Gateway, method: str, path: str, allow: str) -> None:
    with envoy.http() as http:
        response = http.request(method, path)
    assert response.status_code == 405
    assert response.headers["allow"] == allow
    if method == "HEAD":
        assert not response.content
    elif path.startswith("/v1"):
        assert set(response.json()["error"]) == OPENAI
    elif path != "/":
        assert response.json()["error"]["code"] == 405


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("/v1/inconnu", CHAT),
        ("/v1", CHAT),
        ("/v1/embeddings?x=1", CHAT),
        ("/api/inconnu", "/api/admin/status"),
        ("/api", "/api/admin/status"),
    ],
)
def test_an_unknown_route_names_the_known_ones(envoy: Gateway, path: str, known: str) -> None:
    with envoy.http() as http:
        for response in (http.get(path), http.post(path, json={})):
            assert response.status_code == 404
            error = response.json()["error"]
            assert set(error) == (OPENAI if path.startswith("/v1") else API)
            assert known in error["message"]


@pytest.mark.parametrize("path", ["/v1/models/%", "/v1/models/%zz", "/v1/models//", "/api/admin/models/%/load"])
def test_a_strange_path_is_refused_in_shape(envoy: Gateway, path: str) -> None:
    method = "POST" if path.endswith("load") else "GET"
    with socket.create_connection(("127.0.0.1", envoy.settings.port), 5) as raw:
        raw.sendall(f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: raw.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    code = int(head.split()[1])
    assert code == 200 or (400 <= code < 500 and (b'"error"' in body or not body)), answer


def test_internal_headers_do_not_enter(envoy: Gateway) -> None:
    forged = {
        "x-http-status": "500",
        "x-envoy-original-path": "/api/x",
        "x-envoy-upstream-rq-timeout-ms": "1",
        "x-passerelle-peer": "10.1.1.1",
        "x-passerelle-client": "10.1.1.1",
        "x-forwarded-host": "faux.exemple",
        "x-forwarded-for": "10.1.1.1",
        "origin": ORIGIN,
        "x-request-id": "0f0e1c9e-4c67-4222-9e0a-6d1d6d5b9d11",
    }
    with envoy.http() as http:
        seen = http.post(CHAT, json={"do": "echo"}, headers=forged).json()
        metrics = http.get("/metrics", headers=forged).json()
        admin = json.loads(http.get("/api/admin/status", headers=forged).json()["status"]["profile_notice"])
    for found, path in ((seen, CHAT), (metrics, "/metrics"), (admin, "/api/admin/status")):
        assert found["x-forwarded-host"] == envoy.target
        assert found["x-passerelle-peer"] == found["x-passerelle-client"] == "127.0.0.1"
        assert address_label(found) == "a127.0.0.1"
        assert found["origin"] == ORIGIN
        assert found["x-request-id"] == forged["x-request-id"]
        assert found.get("x-envoy-original-path", path) == path
        assert "x-http-status" not in found and "x-envoy-upstream-rq-timeout-ms" not in found


def test_the_local_socket_tells_the_client_of_our_own_processes(envoy: Gateway) -> None:
    local = httpx.HTTPTransport(uds=str(envoy.settings.local_socket), verify=SSL)
    with httpx.Client(base_url="http://envoy", transport=local) as http:
        headers = {"x-passerelle-client": "10.1.1.1", "x-forwarded-for": "203.0.113.9"}
        seen = http.post(CHAT, json={"do": "echo"}, headers=headers).json()
    assert seen["x-forwarded-for"] == "203.0.113.9"
    assert address_label(seen) == "a203.0.113.9"


def test_forged_path_does_not_choose_the_shape(envoy: Gateway) -> None:
    with envoy.http() as http:
        response = http.get("/v1/inconnu", headers={"x-envoy-original-path": "/api/x"})
    assert set(response.json()["error"]) == OPENAI


def test_cross_origin_pages(envoy: Gateway) -> None:
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,x-stainless-os"}
    with envoy.http() as http:
        allowed = http.options(CHAT, headers=asked | {"origin": ORIGIN})
        denied = http.options(CHAT, headers=asked | {"origin": "http://mechant.exemple"})
        real = http.post(CHAT, json={"do": "echo"}, headers={"origin": ORIGIN})
    assert allowed.status_code == 200 and allowed.headers["access-control-allow-origin"] == ORIGIN
    assert "authorization" in allowed.headers["access-control-allow-headers"]
    assert "access-control-allow-origin" not in denied.headers
    assert real.headers["access-control-allow-origin"] == ORIGIN
    assert "server-timing" in real.headers["access-control-expose-headers"]


def test_events_are_not_held_back(envoy: Gateway) -> None:
    front = envoy.fronts[0]
    with envoy.http() as http, http.stream("POST", CHAT, json={"do": "stream"}) as response:
        pieces = response.iter_bytes()
        assert next(pieces) == b"data: 1\n\n"
        assert not front.gate.is_set()
        envoy.loop.call(front.gate.set)
        assert next(pieces) == b"data: 2\n\n"
    assert response.headers["content-type"] == "text/event-stream"
    envoy.loop.call(front.gate.clear)
