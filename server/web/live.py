"""Le pont de direct : le WebSocket d'un navigateur, mené comme un appel `StreamTranscribe`."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import grpc
from starlette.websockets import WebSocket, WebSocketDisconnect

from server.domain import Limits
from server.errors import (
    AudioConfigExpected,
    DeadlineExceeded,
    InternalError,
    InvalidRequest,
    PasserelleError,
    PayloadTooLarge,
    ShuttingDown,
)
from server.rpc.admission import client_address
from server.rpc.auth import Guard, presented_key
from server.rpc.caller import ADDRESS_HEADER, FORWARDED_HEADER
from server.web.live_messages import NORMAL, check_end, close_code, error_text, event_text, first_message
from server.web.live_places import Places
from server.web.upstream import Request, Upstream, check_token

logger = logging.getLogger(__name__)

_METHOD = "/passerelle.v1.TranscribeService/StreamTranscribe"


class LiveBridge:
    """Mène les WebSockets de direct ; `aclose` les finit."""

    def __init__(self, channel: grpc.Channel, limits: Limits, guard: Guard, grace: float) -> None:
        """`grace` : secondes laissées aux flux pour rendre ce qu'ils ont entendu, à l'arrêt."""
        self._channel = channel
        self._limits = limits
        self._guard = guard
        self._places = Places(limits, keyless=lambda: guard.inference_open)
        self._grace = grace
        # La lecture d'un flux tient un fil tant qu'il dure.
        self._pool = ThreadPoolExecutor(limits.max_web_sockets, thread_name_prefix="direct")
        self._open: set[asyncio.Task[None]] = set()
        self._ending = asyncio.Event()

    def check(self, socket: WebSocket) -> None:
        """Laisse passer une demande de WebSocket, avant de l'accepter.

        Raises:
            ForeignOrigin: page d'un autre site.
            InvalidRequest: adresse à paramètres, où une clé finirait dans un journal.
        """
        if socket.url.query:
            raise InvalidRequest("Cette adresse n'a pas de paramètre : clé et réglages vont dans le premier message.")
        self._guard.check_origin(socket.headers.items())

    async def serve(self, socket: WebSocket) -> None:
        """Mène un WebSocket accepté, jusqu'à sa fermeture."""
        task = asyncio.current_task()
        assert task is not None
        started, outcome, error = time.monotonic(), "done", None
        self._open.add(task)
        try:
            with self._places.enter(client_address(socket.headers.items()) or "") as take:
                await self._transcribe(socket, take)
        except WebSocketDisconnect:
            outcome = "client_gone"
        except PasserelleError as told:
            outcome, error = told.reason, told
        except Exception:
            logger.exception("live_socket_crashed")
            outcome, error = "INTERNAL", InternalError("Erreur interne : le journal du serveur la détaille.")
        try:
            if outcome != "client_gone":
                await self._close(socket, error)
        finally:
            self._open.discard(task)
            elapsed = round((time.monotonic() - started) * 1000, 2)
            logger.info("live_socket_closed", extra={"outcome": outcome, "duration_ms": elapsed})

    async def aclose(self) -> None:
        """Clôt tous les flux : chacun rend ce qu'il a entendu, puis dit que le serveur s'arrête."""
        self._ending.set()
        if self._open:
            await asyncio.wait(self._open)
        self._pool.shutdown(wait=False)

    async def _transcribe(self, socket: WebSocket, take: Callable[[], None]) -> None:
        """Mène le flux jusqu'à son bilan ; `take` lui donne sa place, une fois la clé vérifiée.

        Raises:
            WebSocketDisconnect: le client est parti, ou ne lit plus.
            PasserelleError: refus, perte ou arrêt, après tout ce qui a pu être rendu.
        """
        ending = asyncio.create_task(self._ending.wait())
        tasks: list[asyncio.Task[None]] = []
        upstream: Upstream | None = None
        try:
            key, config = first_message(await self._first(socket, ending), self._limits.max_json_depth)
            # Un mandataire d'identité, ou un programme, met la sienne dans la demande de WebSocket.
            key = key or presented_key(socket.headers.items())
            metadata = [("authorization", f"Bearer {key}")] if key else []
            if request_id := socket.headers.get("x-request-id", ""):
                metadata.append(("x-request-id", request_id))
            if address := socket.headers.get(ADDRESS_HEADER, ""):
                metadata.append((FORWARDED_HEADER, address))
            await self._check_key(key, metadata)
            take()
            upstream = Upstream(self._channel, self._pool, metadata)
            await upstream.send(Request(config=config))
            telling = asyncio.create_task(self._tell(socket, upstream))
            hearing = asyncio.create_task(self._hear(socket, upstream))
            tasks = [telling, hearing]
            await asyncio.wait({telling, hearing, ending}, return_when=asyncio.FIRST_COMPLETED)
            if not telling.done() and not hearing.done():
                upstream.finish()
                await asyncio.wait({telling, hearing}, timeout=self._grace, return_when=asyncio.FIRST_COMPLETED)
                if not hearing.done():
                    raise _shutting_down()
            (telling if telling.done() else hearing).result()
        finally:
            if upstream is not None:
                upstream.close()
            for task in (ending, *tasks):
                task.cancel()
            await asyncio.gather(ending, *tasks, return_exceptions=True)

    async def _check_key(self, key: str, metadata: list[tuple[str, str]]) -> None:
        """Laisse passer une bonne clé, ou un bon jeton."""
        if self._guard.verifiable_here(key):
            self._guard.check(_METHOD, metadata)
        else:
            await check_token(self._channel, metadata)

    async def _first(self, socket: WebSocket, ending: "asyncio.Task[bool]") -> str:
        """Texte du premier message."""
        receiving = asyncio.create_task(self._receive(socket))
        seconds = self._limits.web_socket_config_seconds
        try:
            await asyncio.wait({receiving, ending}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if receiving.done():
                first = receiving.result()
                if isinstance(first, bytes):
                    raise AudioConfigExpected(
                        "Le premier message est un texte : la configuration.", metadata={"field": "config"}
                    )
                return first
        finally:
            receiving.cancel()
            await asyncio.gather(receiving, return_exceptions=True)
        if ending.done():
            raise _shutting_down()
        raise DeadlineExceeded(
            f"La configuration n'est pas venue en {seconds:g} s.",
            metadata={"field": "config", "limit": f"{seconds:g}", "value": f"{seconds:g}"},
        )

    async def _hear(self, socket: WebSocket, upstream: Upstream) -> None:
        """Donne l'audio au serveur, un message à la fois ; ne finit que par une erreur, ou le départ du client."""
        ended = False
        while True:
            message = await self._receive(socket)
            if ended:
                raise InvalidRequest("Rien ne se dit après la fin du flux.", metadata={"field": "message"})
            if isinstance(message, bytes):
                await upstream.send(Request(audio=message))
            else:
                check_end(message, self._limits.max_json_depth)
                upstream.finish()
                ended = True

    async def _tell(self, socket: WebSocket, upstream: Upstream) -> None:
        """Rend les événements au client ; un client qui ne lit pas retient le flux, puis le perd."""
        async for event in upstream.events():
            if text := event_text(event):
                await self._say(socket, text)

    async def _receive(self, socket: WebSocket) -> str | bytes:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1005))
        content: str | bytes | None = message.get("bytes")
        if content is None:
            content = str(message["text"])
        limit = self._limits.max_web_socket_message_bytes
        if len(content) > limit:
            raise PayloadTooLarge(
                f"Un message a {limit} octets au plus ; celui-ci en a {len(content)}.",
                metadata={"field": "message", "limit": str(limit), "value": str(len(content))},
            )
        return content

    async def _say(self, socket: WebSocket, text: str) -> None:
        try:
            async with asyncio.timeout(self._limits.web_socket_stall_seconds):
                await socket.send_text(text)
        except TimeoutError:
            # Rien ne peut plus lui être dit, pas même pourquoi.
            raise WebSocketDisconnect(1006, "client qui ne lit plus") from None

    async def _close(self, socket: WebSocket, error: PasserelleError | None) -> None:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            if error is not None:
                await self._say(socket, error_text(error))
            await socket.close(NORMAL if error is None else close_code(error))


def _shutting_down() -> ShuttingDown:
    return ShuttingDown(
        "Le serveur s'arrête : ce qui précède est complet, ouvrez un autre flux pour la suite.", retry_after=1.0
    )
