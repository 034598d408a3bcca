"""Les textes provisoires d'une transcription en direct : quand ils se calculent, quand ils se montrent."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest

from server.engines.base_audio import Wave
from server.errors import (
    EngineFailed,
)
from server.speech.vad import VadModel
from server.worker.batcher import WindowBatcher
from tests.fakes.engines import FakeTranscribeEngine, SteppedTranscribeEngine
from tests.support import audio_files
from tests.support.live_stream import PHRASE, RATE, heard, silence, stream, talk, waiting
from tests.support.waiting import until


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as found:
        yield found


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
