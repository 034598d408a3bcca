"""Le flux d'entrée d'une requête, des deux bouts de la liaison : fenêtre, crédits, débordement, attente."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from passerelle.worker.v1 import link_pb2

from server.errors import InvalidRequest, PasserelleError, WorkerLost
from server.link.call import LinkCall
from server.link.client import LinkClient
from server.link.framing import INPUT_WINDOW_BYTES
from server.link.inputs import RequestInput
from server.link.server import FrontLink, LinkServer
from tests.support.waiting import soon, until

MAX_FRAME = 8 * 1024 * 1024


def chunk(size: int, *, last: bool = False) -> link_pb2.InputChunk:
    return link_pb2.InputChunk(id=1, data=bytes(size), last=last)


async def test_room_is_given_back_as_bytes_are_read_by_large_steps() -> None:
    given: list[int] = []
    inputs = RequestInput(given.append)
    for _ in range(4):
        inputs.receive(chunk(100_000))
        assert inputs.waiting == 100_000
        assert len(await inputs.read()) == 100_000 and inputs.waiting == 0
    assert given == [300_000]


async def test_a_full_window_is_taken_and_one_byte_more_is_refused() -> None:
    inputs = RequestInput(lambda _size: None)
    inputs.receive(chunk(INPUT_WINDOW_BYTES))
    with pytest.raises(InvalidRequest) as raised:
        inputs.receive(chunk(1))
    assert raised.value.metadata == {"limit": str(INPUT_WINDOW_BYTES), "value": str(INPUT_WINDOW_BYTES + 1)}


async def test_the_end_is_read_after_the_bytes_and_stays() -> None:
    inputs = RequestInput(lambda _size: None)
    reading = asyncio.create_task(inputs.read())
    await asyncio.sleep(0)
    inputs.receive(chunk(3, last=True))
    assert await reading == bytes(3)
    inputs.receive(chunk(5))
    assert await inputs.read() == await inputs.read() == b""
    assert not inputs.cut


async def test_a_stream_cut_by_the_worker_says_so_unless_it_was_over() -> None:
    cut, over = RequestInput(lambda _size: None), RequestInput(lambda _size: None)
    cut.receive(chunk(3))
    cut.end()
    over.receive(chunk(0, last=True))
    over.end()
    assert (cut.cut, over.cut) == (True, False)
    assert await cut.read() == bytes(3) and await cut.read() == b""


class Reader:
    """Exemplaire qui ne lit les flux d'entrée que si on l'en prie."""

    def __init__(self) -> None:
        self.inputs: dict[int, RequestInput] = {}
        self.links: dict[int, FrontLink] = {}
        self.cancelled: list[int] = []
        self.refused: list[PasserelleError] = []

    def load(self) -> link_pb2.Load:
        """Au repos."""
        return link_pb2.Load()

    def submit(self, link: FrontLink, request: link_pb2.Submit) -> None:
        """Ouvre le flux d'entrée."""
        number = request.id
        self.inputs[number] = RequestInput(lambda size: link.give_back(number, size))
        self.links[number] = link

    def input(self, _link: FrontLink, chunk: link_pb2.InputChunk) -> None:
        """Range la suite."""
        try:
            self.inputs[chunk.id].receive(chunk)
        except PasserelleError as error:
            self.refused.append(error)

    def cancel(self, _link: FrontLink, request_id: int) -> None:
        """Note l'abandon."""
        self.cancelled.append(request_id)

    def sleep(self, _link: FrontLink, _request: link_pb2.Sleep) -> None:
        """Ne dort pas."""

    def wake(self, _link: FrontLink, _request: link_pb2.Wake) -> None:
        """Ne dort pas."""

    def measure(self, _link: FrontLink, _request: link_pb2.Measure) -> None:
        raise AssertionError("jamais demandé")

    def parting(self, _link: FrontLink, _request: link_pb2.Parting) -> None:
        """Ne part pas."""

    def lost(self, link: FrontLink) -> None:
        """Rien à rendre."""


@asynccontextmanager
async def linked(folder: Path) -> AsyncIterator[tuple[LinkClient, Reader, LinkServer]]:
    reader = Reader()
    server = LinkServer(reader, name="essai", max_frame_bytes=MAX_FRAME)
    await server.start(str(folder / "l.sock"))
    client = await LinkClient.connect(
        str(folder / "l.sock"), "front", max_frame_bytes=MAX_FRAME, request_buffer_bytes=1 << 20
    )
    try:
        yield client, reader, server
    finally:
        await client.aclose()
        await server.stop()


def live(client: LinkClient) -> LinkCall:
    return client.submit(link_pb2.REQUEST_KIND_LIVE, b"", stream=True, request_id="r")


async def test_a_fast_sender_waits_for_the_reader_and_nothing_is_lost(tmp_path: Path) -> None:
    async with linked(tmp_path) as (client, reader, _):
        call = live(client)
        data = bytes(range(256)) * 20_000
        sending = asyncio.create_task(call.send(data))
        await until(lambda: 1 in reader.inputs and reader.inputs[1].waiting > INPUT_WINDOW_BYTES * 0.7)
        assert not sending.done()
        received = bytearray()
        while len(received) < len(data):
            assert reader.inputs[1].waiting <= INPUT_WINDOW_BYTES
            received += await reader.inputs[1].read()
        await soon(sending)
        assert bytes(received) == data and not reader.refused
        call.end_input()
        assert await soon(reader.inputs[1].read()) == b""


async def test_small_messages_never_exhaust_the_window(tmp_path: Path) -> None:
    async with linked(tmp_path) as (client, reader, _):
        call = live(client)
        await until(lambda: 1 in reader.inputs)

        async def read() -> int:
            total = 0
            while data := await reader.inputs[1].read():
                total += len(data)
            return total

        reading = asyncio.create_task(read())
        for _ in range(3000):
            await call.send(bytes(977))
        call.end_input()
        assert await soon(reading) == 3000 * 977


@pytest.mark.parametrize("end", ["fini", "échec", "abandon", "perdu"])
async def test_a_sender_that_waits_is_freed_by_the_end_of_its_call(tmp_path: Path, end: str) -> None:
    async with linked(tmp_path) as (client, reader, server):
        call = live(client)
        sending = asyncio.create_task(call.send(bytes(3 * INPUT_WINDOW_BYTES)))
        await until(lambda: 1 in reader.inputs and reader.inputs[1].waiting > INPUT_WINDOW_BYTES * 0.7)
        if end == "fini":
            reader.links[1].emit(1, b"", True)
        elif end == "échec":
            reader.links[1].fail(1, InvalidRequest("refusé"))
        elif end == "abandon":
            call.cancel()
        else:
            await server.stop()
        await soon(sending)
        call.end_input()
        if end == "perdu":
            with pytest.raises(WorkerLost):
                await anext(call)
        elif end == "abandon":
            await until(lambda: reader.cancelled == [1])
        other = live(client) if end != "perdu" else None
        if other is not None:
            await soon(other.send(b"encore"))
            await until(lambda: reader.inputs.get(2) is not None and reader.inputs[2].waiting == 6)
