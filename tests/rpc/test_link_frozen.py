"""Un exemplaire figé ne lit plus : ce qui l'attend dans un front est borné, et rien d'autre n'en souffre."""

import asyncio
from pathlib import Path

import pytest
from passerelle.worker.v1 import link_pb2

from server.errors import QueueFull
from server.link.client import LinkClient
from server.link.framing import LINK_VERSION, FrameConnection

FRAME_BYTES = 1024 * 1024


class _Deaf(FrameConnection):
    """Bout qui salue, puis ne lit plus."""

    def __init__(self) -> None:
        super().__init__(FRAME_BYTES, self._greet, lambda _reason: None)

    def _greet(self, _frame: link_pb2.Frame) -> None:
        assert self._transport is not None
        self._transport.pause_reading()
        self.send(link_pb2.Frame(hello=link_pb2.Hello(version=LINK_VERSION, name="sourd", max_frame_bytes=FRAME_BYTES)))


async def test_what_waits_for_a_deaf_worker_is_bounded(tmp_path: Path) -> None:
    path = str(tmp_path / "sourd.sock")
    deaf: list[_Deaf] = []

    def accept() -> _Deaf:
        deaf.append(_Deaf())
        return deaf[-1]

    server = await asyncio.get_running_loop().create_unix_server(accept, path)
    client = await LinkClient.connect(path, "front-0", max_frame_bytes=FRAME_BYTES, request_buffer_bytes=65536)
    payload = bytes(FRAME_BYTES // 2)
    sent = 0
    with pytest.raises(QueueFull, match="ne lit plus") as refused:
        for _ in range(100):
            client.submit(link_pb2.REQUEST_KIND_CHAT, payload, stream=True, request_id="r")
            sent += 1
    assert refused.value.metadata["limit"] == str(FRAME_BYTES) and refused.value.retry_after
    # La limite, une trame entamée, et ce que le noyau garde pour lui.
    assert sent * len(payload) < 4 * FRAME_BYTES
    client._connection.abort("fin de l'essai")
    await client.wait_closed()
    deaf[0].abort("fin de l'essai")
    await deaf[0].closed.wait()
    server.close()
