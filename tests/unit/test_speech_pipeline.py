"""Rééchantillonnage par blocs, détection de parole, fenêtres : rien ne se perd, rien ne se dit deux fois."""

import numpy as np
import pytest
import torch
import torchaudio.functional

from server.engines.base_audio import SAMPLE_RATE, Wave
from server.speech.buffer import WaveBuffer
from server.speech.level import FAINT, audible, rms
from server.speech.resample import Resampler, resampler_for
from server.speech.vad import STEP, SpeechDetector, VadModel, _Hearing
from server.speech.windows import Window, WindowCutter
from tests.support import audio_files

MODEL = VadModel()


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000, 96000, 192000])
def test_resampling_by_blocks_equals_the_whole_file(rate: int) -> None:
    random = np.random.default_rng(rate)
    wave = (random.standard_normal(2 * rate + 137) * 0.3).astype(np.float32)
    whole = torchaudio.functional.resample(torch.from_numpy(wave), rate, SAMPLE_RATE).numpy()
    short = wave[: rate // 40]
    short_whole = torchaudio.functional.resample(torch.from_numpy(short), rate, SAMPLE_RATE).numpy()
    # Un échantillon à la fois, sept, des blocs impairs, 20 ms, tout d'un coup, et des tailles au hasard (0).
    for size in (1, 7, 441, rate // 50, len(wave), 0):
        given, expected = (short, short_whole) if size in (1, 7) else (wave, whole)
        resampler = Resampler(rate)
        parts, position = [], 0
        while position < len(given):
            step = size or int(random.integers(1, rate))
            parts.append(resampler.push(given[position : position + step]))
            position += step
        ours = np.concatenate([*parts, resampler.flush()])
        assert len(ours) == len(expected)
        assert np.abs(ours - expected).max() < 1e-4


@pytest.mark.parametrize("rate", [11025, 22050, 44100])
def test_resampling_takes_only_the_samples_each_output_uses(rate: int) -> None:
    """Le filtre plein ferait lire à chaque sortie tout ce que lit le pas entier."""
    resampler = Resampler(rate)
    resampler.push(np.zeros(rate, np.float32))
    read = sum(kernel.size for _, kernel in resampler._bands)
    assert read < 0.25 * (2 * resampler._width + resampler._from) * resampler._to


def test_what_a_buffer_keeps_is_not_copied_at_each_block() -> None:
    buffer, random = WaveBuffer(), np.random.default_rng(6)
    wave = random.standard_normal(30 * SAMPLE_RATE).astype(np.float32)
    places, received, dropped = set(), 0, 0
    for index in range(3000):
        size = int(random.integers(0, 640))
        buffer.append(wave[received : received + size])
        received = min(len(wave), received + size)
        places.add(buffer._place.__array_interface__["data"][0])
        if index % 500 == 499:
            dropped = max(dropped, received - int(random.integers(0, 200_000)))
            buffer.drop(dropped)
        assert len(buffer) == received - buffer.origin
        low = int(random.integers(buffer.origin, received + 1))
        assert np.array_equal(buffer.between(low, received), wave[low:received])
    assert received == len(wave) and len(places) < 10


@pytest.mark.parametrize("rate", [22051, 191999])
def test_a_rate_without_a_simple_ratio_is_resampled_in_little_memory(rate: int) -> None:
    times = np.arange(rate, dtype=np.float32) / rate
    wave = (np.sin(2 * np.pi * 440 * times) * 0.5).astype(np.float32)

    def by(size: int) -> Wave:
        resampler = resampler_for(rate)
        parts = [resampler.push(wave[at : at + size]) for at in range(0, len(wave), size)]
        return np.concatenate([*parts, resampler.flush()])

    whole = by(rate)
    assert abs(len(whole) - SAMPLE_RATE) < 0.005 * SAMPLE_RATE
    assert np.abs(by(977) - whole).max() < 1e-4
    expected = np.sin(2 * np.pi * 440 * np.arange(len(whole)) / SAMPLE_RATE) * 0.5
    assert np.abs(whole - expected)[500:-500].max() < 0.01


def test_speech_probabilities_do_not_depend_on_the_blocks() -> None:
    wave = audio_files.speech()
    whole = SpeechDetector(MODEL)
    expected = np.concatenate([whole.push(wave), whole.flush()])
    pieces = SpeechDetector(MODEL)
    found = [pieces.push(part) for part in np.array_split(wave, 37)]
    assert np.concatenate([*found, pieces.flush()]) == pytest.approx(expected, abs=1e-5)
    assert len(expected) == -(-len(wave) // STEP)


def cut(wave: Wave, seconds: float = 28.0, block: int = 5000) -> tuple[list[Window], WindowCutter]:
    """Fenêtres d'une onde donnée par blocs."""
    cutter = WindowCutter(SpeechDetector(MODEL), seconds)
    windows: list[Window] = []
    for start in range(0, len(wave), block):
        windows += cutter.push(wave[start : start + block])
    return windows + cutter.flush(), cutter


def test_windows_hold_all_the_speech_once_and_never_exceed_their_length() -> None:
    phrase = audio_files.speech()
    wave = np.concatenate([np.concatenate([phrase, np.zeros(gap, np.float32)]) for gap in (8000, 0, 0, 40000, 0, 3000)])
    for seconds in (5.0, 12.0, 28.0):
        windows, cutter = cut(wave, seconds)
        assert cutter.received == cutter.analysed == len(wave)
        assert sum(span.end - span.start for w in windows for span in w.speech) == cutter.speech
        end = 0
        for window in windows:
            assert window.start >= end
            end = window.start + len(window.samples)
            assert len(window.samples) <= seconds * SAMPLE_RATE
            assert np.array_equal(window.samples, wave[window.start : end])
            for span in window.speech:
                assert window.start <= span.start < span.end <= end


@pytest.mark.parametrize("kind", ["silence", "bruit", "un échantillon", "continu", "ronflement"])
def test_what_is_not_speech_gives_no_window(kind: str) -> None:
    times = np.arange(20 * SAMPLE_RATE, dtype=np.float32) / SAMPLE_RATE
    noise = np.random.default_rng(1).standard_normal(len(times)).astype(np.float32)
    wave = {
        "silence": np.zeros_like(times),
        "bruit": noise * 0.2,
        "un échantillon": np.ones(1, np.float32),
        "continu": np.full_like(times, 0.5),
        "ronflement": (np.sin(2 * np.pi * 50 * times) * 0.5).astype(np.float32),
    }[kind]
    windows, cutter = cut(wave)
    assert not windows
    assert cutter.received == cutter.analysed == len(wave)


def test_memory_does_not_grow_with_silence() -> None:
    cutter = WindowCutter(SpeechDetector(MODEL), 28.0)
    for _ in range(60):
        cutter.push(np.zeros(10 * SAMPLE_RATE, np.float32))
    assert len(cutter._buffer) < 12 * SAMPLE_RATE


def spoken(wave: Wave) -> list[tuple[int, int]]:
    """Parole détectée, en millisecondes."""
    windows, _ = cut(np.concatenate([SILENCE, wave, SILENCE]))
    return [(span.start // 16, span.end // 16) for window in windows for span in window.speech]


SILENCE = np.zeros(SAMPLE_RATE, np.float32)
RECORDINGS = ("en/austen-0870.wav", "en/austen-0920.wav", "fr/vm-intro.g722")


@pytest.mark.parametrize("steps", ["flottants", "16 bits"])
@pytest.mark.parametrize("level", [-60, -75, -80])
@pytest.mark.parametrize("name", RECORDINGS)
def test_very_quiet_speech_keeps_its_first_words(name: str, level: int, steps: str) -> None:
    wave = audio_files.speech(name)
    quiet = (wave * (10 ** (level / 20) / rms(wave))).astype(np.float32)
    if steps == "16 bits":
        quiet = (np.round(quiet * 32768) / 32768).astype(np.float32)
    expected, found = spoken(wave), spoken(quiet)
    assert abs(found[0][0] - expected[0][0]) <= 150 and abs(found[-1][1] - expected[-1][1]) <= 150


@pytest.mark.parametrize("gain", [1.0, 0.1])
@pytest.mark.parametrize("name", RECORDINGS)
def test_ordinary_speech_is_heard_bit_for_bit_as_it_is(name: str, gain: float) -> None:
    speech = (audio_files.speech(name) * gain).astype(np.float32)
    wave = np.concatenate([speech, SILENCE, SILENCE, speech])
    wave = wave[: len(wave) // STEP * STEP]
    plain = _Hearing(MODEL).run(wave.reshape(-1, STEP))
    heard = SpeechDetector(MODEL).push(wave)
    first = int(np.argmax((plain >= 0.5) & (rms(wave.reshape(-1, STEP)) >= FAINT)))
    assert first < 60
    assert (heard[first:] == plain[first:]).all()
    assert audible(speech) is speech


def test_a_quiet_start_does_not_wait_for_the_clicks_to_pass() -> None:
    wave = audio_files.speech("fr/vm-intro.g722") * 3e-4
    wave[1000:1010] = 0.5
    found = spoken(wave)
    assert found[0][0] < 2300 and found[-1][1] > 8000


@pytest.mark.parametrize("level", [-60, -75, -90])
@pytest.mark.parametrize("kind", ["bruit", "ronflement", "dérive"])
def test_what_is_quiet_without_being_speech_gives_no_window(kind: str, level: int) -> None:
    times = np.arange(20 * SAMPLE_RATE) / SAMPLE_RATE
    wave = {
        "bruit": np.random.default_rng(1).standard_normal(len(times)),
        "ronflement": np.sin(2 * np.pi * 50 * times) + 0.5 * np.sin(2 * np.pi * 150 * times),
        "dérive": np.cumsum(np.random.default_rng(2).standard_normal(len(times))) * 1e-3,
    }[kind]
    windows, _ = cut((wave * (10 ** (level / 20) / rms(wave.astype(np.float32)))).astype(np.float32))
    assert windows == []


def test_an_engine_gets_a_quiet_window_raised_and_any_other_as_it_is() -> None:
    wave = audio_files.speech()
    quiet = wave * np.float32(1e-4)
    raised = audible(quiet)
    assert raised.dtype == np.float32 and np.abs(raised).max() == pytest.approx(0.25)
    assert np.allclose(raised / np.abs(raised).max(), wave / np.abs(wave).max(), atol=1e-6)
    for same in (wave, SILENCE, SILENCE[:0]):
        assert audible(same) is same
