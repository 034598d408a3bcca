"""Une transcription en direct dans l'exemplaire : ordre, provisoires, finales, ralentissement, abandon, arrêt."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from passerelle.v1 import audio_pb2, transcribe_pb2
from passerelle.worker.v1 import link_pb2

from server.domain import Limits
from server.engines.speech import Recognition, RecognitionOptions, RecognizedSegment
from server.errors import (
    AudioLimitExceeded,
    EngineDead,
    EngineFailed,
    InvalidAudio,
    PasserelleError,
    QueueFull,
    ShuttingDown,
    UnsupportedOption,
    WorkerLost,
)
from server.link.framing import INPUT_WINDOW_BYTES
from server.link.inputs import RequestInput
from server.link.server import FrontLink
from server.speech.decode import Wave
from server.speech.vad import VadModel
from server.worker.batcher import WindowBatcher
from server.worker.host import WorkerHost
from server.worker.live import LiveTranscription
from server.worker.spooled import SpeechTools
from tests import audio_files
from tests.fakes.engines import FakeTranscribeEngine, SteppedTranscribeEngine

MODEL = VadModel()
PHRASE = audio_files.speech("en/austen-0880.wav")
RATE = 16000
Response = transcribe_pb2.StreamTranscribeResponse


def silence(seconds: float) -> Wave:
    return np.zeros(int(seconds * RATE), np.float32)


def talk(phrases: int, gap: float = 1.0) -> Wave:
    """Des phrases que des silences séparent."""
    return np.concatenate([silence(0.5), *(part for _ in range(phrases) for part in (PHRASE, silence(gap)))])


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as found:
        yield found


class Stream:
    """Un flux mené sans liaison : ce qu'on lui donne, ce qu'il rend."""

    def __init__(
        self,
        pool: ThreadPoolExecutor,
        engine: FakeTranscribeEngine,
        *,
        limits: Limits | None = None,
        batcher: WindowBatcher | None = None,
        encoding: "audio_pb2.AudioEncoding" = audio_pb2.AUDIO_ENCODING_PCM_F32LE,
        rate: int = RATE,
        language: str = "",
        vad: VadModel = MODEL,
        **config: Any,
    ) -> None:
        tools = SpeechTools(Path("/nulle-part"), limits or Limits(), vad, pool)
        common = transcribe_pb2.TranscribeConfig(
            model="canary",
            language=language,
            audio_format=audio_pb2.AudioFormat(encoding=encoding, sample_rate_hertz=rate),
        )
        payload = transcribe_pb2.StreamTranscribeConfig(config=common, **config).SerializeToString()
        self.batcher = batcher or WindowBatcher(engine)
        self.inputs = RequestInput(lambda _size: None)
        self.events: list[Response] = []
        live = LiveTranscription(engine, tools, self.batcher)
        self._run = live.run(link_pb2.Submit(id=1, payload=payload, request_id="r1"), self.inputs)
        self.task = asyncio.create_task(self._collect())

    async def _collect(self) -> None:
        try:
            async for item in self._run:
                self.events.append(Response.FromString(item))
        finally:
            await self._run.aclose()

    async def send(self, wave: Wave, chunk: int = 4000) -> None:
        """Donne une onde, sans dépasser la fenêtre de la liaison."""
        await self.send_bytes(wave.astype("<f4").tobytes(), 4 * chunk)

    async def send_bytes(self, data: bytes, chunk: int = 4000) -> None:
        for at in range(0, len(data), chunk):
            piece = data[at : at + chunk]
            while self.inputs.waiting + len(piece) > INPUT_WINDOW_BYTES:
                await asyncio.sleep(0.001)
            self.inputs.receive(link_pb2.InputChunk(id=1, data=piece))

    async def finish(self) -> None:
        """Clôt le flux et attend sa fin."""
        self.inputs.receive(link_pb2.InputChunk(id=1, last=True))
        await asyncio.wait_for(self.task, 20)

    def of(self, kind: str) -> list[Any]:
        """Événements de ce genre."""
        return [getattr(event, kind) for event in self.events if event.WhichOneof("event") == kind]

    def check(self) -> None:
        """Ce que tout flux respecte : ordre, rangs, provisoires avant la finale de leur phrase, bilan dernier."""
        kinds = [event.WhichOneof("event") for event in self.events]
        assert kinds[0] == "ready" and kinds.count("ready") == 1
        assert "summary" not in kinds[:-1]
        started = ended = final = -1
        shown: dict[int, str] = {}
        for event in self.events:
            match event.WhichOneof("event"):
                case "speech_start":
                    assert event.speech_start.utterance_index == started + 1 and ended == started
                    started += 1
                case "speech_end":
                    assert event.speech_end.utterance_index == ended + 1 == started
                    ended += 1
                case "partial":
                    index = event.partial.utterance_index
                    assert final < index <= started
                    before = shown.get(index, "")
                    assert event.partial.kept_length <= len(before)
                    shown[index] = before[: event.partial.kept_length] + event.partial.text
                    assert shown[index] != before
                case "final":
                    assert final < event.final.index <= ended
                    final = event.final.index


@asynccontextmanager
async def stream(pool: ThreadPoolExecutor, engine: FakeTranscribeEngine, **options: Any) -> AsyncIterator[Stream]:
    found = Stream(pool, engine, **options)
    try:
        yield found
    finally:
        found.task.cancel()
        await asyncio.wait({found.task}, timeout=10)
        assert found.task.done(), "le flux ne finit pas"


async def until(condition: Callable[[], bool], what: str) -> None:
    try:
        async with asyncio.timeout(20):
            while not condition():
                await asyncio.sleep(0.001)
    except TimeoutError:
        raise AssertionError(f"jamais vrai : {what}") from None


def waiting(batcher: WindowBatcher) -> int:
    """Fenêtres qui attendent encore le moteur."""
    return sum(not ticket.done for queue in batcher._waiting.values() for ticket in queue)


@pytest.mark.parametrize("chunk", [1, 77, 320, 16000, 10**6])
async def test_whatever_the_chunks_the_same_finals_and_all_the_audio(pool: ThreadPoolExecutor, chunk: int) -> None:
    wave = talk(3)
    if chunk == 1:
        wave = wave[: 4 * RATE]
    async with stream(pool, FakeTranscribeEngine(max_batch=2)) as live:
        await live.send(wave, chunk)
        await live.finish()
    live.check()
    finals = live.of("final")
    (summary,) = live.of("summary")
    assert [f.index for f in finals] == list(range(1 if chunk == 1 else 3))
    assert summary.text == " ".join(f.text for f in finals)
    coverage = summary.coverage
    assert coverage.received_duration == coverage.covered_duration
    assert coverage.received_duration.ToMicroseconds() == pytest.approx(len(wave) / RATE * 1e6, abs=1)
    spoken = sum(f.end_offset.ToMicroseconds() - f.start_offset.ToMicroseconds() for f in finals)
    assert coverage.speech_duration.ToMicroseconds() == pytest.approx(spoken, abs=5)
    for final, start, end in zip(finals, live.of("speech_start"), live.of("speech_end"), strict=True):
        assert (final.start_offset, final.end_offset) == (start.offset, end.offset)


@pytest.mark.parametrize("rate", [8000, 11025, 44100, 48000])
async def test_other_rates_are_covered_to_the_sample(pool: ThreadPoolExecutor, rate: int) -> None:
    data = audio_files.resampled(talk(1), rate)[44:]
    async with stream(pool, FakeTranscribeEngine(), rate=rate, encoding=audio_pb2.AUDIO_ENCODING_PCM_S16LE) as live:
        await live.send_bytes(data, 1499)
        await live.finish()
    live.check()
    assert len(live.of("final")) == 1
    covered = live.of("summary")[0].coverage.covered_duration
    assert covered.ToMicroseconds() == pytest.approx(len(data) / 2 / rate * 1e6, abs=1)


async def test_a_partial_starts_only_when_the_last_one_is_done(pool: ThreadPoolExecutor) -> None:
    engine = SteppedTranscribeEngine()
    speech = audio_files.speech()
    async with stream(pool, engine) as live:
        await live.send(speech[:RATE])
        await until(lambda: len(engine.batches) == 1, "premier brouillon")
        for at in (1, 2):
            await live.send(speech[at * RATE : (at + 1) * RATE])
            await until(lambda: live.inputs.waiting == 0, "audio lu")
        assert len(engine.batches) == 1 and not live.of("partial")
        engine.allow()
        await until(lambda: len(engine.batches) == 2, "second brouillon")
        assert len(live.of("partial")) == 1
        # Le second porte sur tout ce qui est arrivé pendant le premier.
        assert len(engine.batches[1][0].samples) > len(engine.batches[0][0].samples) + RATE
        engine.allow(100)
        await live.finish()
    live.check()


class GatedVad(VadModel):
    """Détection qui peut s'arrêter au milieu d'une analyse."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.gate.set()
        self.inside = False

    def run(self, steps: Wave, hidden: Wave, cell: Wave) -> tuple[Wave, Wave, Wave]:
        """Attend que la porte soit ouverte."""
        self.inside = True
        assert self.gate.wait(20)
        self.inside = False
        return super().run(steps, hidden, cell)


