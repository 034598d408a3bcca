"""Un moteur qui pousse ses trames : l'exemplaire les émet sans les demander, et le reste de sa vie n'en change pas."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest
from passerelle.worker.v1 import link_pb2

from server.engines.base import ChatKind, EngineSpec
from server.errors import EngineDead, InvalidRequest, PasserelleError
from server.worker.host import WorkerHost
from tests.fakes.engines import FakeChatEngine
from tests.support.waiting import until

CHAT, COMPLETION = link_pb2.REQUEST_KIND_CHAT, link_pb2.REQUEST_KIND_COMPLETION


class PushingFake(FakeChatEngine):
    """Pousse deux trames, puis attend qu'on la laisse finir."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__(EngineSpec("m", cast(Any, None)))
        self.error = error
        self.finish = asyncio.Event()
        self.pushed: list[tuple[ChatKind, bytes]] = []
        self.left = 0

    async def push(self, kind: ChatKind, request: bytes, emit: Callable[[bytes], None]) -> None:
        """Mène un flux."""
        self.pushed.append((kind, request))
        try:
            emit(b"un")
            emit(b"deux")
            await self.finish.wait()
            if self.error is not None:
                raise self.error
            emit(b"fin")
        except asyncio.CancelledError:
            self.left += 1
            raise


class Link:
    """Liaison qui retient ce qu'elle enverrait."""

    def __init__(self) -> None:
        self.sent: list[tuple[int, bytes, bool]] = []
        self.failed: list[PasserelleError] = []

    def entered(self, request_id: int, waited: float) -> None:
        """Entrée d'une requête qui attendait : rien à garder."""

    def emit(self, request_id: int, data: bytes, done: bool) -> None:
        """Sortie d'une requête."""
        self.sent.append((request_id, data, done))

    def fail(self, _request_id: int, error: PasserelleError) -> None:
        """Échec d'une requête."""
        self.failed.append(error)


class Rig:
    """Un exemplaire et une liaison."""

    def __init__(self, error: Exception | None = None) -> None:
        self.engine, self.link, self.dead = PushingFake(error), Link(), list[str]()
        self.host = WorkerHost(self.engine, max_waiting=4, on_dead=self.dead.append)

    def ask(self, number: int = 1, kind: "link_pb2.RequestKind" = CHAT, **more: Any) -> None:
        """Soumet un flux."""
        fields: dict[str, Any] = {"payload": b"{}", "stream": True, "parts": 1} | more
        self.host.submit(cast(Any, self.link), link_pb2.Submit(id=number, kind=kind, **fields))


@pytest.mark.parametrize(("kind", "asked"), [(CHAT, ChatKind.CHAT), (COMPLETION, ChatKind.COMPLETION)])
async def test_a_stream_is_pushed_to_the_link(kind: "link_pb2.RequestKind", asked: ChatKind) -> None:
    rig = Rig()
    rig.ask(kind=kind, payload=b'{"a":1}')
    await until(lambda: len(rig.link.sent) == 2)
    assert rig.host.load().running == 1 and rig.host.load().steps == 2
    rig.engine.finish.set()
    await until(lambda: rig.host.load().running == 0)
    assert rig.engine.pushed == [(asked, b'{"a":1}')]
    assert rig.link.sent == [(1, b"un", False), (1, b"deux", False), (1, b"fin", False), (1, b"", True)]


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        (CHAT, {"stream": False, "payload": b'{"model": "m"}'}),
        (COMPLETION, {"parts": 2, "payload": b'{"model": "m", "prompt": ["a", "b"]}'}),
    ],
)
async def test_what_is_not_one_stream_is_read(kind: "link_pb2.RequestKind", more: dict[str, Any]) -> None:
    rig = Rig()
    rig.ask(kind=kind, **more)
    await until(lambda: rig.host.load().running == 0)
    assert rig.engine.pushed == [] and rig.link.sent[-1] == (1, b"", True) and len(rig.link.sent) > 1


async def test_a_client_that_leaves_ends_the_push_and_frees_its_seat() -> None:
    rig = Rig()
    for number in (1, 2, 3):
        rig.ask(number)
    await until(lambda: len(rig.link.sent) == 4)
    assert (rig.host.load().running, rig.host.load().waiting) == (2, 1)
    rig.host.cancel(cast(Any, rig.link), 1)
    await until(lambda: rig.engine.left == 1 and len(rig.engine.pushed) == 3)
    rig.host.lost(cast(Any, rig.link))
    await until(lambda: rig.engine.left == 3)
    assert rig.host.load().running == 0 and rig.link.failed == []


async def test_a_refusal_and_a_deadline_are_told() -> None:
    rig = Rig(InvalidRequest("refusé", metadata={"field": "stop"}))
    rig.ask()
    rig.ask(2, timeout_seconds=0.05)
    await until(lambda: len(rig.link.failed) == 1)
    assert rig.link.failed[0].reason == "DEADLINE_EXCEEDED"
    # Le moteur n'a pas encore lâché la place.
    await until(lambda: rig.host.load().running == 1)
    rig.engine.finish.set()
    await until(lambda: len(rig.link.failed) == 2)
    assert rig.link.failed[1].metadata == {"field": "stop"}


async def test_a_dead_engine_ends_the_worker() -> None:
    rig = Rig(EngineDead("demandé"))
    rig.engine.finish.set()
    rig.ask()
    await until(lambda: bool(rig.dead))
    assert rig.dead == ["demandé"] and rig.link.failed[0].reason == "WORKER_LOST"
