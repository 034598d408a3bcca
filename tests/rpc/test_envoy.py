"""La configuration d'Envoy, éprouvée par le vrai Envoy : routes, formes d'erreur, en-têtes, flux."""

import json
import socket
import stat
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2
from passerelle.v1 import admin_pb2, admin_pb2_grpc, chat_pb2, chat_pb2_grpc, model_verbs_pb2
from websockets.sync.client import connect

from server.errors import all_errors
from server.rpc import interceptors
from server.rpc.caller import address_label
from server.rpc.status import api_body, codes, from_rpc_error, openai_body
from tests.support.compressed import bomb, peak_under, send, status_of
from tests.support.gateway import (
    MAX_ADMIN,
    MAX_JSON,
    MAX_UPLOAD,
    ORIGIN,
    Gateway,
    gateway,
    sample_error,
)
from tests.support.tls import SSL
from tests.support.waiting import PATIENCE

CHAT = "/v1/chat/completions"
OPENAI = {"message", "type", "param", "code"}
API = {"code", "reason", "message", "metadata"}
INFLATED = 56
"""Mio que valent les messages compressés des essais."""
REASONS = sorted({error.reason for error in all_errors()})


@pytest.fixture(scope="module")
def envoy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("envoy") / "log") as found:
        yield found


@pytest.fixture(scope="module")
def compressing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Envoy et services qui admettent la compression."""
    with gateway(tmp_path_factory.mktemp("gzip") / "log", compression=True) as found:
        yield found


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Envoy sans rien derrière lui."""
    with gateway(tmp_path_factory.mktemp("seul") / "log", fronts=3, upstreams=False) as found:
        yield found


def test_the_admin_socket_is_private(envoy: Gateway) -> None:
    assert stat.S_IMODE(envoy.settings.admin_socket.stat().st_mode) == 0o600


# Routes


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


# gRPC et gRPC-Web


def test_grpc_services_reach_their_process(envoy: Gateway) -> None:
    with envoy.channel() as channel:
        chat_pb2_grpc.ChatServiceStub(channel).Chat(chat_pb2.ChatRequest(), timeout=PATIENCE)
        status = (
            admin_pb2_grpc.AdminServiceStub(channel).GetStatus(admin_pb2.GetStatusRequest(), timeout=PATIENCE).status
        )
        health = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=PATIENCE)
        listed = reflected(channel, "v1", reflection_pb2.ServerReflectionRequest(list_services=""))
    assert status.profile_notice
    assert health.status == health_pb2.HealthCheckResponse.SERVING
    assert b"passerelle.v1.AdminService" in listed


def reflected(channel: Any, version: str, *requests: reflection_pb2.ServerReflectionRequest) -> bytes:
    """Réponses de la réflexion, telles qu'elles sont sur le fil."""
    ask = channel.stream_stream(f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo")
    return b"".join(ask(iter([one.SerializeToString() for one in requests]), timeout=PATIENCE))


def test_both_reflections_answer_the_same_bytes(envoy: Gateway) -> None:
    """v1 se décrit comme le reste : un client la lit d'elle-même."""
    asked = [
        reflection_pb2.ServerReflectionRequest(list_services="*"),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="passerelle.v1.ChatService"),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="grpc.reflection.v1.ServerReflection"),
        reflection_pb2.ServerReflectionRequest(file_by_filename="absent.proto"),
        reflection_pb2.ServerReflectionRequest(),
    ]
    with envoy.channel() as channel:
        old, new = reflected(channel, "v1alpha", *asked), reflected(channel, "v1", *asked)
    assert old == new
    for name in (b"grpc.reflection.v1.ServerReflection", b"grpc.reflection.v1alpha.ServerReflection"):
        assert name in new
    assert b"grpc/reflection/v1/reflection.proto" in new


