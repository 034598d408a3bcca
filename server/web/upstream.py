"""L'appel gRPC d'un flux de direct, vu de la boucle asyncio.

Le client synchrone de gRPC, et non `grpc.aio` : quand le serveur clôt un flux pendant une écriture, le second remplace
le statut reçu par INTERNAL, et le client ne saurait jamais pourquoi.
"""

import asyncio
import queue
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import grpc
import grpc.aio
from passerelle.v1 import transcribe_pb2, transcribe_pb2_grpc

from server.errors import DeadlineExceeded, PasserelleError, WorkerLost
from server.rpc.status import from_rpc_error

Request = transcribe_pb2.StreamTranscribeRequest
Response = transcribe_pb2.StreamTranscribeResponse

_TOKEN_SECONDS = 30.0
"""Secondes laissées à la vérification d'un jeton, lecture des clés du fournisseur comprise."""
_AHEAD = 2
"""Messages confiés à gRPC sans qu'il les ait encore pris."""


def open_channel(address: str) -> grpc.Channel:
    """Canal vers Envoy, par sa prise locale : clés, limites et répartition y sont celles de tout le monde."""
    return grpc.insecure_channel(
        address,
        options=(
            # Un Envoy relancé est retrouvé en une seconde, sans quoi gRPC attendrait jusqu'à deux minutes.
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.min_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 1000),
            ("grpc.default_authority", "localhost"),
        ),
    )


async def check_token(channel: grpc.Channel, metadata: list[tuple[str, str]]) -> None:
    """Laisse passer un jeton qui ouvre la transcription : Envoy et un front le savent, une écriture vide le dit.

    Raises:
        PasserelleError: jeton refusé, ou que personne ne peut vérifier.
    """
    stub: Any = transcribe_pb2_grpc.TranscribeServiceStub(channel)
    asked = stub.WriteTranscript.future(
        transcribe_pb2.WriteTranscriptRequest(), metadata=metadata, timeout=_TOKEN_SECONDS
    )
    done, loop = asyncio.Event(), asyncio.get_running_loop()
    asked.add_done_callback(lambda _: loop.call_soon_threadsafe(done.set))
    try:
        await done.wait()
    finally:
        asked.cancel()
    if asked.code() is not grpc.StatusCode.OK:
        raise _told(asked.exception())


class Upstream:
    """Un flux ouvert vers un front ; `close` le finit toujours."""

    def __init__(self, channel: grpc.Channel, pool: ThreadPoolExecutor, metadata: list[tuple[str, str]]) -> None:
        """`pool` doit avoir un fil libre : la lecture l'occupe tant que dure le flux."""
        self._loop = asyncio.get_running_loop()
        self._pool = pool
        self._outgoing: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self._room = asyncio.Semaphore(_AHEAD)
        self._finished = False
        stub: Any = transcribe_pb2_grpc.TranscribeServiceStub(channel)
        self._call = stub.StreamTranscribe(self._requests(), metadata=metadata)

    async def send(self, request: Request) -> None:
        """Donne un message ; attend tant que gRPC n'a pas pris les précédents."""
        await self._room.acquire()
        if not self._finished:
            self._outgoing.put(request)

    def finish(self) -> None:
        """Clôt l'envoi ; ce qui a été donné part d'abord."""
        if not self._finished:
            self._finished = True
            self._outgoing.put(None)

    def close(self) -> None:
        """Abandonne l'appel, s'il n'est pas fini."""
        self._call.cancel()
        self.finish()

    async def events(self) -> AsyncIterator[Response]:
        """Événements du flux, lus un à un : qui ne les prend pas retient le serveur.

        Raises:
            PasserelleError: celle du serveur, ou ce que la perte du flux laisse savoir.
        """
        while True:
            try:
                event = await self._loop.run_in_executor(self._pool, next, self._call, None)
            except grpc.RpcError as error:
                raise _told(cast(grpc.aio.AioRpcError, error)) from None
            if event is None:
                return
            yield event

    def _requests(self) -> Iterator[Request]:
        """Messages à envoyer, lus par le fil de gRPC."""
        while (request := self._outgoing.get()) is not None:
            yield request
            # gRPC ne redemande qu'une fois le message parti.
            try:
                self._loop.call_soon_threadsafe(self._room.release)
            except RuntimeError:
                return


def _told(error: grpc.aio.AioRpcError) -> PasserelleError:
    known = from_rpc_error(error)
    if known is not None:
        return known
    if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        return DeadlineExceeded("Le flux atteint sa durée permise ; ouvrez-en un autre.")
    return WorkerLost(
        "Le flux a été coupé : un processus du serveur s'est arrêté. Ouvrez-en un autre.",
        metadata={"status": error.code().name},
        retry_after=1.0,
    )
