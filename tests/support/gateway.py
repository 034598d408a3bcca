"""Le vrai Envoy devant de petits services gRPC et un tableau de bord d'essai, sur des prises Unix."""

import asyncio
import dataclasses
import json
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import grpc
import httpx
import uvicorn
from google.api.httpbody_pb2 import HttpBody
from passerelle.control.v1 import control_pb2_grpc
from passerelle.v1 import (
    admin_pb2,
    admin_pb2_grpc,
    chat_pb2,
    chat_pb2_grpc,
    model_verbs_pb2,
    operation_pb2,
    probe_pb2_grpc,
    rest_pb2_grpc,
    transcribe_pb2,
    transcribe_pb2_grpc,
)
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from server.domain import Limits
from server.errors import ModelNotFound, PasserelleError, QueueFull, ShuttingDown, error_for
from server.rpc.auth import Guard
from server.rpc.http_body import encode_body
from server.rpc.interceptors import ServiceInterceptor
from server.rpc.metrics import RpcMetrics
from server.rpc.server import RpcServer, RpcSettings
from server.rpc.status import DETAILS_KEY, codes, to_status
from server.supervisor.envoy import EnvoySettings, argv, envoy_binary, render
from server.supervisor.tls import TlsFiles, TlsKeeper
from tests.fakes.control import FakeControl
from tests.support.tls import SSL
from tests.support.waiting import PATIENCE, wait_until

ROOT = Path(__file__).resolve().parents[2]
MAX_JSON = 128 * 1024
MAX_ADMIN = 64 * 1024
MAX_UPLOAD = 256 * 1024
ORIGIN = "http://ailleurs.exemple"


def sample_error(reason: str) -> PasserelleError:
    """Erreur dont chaque partie doit arriver au client, guillemets et barres compris."""
    return error_for(reason, 'Le champ « n » vaut "\\é" : {1, 2}', {"field": "n", "limite": '"16"'}, 1.2)


class Front(
    rest_pb2_grpc.RestServiceServicer,
    chat_pb2_grpc.ChatServiceServicer,
    transcribe_pb2_grpc.TranscribeServiceServicer,
    probe_pb2_grpc.ProbeServiceServicer,
):
    """Front d'essai : le corps JSON dit quoi faire."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.gate = asyncio.Event()
        self.received = 0

    async def CreateChatCompletion(self, request: HttpBody, context: Any) -> AsyncIterator[bytes]:
        """Joue ce que demande le champ `do`."""
        asked = json.loads(request.data)
        match asked["do"]:
            case "echo":
                yield encode_body(_metadata(context), "application/json")
            case "refuse":
                raise QueueFull("La file est pleine.", retry_after=3.0)
            case "abort":
                error = sample_error(asked["reason"])
                details = ((DETAILS_KEY, to_status(error).SerializeToString()),)
                await context.abort(codes(error).grpc, error.message, details)
            case "pour":
                for _ in range(64):
                    yield encode_body(bytes(64 * 1024), "application/octet-stream")
            case "wait":
                await asyncio.Event().wait()
            case "stream":
                yield encode_body(b"data: 1\n\n", "text/event-stream")
                await self.gate.wait()
                yield encode_body(b"data: 2\n\n")

    async def ListOpenAiModels(self, _request: Any, _context: Any) -> AsyncIterator[bytes]:
        """Liste d'essai."""
        yield encode_body(b"liste", "text/plain")

    async def RetrieveOpenAiModel(self, request: Any, _context: Any) -> AsyncIterator[bytes]:
        """Rend le nom reçu ; `absent` n'existe pas."""
        if request.model == "absent":
            raise ModelNotFound("Ce modèle n'existe pas.")
        yield encode_body(request.model.encode(), "text/plain")

    async def CreateTranscription(self, requests: AsyncIterator[HttpBody], _context: Any) -> AsyncIterator[bytes]:
        """Compte les octets reçus."""
        total = 0
        async for request in requests:
            total += len(request.data)
        yield encode_body(str(total).encode(), "text/plain")

    async def CheckHealth(self, _request: Any, _context: Any) -> AsyncIterator[bytes]:
        """Nom du front."""
        yield encode_body(self.name.encode(), "text/plain")

    async def CheckReadiness(self, _request: Any, _context: Any) -> AsyncIterator[bytes]:
        """Jamais prêt."""
        raise ShuttingDown("Pas prêt.")
        yield b""

    async def GetVersion(self, _request: Any, _context: Any) -> AsyncIterator[bytes]:
        """Version d'essai."""
        yield encode_body(b'{"version": "0"}', "application/json")

    async def Chat(self, _request: Any, _context: Any) -> chat_pb2.ChatResponse:
        """Réponse vide."""
        return chat_pb2.ChatResponse()

    async def StreamTranscribe(
        self, requests: AsyncIterator[Any], _context: Any
    ) -> AsyncIterator[transcribe_pb2.StreamTranscribeResponse]:
        """Un événement par message reçu."""
        async for _ in requests:
            yield transcribe_pb2.StreamTranscribeResponse()

    async def WriteTranscript(self, _request: Any, _context: Any) -> transcribe_pb2.WriteTranscriptResponse:
        """Aucune forme."""
        return transcribe_pb2.WriteTranscriptResponse()

    async def UploadTranscribe(
        self, requests: AsyncIterator[Any], _context: Any
    ) -> transcribe_pb2.UploadTranscribeResponse:
        """Compte les octets reçus."""
        async for request in requests:
            self.received += request.ByteSize()
        return transcribe_pb2.UploadTranscribeResponse()


