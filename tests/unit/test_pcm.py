"""Les échantillons bruts d'un flux : le même résultat que FFmpeg, quelle que soit la taille des morceaux."""

import io

import av
import numpy as np
import pytest
from passerelle.v1 import audio_pb2

from server.engines.base_audio import Wave
from server.formats.api import ENCODINGS
from server.front.audio.options import FIXED_RATES
from server.speech.decode import RawFormat
from server.speech.pcm import CODINGS, PcmReader
from server.worker.spooled import raw_format

WIDTHS = {"s16le": 2, "f32le": 4, "s24le": 3, "s32le": 4, "mulaw": 1, "alaw": 1}


def by_ffmpeg(data: bytes, encoding: str, channels: int) -> Wave:
    """Ces octets, décodés par FFmpeg et mélangés par leur moyenne."""
    options = {"sample_rate": "16000", "ch_layout": f"{channels}c"}
    parts = []
    with av.open(io.BytesIO(data), "r", format=encoding, options=options) as container:
        for frame in container.decode(audio=0):
            plain = frame.to_ndarray()
            scale = {"s16": 1 << 15, "s32": 1 << 31, "flt": 1}[frame.format.name.rstrip("p")]
            parts.append((plain.astype(np.float64) / scale).reshape(-1, channels).mean(axis=1))
    return np.concatenate(parts).astype(np.float32)


def samples(encoding: str, channels: int) -> bytes:
    """Échantillons de toutes les valeurs : tous les octets en tête, puis du hasard."""
    random = np.random.default_rng(5)
    if encoding == "f32le":
        return random.uniform(-1.5, 1.5, 4000 * channels).astype("<f4").tobytes()
    every = bytes(range(256)) * (WIDTHS[encoding] * channels)
    return every + random.bytes(4000 * WIDTHS[encoding] * channels)


def read(data: bytes, raw: RawFormat, block: int) -> Wave:
    reader = PcmReader(raw)
    parts = [reader.push(data[at : at + block]) for at in range(0, len(data), block)]
    assert reader.rest == 0
    return np.concatenate(parts)


@pytest.mark.parametrize("channels", [1, 2, 5])
@pytest.mark.parametrize("encoding", CODINGS)
def test_every_encoding_reads_as_ffmpeg_does(encoding: str, channels: int) -> None:
    data = samples(encoding, channels)
    expected = by_ffmpeg(data, encoding, channels)
    for block in (1, 3, 7, 640, 4999, len(data)):
        found = read(data, RawFormat(encoding, 16000, channels), block)
        assert found.dtype == np.float32
        assert len(found) == len(expected)
        assert np.abs(found - expected).max() < 1e-6


@pytest.mark.parametrize("encoding", CODINGS)
def test_an_incomplete_instant_waits_and_is_counted(encoding: str) -> None:
    reader = PcmReader(RawFormat(encoding, 16000, 2))
    frame = 2 * WIDTHS[encoding]
    assert reader.frame_bytes == frame
    assert len(reader.push(bytes(frame + 1))) == 1 and reader.rest == 1
    assert len(reader.push(bytes(frame - 1))) == 1 and reader.rest == 0
    assert len(reader.push(b"")) == 0


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_a_number_stays_visible(value: float, channels: int) -> None:
    wave = np.zeros(10 * channels, "<f4")
    wave[4 * channels] = value
    found = PcmReader(RawFormat("f32le", 16000, channels)).push(wave.tobytes())
    assert [bool(ok) for ok in np.isfinite(found)] == [index != 4 for index in range(10)]


@pytest.mark.parametrize("encoding", sorted(audio_pb2.AudioEncoding.values()))
def test_every_encoding_of_the_contract_has_its_name_and_is_read(encoding: audio_pb2.AudioEncoding) -> None:
    found = raw_format(audio_pb2.AudioFormat(encoding=encoding, sample_rate_hertz=8000))
    if encoding == audio_pb2.AUDIO_ENCODING_UNSPECIFIED:
        assert found is None and encoding not in ENCODINGS.values()
    elif encoding in FIXED_RATES:
        # Ils ont un état : seul un fichier les porte, et FFmpeg les lit.
        assert found is not None and found.encoding in ENCODINGS and found.encoding not in WIDTHS
    else:
        assert found is not None and WIDTHS[found.encoding] == PcmReader(found).frame_bytes
        assert ENCODINGS[next(name for name in ENCODINGS if name.endswith(found.encoding))] == encoding
