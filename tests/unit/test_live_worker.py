"""Une transcription en direct dans l'exemplaire : ordre, finales, ralentissement, abandon, refus."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
from passerelle.v1 import audio_pb2

from server.domain import Limits
from server.engines.base_audio import Recognition, RecognitionOptions, RecognizedSegment
from server.errors import (
    AudioLimitExceeded,
    EngineDead,
    EngineFailed,
    InvalidAudio,
    UnsupportedOption,
)
from server.link.framing import INPUT_WINDOW_BYTES
from server.worker.spooled import prove_analysed
from tests.fakes.engines import FakeTranscribeEngine, SteppedTranscribeEngine
from tests.support import audio_files
from tests.support.live_stream import PHRASE, RATE, Stream, heard, silence, stream, talk, waiting
from tests.support.waiting import PATIENCE, soon, until


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as found:
        yield found


def offsets(live: Stream) -> list[float]:
    """Secondes jusqu'où le texte suit, à mesure qu'elles sont dites."""
    return [progress.offset.ToMicroseconds() / 1e6 for progress in live.of("progress")]


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


async def test_a_late_engine_slows_the_reading_and_loses_nothing(pool: ThreadPoolExecutor) -> None:
    engine = SteppedTranscribeEngine()
    wave = talk(30, gap=0.8)
    async with stream(pool, engine) as live:
        sending = asyncio.create_task(live.send(wave))
        await until(lambda: len(live.of("speech_end")) >= 3, "trois phrases closes")
        # Deux phrases chez le moteur, une qui attend d'y entrer : le reste n'est plus lu.
        await until(lambda: live.inputs.waiting > INPUT_WINDOW_BYTES * 0.9, "la fenêtre se remplit")
        assert len(live.of("speech_end")) == 3 and not sending.done()
        engine.allow(1000)
        await soon(sending)
        await live.finish()
    live.check()
    assert len(live.of("final")) == 30
    # L'audio était en avance : aucun brouillon n'a retardé les phrases.
    assert len(engine.batches) <= 33


async def test_a_client_that_asks_is_told_how_far_the_text_follows(pool: ThreadPoolExecutor) -> None:
    async with stream(pool, FakeTranscribeEngine(), progress=True) as live:
        await live.send(np.concatenate([silence(3), talk(2), silence(3)]))
        await live.finish()
    live.check()
    told = offsets(live)
    assert told == sorted(told) and min(np.diff([0.0, *told])) >= 1
    # Le silence compte aussi : c'est lui qu'un client sans texte ne sait pas distinguer d'un retard.
    assert 1 <= told[0] < 3
    assert live.of("summary")[0].coverage.covered_duration.seconds - told[-1] < 2


async def test_a_late_engine_is_seen_in_the_progress_and_in_its_end(pool: ThreadPoolExecutor) -> None:
    engine = SteppedTranscribeEngine()
    async with stream(pool, engine, progress=True, interim_results=False) as live:
        sending = asyncio.create_task(live.send(talk(8)))
        await until(lambda: len(live.of("speech_end")) >= 3, "trois phrases closes")
        first, third = (live.of("speech_end")[rank].offset.ToMicroseconds() / 1e6 for rank in (0, 2))
        # Ce qui est analysé après la phrase qui attend n'est pas suivi.
        assert offsets(live)[-1] < first + 1 < third
        engine.allow(1000)
        await soon(sending)
        await live.finish()
    live.check()
    assert offsets(live)[-1] > third


async def test_abandoning_a_slowed_stream_frees_everything(pool: ThreadPoolExecutor) -> None:
    engine = SteppedTranscribeEngine()
    async with stream(pool, engine) as live:
        sending = asyncio.create_task(live.send(talk(30, gap=0.8)))
        await until(lambda: len(live.of("speech_end")) >= 3, "trois phrases closes")
        live.task.cancel()
        await asyncio.wait({live.task}, timeout=PATIENCE)
        assert live.task.done()
        sending.cancel()
        assert waiting(live.batcher) == 0
    engine.allow(100)
    other = live.batcher.submit(engine.batches[0][0], next(iter(live.batcher._waiting)))
    await soon(other.future)
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
            await soon(live.task)
        sending.cancel()
        assert waiting(live.batcher) == 0
    assert len(live.of("final")) == 1 and not live.of("summary")


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
        if options.language:
            # Refait dans une langue imposée.
            return Recognition((RecognizedSegment(f"en {options.language}", 0.0, seconds),), options.language)
        text, language, probability = self.found.pop(0)
        segments = (RecognizedSegment(text, 0.0, seconds),) if text else ()
        return Recognition(segments, language, probability)


async def test_a_doubtful_phrase_takes_a_language_already_heard(pool: ThreadPoolExecutor) -> None:
    engine = Scripted(
        ("", "ja", 0.9), ("hmm", "nl", 0.4), ("hello", "en", 0.95), ("boa", "pt", 0.5), ("again", "en", 0.3),
        ("bonjour", "fr", 0.9), ("um", "de", 0.5),
    )  # fmt: skip
    async with stream(pool, engine, interim_results=False) as live:
        for count in range(7):
            await live.send(np.concatenate([PHRASE, silence(1)]))
            await until(partial(heard, live, count + 1), "phrase entendue")
        await live.finish()
    assert [batch[0].options.language for batch in engine.batches] == ["", "", "", "", "en", "", "", "", "fr"]
    (summary,) = live.of("summary")
    assert summary.language == "en" and summary.text == "hmm hello en en again bonjour en fr"
    (silent,) = summary.coverage.speech_without_words
    assert silent.end_offset.ToMicroseconds() > silent.start_offset.ToMicroseconds()
    assert [(final.index, final.language) for final in live.of("final")] == [
        (1, "nl"), (2, "en"), (3, "en"), (4, "en"), (5, "fr"), (6, "fr"),
    ]  # fmt: skip


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
            await soon(live.task)
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
            await soon(live.task)
    assert raised.value.metadata["limit"] == "3" and float(raised.value.metadata["value"]) > 3
    assert live.of("summary")[0].coverage.covered_duration.seconds == 3
    live.check()


async def test_an_option_the_engine_refuses_is_said_before_ready(pool: ThreadPoolExecutor) -> None:
    async with stream(pool, FakeTranscribeEngine(), language="xx") as live:
        with pytest.raises(UnsupportedOption):
            await soon(live.task)
    assert not live.events


@pytest.mark.parametrize(("received", "analysed", "seconds"), [(16000, 15999, 1.0), (16000, 16000, 1.03), (0, 0, 0.1)])
def test_audio_that_was_not_analysed_is_a_failure(received: int, analysed: int, seconds: float) -> None:
    with pytest.raises(EngineFailed, match="n'a pas été analysé") as caught:
        prove_analysed(received, analysed, seconds)
    assert caught.value.metadata == {"limit": f"{seconds:.3f}", "value": f"{analysed / 16000:.3f}"}
    prove_analysed(received, received, received / 16000 + 0.01)
