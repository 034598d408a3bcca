"""Les portes du produit, chacune frappée avec ce qu'un client y présente : toutes doivent répondre de même."""

import asyncio
import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import grpc
import httpx
from google.rpc import error_details_pb2, status_pb2
from passerelle.v1 import admin_pb2_grpc, chat_pb2, chat_pb2_grpc, model_verbs_pb2, transcribe_pb2, transcribe_pb2_grpc
from websockets.asyncio.client import connect

from server.rpc.status import from_rpc_error
from tests.support.gateway import Gateway
from tests.support.live_bridge import start, until_closed
from tests.support.waiting import PATIENCE

PASSED = "OK"


@dataclass(frozen=True)
class Told:
    """Réponse d'une porte : son code, et son motif."""

    code: int
    reason: str


Headers = Mapping[str, str]


def _rest(method: str, path: str, **content: Any) -> Callable[[Gateway, Headers], Told]:
    def knock(gateway: Gateway, headers: Headers) -> Told:
        with gateway.http() as http:
            return _http(http.request(method, path, headers=headers, **content))

    return knock


def _http(response: httpx.Response) -> Told:
    if response.status_code == 200:
        return Told(200, PASSED)
    error = response.json()["error"]
    return Told(response.status_code, error["reason"] if "reason" in error else error["code"].upper())


def _grpc(call: Callable[[Any, Any], Any]) -> Callable[[Gateway, Headers], Told]:
    def knock(gateway: Gateway, headers: Headers) -> Told:
        with gateway.channel() as channel:
            try:
                call(channel, tuple(headers.items()))
            except grpc.RpcError as error:
                told = from_rpc_error(error)  # type: ignore[arg-type]
                assert told is not None, error
                return Told(
                    {"UNAUTHENTICATED": 401, "PERMISSION_DENIED": 403, "UNAVAILABLE": 503}[error.code().name],
                    told.reason,
                )  # type: ignore[attr-defined]
        return Told(200, PASSED)

    return knock


def _chat(channel: Any, metadata: Any) -> None:
    chat_pb2_grpc.ChatServiceStub(channel).Chat(chat_pb2.ChatRequest(), metadata=metadata, timeout=PATIENCE)


def _live(channel: Any, metadata: Any) -> None:
    sent = iter([transcribe_pb2.StreamTranscribeRequest()])
    list(transcribe_pb2_grpc.TranscribeServiceStub(channel).StreamTranscribe(sent, metadata=metadata, timeout=PATIENCE))


def _load(channel: Any, metadata: Any) -> None:
    stub = admin_pb2_grpc.AdminServiceStub(channel)
    stub.LoadModel(model_verbs_pb2.LoadModelRequest(model="qwen"), metadata=metadata, timeout=PATIENCE)


def _grpc_web(gateway: Gateway, headers: Headers) -> Told:
    with gateway.http() as http:
        response = http.post(
            "/passerelle.v1.ChatService/Chat",
            content=bytes(5),
            headers={**headers, "content-type": "application/grpc-web+proto"},
        )
    said = response.headers.get("grpc-status", "0")
    if said == "0":
        return Told(200, PASSED)
    packed = response.headers["grpc-status-details-bin"]
    status = status_pb2.Status.FromString(base64.b64decode(packed + "=" * (-len(packed) % 4)))
    info = error_details_pb2.ErrorInfo()
    assert any(detail.Unpack(info) for detail in status.details)
    return Told({"16": 401, "7": 403, "14": 503}[said], info.reason)


def _browser(gateway: Gateway, headers: Headers) -> Told:
    """Un navigateur n'écrit aucun en-tête : sa clé est dans le premier message."""
    others = {name: value for name, value in headers.items() if name != "authorization"}
    return _web_socket(gateway, others, headers.get("authorization", "").partition(" ")[2])


def _web_socket(gateway: Gateway, headers: Headers, key: str = "") -> Told:

    async def knock() -> Told:
        uri = f"ws://{gateway.target}/ws/transcribe"
        async with connect(uri, compression=None, additional_headers=dict(headers)) as socket:
            await start(socket, **({"api_key": key} if key else {}))
            await socket.send(json.dumps({"type": "end"}))
            events, code = await until_closed(socket)
        return Told(200, PASSED) if code == 1000 else Told(code - 4000, events[-1]["reason"])

    return asyncio.run(knock())


DOORS: Mapping[str, tuple[str, Callable[[Gateway, Headers], Told]]] = {
    "conversation": ("chat", _rest("POST", "/v1/chat/completions", json={"do": "echo"})),
    "modèles": ("chat", _rest("GET", "/v1/models")),
    "fichier": ("transcribe", _rest("POST", "/v1/audio/transcriptions", content=b"audio")),
    "administration": ("admin", _rest("POST", "/api/admin/models/qwen/load", json={})),
    "gRPC": ("chat", _grpc(_chat)),
    "flux gRPC": ("transcribe", _grpc(_live)),
    "administration gRPC": ("admin", _grpc(_load)),
    "gRPC-Web": ("chat", _grpc_web),
    "WebSocket": ("transcribe", _browser),
    "demande de WebSocket": ("transcribe", _web_socket),
}
"""Portes, avec la portée qui les ouvre."""
