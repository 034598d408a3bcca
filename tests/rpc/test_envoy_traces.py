"""Envoy dans la trace d'une requête : son segment, ce qu'il passe plus loin, et le relais qui n'en laisse rien fuir."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.trace.v1 import trace_pb2
from prometheus_client import CollectorRegistry

from server.rpc.metrics import expose
from server.rpc.trace_relay import relaying
from server.supervisor.envoy_traces import RELAY
from tests.support.collector import Collector, collecting, values
from tests.support.gateway import Gateway, gateway
from tests.support.product import free_port
from tests.support.waiting import until, wait_until

CHAT = "/v1/chat/completions"
CANARY = "serinvert"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def context(flags: str) -> dict[str, str]:
    return {"traceparent": f"00-{TRACE}-{PARENT}-{flags}", "tracestate": "voisin=1"}


@pytest.fixture
def traced(tmp_path: Path) -> Iterator[tuple[Gateway, Collector]]:
    """Envoy qui ne trace que ce que ses appelants demandent, et la prise où il le dit."""
    with (
        gateway(tmp_path / "log", traces=0.0) as found,
        collecting(f"unix:{found.settings.run_dir / RELAY}") as collector,
    ):
        yield found, collector


def test_the_front_receives_the_span_of_envoy_in_the_trace_of_the_caller(traced: tuple[Gateway, Collector]) -> None:
    found, collector = traced
    with found.http() as http:
        seen = http.post(f"{CHAT}?{CANARY}={CANARY}", json={"do": "echo"}, headers=context("01")).json()
        quiet = http.post(CHAT, json={"do": "echo"}, headers=context("00")).json()
        own = http.post(CHAT, json={"do": "echo"}).json()
    version, trace, span, flags = seen["traceparent"].split("-")
    assert (version, trace, flags, seen["tracestate"]) == ("00", TRACE, "01", "voisin=1") and span != PARENT
    # Qui n'en veut pas, ou que la part laisse de côté, ne l'est nulle part plus loin.
    assert quiet["traceparent"].startswith(f"00-{TRACE}-") and quiet["traceparent"].endswith("-00")
    assert own["traceparent"].endswith("-00")
    wait_until(lambda: bool(collector.spans()), "Envoy dit son segment")
    [(service, told)] = collector.spans()
    assert service == "passerelle-envoy"
    assert (told.span_id.hex(), told.parent_span_id.hex()) == (span, PARENT)


def test_without_traces_a_context_passes_untouched(tmp_path: Path) -> None:
    with gateway(tmp_path / "log") as found, found.http() as http:
        seen = http.post(CHAT, json={"do": "echo"}, headers=context("01")).json()
    assert {name: seen[name] for name in context("01")} == context("01")


def batch(**attributes: str) -> Any:
    """Lot d'un segment, tel qu'Envoy l'écrit."""
    written = [
        common_pb2.KeyValue(key=name.replace("__", "."), value=common_pb2.AnyValue(string_value=value))
        for name, value in attributes.items()
    ]
    span = trace_pb2.Span(name="ingress", attributes=written, events=[trace_pb2.Span.Event(name=CANARY)])
    span.status.message = CANARY
    scopes = [trace_pb2.ScopeSpans(spans=[span])]
    return trace_service_pb2.ExportTraceServiceRequest(resource_spans=[trace_pb2.ResourceSpans(scope_spans=scopes)])


async def send(path: Path, *batches: Any) -> None:
    options = (("grpc.default_authority", "localhost"),)
    async with grpc.aio.insecure_channel(f"unix:{path}", options=options) as channel:
        stub: Any = trace_service_pb2_grpc.TraceServiceStub(channel)  # type: ignore[no-untyped-call]
        for one in batches:
            await stub.Export(one)


async def test_only_what_is_named_goes_through(tmp_path: Path) -> None:
    path = tmp_path / RELAY
    said = {
        "http__url": f"http://hote/?{CANARY}",
        "user_agent": CANARY,
        "grpc__message": f"Le modèle « {CANARY} » n'existe pas.",
        "grpc__path": f"/passerelle.v1.ChatService/{CANARY}",
        "downstream_cluster": CANARY,
        "http__method": CANARY,
        "guid:x-request-id": f"Voici : {CANARY}",
        "http__status_code": "404",
    }
    known = {"grpc__path": "/passerelle.v1.ChatService/Chat", "http__method": "POST", "guid:x-request-id": "a-1:b.2_c"}
    with collecting() as collector:
        async with relaying(path, f"127.0.0.1:{collector.port}", 64, CollectorRegistry()):
            await send(path, batch(**said), batch(**known))
            await until(lambda: len(collector.spans()) == 2)
    first, second = (values(span) for _, span in collector.spans())
    assert first == {"http.status_code": "404"} and second == {
        name.replace("__", "."): value for name, value in known.items()
    }
    assert CANARY.encode() not in collector.raw


async def test_a_dead_collector_costs_spans_that_are_counted(tmp_path: Path) -> None:
    path, registry = tmp_path / RELAY, CollectorRegistry()
    async with relaying(path, f"127.0.0.1:{free_port()}", 64, registry):
        await send(path, *(batch() for _ in range(200)))

        def lost() -> float:
            text = expose(registry).decode()
            return float(text.split("passerelle_relayed_spans_dropped_total ")[-1].split()[0])

        # Tout finit par être compté, la file comprise : le collecteur ne répond à rien.
        await until(lambda: lost() == 200)


async def test_the_return_of_the_collector_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, port = tmp_path / RELAY, free_port()

    def told(event: str) -> int:
        return sum(record.message == event for record in caplog.records)

    caplog.set_level("WARNING", "server.rpc.trace_relay")
    async with relaying(path, f"127.0.0.1:{port}", 64, CollectorRegistry()):
        await send(path, batch(), batch())
        await until(lambda: told("traces_unsent") == 1)
        with collecting(f"127.0.0.1:{port}") as collector:

            async def heard() -> bool:
                await send(path, batch())
                return bool(collector.spans())

            while not await heard():
                await asyncio.sleep(0.05)
            await send(path, batch())
            await until(lambda: len(collector.spans()) >= 2)
    assert (told("traces_unsent"), told("traces_sent_again")) == (1, 1)
