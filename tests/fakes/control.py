"""Un plan de contrôle qui tient ses routes en mémoire, derrière le vrai service gRPC."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc.aio
from google.protobuf.duration_pb2 import Duration
from passerelle.control.v1 import control_pb2, control_pb2_grpc, quotas_pb2_grpc
from passerelle.v1 import model_pb2, requests_pb2_grpc, usage_pb2_grpc
from prometheus_client import CollectorRegistry

from server.control.measures.keys import KeyLabels
from server.control.measures.requests import RequestMeasures
from server.control.quotas.counters import Counters
from server.control.quotas.leases import LeaseService
from server.control.quotas.store import QuotaStore
from server.control.record.keys import KeyBook
from server.control.requests.fronts import Fronts
from server.control.requests.store import UsageStore
from server.control.requests.window import Window
from server.control.services.owners import Owners
from server.control.services.reports import ReportService
from server.control.services.requests import RequestService
from server.control.services.usage import UsageService
from server.domain import Limits
from server.errors import PasserelleError
from server.named_keys import KEYS
from server.rpc.auth import Guard
from server.rpc.interceptors import ServiceInterceptor
from server.rpc.metrics import RpcMetrics
from tests.support.waiting import PATIENCE

Loader = Callable[[str, float], Awaitable[control_pb2.ModelRoute]]
"""Charge un modèle (clé, attente au plus) et rend sa route."""


def model_route(
    key: str,
    *sockets: Path | str,
    capability: "model_pb2.Capability" = model_pb2.CAPABILITY_CHAT,
    state: "model_pb2.ModelState | None" = None,
    aliases: tuple[str, ...] = (),
    features: tuple[str, ...] = (),
    context_tokens: int = 0,
    load_wait: float = 0.0,
    engine: str = "vllm",
) -> control_pb2.ModelRoute:
    """Route d'un modèle, prêt dès qu'il a une prise."""
    wait = Duration()
    wait.FromMilliseconds(round(load_wait * 1000))
    ready = model_pb2.MODEL_STATE_READY if sockets else model_pb2.MODEL_STATE_CACHED
    return control_pb2.ModelRoute(
        key=key,
        aliases=aliases,
        capability=capability,
        state=ready if state is None else state,
        workers=[control_pb2.WorkerRoute(id=f"{key}-{i}", socket=str(s)) for i, s in enumerate(sockets)],
        created_seconds=1_700_000_000,
        owned_by="passerelle",
        features=features,
        context_tokens=context_tokens,
        load_wait=wait,
        engine=engine,
    )


class FakeControl(control_pb2_grpc.ControlServiceServicer):
    """Sert les routes qu'on lui donne ; un chargement est confié à `loader`."""

    def __init__(self, *models: control_pb2.ModelRoute) -> None:
        self.loader: Loader | None = None
        self.loads: list[str] = []
        self.loading = 0
        self.watchers = 0
        self.window = Window(100)
        """Requêtes que les fronts ont dites ; neuve à chaque démarrage."""
        self.now = time.time()
        """L'instant des quotas : un essai lent ne les voit pas se rouvrir."""
        self.counters = Counters(lambda: self.now)
        """Ce que les clés ont consommé ; relu à chaque démarrage."""
        self._models = models
        self._changed = asyncio.Event()

    def publish(self, *models: control_pb2.ModelRoute) -> None:
        """Remplace les routes et prévient les fronts."""
        self._models = models
        self._changed.set()
        self._changed = asyncio.Event()

    async def WatchRoutes(
        self, _request: control_pb2.WatchRoutesRequest, _context: Any
    ) -> AsyncIterator[control_pb2.WatchRoutesResponse]:
        """Routes, puis chaque changement."""
        self.watchers += 1
        try:
            while True:
                changed = self._changed
                yield control_pb2.WatchRoutesResponse(models=self._models)
                await changed.wait()
        finally:
            self.watchers -= 1

    async def EnsureLoaded(
        self, request: control_pb2.EnsureLoadedRequest, _context: Any
    ) -> control_pb2.EnsureLoadedResponse:
        """Confie le chargement à `loader`."""
        self.loads.append(request.model)
        if self.loader is None:
            raise PasserelleError("Aucun chargement n'était attendu.")
        self.loading += 1
        try:
            route = await self.loader(request.model, request.timeout.ToMilliseconds() / 1000)
        finally:
            self.loading -= 1
        return control_pb2.EnsureLoadedResponse(route=route)


@asynccontextmanager
async def serving_control(control: FakeControl, path: Path) -> AsyncIterator[None]:
    """Sert ce plan de contrôle sur une prise Unix, les requêtes reçues par ses vrais services."""
    control.window, fronts = Window(100, lambda replica: (len(replica),)), Fronts()
    policy = Guard((), ())
    server = grpc.aio.server(interceptors=[ServiceInterceptor(policy, RpcMetrics(CollectorRegistry()))])
    control_pb2_grpc.add_ControlServiceServicer_to_server(control, server)
    usage = UsageStore(path.with_name("usage.sqlite"), 90)
    reports = ReportService(
        control.window, fronts, usage, await usage.received(), RequestMeasures(CollectorRegistry(), KeyLabels(64))
    )
    control_pb2_grpc.add_ReportServiceServicer_to_server(reports, server)
    owners = Owners(KeyBook(path.with_name(KEYS), path.with_name(f"shared-{KEYS}"), Limits()))
    service = UsageService(usage, control.window, owners, lambda name: name)
    usage_pb2_grpc.add_UsageServiceServicer_to_server(service, server)
    requests_pb2_grpc.add_RequestServiceServicer_to_server(RequestService(control.window, fronts, policy), server)
    quotas = QuotaStore(path.with_name("quotas.sqlite"))
    consumed, lives = await quotas.read()
    control.counters = Counters(lambda: control.now)
    control.counters.load(consumed)
    leases = LeaseService(control.counters, quotas, lives, recall_seconds=PATIENCE)
    quotas_pb2_grpc.add_LeaseServiceServicer_to_server(leases, server)
    leasing = asyncio.create_task(leases.run())
    server.add_insecure_port(f"unix:{path}")
    await server.start()
    try:
        yield
    finally:
        await server.stop(0)
        leasing.cancel()
        await asyncio.gather(leasing, return_exceptions=True)
        await quotas.aclose()
        await usage.aclose()
