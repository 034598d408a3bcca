"""L'intercepteur et le serveur, sur une vraie prise, dans les quatre formes d'appel."""

import asyncio
import errno
import logging
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import grpc.aio
import pytest
from google.api.httpbody_pb2 import HttpBody
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status
from passerelle.v1 import route_pb2
from prometheus_client import CollectorRegistry

from server.errors import EngineFailed, QueueFull
from server.rpc import interceptors
from server.rpc.auth import Guard, Metadata
from server.rpc.caller import Caller
from server.rpc.deadline import margin, time_left
from server.rpc.http_body import Family, encode_body
from server.rpc.interceptors import ServiceInterceptor
from server.rpc.logs import request_id
from server.rpc.metrics import RpcMetrics, expose
from server.rpc.server import RpcServer, RpcSettings
from tests.support.waiting import PATIENCE, soon, until

SERVICE = "essai.Service"
Behavior = Callable[..., Any]


class Rig:
    """Un service d'essai dont chaque forme fait ce que `act` lui dit."""

    def __init__(self) -> None:
        self.act: Behavior = lambda: None
        self.entered = asyncio.Event()
        self.left = asyncio.Event()
        self.seen_ids: list[str] = []
        self.requests: list[bytes] = []
        self.kind = "text/event-stream"

    async def unary(self, request: bytes, _context: Any) -> bytes:
        self.seen_ids.append(request_id.get())
        self.requests.append(request)
        await self._read(request)
        await self._step()
        return b"un"

    async def stream(self, request: Any, _context: Any) -> AsyncIterator[bytes]:
        await self._read(request)
        yield b"un"
        await self._step()
        yield b"deux"

    async def written(self, _request: Any, context: Any) -> None:
        await context.write(b"un")
        await self._step()

    async def http(self, _request: Any, _context: Any) -> AsyncIterator[bytes]:
        await self._step()
        yield encode_body(b"data: 1\n\n", self.kind)
        await self._step()

    async def _read(self, request: Any) -> None:
        """Lit un flux jusqu'à sa fin : le client d'asyncio perd le statut d'un appel clos pendant qu'il écrit."""
        if hasattr(request, "__aiter__"):
            async for _message in request:
                pass

    async def _step(self) -> None:
        self.entered.set()
        try:
            result = self.act()
            if asyncio.iscoroutine(result):
                await result
        finally:
            self.left.set()

    def handlers(self) -> grpc.GenericRpcHandler:
        return grpc.method_handlers_generic_handler(
            SERVICE,
            {
                "UnaryUnary": grpc.unary_unary_rpc_method_handler(self.unary),
                "StreamUnary": grpc.stream_unary_rpc_method_handler(self.unary),
                "UnaryStream": grpc.unary_stream_rpc_method_handler(self.stream),
                "StreamStream": grpc.stream_stream_rpc_method_handler(self.stream),
                "Written": grpc.unary_stream_rpc_method_handler(self.written),
                "Http": grpc.unary_stream_rpc_method_handler(self.http),
                "HttpApi": grpc.unary_stream_rpc_method_handler(self.http),
                "Guarded": grpc.unary_unary_rpc_method_handler(self.unary),
            },
        )


POLICY = {
    **{
        f"/{SERVICE}/{n}": route_pb2.SCOPE_PUBLIC
        for n in ("UnaryUnary", "StreamUnary", "UnaryStream", "StreamStream", "Written")
    },
    f"/{SERVICE}/Http": route_pb2.SCOPE_CHAT,
    f"/{SERVICE}/HttpApi": route_pb2.SCOPE_PUBLIC,
    f"/{SERVICE}/Guarded": route_pb2.SCOPE_CHAT,
    "/grpc.health.v1.Health/Check": route_pb2.SCOPE_PUBLIC,
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo": route_pb2.SCOPE_PUBLIC,
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": route_pb2.SCOPE_PUBLIC,
}


@asynccontextmanager
async def served(
    rig: Rig, *, keys: tuple[str, ...] = (), guard: Guard | None = None, **settings: Any
) -> AsyncIterator[tuple[Any, Any, Any]]:
    registry = CollectorRegistry()
    interceptor = ServiceInterceptor(
        guard or Guard(keys, (), policy=POLICY),
        RpcMetrics(registry),
        families={f"/{SERVICE}/Http": Family.OPENAI, f"/{SERVICE}/HttpApi": Family.API},
    )
    values: dict[str, Any] = {"address": "127.0.0.1:0", "max_message_bytes": 1024 * 1024, "drain_delay": 0.0}
    server = RpcServer(RpcSettings(**(values | settings)), interceptor)
    server.server.add_generic_rpc_handlers((rig.handlers(),))
    await server.start()
    target = values["address"] if server.port == 1 else f"127.0.0.1:{server.port}"
    if "address" in settings:
        target = settings["address"]
    try:
        async with grpc.aio.insecure_channel(target) as channel:
            yield channel, server, registry
    finally:
        await server.server.stop(0)


