"""Un collecteur OTLP : le service du protocole lui-même, sur un port libre."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1 import trace_pb2

from tests.support.waiting import wait_until


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """Garde les segments reçus."""

    def __init__(self) -> None:
        self.port = 0
        self.stuck = threading.Event()
        """Mis, il ne répond plus."""
        self.released = threading.Event()
        self._requests: list[trace_service_pb2.ExportTraceServiceRequest] = []

    def Export(self, request: Any, context: Any) -> Any:
        """Reçoit un lot."""
        if self.stuck.is_set():
            self.released.wait()
        self._requests.append(request)
        return trace_service_pb2.ExportTraceServiceResponse()

    @property
    def raw(self) -> bytes:
        """Tout ce qui a été reçu, tel quel."""
        return b"".join(request.SerializeToString() for request in self._requests)

    def spans(self) -> list[tuple[str, trace_pb2.Span]]:
        """Service et segment de tout ce qui a été reçu."""
        found = []
        for request in tuple(self._requests):
            for resource in request.resource_spans:
                named = {one.key: one.value.string_value for one in resource.resource.attributes}
                for scope in resource.scope_spans:
                    found += [(named.get("service.name", ""), span) for span in scope.spans]
        return found

    def trace(self, trace_id: str, count: int) -> dict[str, trace_pb2.Span]:
        """Attend tant de segments d'une trace ; les rend par leur nom."""

        def mine() -> list[trace_pb2.Span]:
            return [span for _, span in self.spans() if span.trace_id.hex() == trace_id]

        wait_until(lambda: len(mine()) >= count, f"{count} segments de la trace")
        return {span.name: span for span in mine()}


@contextmanager
def collecting(address: str = "127.0.0.1:0") -> Iterator[Collector]:
    """Collecteur en marche."""
    found = Collector()
    server = grpc.server(ThreadPoolExecutor(4))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(found, server)  # type: ignore[no-untyped-call]
    found.port = server.add_insecure_port(address)
    server.start()
    try:
        yield found
    finally:
        found.released.set()
        server.stop(0).wait()


def values(span: trace_pb2.Span) -> dict[str, Any]:
    """Valeurs d'un segment."""
    return {one.key: getattr(one.value, str(one.value.WhichOneof("value"))) for one in span.attributes}
