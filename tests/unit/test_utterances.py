"""La découpe d'un flux en direct en phrases : bornes, coupes, faux départs, quelle que soit la taille des morceaux."""

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import numpy as np
import pytest

from server.engines.base_audio import SAMPLE_RATE, Wave
from server.speech.utterances import Event, SpeechEnded, SpeechStarted, Utterance, UtteranceCutter
from server.speech.vad import STEP, SpeechDetector, VadModel
from server.speech.windows import WindowCutter
from tests.support import audio_files

MODEL = VadModel()
MARGIN = int(0.24 * SAMPLE_RATE)


class ScriptedDetector:
    """Rend des probabilités écrites d'avance, une par pas."""

    def __init__(self, probabilities: Sequence[float]) -> None:
        self._probabilities = list(probabilities)
        self._rest = 0

    def push(self, samples: Wave) -> Wave:
        """Probabilités des pas que ce bloc complète."""
        count, self._rest = divmod(self._rest + len(samples), STEP)
        taken, self._probabilities = self._probabilities[:count], self._probabilities[count:]
        return np.array(taken, np.float32)

    def flush(self) -> Wave:
        """Dernier pas, incomplet."""
        return np.array(self._probabilities[:1] if self._rest else [], np.float32)


def script(*parts: tuple[float, float]) -> list[float]:
    """Probabilités pas à pas, de (durée en secondes, probabilité)."""
    return [value for seconds, value in parts for _ in range(round(seconds * SAMPLE_RATE / STEP))]


def scripted(
    probabilities: Sequence[float], *, silence: float = 0.6, longest: float = 20.0, block: int = 320, extra: int = 0
) -> tuple[list[Event], UtteranceCutter]:
    """Événements de ces probabilités ; l'onde vaut le rang de chaque échantillon."""
    detector = cast(SpeechDetector, ScriptedDetector(probabilities))
    cutter = UtteranceCutter(detector, endpoint_silence=silence, max_utterance=longest)
    wave = np.arange((len(probabilities) - bool(extra)) * STEP + extra, dtype=np.float32)
    return run(cutter, wave, block), cutter


def run(cutter: UtteranceCutter, wave: Wave, block: int) -> list[Event]:
    events: list[Event] = []
    for at in range(0, len(wave), block):
        events += cutter.push(wave[at : at + block])
    events += cutter.flush()
    assert cutter.received == cutter.analysed == len(wave)
    return events


def utterances(events: list[Event]) -> list[Utterance]:
    return [event for event in events if isinstance(event, Utterance)]


def check(events: list[Event], wave: Wave | None = None) -> None:
    """Ce que toute suite d'événements respecte : ordre, rangs, bornes qui ne reculent pas, onde exacte."""
    assert len(events) % 3 == 0
    end = speech_end = 0
    for index, at in enumerate(range(0, len(events), 3)):
        start, stop, utterance = events[at : at + 3]
        assert isinstance(start, SpeechStarted) and isinstance(stop, SpeechEnded) and isinstance(utterance, Utterance)
        assert start.index == stop.index == utterance.index == index
        assert (start.at, stop.at) == (utterance.speech.start, utterance.speech.end)
        assert speech_end <= start.at < stop.at
        assert end <= utterance.start <= start.at and stop.at <= utterance.end
        assert utterance.speech.start - utterance.start <= MARGIN and utterance.end - stop.at <= MARGIN
        end, speech_end = utterance.end, stop.at
        expected = np.arange(utterance.start, utterance.end) if wave is None else wave[utterance.start : utterance.end]
        assert np.array_equal(utterance.samples, expected)


def seconds(samples: int) -> float:
    return samples / SAMPLE_RATE


def test_a_silence_closes_and_a_shorter_one_does_not() -> None:
    events, cutter = scripted(script((0.5, 0), (1, 0.9), (0.45, 0), (1, 0.9), (0.8, 0), (0.7, 0.9), (1, 0)))
    check(events)
    first, second = utterances(events)
    assert seconds(first.speech.start) == pytest.approx(0.5, abs=0.04)
    assert seconds(first.speech.end) == pytest.approx(2.95, abs=0.04)
    assert seconds(second.speech.start) == pytest.approx(3.75, abs=0.04)
    assert cutter.speech == sum(u.speech.end - u.speech.start for u in (first, second))


