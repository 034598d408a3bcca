"""La vie d'un WebSocket de direct : limites, départs, retenue des deux côtés, arrêt et mort du serveur."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection

from server.errors import ShuttingDown
from server.named_keys import KEYS, KeyTable
from server.rpc.caller import ADDRESS_HEADER
from server.web.main import WebSettings, serving
from tests.fakes.live import Request, Response, ready, serving_live, summary
from tests.support.live_bridge import Bridge, bridge, start, until_closed
from tests.support.named_keys import issued, save
from tests.support.waiting import until


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[Bridge]:
    async with bridge(tmp_path) as found:
        yield found


async def test_its_own_limits_are_told(tmp_path: Path) -> None:
    limits: dict[str, Any] = {"max_web_sockets": 1, "max_web_socket_message_bytes": 1000}
    async with bridge(tmp_path, web_socket_config_seconds=0.2) as page, page.connect() as socket:
        events, code = await until_closed(socket)
    assert code == 4504 and events[0]["metadata"] == {"field": "config", "limit": "0.2", "value": "0.2"}
    async with bridge(tmp_path, **limits) as page:
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


def _from(address: str) -> dict[str, Any]:
    return {"additional_headers": {ADDRESS_HEADER: address}}


async def test_silent_sockets_take_no_place(tmp_path: Path) -> None:
    async with bridge(tmp_path, keys=("cle",), max_web_sockets=2) as page, AsyncExitStack() as opened:
        silent = [await opened.enter_async_context(page.connect(**_from(f"192.0.2.{n}"))) for n in range(5)]
        async with page.connect(**_from("192.0.2.1")) as wrong:
            await start(wrong, api_key="autre")
            assert (await until_closed(wrong))[1] == 4401
        for _ in range(2):
            talking = await opened.enter_async_context(page.connect(**_from("192.0.2.1")))
            await start(talking, api_key="cle")
            assert json.loads(await talking.recv())["type"] == "ready"
        await start(silent[0], api_key="cle")
        events, code = await until_closed(silent[0])
    assert code == 4429 and events[0]["metadata"]["field"] == "max_web_sockets"


async def test_a_named_key_speaks_only_if_it_may(tmp_path: Path) -> None:
    """Refusée avant de prendre une place ; créée ou révoquée, elle l'est pour le socket suivant."""
    speech, chat, revoked = issued("transcribe"), issued("chat"), issued("transcribe", ended="revoked")
    async with bridge(tmp_path, named=KeyTable(tmp_path / KEYS)) as page:
        async with page.connect() as socket:
            await start(socket)
            assert json.loads(await socket.recv())["type"] == "ready"
        assert not await _keyed(page)
        save(tmp_path / KEYS, [speech, chat, revoked])
        assert await _keyed(page)
        refused = {"": (4401, "MISSING_API_KEY"), speech.value[:-1] + "~": (4401, "INVALID_API_KEY")}
        refused |= {revoked.value: (4401, "REVOKED_API_KEY"), chat.value: (4403, "SCOPE_NOT_ALLOWED")}
        for key, (code, reason) in refused.items():
            async with page.connect() as socket:
                await start(socket, **({"api_key": key} if key else {}))
                events, closed = await until_closed(socket)
            assert (closed, events[0]["reason"]) == (code, reason)
        async with page.connect() as socket:
            await start(socket, api_key=speech.value)
            assert json.loads(await socket.recv())["type"] == "ready"


async def _keyed(page: Bridge) -> bool:
    """Ce que la page lit avant son premier état."""
    async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=str(page.path))) as client:
        return bool((await client.get("http://page/config.json")).json()["api_key_required"])


async def test_an_address_has_few_silent_sockets(tmp_path: Path) -> None:
    async with bridge(tmp_path, max_web_sockets_per_address=3, max_opening_web_sockets=4) as page:
        async with AsyncExitStack() as opened:
            for _ in range(3):
                await opened.enter_async_context(page.connect(**_from("192.0.2.1")))
            refused = []
            for address in ("192.0.2.1", "192.0.2.2", "192.0.2.3"):
                socket = await opened.enter_async_context(page.connect(**_from(address)))
                refused.append(socket)
            first, last = await until_closed(refused[0]), await until_closed(refused[2])
            assert [code for _, code in (first, last)] == [4429, 4429]
            assert first[0][0]["metadata"] == {"field": "max_web_sockets_per_address", "limit": "3", "value": "4"}
            assert last[0][0]["metadata"] == {"field": "max_opening_web_sockets", "limit": "4", "value": "5"}
            await start(refused[1])
            assert json.loads(await refused[1].recv())["type"] == "ready"


async def test_without_keys_an_address_has_its_share(tmp_path: Path) -> None:
    async with bridge(tmp_path, max_web_sockets_per_address=1) as page, AsyncExitStack() as opened:
        for address in ("192.0.2.1", "192.0.2.2"):
            socket = await opened.enter_async_context(page.connect(**_from(address)))
            await start(socket)
            assert json.loads(await socket.recv())["type"] == "ready"
        async with page.connect(**_from("192.0.2.1")) as other:
            assert (await until_closed(other))[1] == 4429


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