async def requests() -> AsyncIterator[bytes]:
    yield b"a"
    yield b"b"


async def call(channel: Any, shape: str, **options: Any) -> list[bytes]:
    """Appelle la forme nommée et rend tous ses messages ; abandonnée, elle annule l'appel."""
    path = f"/{SERVICE}/{shape}"
    if shape in ("UnaryUnary", "Guarded"):
        made = channel.unary_unary(path)(b"q", **options)
    elif shape == "StreamUnary":
        made = channel.stream_unary(path)(requests(), **options)
    elif shape == "StreamStream":
        made = channel.stream_stream(path)(requests(), **options)
    else:
        made = channel.unary_stream(path)(b"q", **options)
    try:
        return [m async for m in made] if hasattr(made, "__aiter__") else [await made]
    finally:
        # Annulée entre deux lectures, la tâche laisserait grpc.aio tenir l'appel ouvert : le client ne serait pas parti.
        made.cancel()


def fail(error: BaseException) -> Behavior:
    def act() -> None:
        raise error

    return act


SHAPES = ("UnaryUnary", "StreamUnary", "UnaryStream", "StreamStream", "Written")


@pytest.mark.parametrize("shape", SHAPES)
async def test_an_expected_error_becomes_a_detailed_status(shape: str) -> None:
    rig = Rig()
    rig.act = fail(QueueFull("La file est pleine.", metadata={"limit": "4"}, retry_after=2))
    async with served(rig) as (channel, _, _):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(channel, shape, metadata=(("x-request-id", "req-42"),))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert caught.value.details() == "La file est pleine.\nRate limit reached. Please try again in 2s."
    status = rpc_status.from_call(caught.value)
    assert status is not None
    info, retry, request = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo(), error_details_pb2.RequestInfo()
    assert [d.Unpack(m) for d, m in zip(status.details, (info, retry, request), strict=True)] == [True] * 3
    assert (info.reason, info.domain, dict(info.metadata)) == ("QUEUE_FULL", "passerelle", {"limit": "4"})
    assert retry.retry_delay.seconds == 2
    assert request.request_id == "req-42"


