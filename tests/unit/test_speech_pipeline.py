"""Rééchantillonnage par blocs, détection de parole, fenêtres : rien ne se perd, rien ne se dit deux fois."""

import numpy as np
import pytest
import torch
import torchaudio.functional

from server.engines.base_audio import SAMPLE_RATE, Wave
from server.speech.resample import Resampler, resampler_for
from server.speech.vad import STEP, SpeechDetector, VadModel
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