class Control(admin_pb2_grpc.AdminServiceServicer, probe_pb2_grpc.ProbeServiceServicer):
    """Plan de contrôle d'essai : la clé du modèle est le motif de l'erreur à lever."""

    async def GetStatus(self, _request: Any, context: Any) -> admin_pb2.GetStatusResponse:
        """Rend les métadonnées reçues."""
        return admin_pb2.GetStatusResponse(status=admin_pb2.Status(profile_notice=_metadata(context).decode()))

    async def WatchStatus(self, _request: Any, _context: Any) -> AsyncIterator[admin_pb2.WatchStatusResponse]:
        """Parle dix fois par seconde, sans fin."""
        while True:
            yield admin_pb2.WatchStatusResponse()
            await asyncio.sleep(0.1)

    async def StreamLogs(self, _request: Any, _context: Any) -> AsyncIterator[admin_pb2.StreamLogsResponse]:
        """Parle dix fois par seconde, sans fin."""
        while True:
            yield admin_pb2.StreamLogsResponse()
            await asyncio.sleep(0.1)

    async def LoadModel(self, request: Any, _context: Any) -> model_verbs_pb2.LoadModelResponse:
        """Lève l'erreur du motif donné, sauf pour `qwen` et les noms à barre."""
        if request.model.isupper():
            raise sample_error(request.model)
        return model_verbs_pb2.LoadModelResponse(operation=operation_pb2.Operation(model=request.model))

    async def GetCapabilities(self, _request: Any, context: Any) -> None:
        """Refuse comme gRPC lui-même le ferait : sans ErrorInfo."""
        await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "Trop.")

    async def GetMetrics(self, _request: Any, context: Any) -> AsyncIterator[bytes]:
        """Rend les métadonnées reçues."""
        yield encode_body(_metadata(context), "application/json")


async def _page(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"tableau {request.url.path}")