@pytest.mark.parametrize("silence", [0.1, 0.3, 0.6, 2.0])
def test_the_silence_is_tunable_to_the_step(silence: float) -> None:
    for gap, closed in ((silence - 0.06, False), (silence + 0.06, True)):
        events, _ = scripted(script((1, 0.9), (gap, 0), (1, 0.9), (3, 0)), silence=silence)
        check(events)
        assert len(utterances(events)) == (2 if closed else 1), gap


def test_a_false_start_is_forgotten_but_its_audio_is_still_a_margin() -> None:
    events, cutter = scripted(script((1, 0), (0.1, 0.9), (0.5, 0), (1, 0.9), (1, 0)))
    check(events)
    (only,) = utterances(events)
    assert seconds(only.speech.start) == pytest.approx(1.6, abs=0.05)
    assert cutter.speech == only.speech.end - only.speech.start


def test_a_click_that_precedes_speech_belongs_to_it() -> None:
    events, _ = scripted(script((1, 0), (0.1, 0.9), (0.15, 0), (1, 0.9), (1, 0)))
    (only,) = utterances(events)
    assert seconds(only.speech.start) == pytest.approx(1.0, abs=0.04)


@pytest.mark.parametrize("longest", [2.0, 5.0, 20.0])
def test_a_long_speech_is_split_without_losing_a_sample(longest: float) -> None:
    rng = np.random.default_rng(3)
    probabilities = [0.0] * 20 + list(rng.uniform(0.5, 1.0, 1500)) + [0.0] * 40
    events, cutter = scripted(probabilities, longest=longest)
    check(events)
    found = utterances(events)
    assert len(found) >= 1500 * STEP / SAMPLE_RATE / longest
    assert all(len(u.samples) <= longest * SAMPLE_RATE for u in found)
    for one, following in pairwise(found):
        assert one.end == following.start == one.speech.end == following.speech.start
    assert cutter.speech == 1500 * STEP


def test_a_split_falls_where_speech_is_the_least_likely() -> None:
    probabilities = script((5, 0.9))
    probabilities[100] = 0.5
    events, _ = scripted(probabilities + script((1, 0)), longest=4.0)
    assert utterances(events)[0].speech.end == 100 * STEP


def test_a_file_is_split_where_a_stream_is() -> None:
    probabilities = script((0.5, 0), (5, 0.9), (1, 0))
    probabilities[110] = 0.4
    events, _ = scripted(probabilities, longest=4.0)
    cutter = WindowCutter(cast(SpeechDetector, ScriptedDetector(probabilities)), 4.0)
    windows = [*cutter.push(np.zeros(len(probabilities) * STEP, np.float32)), *cutter.flush()]
    assert [span for window in windows for span in window.speech] == [one.speech for one in utterances(events)]
    assert windows[0].speech[0].end == 110 * STEP


def test_the_end_of_a_split_speech_is_kept_however_short() -> None:
    # La parole s'arrête un dixième de seconde après la coupe : ce reste est trop court pour être confirmé seul.
    longest = 3.0
    until_split = round((longest * SAMPLE_RATE - MARGIN) / STEP)
    probabilities = [0.9] * until_split
    probabilities[-3] = 0.5
    events, cutter = scripted([*probabilities, 0.9] + [0.0] * 60, longest=longest)
    check(events)
    assert len(utterances(events)) == 2
    assert cutter.speech == (until_split + 1) * STEP


def test_a_pause_right_at_the_split_gives_no_empty_utterance() -> None:
    until_split = round((3.0 * SAMPLE_RATE - MARGIN) / STEP)
    for early in range(1, 12):
        probabilities = [0.9] * (until_split - early) + [0.0] * 60
        events, _ = scripted(probabilities, longest=3.0)
        check(events)
        assert utterances(events)[-1].speech.end <= (until_split - early) * STEP


@pytest.mark.parametrize("extra", [1, 100, 511])
def test_the_end_of_the_stream_closes_what_was_said(extra: int) -> None:
    events, cutter = scripted(script((1, 0), (1.5, 0.9)), extra=extra)
    check(events)
    (only,) = utterances(events)
    assert only.end == only.speech.end == cutter.received


def test_nothing_received_is_nothing_said() -> None:
    events, cutter = scripted([])
    assert not events and cutter.received == cutter.speech == 0


