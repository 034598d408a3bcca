"""gRPC et gRPC-Web par le vrai Envoy : services, réflexion, envois, messages comprimés."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2
from passerelle.v1 import admin_pb2, admin_pb2_grpc, chat_pb2, chat_pb2_grpc, model_verbs_pb2

from server.rpc import interceptors
from server.rpc.status import from_rpc_error
from tests.support.compressed import bomb, peak_under, send, status_of
from tests.support.gateway import MAX_UPLOAD, ORIGIN, Gateway, gateway
from tests.support.waiting import PATIENCE

CHAT = "/v1/chat/completions"
OPENAI = {"message", "type", "param", "code"}
INFLATED = 56
"""Mio que valent les messages compressés des essais."""


@pytest.fixture(scope="module")
def compressing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Envoy et services qui admettent la compression."""
    with gateway(tmp_path_factory.mktemp("gzip") / "log", compression=True) as found:
        yield found


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
