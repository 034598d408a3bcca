"""La place d'une requête abandonnée : tenue jusqu'à ce que le moteur l'ait lâchée, de quelque façon qu'on l'abandonne."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from passerelle.worker.v1 import link_pb2

from server.engines.base import ChatKind, EngineSpec
from server.engines.base_audio import RecognitionOptions, RecognitionWindow
from server.errors import DeadlineExceeded, PasserelleError
from server.link.server import FrontLink
from server.worker.batcher import WindowBatcher
from server.worker.host import WorkerHost
from tests.fakes.engines import FakeChatEngine, SteppedTranscribeEngine
from tests.support.waiting import soon, until


class SlowToLeave(FakeChatEngine):
    """Ne s'arrête qu'à la fin de son calcul, comme llama.cpp au milieu d'un lot."""

    max_running = 1

    def __init__(self) -> None:
        super().__init__(EngineSpec("m", Path()))
        self.begun: list[int] = []
        self.over = asyncio.Event()

    async def generate(self, kind: ChatKind, request: bytes, *, stream: bool) -> AsyncGenerator[bytes, None]:
        """Calcule sans fin ; quitté, attend `over`."""
        self.begun.append(int(request))
        try:
            await asyncio.Event().wait()
            yield b""
        finally:
            await self.over.wait()


class Front:
    """Ce que l'accueil dit à un front."""

    def __init__(self) -> None:
        self.failed: dict[int, PasserelleError] = {}

    def entered(self, request_id: int, waited: float) -> None:
        """Entrée d'une requête qui attendait : rien à garder."""

    def emit(self, request_id: int, data: bytes, done: bool) -> None:
        """Rien à garder."""

    def fail(self, request_id: int, error: PasserelleError) -> None:
        """Garde un échec."""
        assert request_id not in self.failed
        self.failed[request_id] = error


class Hosted:
    """Un accueil à une place."""

    def __init__(self) -> None:
        self.engine = SlowToLeave()
        self.front = Front()
        self.link = cast(FrontLink, self.front)
        self.host = WorkerHost(cast(Any, self.engine), max_waiting=4, on_dead=lambda _: None)

    def ask(self, number: int, timeout: float = 0.0) -> None:
        self.host.submit(
            self.link,
            link_pb2.Submit(
                id=number, kind=link_pb2.REQUEST_KIND_CHAT, payload=str(number).encode(), timeout_seconds=timeout
            ),
        )

    @property
    def load(self) -> tuple[int, int]:
        load = self.host.load()
        return load.running, load.waiting


def cancel(hosted: Hosted) -> None:
    """Le client part."""
    hosted.host.cancel(hosted.link, 1)


def lose(hosted: Hosted) -> None:
    """Le front tombe."""
    hosted.host.lost(hosted.link)


def twice(hosted: Hosted) -> None:
    """Le client part, et son front tombe aussitôt."""
    cancel(hosted)
    lose(hosted)


@pytest.mark.parametrize("leave", [cancel, lose, twice])
async def test_a_place_is_taken_until_the_engine_has_let_go(leave: Callable[[Hosted], None]) -> None:
    hosted = Hosted()
    hosted.ask(1)
    await until(lambda: hosted.engine.begun == [1], "première requête chez le moteur")
    leave(hosted)
    hosted.ask(2)
    await asyncio.sleep(0.05)
    assert hosted.load == (1, 1) and hosted.engine.begun == [1]
    hosted.engine.over.set()
    await until(lambda: hosted.engine.begun == [1, 2], "la place rendue, la suivante entre")
    assert hosted.load == (1, 0)
    await hosted.host.drain(0.0)
    assert hosted.load == (0, 0)


async def test_a_passed_deadline_answers_at_once_and_keeps_the_place() -> None:
    hosted = Hosted()
    hosted.ask(1, timeout=0.05)
    hosted.ask(2)
    await until(lambda: 1 in hosted.front.failed, "délai dépassé")
    assert isinstance(hosted.front.failed[1], DeadlineExceeded)
    cancel(hosted)
    await asyncio.sleep(0.05)
    assert hosted.load == (1, 1) and hosted.engine.begun == [1]
    hosted.engine.over.set()
    await until(lambda: hosted.engine.begun == [1, 2], "la place rendue, la suivante entre")
    await hosted.host.drain(0.0)


async def test_what_never_reached_the_engine_gives_its_place_back_at_once() -> None:
    hosted = Hosted()
    hosted.ask(1)
    cancel(hosted)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert hosted.load == (0, 0) and hosted.engine.begun == []
    hosted.ask(2)
    await until(lambda: hosted.engine.begun == [2], "la place était libre")
    hosted.engine.over.set()
    await hosted.host.drain(0.0)


async def test_the_engine_does_not_sleep_under_an_abandoned_request() -> None:
    hosted = Hosted()
    hosted.ask(1)
    await until(lambda: hosted.engine.begun == [1], "requête chez le moteur")
    cancel(hosted)
    stopping = asyncio.create_task(hosted.host.drain(60.0))
    await asyncio.sleep(0.05)
    assert not stopping.done()
    hosted.engine.over.set()
    await soon(stopping)


async def test_a_window_left_during_its_batch_waits_for_its_end() -> None:
    engine = SteppedTranscribeEngine()
    batcher = WindowBatcher(engine)
    window = RecognitionWindow(np.zeros(16000, np.float32), RecognitionOptions())
    started, waiting = (asyncio.create_task(batcher.recognize(window)) for _ in range(2))
    await until(lambda: len(engine.batches) == 1, "premier lot commencé")
    for task in (started, waiting):
        task.cancel()
    await asyncio.sleep(0.05)
    assert waiting.done() and not started.done()
    engine.allow()
    await asyncio.wait({started})
    assert started.cancelled() and len(engine.batches) == 1
