"""Un flux en direct coupé puis repris : aucune phrase ne manque, aucune n'est dite deux fois, et les instants continuent."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from passerelle.v1 import audio_pb2, transcribe_pb2

from server.domain import Limits
from server.engines.base_audio import Recognition, RecognitionWindow, RecognizedSegment
from server.errors import InvalidRequest, WorkerLost
from server.front.audio.live import ResumePoint
from server.front.audio.live_config import check_live
from tests.fakes.engines import FakeTranscribeEngine
from tests.support.live_stream import PHRASE, RATE, silence, stream, talk


class Listening(FakeTranscribeEngine):
    """Rend, pour texte, ce qui identifie l'onde de chaque phrase."""

    async def transcribe(self, windows: Sequence[RecognitionWindow]) -> list[Recognition]:
        """L'énergie de l'onde, à peu près."""
        found = []
        for window in windows:
            text = f"{np.abs(window.samples).sum() / 10:.0f}"
            found.append(Recognition((RecognizedSegment(text, 0.0, len(window.samples) / RATE),), "fr"))
        return found


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as found:
        yield found


def spans(finals: list[Any]) -> list[tuple[float, float]]:
    return [(f.start_offset.ToMicroseconds() / 1e6, f.end_offset.ToMicroseconds() / 1e6) for f in finals]


async def run(pool: ThreadPoolExecutor, wave: Any, first: int = 0) -> Any:
    async with stream(pool, Listening(), resume_sample=first, interim_results=False) as live:
        await live.send(wave)
        await live.finish()
        live.check()
        return live


async def test_the_progress_of_a_resumed_stream_counts_from_the_start_of_the_audio(pool: ThreadPoolExecutor) -> None:
    async with stream(pool, Listening(), resume_sample=60 * RATE, progress=True) as live:
        await live.send(silence(3))
        await live.finish()
    assert [round(told.offset.ToMicroseconds() / 1e6) for told in live.of("progress")] == [62, 63]


# Avant toute parole, à son tout début, en pleine phrase, dans le silence qui la clôt, entre deux phrases, à la fin.
@pytest.mark.parametrize("cut", [0.0, 0.2, 0.55, 0.7, 1.9, 4.5, 5.6, 6.0, 6.3, 8.0, 11.0, 18.0])
async def test_a_stream_cut_anywhere_and_resumed_has_no_hole_and_no_duplicate(
    pool: ThreadPoolExecutor, cut: float
) -> None:
    wave = talk(3)
    whole = spans((await run(pool, wave)).of("final"))
    assert len(whole) == 3
    before = await run(pool, wave[: int(cut * RATE)])
    (summary,) = before.of("summary")
    kept = [final for final in before.of("final") if not final.cut]
    resume = summary.resume_sample
    assert all(end <= resume / RATE + 0.25 for _, end in spans(kept))
    assert all(start >= resume / RATE for start, _ in spans([f for f in before.of("final") if f.cut]))
    after = await run(pool, wave[resume:], resume)
    assert spans([*kept, *after.of("final")]) == [pytest.approx(span, abs=0.1) for span in whole]


async def test_every_instant_counts_from_the_start_of_the_client_audio(pool: ThreadPoolExecutor) -> None:
    """À une autre fréquence que 16 kHz : les débuts et fins de parole, les mots, le bilan et son point de reprise."""
    rate, first = 8000, 8000 * 3600
    wave = np.concatenate([silence(0.5), PHRASE, silence(1.0), PHRASE[: 2 * RATE]])[::2]
    seen = {}
    for origin in (0, first):
        async with stream(pool, FakeTranscribeEngine(), rate=rate, resume_sample=origin) as live:
            await live.send(wave)
            await live.finish()
        starts = [e.offset.ToMicroseconds() for e in (*live.of("speech_start"), *live.of("speech_end"))]
        words = [offset for f in live.of("final") for w in f.words for offset in (w.start_offset, w.end_offset)]
        ends = [offset for f in live.of("final") for offset in (f.start_offset, f.end_offset)]
        (summary,) = live.of("summary")
        seen[origin] = (*starts, *(x.ToMicroseconds() for x in (*words, *ends))), summary
    assert [x - 3_600_000_000 for x in seen[first][0]] == list(seen[0][0])
    assert seen[first][1].resume_sample - first == seen[0][1].resume_sample
    assert 0 < seen[0][1].resume_sample < len(wave)
    assert seen[first][1].coverage.received_duration == seen[0][1].coverage.received_duration


def config(rate: int = RATE, resume: int = 0) -> transcribe_pb2.StreamTranscribeConfig:
    common = transcribe_pb2.TranscribeConfig(
        audio_format=audio_pb2.AudioFormat(encoding=audio_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate_hertz=rate)
    )
    return transcribe_pb2.StreamTranscribeConfig(config=common, resume_sample=resume)


def test_an_error_says_where_to_resume_what_had_begun() -> None:
    Response = transcribe_pb2.StreamTranscribeResponse
    point = ResumePoint(config(8000, 16000))
    told = WorkerLost("perdu")
    point.tell(told)
    assert "resume_sample" not in told.metadata
    point.see(Response(ready=transcribe_pb2.StreamReady()))
    expected = ["16000"]
    point.tell(told)
    seen = [told.metadata["resume_sample"]]
    final = audio_pb2.Segment()
    final.end_offset.FromMicroseconds(3_500_100)
    for event in (
        Response(final=final),
        Response(final=audio_pb2.Segment(cut=True)),
        Response(summary=transcribe_pb2.StreamSummary(resume_sample=30000)),
    ):
        point.see(event)
        point.tell(told)
        seen.append(told.metadata["resume_sample"])
    assert seen == [*expected, "28000", "28000", "30000"]


def test_a_resume_point_no_duration_can_write_is_refused() -> None:
    check_live(config(resume=2**48), Limits())
    with pytest.raises(InvalidRequest) as refused:
        check_live(config(resume=2**64 - 1), Limits())
    assert refused.value.metadata["field"] == "resume_sample"
