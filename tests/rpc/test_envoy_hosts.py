"""Un serveur sans clé ne répond que sous ses noms : ce qu'un navigateur mené par un nom étranger peut envoyer est refusé."""

import json
import socket
from collections.abc import Iterator

import grpc
import pytest
from passerelle.v1 import admin_pb2, admin_pb2_grpc

from tests.support.gateway import Gateway, gateway
from tests.support.waiting import PATIENCE

WEB = "application/grpc-web+proto"
STATUS = "/passerelle.v1.AdminService/GetStatus"
FOREIGN = ("evil.example", "evil.example:8000", "localhost.evil.example", "10.0.0.5.evil.example", "gpu.exemple.evil")
OURS = (
    "localhost",
    "localhost:8000",
    "page.localhost",
    "127.0.0.1:8000",
    "10.0.0.5",
    "[::1]:8000",
    "GPU.exemple:8000",
    "gpu.exemple.",
)


@pytest.fixture(scope="module")
def envoy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("noms") / "log", answered_hosts=("gpu.exemple",)) as found:
        yield found


@pytest.mark.parametrize("host", FOREIGN)
def test_a_foreign_name_reaches_nothing(envoy: Gateway, host: str) -> None:
    headers = {"host": host}
    with envoy.http(headers=headers) as http:
        openai = http.get("/v1/models")
        answers = [
            openai,
            http.get("/"),
            http.get("/healthz"),
            http.get("/metrics"),
            http.get("/api/admin/status"),
            http.post("/api/admin/models/qwen/load", json={}),
            http.post("/v1/chat/completions", json={"do": "echo"}),
            http.options("/v1/chat/completions"),
        ]
        web = http.post(STATUS, content=bytes(5), headers={"content-type": WEB})
        native = http.post(STATUS, content=bytes(5), headers={"content-type": "application/grpc"})
    assert [one.status_code for one in answers] == [403] * len(answers)
    assert answers[1].headers["content-type"] == "text/plain; charset=utf-8" and "nom d'hôte" in answers[1].text
    assert "PASSERELLE_ALLOWED_HOSTS" in openai.json()["error"]["message"]
    assert json.loads(answers[4].content)["error"]["reason"] == "FOREIGN_ORIGIN"
    for told in (web, native):
        assert told.headers["grpc-status"] == str(grpc.StatusCode.PERMISSION_DENIED.value[0])


@pytest.mark.parametrize("host", OURS)
def test_its_own_names_and_addresses_are_answered(envoy: Gateway, host: str) -> None:
    with envoy.http(headers={"host": host}) as http:
        assert http.get("/v1/models").status_code == 200
        web = http.post(STATUS, content=bytes(5), headers={"content-type": WEB})
        assert "grpc-status" not in web.headers or web.headers["grpc-status"] == "0"


def test_a_grpc_client_calls_it_as_it_likes(envoy: Gateway) -> None:
    with grpc.insecure_channel(envoy.target, [("grpc.default_authority", "service.interne")]) as channel:
        assert admin_pb2_grpc.AdminServiceStub(channel).GetStatus(admin_pb2.GetStatusRequest(), timeout=PATIENCE).status


@pytest.mark.parametrize(
    ("host", "code"),
    [("", 200), ("Host: 127.0.0.1:8000\r\n", 200), ("Host: evil.example\r\n", 403)],
    ids=["sans nom", "adresse", "nom étranger"],
)
def test_http_1_0_is_under_the_same_rule(envoy: Gateway, host: str, code: int) -> None:
    """Sans Host, ce n'est pas un navigateur ; avec, c'est la règle de tous."""
    with socket.create_connection(("127.0.0.1", envoy.settings.port), 5) as raw:
        raw.sendall(f"GET /v1/models HTTP/1.0\r\n{host}\r\n".encode())
        answer = b"".join(iter(lambda: raw.recv(65536), b""))
    assert int(answer.split()[1]) == code
