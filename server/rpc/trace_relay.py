"""Le relais des segments d'Envoy vers le collecteur : seules y passent les valeurs nommées ici.

Envoy écrit de lui-même l'adresse demandée, le logiciel du client et le message d'une erreur gRPC, où est recopié un
bout de la requête, et rien dans ses réglages ne l'en empêche.
"""

import asyncio
import contextlib
import logging
import os
import re
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import grpc.aio
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from prometheus_client import CollectorRegistry, Counter

from server.rpc.contract import METHODS
from server.rpc.logs import KEPT_ID

logger = logging.getLogger(__name__)

_KEPT = frozenset(
    (
        *("http.protocol", "http.status_code", "grpc.status_code"),
        *("request_size", "response_size", "response_flags", "upstream_cluster"),
    )
)
_WRITTEN: Mapping[str, Callable[[str], object]] = {
    "grpc.path": METHODS.__contains__,
    "http.method": re.compile("[A-Z]{1,16}").fullmatch,
    "guid:x-request-id": KEPT_ID.fullmatch,
}
"""Un client écrit là ce qu'il veut : gardées si elles ont la forme qu'on en attend."""
_SEND_SECONDS = 5.0


class TraceRelay(trace_service_pb2_grpc.TraceServiceServicer):
    """Reçoit d'Envoy, ôte, et passe ; un collecteur en retard perd ce qui ne tient pas dans la file."""

    def __init__(self, endpoint: str, queue: int, registry: CollectorRegistry) -> None:
        self._endpoint, self._queue = endpoint, queue
        self._waiting: deque[trace_service_pb2.ExportTraceServiceRequest] = deque()
        self._size = 0
        self._something = asyncio.Event()
        self._dropped = Counter(
            "passerelle_relayed_spans_dropped_total",
            "Envoy trace spans lost because the collector was slow or unreachable.",
            registry=registry,
        )
        self._failing = False

    async def Export(self, request: Any, context: Any) -> trace_service_pb2.ExportTraceServiceResponse:
        """Prend un lot."""
        count = _stripped(request)
        if self._size + count > self._queue:
            self._dropped.inc(count)
        else:
            self._waiting.append(request)
            self._size += count
            self._something.set()
        return trace_service_pb2.ExportTraceServiceResponse()

    async def run(self) -> None:
        """Passe ce qui attend, jusqu'à l'annulation."""
        async with grpc.aio.insecure_channel(self._endpoint) as channel:
            stub = trace_service_pb2_grpc.TraceServiceStub(channel)  # type: ignore[no-untyped-call]
            while True:
                await self._something.wait()
                self._something.clear()
                while self._waiting:
                    request = self._waiting.popleft()
                    count = _count(request)
                    self._size -= count
                    try:
                        await stub.Export(request, timeout=_SEND_SECONDS)
                    except grpc.aio.AioRpcError as error:
                        self._dropped.inc(count)
                        if not self._failing:
                            logger.warning("traces_unsent", extra={"spans": count, "error": str(error.code())})
                        self._failing = True
                    else:
                        if self._failing:
                            logger.warning("traces_sent_again", extra={"spans": count})
                        self._failing = False


@contextlib.asynccontextmanager
async def relaying(path: Path, endpoint: str, queue: int, registry: CollectorRegistry) -> AsyncIterator[None]:
    """Relaie, sur cette prise, le temps du bloc."""
    relay = TraceRelay(endpoint, queue, registry)
    server = grpc.aio.server()
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(relay, server)  # type: ignore[no-untyped-call]
    path.unlink(missing_ok=True)
    server.add_insecure_port(f"unix:{path}")
    os.chmod(path, 0o600)
    await server.start()
    running = asyncio.create_task(relay.run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await server.stop(0)


def _spans(request: Any) -> list[Any]:
    scopes = (scope for resource in request.resource_spans for scope in resource.scope_spans)
    return [span for scope in scopes for span in scope.spans]


def _count(request: Any) -> int:
    return len(_spans(request))


def _stripped(request: Any) -> int:
    """Ôte de chaque segment ce qui n'est pas nommé ; rend leur nombre."""
    spans = _spans(request)
    for span in spans:
        kept = [one for one in span.attributes if one.key in _KEPT or _known(one)]
        del span.attributes[:]
        span.attributes.extend(kept)
        del span.events[:]
        span.status.message = ""
    return len(spans)


def _known(attribute: Any) -> bool:
    check = _WRITTEN.get(attribute.key)
    return check is not None and bool(check(attribute.value.string_value))
