"""Un corps reçu par morceaux : joint, compté, et jamais attendu sans fin."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from google.api.httpbody_pb2 import HttpBody
from google.protobuf import descriptor_pb2

from server.domain import Limits
from server.errors import DeadlineExceeded, PayloadTooLarge, QueueFull
from server.rpc.bodies import Bodies, paced
from server.rpc.contract import METHODS, WHOLE_BODIES
from tests.support.clock import LONG, Clock

GEN = Path(__file__).resolve().parents[2] / "gen"


async def pieces(*data: bytes, silent: bool = False) -> AsyncIterator[HttpBody]:
    """Morceaux d'un corps ; `silent` : sa fin ne vient jamais."""
    for index, part in enumerate(data):
        yield HttpBody(content_type="application/json" if not index else "", data=part)
    if silent:
        await asyncio.Event().wait()


async def slowly(clock: Clock, *data: bytes, silent: bool = False) -> AsyncIterator[HttpBody]:
    """Les mêmes, chacun bien après le précédent, mais avant le silence admis ; à la fin de `silent`, il est passé."""
    async for piece in pieces(*data):
        clock.advance(0.7 * LONG)
        await asyncio.sleep(0)
        yield piece
    if silent:
        clock.advance()
        await asyncio.Event().wait()


def bodies(**limits: Any) -> Bodies:
    """Réception, sous ces limites."""
    return Bodies(Limits(**limits))


@pytest.mark.parametrize(("data", "whole"), [((), b""), ((b"ab",), b"ab"), ((b"a", b"", b"bc"), b"abc")])
async def test_pieces_are_joined(data: tuple[bytes, ...], whole: bytes) -> None:
    found = await bodies().whole(pieces(*data))
    assert found.data == whole
    assert found.content_type == ("application/json" if data else "")


async def test_a_body_too_large_is_refused_and_gives_its_place_back() -> None:
    found = bodies(max_json_body_bytes=4, max_received_json_bytes=4)
    for _ in range(3):
        with pytest.raises(PayloadTooLarge) as caught:
            await found.whole(pieces(b"abc", b"de"))
        assert caught.value.metadata == {"field": "max_json_body_bytes", "limit": "4", "value": "5"}
    assert (await found.whole(pieces(b"ab", b"cd"))).data == b"abcd"


async def test_bodies_share_a_bounded_place() -> None:
    found = bodies(max_received_json_bytes=5)
    held = asyncio.create_task(found.whole(pieces(b"abc", silent=True)))
    await asyncio.sleep(0.01)
    with pytest.raises(QueueFull) as caught:
        await found.whole(pieces(b"def"))
    assert caught.value.metadata == {"field": "max_received_json_bytes", "limit": "5", "value": "6"}
    held.cancel()
    await asyncio.gather(held, return_exceptions=True)
    assert (await found.whole(pieces(b"def"))).data == b"def"


async def test_a_silence_ends_it_and_slowness_does_not() -> None:
    clock, found = Clock(), bodies(max_body_silence_seconds=LONG)
    assert (await found.whole(slowly(clock, b"a", b"b", b"c"))).data == b"abc"
    with pytest.raises(DeadlineExceeded) as caught:
        await found.whole(slowly(clock, b"a", silent=True))
    assert caught.value.metadata["field"] == "max_body_silence"


async def test_the_time_of_who_reads_is_no_silence() -> None:
    clock, limits, read = Clock(), Limits(max_body_silence_seconds=LONG), []
    async for piece in paced(slowly(clock, b"a", b"b", b"c"), limits):
        read.append(piece.data)
        clock.advance()
    assert read == [b"a", b"b", b"c"]
    with pytest.raises(DeadlineExceeded):
        [piece async for piece in paced(slowly(clock, b"a", silent=True), limits)]


def test_envoy_passes_in_pieces_what_is_joined_here() -> None:
    found = descriptor_pb2.FileDescriptorSet.FromString((GEN / "envoy.binpb").read_bytes())
    changed = set()
    for file in found.file:
        for service in file.service:
            for method in service.method:
                path = f"/{file.package}.{service.name}/{method.name}"
                if path in METHODS and method.client_streaming != METHODS[path].client_streaming:
                    changed.add(path)
    names = ("CreateCompletion", "CreateChatCompletion", "Tokenize", "Detokenize")
    assert changed == WHOLE_BODIES == {f"/passerelle.v1.RestService/{name}" for name in names}
