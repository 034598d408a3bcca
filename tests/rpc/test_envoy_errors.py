"""Ce que le vrai Envoy répond de lui-même, ou traduit : la forme d'une erreur, ses bornes, ce qu'elle ne montre pas."""

import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import grpc
import httpx
import pytest
from passerelle.v1 import chat_pb2, chat_pb2_grpc

from server.errors import all_errors
from server.rpc.status import api_body, codes, openai_body
from tests.support.gateway import MAX_ADMIN, MAX_JSON, MAX_UPLOAD, Gateway, gateway, sample_error
from tests.support.waiting import PATIENCE

CHAT = "/v1/chat/completions"
OPENAI = {"message", "type", "param", "code"}
API = {"code", "reason", "message", "metadata"}
REASONS = sorted({error.reason for error in all_errors()})


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Envoy sans rien derrière lui."""
    with gateway(tmp_path_factory.mktemp("seul") / "log", fronts=3, upstreams=False) as found:
        yield found


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