async def test_no_draft_reads_the_speech_while_it_is_being_cut(pool: ThreadPoolExecutor) -> None:
    engine, vad = SteppedTranscribeEngine(), GatedVad()
    speech = audio_files.speech()
    async with stream(pool, engine, vad=vad) as live:
        await live.send(speech[:RATE])
        await until(lambda: len(engine.batches) == 1, "premier brouillon")
        await live.send(speech[RATE : 2 * RATE])
        await until(lambda: live.inputs.waiting == 0 and not vad.inside, "audio analysé")
        vad.gate.clear()
        await live.send(speech[2 * RATE : 3 * RATE])
        await until(lambda: vad.inside, "analyse en cours")
        engine.allow()
        await until(lambda: len(live.of("partial")) == 1, "premier provisoire")
        assert len(engine.batches) == 1
        vad.gate.set()
        await until(lambda: len(engine.batches) == 2, "second brouillon")
        engine.allow(100)
        await live.finish()
    live.check()


async def test_a_draft_that_outlives_its_speech_is_still_shown_before_the_final(pool: ThreadPoolExecutor) -> None:
    engine = SteppedTranscribeEngine()
    async with stream(pool, engine) as live:
        await live.send(PHRASE[:RATE])
        await until(lambda: len(engine.batches) == 1, "brouillon")
        await live.send(np.concatenate([PHRASE[RATE:], silence(1)]))
        await until(lambda: bool(live.of("speech_end")), "phrase close")
        engine.allow(100)
        await live.finish()
    live.check()
    kinds = [event.WhichOneof("event") for event in live.events]
    assert kinds == ["ready", "speech_start", "speech_end", "partial", "final", "summary"]