async def _echo(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(await websocket.receive_text())
    await websocket.close()


class Loop:
    """Boucle asyncio dans son propre fil : les clients des tests peuvent bloquer."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Exécute une coroutine jusqu'au bout."""
        return self.start(work).result(30)

    def start(self, work: Coroutine[Any, Any, Any]) -> Future[Any]:
        """Lance une coroutine sans l'attendre."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def call(self, function: Callable[[], object]) -> None:
        """Appelle une fonction dans la boucle."""
        self._loop.call_soon_threadsafe(function)

    def close(self) -> None:
        """Arrête le fil."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


class Gateway:
    """Envoy et ce qu'il y a derrière."""

    def __init__(
        self,
        settings: EnvoySettings,
        log: Path,
        guard: Guard | None = None,
        page: Callable[[EnvoySettings], Sequence[BaseRoute]] = lambda _: (),
    ) -> None:
        """`guard` : celle de tous les services ; sans elle, tout est ouvert. `page` : adresses de plus du tableau de bord."""
        self.settings = settings
        self.log = log
        self.page = page
        self.guard = guard or Guard((), (), allowed_origins=(ORIGIN,))
        self.url = f"http://127.0.0.1:{settings.port}"
        self.target = f"127.0.0.1:{settings.port}"
        self.loop = Loop()
        self.fronts: list[Front] = []
        self.servers: list[RpcServer] = []
        self.process: subprocess.Popen[bytes] | None = None
        self._dashboard: uvicorn.Server | None = None
        self._dashboard_task: asyncio.Task[None] | None = None

    def http(self, **options: Any) -> httpx.Client:
        """Client HTTP."""
        return httpx.Client(base_url=self.url, timeout=PATIENCE, **options, verify=SSL)

    def channel(self) -> Any:
        """Canal gRPC, à employer dans un `with`."""
        return grpc.insecure_channel(self.target)

    async def start_upstreams(self, drain_delay: float) -> None:
        """Ouvre les fronts, le plan de contrôle et le tableau de bord."""
        run_dir = self.settings.run_dir
        for index in range(self.settings.fronts):
            front = Front(f"front-{index}")
            server = self._server(f"front-{index}.sock", drain_delay)
            rest_pb2_grpc.add_RestServiceServicer_to_server(front, server.server)
            probe_pb2_grpc.add_ProbeServiceServicer_to_server(front, server.server)
            chat_pb2_grpc.add_ChatServiceServicer_to_server(front, server.server)
            transcribe_pb2_grpc.add_TranscribeServiceServicer_to_server(front, server.server)
            self.fronts.append(front)
            self.servers.append(server)
        control, server = Control(), self._server("control.sock", 0.0)
        admin_pb2_grpc.add_AdminServiceServicer_to_server(control, server.server)
        probe_pb2_grpc.add_ProbeServiceServicer_to_server(control, server.server)
        control_pb2_grpc.add_ControlServiceServicer_to_server(FakeControl(), server.server)
        self.servers.append(server)
        for server in self.servers:
            await server.start()
        app = Starlette(
            routes=[
                *self.page(self.settings),
                WebSocketRoute("/ws/echo", _echo),
                Route("/{path:path}", _page, methods=["GET", "HEAD"]),
            ]
        )
        config = uvicorn.Config(
            app, uds=str(run_dir / "dashboard.sock"), log_level="error", lifespan="off", ws="websockets-sansio"
        )
        self._dashboard = uvicorn.Server(config)
        self._dashboard_task = asyncio.create_task(self._dashboard.serve())
        while not self._dashboard.started:
            assert not self._dashboard_task.done(), "la page n'a pas démarré"
            await asyncio.sleep(0.01)

    def _server(self, socket_name: str, drain_delay: float) -> RpcServer:
        settings = self.settings
        limits = Limits(
            max_json_body_bytes=settings.max_json_body_bytes,
            max_body_silence_seconds=settings.max_body_silence_seconds,
        )
        return RpcServer(
            RpcSettings(
                f"unix:{settings.run_dir / socket_name}",
                max_message_bytes=4 * 1024 * 1024,
                drain_delay=drain_delay,
                stop_grace=0.5,
                compression=settings.grpc_compression,
            ),
            ServiceInterceptor(self.guard, RpcMetrics(CollectorRegistry()), limits=limits),
        )

    async def stop_upstreams(self) -> None:
        """Ferme tout ce que `start_upstreams` a ouvert."""
        for server in self.servers:
            await server.stop()
        if self._dashboard and self._dashboard_task:
            self._dashboard.should_exit = True
            await self._dashboard_task

    def start_envoy(self, folder: Path) -> None:
        """Lance Envoy et attend qu'il écoute."""
        config = folder / "envoy.yaml"
        config.write_text(render(self.settings))
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                argv(envoy_binary(), config, self.settings), stdout=output, stderr=output, stdin=subprocess.DEVNULL
            )
        wait_until(lambda: self._listening(), "Envoy écoute")

    def stop_envoy(self) -> None:
        """Arrête Envoy ; son journal est alors complet."""
        if self.process:
            self.process.terminate()
            self.process.wait(10)

    def _listening(self) -> bool:
        assert self.process and self.process.poll() is None, self.log.read_text()
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.settings.port), 1):
            # La prise locale s'ouvre à son tour, après le port.
            with socket.socket(socket.AF_UNIX) as local:
                return local.connect_ex(str(self.settings.local_socket)) == 0
        return False


