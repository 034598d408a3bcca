"""Les flux en direct d'un exemplaire : leur borne, son arrêt, son moteur mort, un front qui n'attend pas."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import pytest
from passerelle.v1 import audio_pb2, transcribe_pb2
from passerelle.worker.v1 import link_pb2

from server.domain import Limits
from server.engines.base_audio import RecognitionOptions, Wave
from server.errors import (
    EngineDead,
    PasserelleError,
    QueueFull,
    ShuttingDown,
    UnsupportedOption,
    WorkerLost,
)
from server.link.framing import INPUT_WINDOW_BYTES
from server.link.server import FrontLink
from server.worker.batcher import WindowBatcher
from server.worker.host import WorkerHost
from server.worker.live import LiveTranscription
from server.worker.spooled import SpeechTools
from tests.fakes.engines import FakeTranscribeEngine, SteppedTranscribeEngine
from tests.support.live_stream import MODEL, RATE, Response, silence, talk
from tests.support.waiting import soon, until


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as found:
        yield found


class Link:
    """Ce que l'accueil dit à un front."""

    def __init__(self) -> None:
        self.events: dict[int, list[Response]] = {}
        self.ended: dict[int, PasserelleError | None] = {}

    def entered(self, request_id: int, waited: float) -> None:
        """Entrée d'une requête qui attendait : rien à garder."""

    def emit(self, request_id: int, data: bytes, done: bool) -> None:
        """Garde une sortie."""
        if done:
            self.ended[request_id] = None
        else:
            self.events.setdefault(request_id, []).append(Response.FromString(data))

    def fail(self, request_id: int, error: PasserelleError) -> None:
        """Garde un échec."""
        self.ended[request_id] = error

    def give_back(self, request_id: int, size: int) -> None:
        """Rien à rendre."""

    def kinds(self, request_id: int) -> list[str | None]:
        """Genres des événements reçus."""
        return [event.WhichOneof("event") for event in self.events.get(request_id, [])]


class Hosted:
    """Un accueil, son moteur, et un front."""

    def __init__(
        self, pool: ThreadPoolExecutor, engine: FakeTranscribeEngine, max_live: int = 2, spare_live: int = 0
    ) -> None:
        tools = SpeechTools(Path("/nulle-part"), Limits(), MODEL, pool)
        live = LiveTranscription(engine, tools, WindowBatcher(engine))
        self.dead: list[str] = []
        self.host = WorkerHost(
            engine,
            max_waiting=0,
            on_dead=self.dead.append,
            handlers={link_pb2.REQUEST_KIND_LIVE: live.run},
            max_live=max_live,
            spare_live=spare_live,
        )
        self.front = Link()
        self.link = cast(FrontLink, self.front)

    def open(self, number: int, timeout: float = 0.0, caller: str = "") -> None:
        """Ouvre un flux."""
        raw = audio_pb2.AudioFormat(encoding=audio_pb2.AUDIO_ENCODING_PCM_F32LE, sample_rate_hertz=RATE)
        config = transcribe_pb2.StreamTranscribeConfig(config=transcribe_pb2.TranscribeConfig(audio_format=raw))
        self.host.submit(
            self.link,
            link_pb2.Submit(
                id=number,
                kind=link_pb2.REQUEST_KIND_LIVE,
                payload=config.SerializeToString(),
                timeout_seconds=timeout,
                caller=caller,
            ),
        )

    def send(self, number: int, wave: Wave, *, last: bool = False) -> None:
        """Donne une onde."""
        data = wave.astype("<f4").tobytes()
        self.host.input(self.link, link_pb2.InputChunk(id=number, data=data, last=last))

    @property
    def running(self) -> int:
        """Requêtes en cours."""
        return self.host.load().running


async def test_live_streams_have_a_bound_of_their_own(pool: ThreadPoolExecutor) -> None:
    hosted = Hosted(pool, FakeTranscribeEngine())
    for number in (1, 2, 3):
        hosted.open(number)
    refusal = hosted.front.ended[3]
    assert isinstance(refusal, QueueFull)
    assert refusal.metadata == {"field": "max_live_streams", "limit": "2", "value": "3"}
    hosted.host.cancel(hosted.link, 1)
    hosted.open(4)
    hosted.send(4, talk(1), last=True)
    await until(lambda: 4 in hosted.front.ended, "quatrième flux fini")
    assert hosted.front.ended[4] is None and hosted.front.kinds(4)[-1] == "summary"
    hosted.host.lost(hosted.link)
    await until(lambda: hosted.running == 0, "flux abandonnés")
    await hosted.host.drain(1.0)


