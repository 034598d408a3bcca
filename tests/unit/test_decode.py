"""Le décodage borné : le vrai enfant, sur tous les formats acceptés et tous ceux à refuser."""

import asyncio
import socket
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from server.domain import Limits
from server.engines.base_audio import Wave
from server.errors import PasserelleError
from server.speech.decode import RawFormat, decoding
from server.speech.resample import Resampler
from tests.support import audio_files

SPEECH = audio_files.speech()
GOOD = audio_files.good_files(SPEECH)
BAD = audio_files.bad_files()


async def decode(path: Path, limits: Limits | None = None, raw: RawFormat | None = None) -> tuple[Wave, float]:
    """Onde à 16 kHz et durée d'un fichier."""
    parts = []
    resampler = None
    async with decoding(path, limits or Limits(), raw) as decoded:
        async for block in decoded.blocks():
            resampler = resampler or Resampler(decoded.rate)
            parts.append(resampler.push(block.samples))
            assert 0.0 < block.ratio <= 1.0
        assert resampler is not None
        parts.append(resampler.flush())
        return np.concatenate(parts), decoded.seconds


@pytest.mark.parametrize("name", GOOD)
async def test_every_accepted_form_gives_the_same_sound(tmp_path: Path, name: str) -> None:
    path = tmp_path / "envoi"
    path.write_bytes(GOOD[name])
    wave, seconds = await decode(path)
    lossy = name in ("mp3", "ogg-opus", "webm-opus", "m4a-aac")
    assert seconds == pytest.approx(len(SPEECH) / 16000, abs=0.15 if lossy else 0.005)
    assert abs(len(wave) - seconds * 16000) <= 320
    # Le retard d'un codec est cherché, puis les deux ondes sont comparées.
    ours = np.fft.irfft(np.fft.rfft(wave, 1 << 18) * np.conj(np.fft.rfft(SPEECH, 1 << 18)))
    likeness = ours.max() / np.sqrt((wave**2).sum() * (SPEECH**2).sum())
    assert likeness > (0.9 if lossy or name == "8000-hz" else 0.99)


@pytest.mark.parametrize(("encoding", "dtype"), [("s16le", "<i2"), ("s32le", "<i4"), ("f32le", "<f4")])
async def test_raw_samples_are_read_as_stated(tmp_path: Path, encoding: str, dtype: str) -> None:
    path = tmp_path / "envoi"
    scale = 1.0 if dtype == "<f4" else float(np.iinfo(dtype).max)
    path.write_bytes((np.repeat(SPEECH, 2).astype(np.float64) * scale).astype(dtype).tobytes())
    wave, seconds = await decode(path, raw=RawFormat(encoding, 16000, 2))
    assert seconds == pytest.approx(len(SPEECH) / 16000)
    assert np.abs(wave - SPEECH).max() < 1e-3


@pytest.mark.parametrize("name", BAD)
async def test_bad_files_are_refused_by_a_clear_error(tmp_path: Path, name: str) -> None:
    data, reason = BAD[name]
    path = tmp_path / "envoi"
    path.write_bytes(data)
    with pytest.raises(PasserelleError) as raised:
        await decode(path)
    assert raised.value.reason == reason
    assert raised.value.metadata["field"]
    if reason == "AUDIO_LIMIT_EXCEEDED":
        assert raised.value.metadata["limit"] and raised.value.metadata["value"]


@pytest.mark.parametrize("name", ["flac", "opus", "mp3", "m4a"])
async def test_a_file_that_swells_is_stopped_while_it_is_decoded(tmp_path: Path, name: str) -> None:
    path = tmp_path / "envoi"
    path.write_bytes(audio_files.bombs(90)[name])
    with pytest.raises(PasserelleError) as too_long:
        await decode(path, replace(Limits(), max_audio_seconds=60.0))
    with pytest.raises(PasserelleError) as too_big:
        await decode(path, replace(Limits(), max_decoded_bytes=1_000_000))
    for error in (too_long.value, too_big.value):
        assert error.reason == "AUDIO_LIMIT_EXCEEDED"
        assert {"field", "limit", "value"} <= set(error.metadata)


async def test_a_playlist_named_like_audio_reaches_nobody(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/secret.wav"
        for text in (f"#EXTM3U\n#EXTINF:1,\n{url}\n", f"ffconcat version 1.0\nfile {url}\n"):
            path = tmp_path / "envoi.wav"
            path.write_text(text)
            with pytest.raises(PasserelleError):
                await decode(path)
        with pytest.raises(BlockingIOError):
            listener.accept()


async def test_leaving_early_kills_the_child(tmp_path: Path) -> None:
    path = tmp_path / "envoi"
    path.write_bytes(audio_files.wav(np.tile(SPEECH, 40)))
    before = len(asyncio.all_tasks())
    async with decoding(path, Limits()) as decoded:
        async for _block in decoded.blocks():
            break
    assert len(asyncio.all_tasks()) == before
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):  # fini entre-temps
            assert not any("decode_child" in argument for argument in child.cmdline())
