"""Le pont de direct : WebSocket, clés, limites, retenue des deux côtés, fins de toute sorte."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from passerelle.v1 import audio_pb2, transcribe_pb2
from websockets.asyncio.client import ClientConnection, unix_connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from server.domain import Limits
from server.errors import InvalidRequest, ShuttingDown
from server.web.live_messages import event_text
from server.web.main import WebSettings, serving
from tests.fakes.live import FakeLive, Request, Response, ready, serving_live, summary

CONFIG: dict[str, Any] = {
    "config": {"audio_format": {"encoding": "AUDIO_ENCODING_PCM_S16LE", "sample_rate_hertz": 48000}, "language": "fr"}
}
SECRET = "cle-tres-secrete"


class Bridge:
    """Le processus du tableau de bord, sur sa prise, devant un faux direct."""

    def __init__(self, path: Path, fake: FakeLive) -> None:
        self.path = path
        self.fake = fake

    def connect(self, **options: Any) -> Any:
        """WebSocket ouvert ; `uri`, `origin` et les autres options sont celles de websockets."""
        options = {"uri": "ws://page/ws/transcribe", "compression": None} | options
        return unix_connect(str(self.path), **options)


@asynccontextmanager
async def bridge(folder: Path, *, keys: tuple[str, ...] = (), **changed: Any) -> AsyncIterator[Bridge]:
    """Tout ce qu'il faut ; `changed` change les limites."""
    path = folder / "page.sock"
    settings = WebSettings(
        socket_path=path,
        dist_dir=folder,
        config={},
        stop_grace=2.0,
        grpc_address=f"unix:{folder / 'grpc.sock'}",
        limits=replace(Limits(), **changed),
        allowed_origins=("https://ami.example",),
    )
    async with serving_live(folder / "grpc.sock", keys) as (fake, _):
        async with serving(settings):
            yield Bridge(path, fake)


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[Bridge]:
    async with bridge(tmp_path) as found:
        yield found


async def start(socket: ClientConnection, **fields: Any) -> None:
    await socket.send(json.dumps({"type": "config", "config": CONFIG} | fields))


async def until_closed(socket: ClientConnection) -> tuple[list[dict[str, Any]], int]:
    """Événements jusqu'à la fermeture, et son code."""
    events: list[dict[str, Any]] = []
    async with asyncio.timeout(20):
        try:
            while True:
                events.append(json.loads(await socket.recv()))
        except ConnectionClosed as closed:
            assert closed.rcvd is not None
            return events, closed.rcvd.code


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


async def test_a_stream_is_told_as_it_comes_and_closed_with_its_summary(page: Bridge) -> None:
    async with page.connect() as socket:
        await start(socket, api_key=SECRET)
        assert json.loads(await socket.recv()) == {"type": "ready", "id": "r1", "model": "canary"}
        for size in (1, 4800, 9601):
            await socket.send(bytes(size))
        await socket.send('{"type":"end"}')
        events, code = await until_closed(socket)
    assert code == 1000 and [event["type"] for event in events] == ["summary"] and events[0]["text"] == "14402"
    sent = page.fake.requests[0].config
    assert sent.config.language == "fr" and sent.config.audio_format.encoding == audio_pb2.AUDIO_ENCODING_PCM_S16LE
    assert [len(request.audio) for request in page.fake.requests[1:]] == [1, 4800, 9601]
    assert page.fake.metadata["authorization"] == f"Bearer {SECRET}"


def test_every_event_of_the_contract_is_its_own_message() -> None:
    segment = {"index": 1, "text": "oui", "confidence": 0.5}
    event = Response(final=segment)
    event.final.start_offset.FromMilliseconds(1250)
    told = json.loads(event_text(event))
    assert told["type"] == "final" and told["start_offset"] == "1.250s" and told["confidence"] == 0.5
    assert told["words"] == [] and "speaker_label" not in told
    kinds = [field.name for field in Response.DESCRIPTOR.oneofs_by_name["event"].fields]
    for kind in kinds:
        event = Response()
        getattr(event, kind).SetInParent()
        assert json.loads(event_text(event))["type"] == kind
        assert "type" not in getattr(event, kind).DESCRIPTOR.fields_by_name
    assert event_text(Response()) == ""


