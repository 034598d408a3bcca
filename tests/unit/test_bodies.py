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
from server.rpc.bodies import Bodies
from server.rpc.contract import METHODS, WHOLE_BODIES

GEN = Path(__file__).resolve().parents[2] / "gen"


async def pieces(*data: bytes, pause: float = 0.0, silent: bool = False) -> AsyncIterator[HttpBody]:
    """Morceaux d'un corps ; `silent` : sa fin ne vient jamais."""
    for index, part in enumerate(data):
        await asyncio.sleep(pause)
        yield HttpBody(content_type="application/json" if not index else "", data=part)
    if silent:
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
    found = bodies(max_body_silence_seconds=0.2)
    assert (await found.whole(pieces(*[b"a"] * 4, pause=0.1))).data == b"aaaa"
    with pytest.raises(DeadlineExceeded) as caught:
        await found.whole(pieces(b"a", silent=True))
    assert caught.value.metadata["field"] == "max_body_silence"


def test_envoy_passes_in_pieces_what_is_joined_here() -> None:
    found = descriptor_pb2.FileDescriptorSet.FromString((GEN / "envoy.binpb").read_bytes())
    changed = set()
    for file in found.file:
        for service in file.service:
            for method in service.method:
                path = f"/{file.package}.{service.name}/{method.name}"
                if path in METHODS and method.client_streaming != METHODS[path].client_streaming:
                    changed.add(path)
    assert changed == WHOLE_BODIES == {f"/passerelle.v1.RestService/Create{kind}Completion" for kind in ("", "Chat")}