def test_a_settled_draft_is_the_closed_utterance() -> None:
    detector = cast(SpeechDetector, ScriptedDetector(script((0.5, 0), (2, 0.9), (1, 0))))
    cutter = UtteranceCutter(detector, endpoint_silence=0.6, max_utterance=20)
    wave = np.arange(round(3.5 * SAMPLE_RATE), dtype=np.float32)
    drafts: list[Utterance] = []
    closed: list[Utterance] = []
    for at in range(0, len(wave), 160):
        events = cutter.push(wave[at : at + 160])
        closed += utterances(events)
        draft = cutter.draft()
        assert draft is None or not (cutter.settled and cutter.hesitating)
        if draft is not None:
            if cutter.settled:
                drafts.append(draft)
            assert draft.end <= cutter.analysed
    assert len(closed) == 1 and len(drafts) > 10
    for draft in drafts:
        assert (draft.start, draft.end, draft.speech) == (closed[0].start, closed[0].end, closed[0].speech)


def facts(events: list[Event]) -> list[tuple[object, ...]]:
    return [
        (e.index, e.start, e.end, e.speech) if isinstance(e, Utterance) else (type(e), e.index, e.at) for e in events
    ]


@pytest.mark.parametrize("block", [1, 333, 512, 4096, 10**9])
def test_scripted_events_do_not_depend_on_the_chunks(block: int) -> None:
    rng = np.random.default_rng(7)
    probabilities = [float(p) for seconds in rng.uniform(0.1, 3, 12) for p in script((seconds, rng.random()))]
    expected, _ = scripted(probabilities, longest=3.0, block=320, extra=77)
    found, _ = scripted(probabilities, longest=3.0, block=block, extra=77)
    check(found)
    assert facts(found) == facts(expected) and len(utterances(found)) > 2


def recordings() -> Wave:
    """Parole réelle, pauses de toutes longueurs, dans les deux langues."""
    gaps = (0.3, 0.9, 0.2, 2.0)
    names = ("en/austen-0870.wav", "en/austen-0880.wav", "fr/vm-intro.g722", "fr/tt-allbusy.g722")
    parts = [np.zeros(SAMPLE_RATE, np.float32)]
    for name, gap in zip(names, gaps, strict=True):
        parts += [audio_files.speech(name), np.zeros(int(gap * SAMPLE_RATE), np.float32)]
    return np.concatenate(parts)


def test_real_speech_is_cut_the_same_whatever_the_chunks() -> None:
    wave = recordings()
    results = []
    for block in (160, 333, 8000, len(wave)):
        cutter = UtteranceCutter(SpeechDetector(MODEL), endpoint_silence=0.6, max_utterance=6.0)
        events = run(cutter, wave, block)
        check(events, wave)
        results.append(facts(events))
        assert all(len(u.samples) <= 6 * SAMPLE_RATE for u in utterances(events))
        assert cutter.speech > 0.5 * (len(wave) - 4.4 * SAMPLE_RATE)
    assert all(result == results[0] for result in results)
    assert len(results[0]) >= 3 * 4


@pytest.mark.parametrize("kind", ["silence", "bruit", "souffle", "continu", "ronflement", "clics"])
def test_what_is_not_speech_is_no_utterance_and_takes_no_memory(kind: str) -> None:
    times = np.arange(60 * SAMPLE_RATE, dtype=np.float32) / SAMPLE_RATE
    noise = np.random.default_rng(1).standard_normal(len(times)).astype(np.float32)
    wave = {
        "silence": np.zeros_like(times),
        "bruit": noise * 0.2,
        "souffle": noise * 0.01,
        "continu": np.full_like(times, 0.5),
        "ronflement": (np.sin(2 * np.pi * 50 * times) * 0.5).astype(np.float32),
        "clics": np.where(np.arange(len(times)) % 8000 < 20, 0.9, 0).astype(np.float32),
    }[kind]
    cutter = UtteranceCutter(SpeechDetector(MODEL), endpoint_silence=0.6, max_utterance=20)
    events = []
    for at in range(0, len(wave), 3200):
        events += cutter.push(wave[at : at + 3200])
        assert len(cutter._buffer) <= 2 * SAMPLE_RATE
    assert not events and not cutter.flush() and cutter.speech == 0
    assert cutter.received == cutter.analysed == len(wave)
