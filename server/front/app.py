"""Un front assemblé : ses pièces, ses services, ses tâches de fond."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import grpc.aio
from passerelle.v1 import chat_pb2_grpc, diarize_pb2_grpc, probe_pb2_grpc, rest_pb2_grpc, transcribe_pb2_grpc
from prometheus_client import CollectorRegistry

from server.domain import Limits, TokenProvider
from server.front.audio.analysis import SpeechAnalysis
from server.front.audio.live import LiveAnalysis
from server.front.audio.spool import Spool
from server.front.chat.coalesce import Coalescer
from server.front.chat.generation import Generation
from server.front.chat.tokens import TokenCounter
from server.front.chat.window import Window
from server.front.metrics import FrontMetrics
from server.front.quotas.leases import Leases
from server.front.quotas.tickets import FrontQuotas
from server.front.reports import RequestReports
from server.front.routing.call import WorkerCalls
from server.front.routing.control_client import ControlClient
from server.front.routing.router import Router
from server.front.routing.shares import Shares
from server.front.services.chat import ChatService
from server.front.services.diarize import DiarizeService
from server.front.services.probe import ProbeService
from server.front.services.rest import RestService
from server.front.services.rest_audio import AudioRoutes
from server.front.services.transcribe import TranscribeService
from server.link.client import LinkClient
from server.named_keys import KeyTable
from server.quotas import Quota
from server.rpc.auth import Guard
from server.rpc.interceptors import ServiceInterceptor
from server.rpc.metrics import RpcMetrics, process_registry
from server.rpc.server import RpcServer, RpcSettings

if TYPE_CHECKING:
    from server.rpc.traces import Traces

logger = logging.getLogger(__name__)

SERVICES = (
    "passerelle.v1.ChatService",
    "passerelle.v1.TranscribeService",
    "passerelle.v1.DiarizeService",
    "passerelle.v1.RestService",
)


@dataclass(frozen=True, slots=True)
class FrontSettings:
    """Réglages d'un front."""

    name: str
    """Nom : `front-0`."""
    address: str
    """Adresse servie : `unix:/…/front-0.sock`, ou `127.0.0.1:0` pour un essai."""
    control_address: str
    """Adresse du plan de contrôle : `unix:/…/control.sock`."""
    limits: Limits
    """Limites en vigueur."""
    spool_dir: Path
    """Réserve des envois d'audio, lue par les exemplaires."""
    control_log: Path | None = None
    """Journal du plan de contrôle, cité quand il ne répond pas."""
    build: str = ""
    """Commit dont ce serveur est fait ; vide s'il n'est pas connu."""
    openai_keys: tuple[str, ...] = ()
    """Clés des routes d'inférence ; vide : accès libre."""
    admin_keys: tuple[str, ...] = ()
    """Clés d'administration, qui ouvrent aussi l'inférence."""
    named_keys: KeyTable | None = None
    """Clés nommées ; `None` : aucune."""
    default_quota: Quota | None = None
    """Quota des clés qui n'en ont pas ; `None` : aucun."""
    allowed_origins: tuple[str, ...] = ()
    """Origines étrangères admises."""
    tokens: TokenProvider | None = None
    """Fournisseur d'identité dont les jetons sont admis."""
    shares: Mapping[str, int] = field(default_factory=dict)
    """Parts des appelants qui en ont plus d'une, par étiquette."""
    tracer: Callable[[CollectorRegistry], "Traces"] | None = None
    """Ce qui trace les requêtes ; `None` : rien n'est tracé, ni chargé pour l'être."""
    grpc_compression: bool = False
    """Admet les messages gRPC compressés."""
    max_frame_bytes: int = 80 * 1024 * 1024
    """Octets d'une trame de la liaison au plus."""
    drain_delay: float = 2.0
    """Secondes entre « ne sert plus » et l'arrêt."""
    stop_grace: float = 30.0
    """Secondes laissées aux requêtes en cours à l'arrêt."""
    away_seconds: Callable[[], float] = lambda: 1.0
    """Secondes avant un nouvel essai, dites à qui l'arrêt coupe."""