@pytest.mark.parametrize(
    ("first", "reason", "named"),
    [
        (b"\0\0", "AUDIO_CONFIG_EXPECTED", "config"),
        ('{"type":"end"}', "AUDIO_CONFIG_EXPECTED", "type"),
        ("[1]", "INVALID_REQUEST", "message"),
        ("pas du JSON", "INVALID_REQUEST", "message"),
        ('{"type":"config","cle":"x"}', "INVALID_REQUEST", "cle"),
        ('{"type":"config","api_key":"clé"}', "INVALID_REQUEST", "api_key"),
        ('{"type":"config","config":{"modle":"x"}}', "INVALID_REQUEST", "config"),
        ('{"type":"config","config":3}', "INVALID_REQUEST", "config"),
    ],
)
async def test_a_first_message_that_says_nothing_is_refused(
    page: Bridge, first: str | bytes, reason: str, named: str
) -> None:
    async with page.connect() as socket:
        await socket.send(first)
        events, code = await until_closed(socket)
    assert code == 4400 and len(events) == 1
    assert (events[0]["type"], events[0]["reason"], events[0]["metadata"]["field"]) == ("error", reason, named)
    assert not page.fake.requests


async def test_a_wrong_key_is_refused_by_the_front_and_written_nowhere(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with bridge(tmp_path, keys=("bonne",)) as page:
        for key, reason in ((SECRET, "INVALID_API_KEY"), ("", "MISSING_API_KEY")):
            async with page.connect() as socket:
                await start(socket, api_key=key)
                events, code = await until_closed(socket)
            assert (code, events[0]["code"], events[0]["reason"]) == (4401, 401, reason)
        async with page.connect() as socket:
            await start(socket, api_key="bonne")
            assert json.loads(await socket.recv())["type"] == "ready"
    # Le client de l'essai est dans le même processus, et il écrit tout.
    ours = [
        record.getMessage() + str(record.__dict__) for record in caplog.records if record.name != "websockets.client"
    ]
    assert any("live_socket_closed" in line for line in ours) and not any(SECRET in line for line in ours)


async def test_a_refusal_keeps_its_reason_while_the_client_is_writing(page: Bridge) -> None:
    async def refuse(requests: AsyncIterator[Request]) -> AsyncIterator[Response]:
        for _ in range(10):
            await anext(requests)
        yield summary()
        raise InvalidRequest("Non.")

    page.fake.script = refuse

    async def one() -> tuple[list[dict[str, Any]], int]:
        async with page.connect() as socket:
            await start(socket)
            reading = asyncio.create_task(until_closed(socket))
            try:
                while not reading.done():
                    await socket.send(bytes(3000))
            except ConnectionClosed:
                pass
            return await reading

    for events, code in await asyncio.gather(*(one() for _ in range(20))):
        assert [event["type"] for event in events] == ["summary", "error"]
        assert code == 4400 and events[1]["message"] == "Non."


@pytest.mark.parametrize(
    ("origin", "status"),
    [(None, 101), ("http://page", 101), ("https://ami.example", 101), ("http://autre", 403), ("null", 403)],
)
async def test_the_page_of_another_site_is_refused_before_it_enters(
    page: Bridge, origin: str | None, status: int
) -> None:
    # Envoy écrit cet en-tête, et retire celui d'un client.
    options = {"origin": origin, "additional_headers": {"x-forwarded-host": "page"}}
    if status == 101:
        async with page.connect(**options):
            return
    with pytest.raises(InvalidStatus) as refused:
        await page.connect(**options)
    assert refused.value.response.status_code == status


async def test_the_address_takes_no_parameter_and_explains_itself(page: Bridge) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await page.connect(uri=f"ws://page/ws/transcribe?cle={SECRET}")
    assert refused.value.response.status_code == 403
    transport = httpx.AsyncHTTPTransport(uds=str(page.path))
    async with httpx.AsyncClient(transport=transport, base_url="http://page") as http:
        plain = await http.get("/ws/transcribe")
    assert plain.status_code == 426 and "WebSocket" in plain.json()["error"]["message"]


async def test_its_own_limits_are_told(tmp_path: Path) -> None:
    limits: dict[str, Any] = {
        "max_web_sockets": 1,
        "max_web_socket_message_bytes": 1000,
        "web_socket_config_seconds": 0.2,
    }
    async with bridge(tmp_path, **limits) as page:
        async with page.connect() as socket:
            events, code = await until_closed(socket)
        assert code == 4504 and events[0]["metadata"] == {"field": "config", "limit": "0.2", "value": "0.2"}
        async with page.connect() as socket:
            await start(socket)
            assert json.loads(await socket.recv())["type"] == "ready"
            async with page.connect() as other:
                events, code = await until_closed(other)
            assert code == 4429 and events[0]["reason"] == "QUEUE_FULL" and events[0]["retry_after"] == 5.0
            await socket.send(bytes(1001))
            events, code = await until_closed(socket)
        assert code == 1009 and events[0]["metadata"] == {"field": "message", "limit": "1000", "value": "1001"}
        await until(lambda: page.fake.cancelled == 1)
        async with page.connect() as socket:
            await start(socket)
            await socket.send('{"type":"end"}')
            assert (await until_closed(socket))[1] == 1000


@pytest.mark.parametrize("said", ["{}", '{"type":"config"}', "non"])
async def test_any_other_text_is_refused(page: Bridge, said: str) -> None:
    async with page.connect() as socket:
        await start(socket)
        assert json.loads(await socket.recv())["type"] == "ready"
        await socket.send(said)
        events, code = await until_closed(socket)
    assert code == 4400 and events[0]["reason"] == "INVALID_REQUEST"


@pytest.mark.parametrize("polite", [True, False])
async def test_a_client_that_leaves_cancels_its_call_at_once(page: Bridge, polite: bool) -> None:
    async with page.connect() as socket:
        await start(socket)
        await socket.recv()
        await socket.send(bytes(100))
        await until(lambda: page.fake.heard == 100)
        if polite:
            await socket.close()
        else:
            socket.transport.abort()
        await until(lambda: page.fake.running == 0)
    assert page.fake.cancelled == 1


async def test_a_slow_engine_holds_the_client_back_and_loses_nothing(page: Bridge) -> None:
    go = asyncio.Event()

    async def slow(requests: AsyncIterator[Request]) -> AsyncIterator[Response]:
        await anext(requests)
        yield ready()
        await go.wait()
        async for _ in requests:
            pass
        yield summary()

    page.fake.script = slow
    piece, pieces = bytes(100_000), 200
    sent = 0

    async def talk(socket: ClientConnection) -> None:
        nonlocal sent
        for _ in range(pieces):
            await socket.send(piece)
            sent += 1
        await socket.send('{"type":"end"}')

    async with page.connect() as socket:
        await start(socket)
        talking = asyncio.create_task(talk(socket))
        seen = -1
        while seen != sent:
            seen = sent
            await asyncio.sleep(0.3)
        assert sent < 80, f"{sent} morceaux pris sans que le moteur lise"
        go.set()
        events, code = await until_closed(socket)
        await talking
    assert code == 1000 and page.fake.heard == pieces * len(piece)
    assert events[-1]["type"] == "summary"


async def test_a_client_that_does_not_read_holds_the_engine_back_then_loses_its_stream(tmp_path: Path) -> None:
    told = 0

    async def flood(requests: AsyncIterator[Request]) -> AsyncIterator[Response]:
        nonlocal told
        await anext(requests)
        for _ in range(2000):
            yield summary("x" * 20_000)
            told += 1

    async with bridge(tmp_path, web_socket_stall_seconds=0.5) as page:
        page.fake.script = flood
        async with page.connect(max_queue=1) as socket:
            await start(socket)
            await until(lambda: page.fake.cancelled == 1)
            assert 0 < told < 1000, f"{told} événements produits pour un client qui ne lit pas"
            socket.transport.abort()


async def test_a_stopping_server_gives_what_it_heard_then_says_why(tmp_path: Path) -> None:
    async with bridge(tmp_path) as page:
        talking, waiting = await page.connect(), await page.connect()
        await start(talking)
        await talking.recv()
        await talking.send(bytes(100))
        await until(lambda: page.fake.heard == 100)
    events, code = await until_closed(talking)
    assert [event["type"] for event in events] == ["summary", "error"] and events[0]["text"] == "100"
    assert code == 1001 and events[1]["reason"] == ShuttingDown.reason and not page.fake.cancelled
    events, code = await until_closed(waiting)
    assert code == 1001 and events[0]["reason"] == ShuttingDown.reason


async def test_a_server_that_dies_is_told_never_a_silence(tmp_path: Path) -> None:
    path = tmp_path / "page.sock"
    settings = WebSettings(path, tmp_path, {}, 2.0, f"unix:{tmp_path / 'grpc.sock'}")
    async with serving(settings):
        async with serving_live(tmp_path / "grpc.sock") as (fake, server):
            page = Bridge(path, fake)
            async with page.connect() as socket:
                await start(socket)
                await socket.recv()
                await server.server.stop(0)
                events, code = await until_closed(socket)
            assert code == 4503 and events[-1]["reason"] == "WORKER_LOST"
        async with page.connect() as socket:
            await start(socket)
            events, code = await until_closed(socket)
        assert code == 4503 and events[0]["metadata"]["status"] == "UNAVAILABLE"


def test_the_first_message_takes_the_two_spellings_of_proto3_json() -> None:
    from server.web.live_messages import first_message

    text = json.dumps({"type": "config", "config": {"interimResults": False, "endpoint_silence": "0.4s"}})
    key, config = first_message(text)
    assert key == "" and config.interim_results is False and config.HasField("interim_results")
    assert config.endpoint_silence.ToMilliseconds() == 400
    assert config == transcribe_pb2.StreamTranscribeConfig(
        interim_results=False, endpoint_silence={"nanos": 400_000_000}
    )