async def test_a_phrase_that_settles_is_computed_once(pool: ThreadPoolExecutor) -> None:
    engine = SteppedTranscribeEngine()
    async with stream(pool, engine, interim_results=False) as live:
        await live.send(np.concatenate([silence(0.3), PHRASE, silence(0.4)]))
        await until(lambda: len(engine.batches) == 1, "phrase calculée avant la fin du silence")
        assert not live.of("speech_end")
        engine.allow()
        await live.send(silence(0.5))
        await until(lambda: len(live.of("final")) == 1, "finale")
        await live.finish()
    live.check()
    assert len(engine.batches) == 1 and not live.of("partial")


async def test_without_interim_results_only_finals_come(pool: ThreadPoolExecutor) -> None:
    async with stream(pool, FakeTranscribeEngine(), interim_results=False) as live:
        await live.send(talk(2))
        await live.finish()
    live.check()
    assert not live.of("partial") and len(live.of("final")) == 2


async def test_a_final_passes_before_the_drafts_of_other_streams(pool: ThreadPoolExecutor) -> None:
    engine = SteppedTranscribeEngine()
    batcher = WindowBatcher(engine)
    speech = audio_files.speech()
    async with (
        stream(pool, engine, batcher=batcher, language="fr") as busy,
        stream(pool, engine, batcher=batcher, language="en") as other,
        stream(pool, engine, batcher=batcher, language="de", interim_results=False) as closing,
    ):
        await busy.send(speech[:RATE])
        await until(lambda: len(engine.batches) == 1, "brouillon du premier en cours")
        await other.send(speech[:RATE])
        await until(lambda: waiting(batcher) == 1, "brouillon du second en attente")
        await closing.send(np.concatenate([PHRASE, silence(1)]))
        await until(lambda: bool(closing.of("speech_end")), "phrase close")
        engine.allow(2)
        await until(lambda: len(closing.of("final")) == 1, "finale")
        assert [batch[0].options.language for batch in engine.batches[:2]] == ["fr", "de"]
        assert not other.of("partial")


