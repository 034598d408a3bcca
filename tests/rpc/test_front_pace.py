"""Le rythme d'un flux : des trames réunies quand le front est occupé, jamais sinon ; un lecteur trop lent n'en perd qu'un."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import grpc
import grpc.aio
import pytest

from server.domain import Limits
from server.rpc.metrics import expose
from tests.support.front_calls import TEXT, gate
from tests.support.front_rig import WORDS, Rig, body, front, sse, typed
from tests.support.waiting import PATIENCE, soon, until


async def test_a_slow_reader_loses_its_own_request(tmp_path: Path) -> None:
    limits = Limits(request_buffer_bytes=256 * 1024)
    async with front(tmp_path, limits=limits) as rig:
        rig.engine.words = ("x" * 65536,) * 400

        async def step(_index: int) -> None:
            await asyncio.sleep(0)

        rig.engine.step = step
        slow = rig.rest.CreateChatCompletion(body(stream=True))
        await slow.read()
        await until(lambda: rig.engine.abandoned == 1, "requête lente abandonnée")
        rig.engine.words = WORDS
        assert (await rig.chat.Chat(typed())).choices[0].message.content[0].text == TEXT
        data = b""
        while (part := await slow.read()) is not grpc.aio.EOF:
            data += part.data
        last = sse(data[data.rindex(b"data: ") :])
        assert last[0]["error"]["code"] == "slow_consumer"


async def frames_and_flushes(rig: Rig) -> tuple[float, float]:
    """Trames reçues et messages envoyés jusqu'ici."""
    await until(lambda: rig.workers[0].busy == (0, 0), "au repos")
    values = {}
    for line in expose(rig.registry).decode().splitlines():
        for name in ("frames", "flushes"):
            if line.startswith(f"passerelle_stream_{name}_total{{"):
                values[name] = float(line.rsplit(" ", 1)[1])
    return values["frames"], values["flushes"]


async def paced(seconds: float) -> Callable[[int], Awaitable[None]]:
    """Un pas toutes les `seconds`."""

    async def step(_index: int) -> None:
        await asyncio.sleep(seconds)

    return step


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Un front tenu pour occupé, dont la fenêtre est donc entière."""
    monkeypatch.setattr("server.front.chat.window.IDLE", -2.0)
    monkeypatch.setattr("server.front.chat.window.FULL", -1.0)


@pytest.mark.usefixtures("busy")
async def test_frames_are_merged_within_the_window_and_the_end_is_not_delayed(tmp_path: Path) -> None:
    async with front(tmp_path, limits=Limits(coalesce_ms=60_000)) as rig:
        rig.engine.words = tuple(f"mot{i} " for i in range(40))
        rig.engine.step = await paced(0.002)
        call = rig.rest.CreateChatCompletion(body(stream=True))
        parts = [p.data async for p in call]
        events = sse(b"".join(parts))
        assert "".join(e["choices"][0]["delta"]["content"] for e in events[:-1]) == "".join(rig.engine.words)
        assert len(sse(parts[0])) == 1
        # La première trame seule, puis tout le reste à la fin : la fenêtre est plus longue que la réponse.
        assert len(parts) <= 3
        frames, flushes = await frames_and_flushes(rig)
        assert frames == 41 and flushes == 2


async def read_one_by_one(rig: Rig) -> None:
    """Lit un flux dont le moteur ne fait un pas qu'une fois le précédent reçu."""
    received = asyncio.Semaphore(1)

    async def step(_index: int) -> None:
        await received.acquire()

    rig.engine.words, rig.engine.step = tuple(f"mot{i} " for i in range(10)), step
    call = rig.rest.CreateChatCompletion(body(stream=True))
    async with asyncio.timeout(PATIENCE):
        while await call.read() is not grpc.aio.EOF:
            received.release()
    frames, flushes = await frames_and_flushes(rig)
    assert frames == 11 and flushes >= 10


async def test_a_lone_reader_gets_each_token_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Une machine d'essais chargée retarde toute boucle : seule une occupation entière compte ici.
    monkeypatch.setattr("server.front.chat.window.IDLE", 1.0)
    monkeypatch.setattr("server.front.chat.window.FULL", 2.0)
    async with front(tmp_path, limits=Limits(coalesce_ms=60_000)) as rig:
        await read_one_by_one(rig)
        assert b"passerelle_stream_window_seconds 0.0" in expose(rig.registry)


async def test_without_a_window_nothing_is_held(tmp_path: Path) -> None:
    async with front(tmp_path, limits=Limits(coalesce_ms=0)) as rig:
        await read_one_by_one(rig)


@pytest.mark.usefixtures("busy")
async def test_the_sweep_frees_what_a_stalled_engine_left(tmp_path: Path) -> None:
    async with front(tmp_path, limits=Limits(coalesce_ms=20)) as rig:
        opened = gate(rig, after=2)
        call = rig.rest.CreateChatCompletion(body(stream=True))
        seen = b""
        # Le moteur s'arrête après deux mots : le second attend dans la fenêtre, et doit pourtant arriver.
        while WORDS[1].encode() not in seen:
            seen += (await soon(call.read())).data
        opened.set()
        while (part := await call.read()) is not grpc.aio.EOF:
            seen += part.data
        assert sse(seen)[-1] == "[DONE]"
