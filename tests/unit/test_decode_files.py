"""Ce que disent vraiment les octets d'un fichier : conteneur, piste, longueurs fausses, canaux qui s'annulent."""

import io
import random
import struct
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from server.domain import Limits
from server.engines.base_audio import Wave
from server.errors import PasserelleError
from server.speech.decode import AudioRequest, RawFormat
from server.speech.decode_sniff import FORMATS
from tests.support import audio_files
from tests.support.audio_files import encoded, wav
from tests.support.decoded import hear, likeness

SPEECH = audio_files.speech()
SECONDS = len(SPEECH) / 16000
HALF = SPEECH[: len(SPEECH) // 2]
ID3 = b"ID3\x03\x00\x00" + bytes([0, 0, 8, 0]) + b"T" * 1024
EMPTY_ID3 = b"ID3\x04\x00\x00\0\0\0\0"
APART = "BYTES_NOT_DECODED"

FORMS: dict[str, tuple[str, str, dict[str, object]]] = {
    "aiff": ("aiff", "pcm_s16be", {}),
    "caf": ("caf", "pcm_s16be", {}),
    "au": ("au", "pcm_s16be", {}),
    "w64": ("w64", "pcm_s16le", {}),
    "avi": ("avi", "pcm_s16le", {}),
    "avi-mp3": ("avi", "libmp3lame", {"rate": 44100}),
    "mpegts": ("mpegts", "aac", {"rate": 44100}),
    "mpegts-mp2": ("mpegts", "mp2", {"rate": 44100}),
    "wma": ("asf", "wmav2", {"rate": 44100, "layout": "stereo", "b": "64k"}),
    "ac3": ("ac3", "ac3", {"rate": 44100}),
    "eac3": ("eac3", "eac3", {"rate": 48000}),
    "amr": ("amr", "libopencore_amrnb", {"rate": 8000}),
    "adts": ("adts", "aac", {"rate": 44100}),
    "mp2": ("mp2", "mp2", {"rate": 44100}),
    "mp3": ("mp3", "libmp3lame", {"rate": 44100}),
    "flac": ("flac", "flac", {}),
    "ogg": ("ogg", "libopus", {"rate": 48000}),
    "webm": ("webm", "libopus", {"rate": 48000}),
    "m4a": ("ipod", "aac", {"rate": 44100}),
    "mov": ("mov", "pcm_s16le", {}),
    "mpeg": ("mpeg", "mp2", {"rate": 44100}),
    "wavpack": ("wv", "wavpack", {}),
    "tta": ("tta", "tta", {}),
    "voc": ("voc", "pcm_u8", {"rate": 8000}),
    "flv": ("flv", "aac", {"rate": 44100}),
}
FILES: dict[str, bytes] = {}


def file_of(name: str) -> bytes:
    """Fichier de cette forme, fait une fois."""
    if name not in FILES:
        container, codec, options = FORMS[name]
        FILES[name] = wav(SPEECH) if name == "wav" else encoded(SPEECH, container, codec, **options)  # type: ignore[arg-type]
    return FILES[name]


FORMS["wav"] = ("wav", "pcm_s16le", {})


@pytest.mark.parametrize("name", FORMS)
async def test_every_container_is_known_by_its_bytes(tmp_path: Path, name: str) -> None:
    heard = await hear(tmp_path / "a", file_of(name))
    assert heard.seconds == pytest.approx(SECONDS, abs=0.15)
    assert likeness(heard.wave, SPEECH) > (0.5 if name in ("amr", "voc") else 0.85)
    assert not heard.reasons
    source = heard.decoded.source
    assert source is not None and (source.track, source.tracks) == (0, 1) and source.codec


@pytest.mark.parametrize("name", FORMS)
async def test_tags_before_the_container_are_passed(tmp_path: Path, name: str) -> None:
    heard = await hear(tmp_path / "a", EMPTY_ID3 + ID3 + bytes(700) + file_of(name))
    assert heard.seconds == pytest.approx(SECONDS, abs=0.15) and not heard.reasons


@pytest.mark.parametrize("name", ["mp3", "mp2", "adts", "ac3", "eac3", "mpegts"])
@pytest.mark.parametrize("cut", [1, 150, 3001])
async def test_a_stream_that_starts_within_a_frame_is_heard(tmp_path: Path, name: str, cut: int) -> None:
    for before in (b"", ID3):
        heard = await hear(tmp_path / "a", before + file_of(name)[cut:])
        assert heard.seconds > 6 and likeness(heard.wave, SPEECH) > 0.8


@pytest.mark.parametrize(
    "text", [b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.wav\n", b"ffconcat version 1.0\nfile /etc/passwd\n"]
)
@pytest.mark.parametrize("before", [b"", ID3, EMPTY_ID3 + bytes(64), b"\n ", ID3 + b"\n"])
async def test_no_playlist_is_followed_wherever_it_stands(tmp_path: Path, text: bytes, before: bytes) -> None:
    with pytest.raises(PasserelleError) as raised:
        await hear(tmp_path / "a.wav", before + text * 500, AudioRequest(assumed="mulaw"))
    assert raised.value.reason == "INVALID_AUDIO"


def test_no_demuxer_opens_anything_else() -> None:
    """Ni liste, ni protocole, ni image, ni appareil."""
    shut = {"concat", "hls", "dash", "sdp", "rtp", "rtsp", "image2", "lavfi", "alsa", "v4l2", "smoothstreaming", "imf"}
    assert not FORMATS & shut and av.format.formats_available >= FORMATS
    assert not [name for name in FORMATS if "pipe" in name or "image" in name or "gif" in name]


@pytest.mark.parametrize("seed", range(6))
async def test_noise_is_not_taken_for_a_stream(tmp_path: Path, seed: int) -> None:
    with pytest.raises(PasserelleError) as raised:
        await hear(tmp_path / "a", b"\x01" + random.Random(seed).randbytes(60_000))
    assert raised.value.reason == "INVALID_AUDIO"


@pytest.mark.parametrize(("encoding", "data"), [("g722", None), ("gsm", (b"\xd0" + bytes(32)) * 355)])
async def test_telephone_samples_are_read_by_their_declared_kind(
    tmp_path: Path, encoding: str, data: bytes | None
) -> None:
    raw = data or encoded(SPEECH, "g722", "g722")
    rate = 16000 if encoding == "g722" else 8000
    for request in (AudioRequest(RawFormat(encoding, rate)), AudioRequest(assumed=encoding)):
        heard = await hear(tmp_path / "a", raw, request)
        assert heard.seconds == pytest.approx(7.1, abs=0.01)
    # Un conteneur reconnu l'emporte sur le type annoncé.
    heard = await hear(tmp_path / "a", wav(SPEECH), AudioRequest(assumed=encoding))
    assert likeness(heard.wave, SPEECH) > 0.99


def tracks(container: str, waves: Sequence[Wave], default: int) -> bytes:
    """Fichier à plusieurs pistes de son."""
    out = io.BytesIO()
    with av.open(out, "w", format=container) as target:
        streams = [target.add_stream("aac", rate=16000) for _ in waves]
        for rank, stream in enumerate(streams):
            stream.layout = "mono"
            stream.disposition = av.stream.Disposition.default if rank == default else av.stream.Disposition(0)
        for stream, wave in zip(streams, waves, strict=True):
            resampler = av.AudioResampler(format="fltp", layout="mono", rate=16000, frame_size=1024)
            frame = av.AudioFrame.from_ndarray(wave[None], format="fltp", layout="mono")
            frame.sample_rate, frame.time_base, frame.pts = 16000, Fraction(1, 16000), 0
            for source in (frame, None):
                for one in resampler.resample(source):
                    target.mux(stream.encode(one))
            target.mux(stream.encode(None))
    return out.getvalue()


@pytest.mark.parametrize("container", ["matroska", "mp4", "mov"])
@pytest.mark.parametrize("default", [0, 1, 2])
async def test_the_default_track_is_heard_and_said(tmp_path: Path, container: str, default: int) -> None:
    waves = [np.zeros_like(SPEECH)] * 3
    waves[default] = SPEECH
    heard = await hear(tmp_path / "a", tracks(container, waves, default))
    assert likeness(heard.wave, SPEECH) > 0.9
    source = heard.decoded.source
    assert source is not None and (source.track, source.tracks, source.codec) == (default, 3, "aac")


SIZED = {  # place et forme de la longueur du son
    "wav": (b"data", 4, "<I"),
    "aiff": (b"SSND", 4, ">I"),
    "caf": (b"data", 4, ">q"),
    "w64": (b"data\xf3\xac\xd3\x11", 16, "<q"),
}


def lying(name: str, size: int) -> bytes:
    """Le même fichier, dont l'en-tête annonce une autre longueur de son."""
    data = bytearray(file_of(name))
    mark, after, code = SIZED[name]
    struct.pack_into(code, data, data.index(mark) + after, size)
    return bytes(data)


@pytest.mark.parametrize("name", SIZED)
@pytest.mark.parametrize("size", [100, 32_000, 32_001])
async def test_sound_that_the_header_forgets_is_heard(tmp_path: Path, name: str, size: int) -> None:
    heard = await hear(tmp_path / "a", lying(name, size))
    assert heard.seconds == pytest.approx(SECONDS, abs=0.01)
    assert likeness(heard.wave, SPEECH) > 0.99
    assert heard.reasons == ["LENGTH_CORRECTED"]


@pytest.mark.parametrize("name", SIZED)
async def test_a_length_beyond_the_file_is_said(tmp_path: Path, name: str) -> None:
    heard = await hear(tmp_path / "a", lying(name, 1_000_000))
    assert heard.seconds == pytest.approx(SECONDS, abs=0.01)
    assert heard.reasons == ["AUDIO_TRUNCATED"]


@pytest.mark.parametrize(
    ("name", "size"), [("wav", 0), ("wav", 0xFFFFFFFF), ("wav", 0x7FFFFFFF), ("caf", -1), ("aiff", 0)]
)
async def test_a_length_nobody_knew_is_that_of_the_file(tmp_path: Path, name: str, size: int) -> None:
    heard = await hear(tmp_path / "a", lying(name, size))
    assert heard.seconds == pytest.approx(SECONDS, abs=0.01) and not heard.reasons


@pytest.mark.parametrize(
    "tail",
    [
        b"LIST\x04\0\0\0INFO",
        b"id3 \x06\0\0\0abcdef",
        b"TAG" + bytes(125),
        b"\0",
        b"LIST\x03\0\0\0abc\0bext\x02\0\0\0hi",
    ],
)
async def test_metadata_after_the_sound_is_not_heard(tmp_path: Path, tail: bytes) -> None:
    heard = await hear(tmp_path / "a", file_of("wav") + tail)
    assert heard.seconds == pytest.approx(SECONDS, abs=1e-6) and not heard.reasons


@pytest.mark.parametrize("name", [*SIZED, "au", "mp3", "adts", "ogg", "flac", "webm", "avi", "mpegts", "ac3"])
async def test_files_put_end_to_end_are_all_heard(tmp_path: Path, name: str) -> None:
    heard = await hear(tmp_path / "a", file_of(name) * 2)
    assert heard.seconds == pytest.approx(2 * SECONDS, abs=0.3)
    assert likeness(heard.wave[-len(SPEECH) :], SPEECH) > 0.8
    assert heard.reasons == (["LENGTH_CORRECTED"] if name in SIZED else [])


@pytest.mark.parametrize("name", SIZED)
async def test_any_number_of_files_may_follow(tmp_path: Path, name: str) -> None:
    heard = await hear(tmp_path / "a", file_of(name) * 5)
    assert heard.seconds == pytest.approx(5 * SECONDS, abs=0.01)
    assert np.abs(heard.wave - np.tile(SPEECH, 5)).max() < 1e-3


async def test_what_the_demuxer_leaves_of_many_files_is_said(tmp_path: Path) -> None:
    heard = await hear(tmp_path / "a", file_of("webm") * 3)
    assert heard.seconds == pytest.approx(3 * SECONDS, abs=0.3) or heard.reasons == [APART]


async def test_a_file_of_another_format_put_after_is_said(tmp_path: Path) -> None:
    other = wav(SPEECH, rate=8000)
    heard = await hear(tmp_path / "a", file_of("wav") + other)
    assert heard.seconds == pytest.approx(SECONDS) and heard.reasons == [APART]
    assert heard.decoded.warnings[0].metadata["bytes"] == str(len(other))


async def test_a_file_without_sound_says_so_whatever_follows(tmp_path: Path) -> None:
    empty = wav(np.zeros(0, np.float32))
    for data in (empty, empty + b"LIST\x04\0\0\0INFO"):
        with pytest.raises(PasserelleError) as raised:
            await hear(tmp_path / "a", data)
        assert "aucun échantillon" in str(raised.value)


@pytest.mark.parametrize(
    "data",
    [
        b"RIFF\0\0\0\0WAVE" + b"JUNK\0\0\0\0" * 2_000_000,
        wav(SPEECH) + wav(np.zeros(1, np.float32)) * 200_000,
        encoded(SPEECH, "ipod", "aac", rate=44100) + b"\0\0\0\x08free" * 300_000,
    ],
    ids=["blocs", "fichiers", "boîtes"],
)
async def test_a_file_of_millions_of_pieces_takes_no_time(tmp_path: Path, data: bytes) -> None:
    limits = replace(Limits(), max_decode_seconds=5)
    try:
        heard = await hear(tmp_path / "a", data, limits=limits)
    except PasserelleError as error:
        assert error.reason == "INVALID_AUDIO"
    else:
        assert heard.seconds == pytest.approx(SECONDS, abs=0.2) and APART in heard.reasons


@pytest.mark.parametrize("name", ["m4a", "mov", "wma"])
async def test_a_second_film_is_said(tmp_path: Path, name: str) -> None:
    heard = await hear(tmp_path / "a", file_of(name) * 2)
    assert heard.seconds == pytest.approx(SECONDS, abs=0.1) and heard.reasons == [APART]


@pytest.mark.parametrize("name", ["mp3", "flac", "ogg", "m4a", "webm", "adts", "ac3", "mpegts"])
async def test_bytes_that_give_no_sound_are_said(tmp_path: Path, name: str) -> None:
    data = file_of(name) + b"\x01" * 100_000
    try:
        heard = await hear(tmp_path / "a", data)
    except PasserelleError as error:
        assert error.reason == "INVALID_AUDIO"
    else:
        assert heard.seconds == pytest.approx(SECONDS, abs=0.2) and heard.reasons == [APART]


@pytest.mark.parametrize("total", [0, 1000, 10_000_000])
async def test_a_flac_that_miscounts_its_samples_is_heard_whole(tmp_path: Path, total: int) -> None:
    data = bytearray(file_of("flac"))
    at = data.index(b"fLaC") + 18
    count = int.from_bytes(data[at : at + 8], "big") >> 36 << 36 | total
    data[at : at + 8] = count.to_bytes(8, "big")
    heard = await hear(tmp_path / "a", bytes(data))
    assert heard.seconds == pytest.approx(SECONDS)
    assert heard.reasons == (["AUDIO_TRUNCATED"] if total > len(SPEECH) else [])


async def test_what_an_edit_list_leaves_out_is_said(tmp_path: Path) -> None:
    data = bytearray(file_of("m4a"))
    at = data.index(b"elst") + 12
    struct.pack_into(">Ii", data, at, 2000, 3 * 44100)
    heard = await hear(tmp_path / "a", bytes(data))
    assert heard.seconds == pytest.approx(2.0, abs=0.05) and heard.reasons == ["EDIT_LIST_APPLIED"]
    assert float(heard.decoded.warnings[0].metadata["seconds"]) == pytest.approx(5.1, abs=0.1)


@pytest.mark.parametrize("name", ["flac", "webm"])
async def test_a_cut_file_is_heard_to_its_cut_and_said(tmp_path: Path, name: str) -> None:
    data = file_of(name)
    heard = await hear(tmp_path / "a", data[: len(data) // 2])
    assert 2 < heard.seconds < 5
    assert heard.reasons == ["AUDIO_TRUNCATED"]


@pytest.mark.parametrize("name", ["aiff", "wav", "caf", "w64"])
async def test_a_cut_file_of_blocks_is_heard_to_its_cut(tmp_path: Path, name: str) -> None:
    data = file_of(name)
    heard = await hear(tmp_path / "a", data[: len(data) // 2])
    assert heard.seconds == pytest.approx(SECONDS / 2, abs=0.01) and heard.reasons == ["AUDIO_TRUNCATED"]


@pytest.mark.parametrize("name", ["mp3", "adts", "ac3", "mpegts", "flac", "m4a", "flv"])
async def test_a_file_spoilt_within_is_refused_with_the_instant(tmp_path: Path, name: str) -> None:
    data = file_of(name)
    half = len(data) // 2
    with pytest.raises(PasserelleError) as raised:
        await hear(tmp_path / "a", data[:half] + bytes(4096) + data[half + 4096 :])
    assert "abîmé vers 3" in str(raised.value)


@pytest.mark.parametrize("name", ["ogg", "webm", "wma"])
async def test_sound_that_a_file_lost_is_said(tmp_path: Path, name: str) -> None:
    data = file_of(name)
    half = len(data) // 2
    heard = await hear(tmp_path / "a", data[:half] + data[half + 4096 :])
    assert "AUDIO_GAP" in heard.reasons and heard.seconds < SECONDS - 0.3
    (gap,) = [warning for warning in heard.decoded.warnings if warning.reason == "AUDIO_GAP"]
    assert heard.seconds + float(gap.metadata["seconds"]) == pytest.approx(SECONDS, abs=0.2)
    assert 2.5 < gap.ranges[0][0] < 4.5


def stereo(left: Wave, right: Wave) -> bytes:
    """WAV à deux canaux."""
    data = (np.stack([left, right], axis=1) * 32767).astype("<i2").tobytes()
    head = bytearray(wav(np.zeros(0, np.float32), channels=2))
    struct.pack_into("<I", head, 40, len(data))
    return bytes(head) + data


@pytest.mark.parametrize("share", [-1.0, -0.8, -1.25])
@pytest.mark.parametrize("hum", [0.0, 0.2])
async def test_channels_that_cancel_each_other_are_heard(tmp_path: Path, share: float, hum: float) -> None:
    common = (hum * np.sin(2 * np.pi * 50 * np.arange(len(SPEECH)) / 16000)).astype(np.float32)
    voice = SPEECH * np.float32(0.6)
    heard = await hear(tmp_path / "a", stereo(voice + common, np.float32(share) * voice + common))
    assert likeness(np.diff(heard.wave), np.diff(SPEECH)) > 0.9
    assert heard.reasons == ["CHANNELS_CANCELLED"]
    (warning,) = heard.decoded.warnings
    assert warning.metadata["channels"] == ("2" if share < -1 else "1") and warning.ranges


async def test_only_what_cancels_is_replaced(tmp_path: Path) -> None:
    sign = np.where(np.arange(len(SPEECH)) < len(SPEECH) // 2, 1, -1).astype(np.float32)
    heard = await hear(tmp_path / "a", stereo(SPEECH, SPEECH * sign))
    assert likeness(heard.wave, SPEECH) > 0.99
    ((start, end),) = heard.decoded.warnings[0].ranges
    assert start == pytest.approx(SECONDS / 2, abs=0.6) and end == pytest.approx(SECONDS, abs=0.01)


async def test_ordinary_channels_are_still_averaged(tmp_path: Path) -> None:
    other = np.roll(SPEECH, 40_000)
    for left, right in ((SPEECH, SPEECH), (SPEECH, np.zeros_like(SPEECH)), (SPEECH, other)):
        heard = await hear(tmp_path / "a", stereo(left, right))
        assert not heard.reasons
        assert np.abs(heard.wave - (left + right) / 2).max() < 2e-4


async def test_channels_asked_apart_come_apart(tmp_path: Path) -> None:
    heard = await hear(tmp_path / "a", stereo(SPEECH, -SPEECH), AudioRequest(separate=True))
    assert len(heard.waves) == 2 and not heard.reasons
    assert np.abs(heard.waves[0] - SPEECH).max() < 2e-4 and np.abs(heard.waves[1] + SPEECH).max() < 2e-4