async def test_a_late_engine_slows_the_reading_and_loses_nothing(pool: ThreadPoolExecutor) -> None:
    engine = SteppedTranscribeEngine()
    wave = talk(30, gap=0.8)
    async with stream(pool, engine) as live:
        sending = asyncio.create_task(live.send(wave))
        await until(lambda: len(live.of("speech_end")) >= 3, "trois phrases closes")
        size = -1
        while size != live.inputs.waiting:
            size = live.inputs.waiting
            await asyncio.sleep(0.05)
        # Deux phrases chez le moteur, une qui attend d'y entrer : le reste n'est plus lu.
        assert len(live.of("speech_end")) == 3 and not sending.done() and size > INPUT_WINDOW_BYTES * 0.9
        engine.allow(1000)
        await asyncio.wait_for(sending, 20)
        await live.finish()
    live.check()
    assert len(live.of("final")) == 30
    # L'audio était en avance : aucun brouillon n'a retardé les phrases.
    assert len(engine.batches) <= 33


async def test_abandoning_a_slowed_stream_frees_everything(pool: ThreadPoolExecutor) -> None:
    engine = SteppedTranscribeEngine()
    async with stream(pool, engine) as live:
        sending = asyncio.create_task(live.send(talk(30, gap=0.8)))
        await until(lambda: len(live.of("speech_end")) >= 3, "trois phrases closes")
        live.task.cancel()
        await asyncio.wait({live.task}, timeout=10)
        assert live.task.done()
        sending.cancel()
        assert waiting(live.batcher) == 0
    engine.allow(100)
    other = live.batcher.submit(engine.batches[0][0], next(iter(live.batcher._waiting)))
    await asyncio.wait_for(other.future, 10)
    assert len(engine.batches) == 2


@pytest.mark.parametrize("error", [EngineFailed("raté"), EngineDead("mort")])
async def test_an_engine_failure_ends_a_slowed_stream(pool: ThreadPoolExecutor, error: Exception) -> None:
    engine = SteppedTranscribeEngine()
    async with stream(pool, engine) as live:
        sending = asyncio.create_task(live.send(talk(30, gap=0.8)))
        await until(lambda: len(live.of("speech_end")) >= 3, "trois phrases closes")
        engine.allow()
        await until(lambda: len(live.of("final")) == 1, "première finale")
        engine.broken = error
        engine.allow(100)
        with pytest.raises(type(error)):
            await asyncio.wait_for(live.task, 10)
        sending.cancel()
        assert waiting(live.batcher) == 0
    assert len(live.of("final")) == 1 and not live.of("summary")


async def test_a_draft_that_failed_does_not_fail_its_phrase(pool: ThreadPoolExecutor) -> None:
    engine = SteppedTranscribeEngine()
    async with stream(pool, engine) as live:
        engine.broken = EngineFailed("raté")
        await live.send(np.concatenate([PHRASE, silence(0.35)]))
        await until(lambda: len(engine.batches) >= 1, "brouillon")
        engine.allow(50)
        await until(partial(heard, live, 0), "échec")
        engine.broken = None
        await live.send(silence(1))
        await live.finish()
    live.check()
    assert len(live.of("final")) == 1


