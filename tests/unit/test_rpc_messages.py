"""Les messages reçus : compressés, trop gros une fois décompressés, illisibles."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_status import rpc_status
from passerelle.v1 import chat_pb2, route_pb2
from prometheus_client import CollectorRegistry

from server.errors import InvalidRequest, PayloadTooLarge
from server.rpc.auth import Guard
from server.rpc.interceptors import ServiceInterceptor
from server.rpc.messages import decoder
from server.rpc.metrics import RpcMetrics
from server.rpc.server import RpcServer, RpcSettings
from server.rpc.status import from_status
from tests.support.compressed import MIB, bomb, gzip_of, peak_under, send, status_of

SERVICE = "essai.Messages"
SHAPES = ("UnaryUnary", "StreamUnary", "UnaryStream", "StreamStream")
INFLATED = 56
"""Mio que vaudrait le message compressé des essais : il tient dans la fenêtre d'envoi de HTTP/2, donc part d'un trait."""


class Reader:
    """Les quatre formes d'appel, qui rendent le modèle de la conversation reçue."""

    def __init__(self) -> None:
        self.read: list[str] = []

    async def unary(self, request: Any, _context: Any) -> bytes:
        self.read.append(request.model)
        return b""

    async def stream(self, request: Any, _context: Any) -> AsyncIterator[bytes]:
        self.read.append(request.model)
        yield b""

    async def sent(self, requests: AsyncIterator[Any], context: Any) -> bytes:
        async for request in requests:
            self.read.append(request.model)
        return b""

    async def both(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[bytes]:
        yield await self.sent(requests, context)

    def handlers(self) -> grpc.GenericRpcHandler:
        read = chat_pb2.ChatRequest.FromString
        return grpc.method_handlers_generic_handler(
            SERVICE,
            {
                "UnaryUnary": grpc.unary_unary_rpc_method_handler(self.unary, read),
                "StreamUnary": grpc.stream_unary_rpc_method_handler(self.sent, read),
                "UnaryStream": grpc.unary_stream_rpc_method_handler(self.stream, read),
                "StreamStream": grpc.stream_stream_rpc_method_handler(self.both, read),
            },
        )


@asynccontextmanager
async def served(folder: Path, *, compression: bool = False) -> AsyncIterator[tuple[Reader, Path]]:
    """Serveur qui reçoit des messages de 2 Mio au plus, et sa prise."""
    reader = Reader()
    path = folder / "s.sock"
    settings = RpcSettings(f"unix:{path}", max_message_bytes=MIB, drain_delay=0.0, compression=compression)
    guard = Guard((), (), policy={f"/{SERVICE}/{shape}": route_pb2.SCOPE_PUBLIC for shape in SHAPES})
    server = RpcServer(settings, ServiceInterceptor(guard, RpcMetrics(CollectorRegistry())))
    server.server.add_generic_rpc_handlers((reader.handlers(),))
    await server.start()
    try:
        yield reader, path
    finally:
        await server.server.stop(0)


async def call(path: Path, shape: str, request: bytes, **options: Any) -> None:
    """Appelle la forme nommée."""

    def run() -> None:
        # Le client asynchrone, quand son message ne part plus, tait le code que le serveur a donné.
        channel: Any
        with grpc.insecure_channel(f"unix:{path}", options=(("grpc.default_authority", "localhost"),)) as channel:
            method = f"/{SERVICE}/{shape}"
            match shape:
                case "UnaryUnary":
                    channel.unary_unary(method)(request, **options)
                case "StreamUnary":
                    channel.stream_unary(method)(iter([request]), **options)
                case "UnaryStream":
                    assert list(channel.unary_stream(method)(request, **options))
                case _:
                    assert list(channel.stream_stream(method)(iter([request]), **options))

    await asyncio.to_thread(run)


async def sent_raw(path: Path, shape: str, data: bytes, encoding: str) -> str:
    """Envoie un message compressé tel quel ; rend le code gRPC."""
    response = await asyncio.to_thread(
        send, "http://localhost", f"/{SERVICE}/{shape}", data, encoding=encoding, socket=path
    )
    return status_of(response)


UNIMPLEMENTED, INVALID, EXHAUSTED = "12", "3", "8"


@pytest.mark.parametrize("shape", SHAPES)
async def test_a_compressed_call_is_refused_before_its_message(tmp_path: Path, shape: str) -> None:
    text = chat_pb2.ChatRequest(model="a" * 4096).SerializeToString()
    async with served(tmp_path) as (reader, path):
        for compression in (grpc.Compression.Gzip, grpc.Compression.Deflate):
            with pytest.raises(grpc.RpcError) as caught:
                await call(path, shape, text, compression=compression)
            assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
        assert not reader.read
        await call(path, shape, text)
        assert reader.read == ["a" * 4096]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("encoding", "code"), [("gzip", UNIMPLEMENTED), ("", INVALID)])
async def test_a_bomb_is_never_inflated(tmp_path: Path, shape: str, encoding: str, code: str) -> None:
    data = bomb(INFLATED)
    async with served(tmp_path) as (reader, path):
        with peak_under(INFLATED // 4):
            assert await sent_raw(path, shape, data, encoding) == code
        assert not reader.read


@pytest.mark.parametrize("shape", SHAPES)
async def test_an_operator_may_allow_compression_within_the_limit(tmp_path: Path, shape: str) -> None:
    text = chat_pb2.ChatRequest(model="a" * 4096).SerializeToString()
    data = bomb(INFLATED)
    async with served(tmp_path, compression=True) as (reader, path):
        await call(path, shape, text, compression=grpc.Compression.Gzip)
        await call(path, shape, text)
        assert reader.read == ["a" * 4096] * 2
        with peak_under(INFLATED // 4):
            assert await sent_raw(path, shape, data, "gzip") == EXHAUSTED
        with pytest.raises(grpc.RpcError) as caught:
            await call(path, shape, text, compression=grpc.Compression.Deflate)
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("shape", SHAPES)
async def test_an_unreadable_message_is_the_clients_error(tmp_path: Path, shape: str) -> None:
    async with served(tmp_path) as (reader, path):
        for data in (b"\xff\xff", b"\x0a\x05ab", b"\x0a\x02\xff\xfe", bytes(7), b'{"model": "qwen"}'):
            with pytest.raises(grpc.RpcError) as caught:
                await call(path, shape, data)
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
            assert "protobuf" in (caught.value.details() or "")
            assert not {"class", "Error", "google"} & set((caught.value.details() or "").split())
            status = rpc_status.from_call(caught.value)
            assert status is not None and type(from_status(status)) is InvalidRequest
        assert not reader.read


def test_a_broken_compressed_message_is_refused() -> None:
    decode = decoder(bytes, 100)
    whole = gzip_of(iter([b"a" * 100]))
    assert decode(whole) == b"a" * 100
    for data in (whole[:-1], whole + b"x", whole + whole, b"\x1f\x8b", b"\x1f\x8b\x08" + bytes(20)):
        with pytest.raises(InvalidRequest):
            decode(data)
    with pytest.raises(PayloadTooLarge) as caught:
        decode(gzip_of(iter([b"a" * 101])))
    assert caught.value.metadata["limit"] == "100"
