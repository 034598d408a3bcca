"""Un service de transcription en direct dont les réponses sont écrites d'avance, derrière le vrai serveur gRPC."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from passerelle.v1 import transcribe_pb2, transcribe_pb2_grpc
from prometheus_client import CollectorRegistry

from server.rpc.auth import Guard
from server.rpc.interceptors import ServiceInterceptor
from server.rpc.metrics import RpcMetrics
from server.rpc.server import RpcServer, RpcSettings

Request = transcribe_pb2.StreamTranscribeRequest
Response = transcribe_pb2.StreamTranscribeResponse
Script = Callable[[AsyncIterator[Request]], AsyncIterator[Response]]


def ready() -> Response:
    return Response(ready=transcribe_pb2.StreamReady(id="r1", model="canary"))


def summary(text: str = "") -> Response:
    return Response(summary=transcribe_pb2.StreamSummary(text=text, language="fr"))


async def echo(requests: AsyncIterator[Request]) -> AsyncIterator[Response]:
    """Compte les octets reçus, et le dit à la fin."""
    await anext(requests)
    yield ready()
    size = 0
    async for request in requests:
        size += len(request.audio)
    yield summary(str(size))


class FakeLive(transcribe_pb2_grpc.TranscribeServiceServicer):
    """Joue `script` pour chaque flux, et retient ce qu'il en a vu."""

    def __init__(self) -> None:
        self.script: Script = echo
        self.requests: list[Request] = []
        self.metadata: dict[str, str | bytes] = {}
        self.running = 0
        self.cancelled = 0

    async def StreamTranscribe(self, requests: AsyncIterator[Request], context: Any) -> AsyncIterator[Response]:
        """Un flux."""
        self.metadata = dict(context.invocation_metadata())
        self.running += 1
        try:
            async for event in self.script(self._seen(requests)):
                yield event
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled += 1
            raise
        finally:
            self.running -= 1

    async def _seen(self, requests: AsyncIterator[Request]) -> AsyncIterator[Request]:
        async for request in requests:
            self.requests.append(request)
            yield request

    @property
    def heard(self) -> int:
        """Octets d'audio reçus."""
        return sum(len(request.audio) for request in self.requests)


@asynccontextmanager
async def serving_live(path: Path, keys: tuple[str, ...] = ()) -> AsyncIterator[tuple[FakeLive, RpcServer]]:
    """Sert un faux direct sur une prise Unix."""
    fake = FakeLive()
    server = RpcServer(
        RpcSettings(address=f"unix:{path}", max_message_bytes=4 * 2**20, drain_delay=0.0, stop_grace=1.0),
        ServiceInterceptor(Guard(keys, ()), RpcMetrics(CollectorRegistry())),
    )
    transcribe_pb2_grpc.add_TranscribeServiceServicer_to_server(fake, server.server)
    await server.start()
    try:
        yield fake, server
    finally:
        await server.server.stop(0)