@pytest.mark.parametrize("kind", ["silence", "bruit"])
async def test_no_speech_is_no_word_and_no_work(pool: ThreadPoolExecutor, kind: str) -> None:
    noise = np.random.default_rng(2).standard_normal(20 * RATE).astype(np.float32) * 0.2
    engine = FakeTranscribeEngine()
    async with stream(pool, engine) as live:
        await live.send(noise if kind == "bruit" else noise * 0)
        await live.finish()
    assert [event.WhichOneof("event") for event in live.events] == ["ready", "summary"]
    assert live.of("summary")[0].coverage.covered_duration.seconds == 20
    assert not engine.batches


async def test_an_empty_stream_has_a_summary(pool: ThreadPoolExecutor) -> None:
    async with stream(pool, FakeTranscribeEngine()) as live:
        await live.finish()
    assert live.of("summary")[0].coverage.covered_duration.ToMicroseconds() == 0


class Scripted(FakeTranscribeEngine):
    """Rend des textes écrits d'avance, avec leur langue et sa probabilité."""

    def __init__(self, *found: tuple[str, str, float]) -> None:
        super().__init__()
        self.found = list(found)

    def _one(self, seconds: float, options: RecognitionOptions) -> Recognition:
        text, language, probability = self.found.pop(0)
        segments = (RecognizedSegment(text, 0.0, seconds),) if text else ()
        return Recognition(segments, language, probability)


def heard(live: Stream, count: int) -> bool:
    """Vrai quand tant de phrases sont closes et que le moteur n'a plus rien à faire."""
    idle = live.batcher._task is not None and live.batcher._task.done()
    return len(live.of("speech_end")) == count and live.inputs.waiting == 0 and idle


async def test_only_a_sure_language_of_heard_words_is_kept(pool: ThreadPoolExecutor) -> None:
    engine = Scripted(("", "ja", 0.9), ("hmm", "nl", 0.4), ("hello", "en", 0.95), ("again", "en", 0.9))
    async with stream(pool, engine, interim_results=False) as live:
        for count in range(4):
            await live.send(np.concatenate([PHRASE, silence(1)]))
            await until(partial(heard, live, count + 1), "phrase entendue")
        await live.finish()
    assert [batch[0].options.language for batch in engine.batches] == ["", "", "", "en"]
    (summary,) = live.of("summary")
    assert summary.language == "en" and summary.text == "hmm hello again"
    (silent,) = summary.coverage.speech_without_words
    assert silent.end_offset.ToMicroseconds() > silent.start_offset.ToMicroseconds()
    assert [final.index for final in live.of("final")] == [1, 2, 3]


async def test_a_language_never_sure_is_still_told(pool: ThreadPoolExecutor) -> None:
    engine = Scripted(("hmm", "nl", 0.4), ("ja", "de", 0.5), ("oui", "fr", 0.3))
    async with stream(pool, engine, interim_results=False) as live:
        for count in range(3):
            await live.send(np.concatenate([PHRASE, silence(1)]))
            await until(partial(heard, live, count + 1), "phrase entendue")
        await live.finish()
    assert live.of("summary")[0].language == "de"


async def test_not_a_number_keeps_what_precedes_and_says_when(pool: ThreadPoolExecutor) -> None:
    wave = talk(2)
    wave[4 * RATE + 123] = np.nan
    async with stream(pool, FakeTranscribeEngine()) as live:
        await live.send(wave, 10**6)
        with pytest.raises(InvalidAudio) as raised:
            await asyncio.wait_for(live.task, 20)
    assert raised.value.metadata == {"field": "audio", "value": "4.008"}
    live.check()
    covered = live.of("summary")[0].coverage.covered_duration.ToMicroseconds()
    assert covered == pytest.approx((4 + 123 / RATE) * 1e6, abs=1)
    assert live.of("final")