async def test_who_holds_every_stream_does_not_shut_out_who_holds_none(pool: ThreadPoolExecutor) -> None:
    hosted = Hosted(pool, FakeTranscribeEngine(), spare_live=1)
    for number, caller in enumerate(("a", "a", "a", "b", "b", "c"), 1):
        hosted.open(number, caller=caller)
    assert hosted.running == 3
    limits = {number: error.metadata["limit"] for number, error in hosted.front.ended.items() if error}
    assert limits == {3: "2", 5: "2", 6: "3"}
    hosted.host.lost(hosted.link)
    hosted.open(7, caller="a")
    await until(lambda: hosted.running == 1, "les autres flux abandonnés")
    hosted.host.lost(hosted.link)
    await hosted.host.drain(1.0)


async def test_stopping_gives_the_summary_then_says_why(
    pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.worker.host._LIVE_SHARE", 0.02)
    hosted = Hosted(pool, FakeTranscribeEngine())
    hosted.open(1)
    hosted.send(1, talk(1)[: -RATE // 2])
    await until(lambda: "speech_start" in hosted.front.kinds(1), "parole entendue")
    await soon(hosted.host.drain(20))
    assert hosted.front.kinds(1)[-2:] == ["final", "summary"]
    assert isinstance(hosted.front.ended[1], ShuttingDown)
    hosted.open(2)
    assert isinstance(hosted.front.ended[2], ShuttingDown)


async def test_stopping_waits_for_a_stream_that_ends_by_itself(pool: ThreadPoolExecutor) -> None:
    hosted = Hosted(pool, FakeTranscribeEngine())
    hosted.open(1)
    stopping = asyncio.create_task(hosted.host.drain(60))
    await asyncio.sleep(0)
    hosted.send(1, talk(1), last=True)
    await soon(stopping)
    assert hosted.front.ended[1] is None and hosted.front.kinds(1)[-1] == "summary"


async def test_an_engine_stuck_at_the_stop_does_not_hold_it(pool: ThreadPoolExecutor) -> None:
    hosted = Hosted(pool, SteppedTranscribeEngine())
    hosted.open(1)
    hosted.send(1, talk(3))
    await until(lambda: "speech_end" in hosted.front.kinds(1), "phrase close")
    await soon(hosted.host.drain(0.2))
    assert isinstance(hosted.front.ended[1], ShuttingDown) and hosted.running == 0


async def test_a_dead_engine_is_a_lost_worker(pool: ThreadPoolExecutor) -> None:
    engine = FakeTranscribeEngine()
    engine.broken = EngineDead("mort")
    hosted = Hosted(pool, engine)
    hosted.open(1)
    hosted.send(1, talk(1))
    await until(lambda: 1 in hosted.front.ended, "échec")
    assert isinstance(hosted.front.ended[1], WorkerLost) and hosted.dead == ["mort"]
    await hosted.host.drain(0.1)


async def test_more_than_the_window_ends_that_stream_alone(pool: ThreadPoolExecutor) -> None:
    hosted = Hosted(pool, FakeTranscribeEngine())
    hosted.open(1)
    hosted.open(2)
    hosted.send(1, silence(40))
    refusal = hosted.front.ended[1]
    assert refusal is not None and refusal.metadata["limit"] == str(INPUT_WINDOW_BYTES)
    await until(lambda: hosted.running == 1, "flux abandonné")
    hosted.send(2, talk(1), last=True)
    await until(lambda: 2 in hosted.front.ended, "autre flux fini")
    assert hosted.front.ended[2] is None
    await hosted.host.drain(0.1)


def test_the_fake_engine_refuses_what_the_contract_says() -> None:
    with pytest.raises(UnsupportedOption):
        FakeTranscribeEngine().check(RecognitionOptions(language="xx"))
