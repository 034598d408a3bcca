"""Les trames de la liaison : ce qui est écrit à la main est ce que protobuf lit, d'où qu'elles soient coupées."""

import random
from typing import Any

import pytest
from passerelle.worker.v1 import link_pb2

from server.link.framing import FrameConnection
from server.varint import varint


class Transport:
    """Prise qui retient ce qu'on y écrit."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closed = False

    def is_closing(self) -> bool:
        return self.closed

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def writelines(self, parts: Any) -> None:
        self.written += parts

    def abort(self) -> None:
        self.closed = True


async def made(limit: int = 1 << 24) -> tuple[FrameConnection, Transport, list[link_pb2.Frame]]:
    frames: list[link_pb2.Frame] = []
    connection, transport = FrameConnection(limit, frames.append, lambda _reason: None), Transport()
    connection.connection_made(transport)  # type: ignore[arg-type]
    return connection, transport, frames


SUBMIT = link_pb2.Submit(
    id=7, kind=link_pb2.REQUEST_KIND_CHAT, stream=True, request_id="req-é", caller="k1", timeout_seconds=2.5, weight=3
)


@pytest.mark.parametrize("size", [0, 1, 127, 128, 16_383, 16_384, 3_000_000])
async def test_a_request_written_apart_from_its_body_is_read_whole(size: int) -> None:
    connection, transport, frames = await made()
    body = b"x" * size
    connection.send_submit(SUBMIT, body)
    assert transport.written[-1] is body, "le corps a été recopié"
    connection.data_received(b"".join(transport.written))
    wanted = link_pb2.Submit(payload=body)
    wanted.MergeFrom(SUBMIT)
    assert [frame.submit for frame in frames] == [wanted]


@pytest.mark.parametrize("seed", range(8))
async def test_frames_are_read_wherever_they_are_cut(seed: int) -> None:
    chance = random.Random(seed)
    connection, transport, frames = await made()
    for number in range(40):
        if chance.random() < 0.5:
            connection.send(link_pb2.Frame(cancel=link_pb2.Cancel(id=number)))
        else:
            connection.send_submit(link_pb2.Submit(id=number), b"y" * chance.randrange(3000))
    stream, at = b"".join(transport.written), 0
    while at < len(stream):
        size = chance.choice((1, 3, 4, 5, 200, 5000))
        connection.data_received(stream[at : at + size])
        at += size
    assert [frame.cancel.id if frame.HasField("cancel") else frame.submit.id for frame in frames] == list(range(40))


@pytest.mark.parametrize("alone", [True, False])
async def test_a_frame_over_the_limit_closes_the_link(alone: bool) -> None:
    connection, transport, frames = await made(limit=100)
    frame = link_pb2.Frame(submit=link_pb2.Submit(payload=b"z" * 200)).SerializeToString()
    data = len(frame).to_bytes(4, "big") + frame
    for part in (data,) if alone else (data[:10], data[10:]):
        connection.data_received(part)
    assert transport.closed and frames == []


@pytest.mark.parametrize("alone", [True, False])
async def test_an_unreadable_frame_closes_the_link(alone: bool) -> None:
    connection, transport, frames = await made()
    data = (5).to_bytes(4, "big") + b"\xff" * 5
    for part in (data,) if alone else (data[:6], data[6:]):
        connection.data_received(part)
    assert transport.closed and frames == []


def test_a_varint_is_protobufs() -> None:
    for value in (0, 1, 127, 128, 300, 16_383, 16_384, 2**32):
        assert b"\x08" + varint(value) == link_pb2.Cancel(id=value).SerializeToString() or value == 0