async def test_samples_beyond_all_measure_do_not_deafen_the_stream(pool: ThreadPoolExecutor) -> None:
    async with stream(pool, FakeTranscribeEngine()) as live:
        await live.send(np.concatenate([np.full(RATE // 2, 3e38, np.float32), silence(1), talk(1)]))
        await live.finish()
    live.check()
    last = live.of("final")[-1]
    assert last.end_offset.seconds >= 3


async def test_half_a_sample_is_an_error_after_the_summary(pool: ThreadPoolExecutor) -> None:
    async with stream(pool, FakeTranscribeEngine()) as live:
        await live.send(talk(1))
        await live.send_bytes(b"\0\0\0")
        with pytest.raises(InvalidAudio) as raised:
            await live.finish()
    assert raised.value.metadata == {"field": "audio", "limit": "4", "value": "3"}
    assert len(live.of("final")) == len(live.of("summary")) == 1


async def test_too_long_a_stream_is_cut_at_the_limit(pool: ThreadPoolExecutor) -> None:
    async with stream(pool, FakeTranscribeEngine(), limits=Limits(max_audio_seconds=3.0)) as live:
        await live.send(talk(2))
        with pytest.raises(AudioLimitExceeded) as raised:
            await asyncio.wait_for(live.task, 20)
    assert raised.value.metadata["limit"] == "3" and float(raised.value.metadata["value"]) > 3
    assert live.of("summary")[0].coverage.covered_duration.seconds == 3
    live.check()


async def test_an_option_the_engine_refuses_is_said_before_ready(pool: ThreadPoolExecutor) -> None:
    async with stream(pool, FakeTranscribeEngine(), language="xx") as live:
        with pytest.raises(UnsupportedOption):
            await asyncio.wait_for(live.task, 10)
    assert not live.events


class Link:
    """Ce que l'accueil dit à un front."""

    def __init__(self) -> None:
        self.events: dict[int, list[Response]] = {}
        self.ended: dict[int, PasserelleError | None] = {}

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

    def __init__(self, pool: ThreadPoolExecutor, engine: FakeTranscribeEngine, max_live: int = 2) -> None:
        tools = SpeechTools(Path("/nulle-part"), Limits(), MODEL, pool)
        live = LiveTranscription(engine, tools, WindowBatcher(engine))
        self.dead: list[str] = []
        self.host = WorkerHost(
            engine,
            max_waiting=0,
            on_dead=self.dead.append,
            handlers={link_pb2.REQUEST_KIND_LIVE: live.run},
            max_live=max_live,
        )
        self.front = Link()
        self.link = cast(FrontLink, self.front)

    def open(self, number: int, timeout: float = 0.0) -> None:
        """Ouvre un flux."""
        raw = audio_pb2.AudioFormat(encoding=audio_pb2.AUDIO_ENCODING_PCM_F32LE, sample_rate_hertz=RATE)
        config = transcribe_pb2.StreamTranscribeConfig(config=transcribe_pb2.TranscribeConfig(audio_format=raw))
        self.host.submit(
            self.link,
            link_pb2.Submit(
                id=number, kind=link_pb2.REQUEST_KIND_LIVE, payload=config.SerializeToString(), timeout_seconds=timeout
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
    assert hosted.running == 0
    await hosted.host.drain(1.0)


async def test_stopping_gives_the_summary_then_says_why(pool: ThreadPoolExecutor) -> None:
    hosted = Hosted(pool, FakeTranscribeEngine())
    hosted.open(1)
    hosted.send(1, talk(1)[: -RATE // 2])
    await until(lambda: "speech_start" in hosted.front.kinds(1), "parole entendue")
    await asyncio.wait_for(hosted.host.drain(0.5), 20)
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
    await asyncio.wait_for(stopping, 20)
    assert hosted.front.ended[1] is None and hosted.front.kinds(1)[-1] == "summary"


async def test_an_engine_stuck_at_the_stop_does_not_hold_it(pool: ThreadPoolExecutor) -> None:
    hosted = Hosted(pool, SteppedTranscribeEngine())
    hosted.open(1)
    hosted.send(1, talk(3))
    await until(lambda: "speech_end" in hosted.front.kinds(1), "phrase close")
    await asyncio.wait_for(hosted.host.drain(0.2), 20)
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
    assert hosted.running == 1
    hosted.send(2, talk(1), last=True)
    await until(lambda: 2 in hosted.front.ended, "autre flux fini")
    assert hosted.front.ended[2] is None
    await hosted.host.drain(0.1)


def test_the_fake_engine_refuses_what_the_contract_says() -> None:
    with pytest.raises(UnsupportedOption):
        FakeTranscribeEngine().check(RecognitionOptions(language="xx"))