def settings_in(folder: Path, *, fronts: int = 1) -> EnvoySettings:
    """Réglages d'un Envoy d'essai."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    return EnvoySettings(
        run_dir=folder,
        bind="127.0.0.1",
        port=port,
        fronts=fronts,
        concurrency=1,
        descriptor=ROOT / "gen" / "envoy.binpb",
        max_json_body_bytes=MAX_JSON,
        max_admin_body_bytes=MAX_ADMIN,
        max_upload_bytes=MAX_UPLOAD,
        max_stream_duration_seconds=60,
        max_body_silence_seconds=Limits().max_body_silence_seconds,
        max_envoy_heap_bytes=Limits().max_envoy_heap_bytes,
        max_concurrent_streams=Limits().max_concurrent_streams,
        max_total_open_calls=Limits().max_total_open_calls,
        allowed_origins=(ORIGIN,),
    )


@contextmanager
def gateway(
    log: Path,
    *,
    fronts: int = 1,
    upstreams: bool = True,
    drain_delay: float = 0.0,
    tls: TlsFiles | None = None,
    guard: Guard | None = None,
    page: Callable[[EnvoySettings], Sequence[BaseRoute]] = lambda _: (),
    stream_seconds: float = 60.0,
    compression: bool = False,
    **changes: Any,
) -> Iterator[Gateway]:
    """Envoy en marche, tout étant arrêté en sortie ; `changes` : autres champs d'`EnvoySettings`."""
    folder = Path(tempfile.mkdtemp(prefix="envoy-"))  # court : une prise Unix a 107 octets au plus
    settings = dataclasses.replace(
        settings_in(folder, fronts=fronts),
        max_stream_duration_seconds=stream_seconds,
        grpc_compression=compression,
        **changes,
    )
    if tls:
        settings = dataclasses.replace(settings, tls=True, client_certificates=tls.client_ca is not None)
        TlsKeeper(tls, folder).publish()
    found = Gateway(settings, log, guard, page)
    try:
        if upstreams:
            found.loop.run(found.start_upstreams(drain_delay))
        found.start_envoy(folder)
        if upstreams:
            local = httpx.HTTPTransport(uds=str(settings.local_socket), verify=SSL)
            with httpx.Client(base_url="http://localhost", transport=local, timeout=30) as probe:
                wait_until(lambda: probe.get("/healthz").status_code == 200, "un front est vu en bonne santé")
        yield found
    finally:
        found.stop_envoy()
        found.loop.run(found.stop_upstreams())
        found.loop.close()
        shutil.rmtree(folder)


def _metadata(context: Any) -> bytes:
    pairs: Sequence[tuple[str, str | bytes]] = context.invocation_metadata()
    return json.dumps({name: value for name, value in pairs if isinstance(value, str)}).encode()