@asynccontextmanager
async def serving(
    settings: FrontSettings,
    registry: CollectorRegistry | None = None,
    on_failure: Callable[[], None] | None = None,
) -> AsyncIterator[RpcServer]:
    """Sert dès l'entrée du bloc ; la sortie s'arrête dans l'ordre.

    `on_failure` est appelée si une tâche de fond tombe : le front n'est alors plus fiable.
    """
    limits = settings.limits
    registry = registry or process_registry()

    async def connect(path: str) -> LinkClient:
        return await LinkClient.connect(
            path,
            settings.name,
            max_frame_bytes=settings.max_frame_bytes,
            request_buffer_bytes=limits.request_buffer_bytes,
        )

    channel = grpc.aio.insecure_channel(
        settings.control_address,
        options=(
            # Un plan de contrôle relancé est retrouvé en une seconde, sans quoi gRPC attendrait jusqu'à deux minutes.
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.min_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 1000),
            # Un chemin Unix n'est pas un nom d'hôte qu'un serveur HTTP/2 accepterait.
            ("grpc.default_authority", "localhost"),
        ),
    )
    router = Router(ControlClient(channel, settings.name), connect, limits, shares=Shares(settings.shares))
    metrics, rpc_metrics = FrontMetrics(registry), RpcMetrics(registry)
    coalescer = Coalescer(Window(limits.coalesce_ms / 1000, metrics.window.set))
    calls = WorkerCalls(router, metrics)
    generation = Generation(router, calls, coalescer, metrics, limits)
    tokens = TokenCounter(router, calls, limits)
    spool = Spool(
        settings.spool_dir, settings.name, max_bytes=limits.max_spool_bytes, max_upload_bytes=limits.max_upload_bytes
    )
    spool.clean()
    analysis = SpeechAnalysis(router, calls, spool)
    audio = AudioRoutes(analysis, spool, limits)
    guard = Guard(
        settings.openai_keys,
        settings.admin_keys,
        allowed_origins=settings.allowed_origins,
        named=settings.named_keys,
        tokens=settings.tokens,
        default_quota=settings.default_quota,
    )
    leases = Leases(channel, limits)
    traces = settings.tracer(registry) if settings.tracer is not None else None
    reports = RequestReports(channel, settings.name, limits.requests_kept)
    server = RpcServer(
        RpcSettings(
            address=settings.address,
            max_message_bytes=max(limits.max_message_bytes, limits.max_json_body_bytes),
            health=SERVICES,
            drain_delay=settings.drain_delay,
            stop_grace=settings.stop_grace,
            away_seconds=settings.away_seconds,
            compression=settings.grpc_compression,
        ),
        ServiceInterceptor(
            guard,
            rpc_metrics,
            limits=limits,
            notes=reports,
            quotas=FrontQuotas(leases, limits.quota_unstated_tokens),
            tracer=traces,
        ),
    )
    rest_pb2_grpc.add_RestServiceServicer_to_server(
        RestService(generation, tokens, audio, router, limits), server.server
    )
    probe_pb2_grpc.add_ProbeServiceServicer_to_server(
        ProbeService(channel, settings.control_log, settings.build), server.server
    )
    chat_pb2_grpc.add_ChatServiceServicer_to_server(ChatService(generation, tokens, limits), server.server)
    live = LiveAnalysis(router, calls, spool, limits, server.ending, settings.away_seconds)
    transcribe_pb2_grpc.add_TranscribeServiceServicer_to_server(
        TranscribeService(analysis, live, spool, limits), server.server
    )
    diarize_pb2_grpc.add_DiarizeServiceServicer_to_server(DiarizeService(analysis, spool, limits), server.server)
    background = [
        asyncio.create_task(work) for work in (router.watch(), coalescer.sweep(), reports.run(), leases.run())
    ]
    for task in background:
        task.add_done_callback(lambda done: _report(done, on_failure))
    try:
        await server.start()
        logger.info("front_ready", extra={"front": settings.name, "address": settings.address})
        yield server
        await server.stop()
        await asyncio.gather(reports.flush(), leases.flush())
    finally:
        await server.server.stop(0)
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        await router.aclose()
        await channel.close()
        spool.close()
        if traces is not None:
            await asyncio.to_thread(traces.close)
        metrics.pour()
        rpc_metrics.pour()
        logger.info("front_stopped", extra={"front": settings.name})


def _report(task: "asyncio.Task[None]", on_failure: Callable[[], None] | None) -> None:
    if task.cancelled() or task.exception() is None:
        return
    logger.critical("background_failed", exc_info=task.exception())
    if on_failure is not None:
        on_failure()