@pytest.mark.parametrize(
    "method",
    [
        "/passerelle.control.v1.ControlService/WatchRoutes",
        "/passerelle.v1.AdminService/../../passerelle.control.v1.ControlService/WatchRoutes",
        "/passerelle.worker.v1.Worker/Run",
        "/passerelle.v1.Inconnu/X",
        "/passerelle.v1.AdminService/Inconnue",
        "/autre.Service/X",
    ],
)
def test_other_services_are_unimplemented(envoy: Gateway, method: str) -> None:
    with envoy.channel() as channel:
        call = channel.unary_stream(method)(b"", timeout=PATIENCE)
        with pytest.raises(grpc.RpcError) as caught:
            next(iter(call))
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_grpc_errors_keep_their_details(envoy: Gateway) -> None:
    with envoy.channel() as channel:
        stub = admin_pb2_grpc.AdminServiceStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            stub.LoadModel(model_verbs_pb2.LoadModelRequest(model="INVALID_STATE"), timeout=PATIENCE)
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    error: Any = caught.value
    assert "grpc-status-details-bin" in dict(error.trailing_metadata())


def test_a_native_upload_is_not_bounded_by_the_http_limit(envoy: Gateway) -> None:
    front = envoy.fronts[0]
    with envoy.channel() as channel:
        chunk = b"\x7a\x80\x80\x28" + bytes(655_360)  # champ 15, inconnu : gardé, donc compté
        upload = channel.stream_unary("/passerelle.v1.TranscribeService/UploadTranscribe")
        upload(iter([chunk] * 4), timeout=PATIENCE)
    assert front.received > MAX_UPLOAD + 1024 * 1024


WEB = {"content-type": "application/grpc-web+proto", "x-grpc-web": "1"}


def test_grpc_web_unary(envoy: Gateway) -> None:
    with envoy.http() as http:
        path = "/passerelle.v1.AdminService/GetStatus"
        response = http.post(path, content=bytes(5), headers=WEB | {"origin": ORIGIN})
    body = response.content
    size = int.from_bytes(body[1:5])
    assert response.status_code == 200 and body[0] == 0
    assert response.headers["access-control-allow-origin"] == ORIGIN
    assert admin_pb2.GetStatusResponse.FromString(body[5 : 5 + size]).status.profile_notice
    assert body[5 + size] == 0x80 and b"grpc-status:0" in body


@pytest.mark.parametrize("service", ["autre.Service", "passerelle.control.v1.ControlService", "passerelle.v1.Inconnu"])
def test_grpc_web_unknown_service(envoy: Gateway, service: str) -> None:
    with envoy.http() as http:
        response = http.post(f"/{service}/X", content=bytes(5), headers=WEB)
    assert "12" in (response.headers.get("grpc-status"), response.text.partition("grpc-status:")[2][:2]), response.text


def test_a_grpc_address_wants_grpc(envoy: Gateway) -> None:
    with envoy.http() as http:
        assert http.post("/passerelle.v1.ChatService/Chat", json={}).status_code == 415
        assert http.post("/passerelle.v1.RestService/CreateChatCompletion", json={}).status_code == 415


# Compression


COMPRESSED = {
    "front": "/passerelle.v1.ChatService/Chat",
    "plan de contrôle": "/passerelle.v1.AdminService/GetStatus",
    "santé": "/grpc.health.v1.Health/Check",
}