@pytest.mark.parametrize("shape", SHAPES)
async def test_an_unknown_exception_says_nothing_but_is_logged(shape: str, caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig()
    rig.act = fail(ValueError("secret de fabrication"))
    async with served(rig) as (channel, _, _):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(channel, shape)
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert "secret" not in (caught.value.details() or "")
    crashed = [r for r in caplog.records if r.getMessage() == "rpc_crashed"]
    assert crashed and crashed[0].exc_info and "secret de fabrication" in str(crashed[0].exc_info[1])


@pytest.mark.parametrize("shape", SHAPES)
async def test_a_machine_out_of_descriptors_asks_for_another_try(shape: str) -> None:
    rig = Rig()
    rig.act = fail(OSError(errno.EMFILE, "Too many open files"))
    async with served(rig) as (channel, _, _):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(channel, shape)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    status = rpc_status.from_call(caught.value)
    assert status is not None
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    assert status.details[0].Unpack(info) and status.details[1].Unpack(retry)
    assert (info.reason, retry.retry_delay.seconds) == ("HOST_EXHAUSTED", 5)


@pytest.mark.parametrize("shape", SHAPES)
async def test_a_vanished_client_reaches_the_method(shape: str) -> None:
    rig = Rig()
    rig.act = asyncio.Event().wait
    async with served(rig) as (channel, _, registry):
        task = asyncio.create_task(call(channel, shape))
        await soon(rig.entered.wait())
        task.cancel()
        await soon(rig.left.wait())
        await until(lambda: b'code="CANCELLED"' in expose(registry))


@pytest.fixture
def early(monkeypatch: pytest.MonkeyPatch) -> None:
    """Le serveur finit ses appels bien avant leur échéance : si lente que soit la machine, c'est lui qui répond."""
    monkeypatch.setattr(interceptors, "margin", lambda seconds: seconds - 0.2)


@pytest.mark.usefixtures("early")
async def test_a_deadline_is_counted_as_such() -> None:
    rig = Rig()
    async with served(rig) as (channel, _, registry):
        await call(channel, "UnaryUnary")
        rig.act = asyncio.Event().wait
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(channel, "UnaryUnary", timeout=PATIENCE)
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        await until(lambda: b'code="DEADLINE_EXCEEDED"' in expose(registry))
        assert b'passerelle_rpc_in_flight{method="/essai.Service/UnaryUnary"} 0.0' in expose(registry)


@pytest.mark.usefixtures("early")
async def test_a_deadline_ends_with_a_reason_before_it_strikes() -> None:
    rig = Rig()
    rig.act = asyncio.Event().wait
    async with served(rig) as (channel, _, registry):
        ended = await asyncio.gather(
            *(call(channel, shape, timeout=PATIENCE) for shape in SHAPES), return_exceptions=True
        )
        assert b'passerelle_rpc_in_flight{method="/essai.Service/UnaryUnary"} 0.0' in expose(registry)
        assert expose(registry).count(b'code="DEADLINE_EXCEEDED"') >= len(SHAPES)
    for error in ended:
        assert isinstance(error, grpc.aio.AioRpcError) and error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        status, info = rpc_status.from_call(error), error_details_pb2.ErrorInfo()
        assert status is not None and status.details[0].Unpack(info)
        assert (info.reason, info.metadata["field"]) == ("DEADLINE_EXCEEDED", "grpc-timeout")


def test_a_call_ends_a_little_before_its_deadline() -> None:
    assert [margin(seconds) for seconds in (60, 4, 1, 0.1, 0.01, 0)] == pytest.approx([0.5, 0.4, 0.1, 0.02, 0.005, 0])


@pytest.mark.usefixtures("early")
async def test_a_deadline_of_an_http_method_is_504_in_its_shape() -> None:
    rig = Rig()
    rig.act = asyncio.Event().wait
    async with served(rig) as (channel, _, _):
        headers, bodies = await http_call(channel, timeout=PATIENCE)
    assert headers["x-http-status"] == "504"
    assert b'"code":"deadline_exceeded"' in bodies[0].data


async def test_a_method_knows_it_must_answer_before_its_deadline() -> None:
    rig, left = Rig(), []

    async def note(_request: bytes, context: Any) -> bytes:
        seconds = context.time_remaining()
        left.append((seconds, time_left(SimpleNamespace(time_remaining=lambda: seconds))))
        return b""

    rig.unary = note  # type: ignore[assignment,method-assign]
    async with served(rig) as (channel, _, _):
        await call(channel, "UnaryUnary", timeout=PATIENCE)
        await call(channel, "UnaryUnary")
    (remaining, mine), endless = left
    assert mine == pytest.approx(remaining - 1.0)
    assert endless == (None, None)


async def test_the_request_id_is_kept_or_made() -> None:
    rig = Rig()
    async with served(rig) as (channel, _, _):
        await call(channel, "UnaryUnary", metadata=(("x-request-id", "abc-1"),))
        await call(channel, "UnaryUnary", metadata=(("x-request-id", "a b" * 3),))
        await call(channel, "UnaryUnary")
    kept, odd, made = rig.seen_ids
    assert kept == "abc-1"
    assert len(odd) == len(made) == 32 and odd != made


async def test_every_call_leaves_one_line_and_its_measures(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    rig = Rig()
    async with served(rig) as (channel, _, registry):
        assert await call(channel, "UnaryStream") == [b"un", b"deux"]
        await until(lambda: b"passerelle_rpc_seconds_count" in expose(registry))
    lines = [r.__dict__ for r in caplog.records if r.getMessage() == "rpc_finished"]
    assert len(lines) == 1
    assert (lines[0]["method"], lines[0]["code"], lines[0]["messages"]) == (f"/{SERVICE}/UnaryStream", "OK", 2)
    assert b'passerelle_rpc_calls_total{code="OK",method="/essai.Service/UnaryStream"} 1.0' in expose(registry)


async def http_call(channel: Any, method: str = "Http", **options: Any) -> tuple[dict[str, Any], list[HttpBody]]:
    running = channel.unary_stream(f"/{SERVICE}/{method}", response_deserializer=HttpBody.FromString)(b"", **options)
    bodies = [body async for body in running]
    assert await running.code() is grpc.StatusCode.OK
    return dict(await running.initial_metadata()), bodies


async def test_an_http_method_answers_with_a_status_and_a_body() -> None:
    rig = Rig()
    rig.act = fail(QueueFull("Pleine.", retry_after=2.5))
    async with served(rig) as (channel, _, _):
        headers, bodies = await http_call(channel)
        api_headers, api_bodies = await http_call(channel, "HttpApi")
    assert (headers["x-http-status"], headers["retry-after"]) == ("429", "3")
    assert [b.content_type for b in bodies] == ["application/json"]
    assert bodies[0].data.startswith(
        b'{"error":{"message":"Pleine.\\nRate limit reached. Please try again in 3s.","type":"rate_limit_error"'
    )
    assert api_headers["x-http-status"] == "429"
    assert api_bodies[0].data.startswith(b'{"error":{"code":429,"reason":"QUEUE_FULL"')


async def test_after_the_first_byte_an_error_is_an_event() -> None:
    rig = Rig()
    steps = iter([None, EngineFailed("Cassé.")])

    def act() -> None:
        error = next(steps)
        if error is not None:
            raise error

    rig.act = act
    async with served(rig) as (channel, _, _):
        headers, bodies = await http_call(channel)
    assert "x-http-status" not in headers
    assert bodies[0].data == b"data: 1\n\n"
    assert bodies[1].data.startswith(b'data: {"error":{"message":') and bodies[1].data.endswith(b"\n\n")


async def test_nothing_is_added_to_a_body_that_is_no_stream() -> None:
    rig = Rig()
    rig.kind = "application/json"
    steps = iter([None, OSError(errno.EMFILE, "Too many open files")])

    def act() -> None:
        error = next(steps)
        if error is not None:
            raise error

    rig.act = act
    async with served(rig) as (channel, _, _):
        running = channel.unary_stream(f"/{SERVICE}/Http", response_deserializer=HttpBody.FromString)(b"")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            bodies = [body async for body in running]
            raise AssertionError(bodies)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_refused_key_stops_before_the_method() -> None:
    rig = Rig()
    async with served(rig, keys=("bonne",)) as (channel, _, _):
        headers, bodies = await http_call(channel)
        assert headers["x-http-status"] == "401" and b'"code":"invalid_api_key"' in bodies[0].data
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(channel, "Guarded", metadata=(("authorization", "Bearer mauvaise"),))
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
        assert not rig.requests and not rig.entered.is_set()
        assert await call(channel, "Guarded", metadata=(("authorization", "Bearer bonne"),)) == [b"un"]


class BrokenGuard(Guard):
    """Garde qui se trompe."""

    def check(self, method: str, metadata: Metadata) -> Caller:
        raise ValueError("secret")


async def test_a_guard_that_fails_says_nothing_but_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig()
    async with served(rig, guard=BrokenGuard((), ())) as (channel, _, _):
        for method in ("UnaryUnary", "StreamStream"):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call(channel, method)
            assert caught.value.code() is grpc.StatusCode.INTERNAL and "secret" not in str(caught.value.details())
        parts, _ = await http_call(channel)
    assert parts["x-http-status"] == "500"
    assert not rig.requests and "secret" in caplog.text


async def test_an_unknown_method_is_said_so() -> None:
    async with served(Rig()) as (channel, _, registry):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary(f"/{SERVICE}/Inconnue")(b"")
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
        assert "Inconnue" in (caught.value.details() or "")
        assert rpc_status.from_call(caught.value) is not None
        await until(lambda: b'method="unknown"' in expose(registry))
        assert b"Inconnue" not in expose(registry)


async def test_a_unix_socket_is_private_and_removed(tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    async with served(Rig(), address=f"unix:{path}") as (channel, server, _):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert await call(channel, "UnaryUnary") == [b"un"]
        await server.stop()
    assert not path.exists()


async def test_stopping_lets_the_running_calls_end() -> None:
    rig = Rig()
    release = asyncio.Event()
    rig.act = release.wait
    async with served(rig, drain_delay=0.05, stop_grace=5.0, health=(SERVICE,)) as (channel, server, _):
        health = health_pb2_grpc.HealthStub(channel)
        for name in ("", SERVICE):
            answer = await health.Check(health_pb2.HealthCheckRequest(service=name))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        running = asyncio.create_task(call(channel, "UnaryStream"))
        await soon(rig.entered.wait())
        stopping = asyncio.create_task(server.stop())
        await asyncio.sleep(0)
        answer = await health.Check(health_pb2.HealthCheckRequest())
        assert answer.status == health_pb2.HealthCheckResponse.NOT_SERVING
        assert not stopping.done()
        release.set()
        assert await soon(running) == [b"un", b"deux"]
        await soon(stopping)


async def test_a_message_over_the_limit_is_refused() -> None:
    async with served(Rig(), max_message_bytes=1) as (channel, _, _):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary(f"/{SERVICE}/UnaryUnary")(b"x" * (2 * 1024 * 1024))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