@pytest.mark.parametrize("web", [False, True], ids=["gRPC", "gRPC-Web"])
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "identity, gzip", "GZIP", ""])
@pytest.mark.parametrize("method", COMPRESSED.values(), ids=COMPRESSED)
def test_a_compressed_message_is_refused_and_never_inflated(
    envoy: Gateway, method: str, encoding: str, web: bool
) -> None:
    with peak_under(INFLATED // 4):
        response = send(envoy.url, method, bomb(INFLATED), encoding=encoding, web=web)
    # Sans en-tête, rien n'annonce la compression : ce n'est qu'un message illisible.
    assert status_of(response) == ("12" if encoding else "3")
    if encoding:
        told = response.headers.get("grpc-message") or response.text
        assert "PASSERELLE_GRPC_COMPRESSION" in told and "grpc-encoding" in told


@pytest.mark.parametrize("web", [False, True], ids=["gRPC", "gRPC-Web"])
@pytest.mark.parametrize("method", COMPRESSED.values(), ids=COMPRESSED)
def test_an_allowed_compressed_message_is_bounded(compressing: Gateway, method: str, web: bool) -> None:
    with peak_under(INFLATED // 2):
        assert status_of(send(compressing.url, method, bomb(INFLATED), encoding="gzip", web=web)) == "8"
    accepted = send(compressing.url, method, bomb(1), encoding="gzip", web=web)
    assert accepted.content and status_of(accepted) == ("0" if web else "")  # en gRPC, il suit le corps
    assert status_of(send(compressing.url, method, b"", encoding="deflate", web=web)) == "12"


def test_a_transcoded_request_is_refused_in_its_shape(envoy: Gateway) -> None:
    with envoy.http() as http:
        response = http.post(CHAT, json={"do": "echo"}, headers={"grpc-encoding": "gzip"})
    assert response.status_code == 404 and set(response.json()["error"]) == OPENAI


# En-têtes


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


# Erreurs


def test_the_written_status_becomes_the_status(envoy: Gateway) -> None:
    with envoy.http() as http:
        refused = http.post(CHAT, json={"do": "refuse"})
        ready = http.get("/readyz")
    assert refused.status_code == 429 and refused.headers["retry-after"] == "3"
    assert refused.json()["error"]["type"] == "rate_limit_error"
    assert ready.status_code == 503 and ready.json()["error"]["reason"] == "SHUTTING_DOWN"
    assert "x-http-status" not in refused.headers and "x-http-status" not in ready.headers


def test_the_script_only_sees_the_answers_that_need_it(envoy: Gateway) -> None:
    transport = httpx.HTTPTransport(uds=str(envoy.settings.admin_socket))
    with httpx.Client(transport=transport, base_url="http://envoy") as admin, envoy.http() as http:

        def runs() -> int:
            text = admin.get("/stats?filter=http.public.lua.executions").text
            return int(text.rsplit(":", 1)[1])

        def seen(method: str, path: str, **body: Any) -> int:
            before = runs()
            response = http.request(method, path, **body)
            assert not [name for name in response.headers if name.startswith(("grpc-", "x-http-", "x-passerelle-"))]
            return runs() - before

        # À l'aller il retient la famille ; au retour, il n'a rien à faire d'une conversation réussie.
        assert seen("POST", CHAT, json={"do": "echo"}) == 1
        assert seen("POST", CHAT, json={"do": "pour"}) == 1
        assert seen("POST", CHAT, json={"do": "refuse"}) == 2
        assert seen("POST", CHAT, json={"do": "abort", "reason": "QUEUE_FULL"}) == 2
        assert seen("GET", "/v1/models") == 2
        assert seen("HEAD", "/v1/models") == 2
        assert seen("GET", "/api/admin/status") == 2


@pytest.mark.parametrize("reason", REASONS)
def test_every_grpc_error_takes_the_shape_of_its_family(envoy: Gateway, reason: str) -> None:
    error = sample_error(reason)
    with envoy.http() as http:
        api = http.post(f"/api/admin/models/{reason}/load", json={})
        openai = http.post(CHAT, json={"do": "abort", "reason": reason})
    for response, body in ((api, api_body(error)), (openai, openai_body(error))):
        assert response.status_code == codes(error).http
        assert response.json() == json.loads(body)
        assert response.headers["retry-after"] == "2"
        assert response.headers["content-type"] == "application/json"


@pytest.mark.parametrize("body", [b"{", b'{"gpus": "tous"}', b"[]"])
def test_unreadable_json_is_400(envoy: Gateway, body: bytes) -> None:
    with envoy.http() as http:
        response = http.post("/api/admin/models/qwen/load", content=body, headers={"content-type": "application/json"})
    assert response.status_code == 400
    assert response.json()["error"].items() >= {"code": 400, "reason": "INVALID_REQUEST", "metadata": {}}.items()


@pytest.mark.parametrize("value", ["A", "é", '"', "\\", "\n", "\x01", "😀"])
def test_a_refusal_does_not_repeat_a_long_value(envoy: Gateway, value: str) -> None:
    with envoy.http() as http:
        for shift in range(4):
            wrong = {"gpus": "a" * shift + value * 10_000}
            response = http.post("/api/admin/models/qwen/load", json=wrong)
            assert response.status_code == 400 and len(response.content) < 2048
            error = response.json()["error"]
            assert error["message"].startswith("La requête ne se lit pas : gpus") and error["message"].endswith("[…]")
            assert set(error) == API


def test_a_bare_grpc_status_takes_the_shape_too(envoy: Gateway) -> None:
    with envoy.http() as http:
        response = http.get("/api/capabilities")
    assert response.status_code == 429
    assert response.json()["error"] == {"code": 429, "reason": "QUEUE_FULL", "message": "Trop.", "metadata": {}}


@pytest.mark.parametrize("path", ["/v1/models", "/api/admin/status", "/"])
@pytest.mark.parametrize(("size", "code"), [(9_000, 200), (20_000, 200), (58_000, 200), (62_000, 431), (200_000, 431)])
def test_too_large_headers_are_431_never_a_full_queue(envoy: Gateway, path: str, size: int, code: int) -> None:
    with envoy.http() as http:
        assert http.get(path, headers={"x-a": "a" * size}).status_code == code


@pytest.mark.parametrize("chunked", [False, True])
def test_too_large_bodies_are_413(envoy: Gateway, chunked: bool) -> None:
    def content(size: int) -> bytes | Iterator[bytes]:
        # Des blancs : du JSON que rien ne permet de refuser avant d'en avoir trop lu.
        return iter([b" " * 8192] * (size // 8192)) if chunked else b" " * size

    with envoy.http() as http:
        chat = http.post(CHAT, content=content(MAX_JSON * 2))
        admin = http.post("/api/admin/models/qwen/load", content=content(MAX_JSON * 2))
    assert chat.status_code == admin.status_code == 413
    assert chat.json()["error"]["type"] == "invalid_request_error"
    assert chat.json()["error"]["code"] == "payload_too_large" and str(MAX_JSON) in chat.json()["error"]["message"]
    assert admin.json()["error"]["reason"] == "PAYLOAD_TOO_LARGE"


@pytest.mark.parametrize("path", [CHAT, "/api/admin/models/qwen/load"])
@pytest.mark.parametrize("byte", [b" ", b"x"])
def test_a_too_large_body_is_413_however_it_is_cut(envoy: Gateway, path: str, byte: bytes) -> None:
    def content() -> Iterator[bytes]:
        for _ in range(MAX_JSON * 2 // 4096):
            yield byte * 4096
            time.sleep(0.001)  # chaque morceau arrive seul

    with envoy.http() as http:
        assert http.post(path, content=content()).status_code == 413


def test_a_body_of_the_largest_size_passes(envoy: Gateway) -> None:
    with envoy.http() as http:
        for extra, code in ((0, 200), (1, 413)):
            chat = http.post(CHAT, content=b'{"do": "echo"}'.ljust(MAX_JSON + extra))
            admin = http.post("/api/admin/models/qwen/load", content=b"{}".ljust(MAX_ADMIN + extra))
            assert (chat.status_code, admin.status_code) == (code, code)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/admin/models/qwen/load"),
        ("POST", "/api/admin/operations/x/cancel"),
        ("GET", "/api/admin/status"),
        ("GET", "/api/capabilities"),
        ("GET", "/v1/models"),
        ("GET", "/v1/models/qwen"),
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("GET", "/ping"),
        ("GET", "/version"),
        ("GET", "/metrics"),
    ],
)
def test_a_translated_body_is_short(envoy: Gateway, method: str, path: str) -> None:
    """Le transcodeur lirait ce corps avant que la clé soit vue."""
    with envoy.http() as http:
        response = http.request(method, path, content=b" " * (MAX_ADMIN + 1))
    assert response.status_code == 413
    assert f"{MAX_ADMIN} " in response.json()["error"]["message"]
    assert "PASSERELLE_MAX_ADMIN_BODY_BYTES" in response.json()["error"]["message"]


def test_a_declared_upload_is_refused_before_its_body(envoy: Gateway) -> None:
    with socket.create_connection(("127.0.0.1", envoy.settings.port), 5) as raw:
        head = "POST /v1/audio/transcriptions HTTP/1.1\r\nHost: x\r\nContent-Type: audio/wav\r\n"
        raw.sendall(f"{head}Content-Length: {MAX_UPLOAD * 100}\r\n\r\n".encode())
        answer = raw.recv(65536)
    assert answer.startswith(b"HTTP/1.1 413") and b'"payload_too_large"' in answer


def test_an_upload_larger_than_a_json_body_passes(envoy: Gateway) -> None:
    with envoy.http() as http:
        response = http.post(
            "/v1/audio/transcriptions", content=bytes(MAX_UPLOAD), headers={"content-type": "audio/wav"}
        )
    assert (response.status_code, response.text) == (200, str(MAX_UPLOAD))


def test_a_deadline_is_504(envoy: Gateway) -> None:
    with envoy.http() as http:
        response = http.post(CHAT, json={"do": "wait"}, headers={"grpc-timeout": "200m"})
    assert response.status_code == 504 and set(response.json()["error"]) == OPENAI


ENDLESS = {
    "front": "/passerelle.v1.TranscribeService/StreamTranscribe",
    "plan de contrôle": "/passerelle.v1.AdminService/WatchStatus",
    "santé": "/grpc.health.v1.Health/Watch",
    "réflexion": "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "réflexion v1alpha": "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
}


def test_a_grpc_deadline_carries_its_reason(envoy: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    # Si lente que soit la machine, c'est le serveur qui finit l'appel, bien avant l'échéance de son client.
    monkeypatch.setattr(interceptors, "margin", lambda seconds: seconds - 0.2)
    hanging = threading.Event()

    def ended(method: str) -> Any:
        def sent() -> Iterator[bytes]:
            if method.endswith(("Watch", "WatchStatus")):
                yield b""
            else:
                hanging.wait(PATIENCE)

        with envoy.channel() as channel, pytest.raises(grpc.RpcError) as caught:
            for _ in channel.stream_stream(method)(sent(), timeout=PATIENCE):
                pass
        return caught.value

    def ended_in_grpc_web() -> bytes:
        with envoy.http() as http:
            path, headers = "/passerelle.v1.AdminService/WatchStatus", WEB | {"grpc-timeout": f"{PATIENCE:.0f}S"}
            return http.post(path, content=bytes(5), headers=headers).content

    with ThreadPoolExecutor(len(ENDLESS) + 1) as pool:
        web = pool.submit(ended_in_grpc_web)
        errors = dict(zip(ENDLESS, pool.map(ended, ENDLESS.values()), strict=True))
        hanging.set()
    for name, error in errors.items():
        assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED, name
        ours = from_rpc_error(error)
        assert ours is not None and ours.reason == "DEADLINE_EXCEEDED", name
    assert b"grpc-status:4" in web.result() and b"grpc-status-details-bin:" in web.result()


def test_nothing_behind_is_503(alone: Gateway) -> None:
    with alone.http() as http:
        openai = [http.post(CHAT, json={}), http.get("/v1/models")]
        api = [http.get("/api/admin/status"), http.post("/api/audio/transcribe", content=b"x"), http.get("/healthz")]
        probe = http.get("/readyz")
        page = http.get("/")
    for response in (*openai, *api, probe):
        assert response.status_code == 503 and response.headers["retry-after"] == "1"
    for response in openai:
        assert set(response.json()["error"]) == OPENAI and response.json()["error"]["type"] == "server_error"
    for response in api:
        assert response.json()["error"].items() >= {"code": 503, "reason": "CONTROL_UNAVAILABLE"}.items()
    assert probe.json() == {"ready": False, "reasons": ["Aucun front ne répond encore, ou n'est plus là."]}
    assert page.status_code == 503
    with alone.channel() as channel, pytest.raises(grpc.RpcError) as caught:
        chat_pb2_grpc.ChatServiceStub(channel).Chat(chat_pb2.ChatRequest(), timeout=PATIENCE)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


# Flux


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
