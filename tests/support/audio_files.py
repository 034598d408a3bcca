"""Des fichiers audio de toute sorte, faits des enregistrements d'essai, et ceux qu'un serveur doit refuser."""

import io
import struct
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

DATA = Path(__file__).resolve().parents[1] / "data"
Wave = NDArray[np.float32]


def speech(name: str = "en/austen-0870.wav") -> Wave:
    """Enregistrement en flottants, un canal, 16 kHz."""
    return speech_of(DATA / name)


def speech_of(path: Path) -> Wave:
    """Fichier à 16 bits, un canal, 16 kHz, en flottants."""
    with av.open(str(path), format="g722" if path.name.endswith("g722") else None) as container:
        frames = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
    return (np.concatenate(frames).astype(np.float32) / 32768.0).astype(np.float32)


def dialogue() -> tuple[Path, Path]:
    """Dialogue de 30 s livré avec pyannote.audio, et ses tours de référence (RTTM)."""
    found = find_spec("pyannote")
    assert found is not None and found.submodule_search_locations
    for folder in found.submodule_search_locations:
        sample = Path(folder) / "audio" / "sample"
        if sample.is_dir():
            return sample / "sample.wav", sample / "sample.rttm"
    raise AssertionError("le dialogue de pyannote.audio est absent")


def wav(wave: Wave, *, rate: int = 16000, channels: int = 1, kind: str = "s16", size: int | None = None) -> bytes:
    """Fichier WAV ; `kind` : u8, s16, s24, s32, f32, f64, extensible, rf64 ; `size` : longueur mensongère des données."""
    data = np.repeat(wave[:, None], channels, axis=1).reshape(-1)
    tag, bits = 1, 16
    if kind == "u8":
        raw, bits = ((data * 127) + 128).astype(np.uint8).tobytes(), 8
    elif kind == "s24":
        ints = (data * (2**23 - 1)).astype("<i4")
        raw, bits = ints.view(np.uint8).reshape(-1, 4)[:, :3].tobytes(), 24
    elif kind == "s32":
        raw, bits = (data.astype(np.float64) * (2**31 - 1)).astype("<i4").tobytes(), 32
    elif kind == "f32":
        raw, bits, tag = data.astype("<f4").tobytes(), 32, 3
    elif kind == "f64":
        raw, bits, tag = data.astype("<f8").tobytes(), 64, 3
    else:
        raw = (data * 32767).astype("<i2").tobytes()
    align = channels * bits // 8
    fmt = struct.pack("<HHIIHH", tag, channels, rate, (rate * align) & 0xFFFFFFFF, align & 0xFFFF, bits)
    if kind == "extensible":
        guid = struct.pack("<H", 1) + bytes.fromhex("000000001000800000aa00389b71")
        fmt = struct.pack("<HHIIHH", 0xFFFE, *struct.unpack("<HIIHH", fmt[2:])) + struct.pack("<HHI", 22, 16, 0) + guid
    length = len(raw) if size is None else size
    if kind == "rf64":
        head = b"RF64" + b"\xff" * 4 + b"WAVEds64" + struct.pack("<IQQQI", 28, len(raw) + 72, len(raw), len(wave), 0)
        return head + b"fmt " + struct.pack("<I", len(fmt)) + fmt + b"data" + b"\xff" * 4 + raw
    riff = b"RIFF" + struct.pack("<I", min(0xFFFFFFFF, 36 + len(raw))) + b"WAVEfmt " + struct.pack("<I", len(fmt)) + fmt
    return riff + b"data" + struct.pack("<I", length) + raw


def encoded(
    wave: Wave, container: str, codec: str, *, rate: int = 16000, layout: str = "mono", **options: str
) -> bytes:
    """Fichier compressé, ou rééchantillonné, par FFmpeg."""
    out = io.BytesIO()
    # Un nom pour le conteneur MP4, qui doit revenir sur son en-tête.
    with av.open(out, "w", format=container) as target:
        stream: Any = target.add_stream(codec, rate=rate, options=options)
        stream.layout = layout
        resampler = av.AudioResampler(format=stream.format, layout=layout, rate=rate, frame_size=stream.frame_size or 0)
        frame = av.AudioFrame.from_ndarray(wave[None], format="fltp", layout="mono")
        frame.sample_rate = 16000
        frame.time_base = Fraction(1, 16000)
        frame.pts = 0
        for source in (frame, None):
            for one in resampler.resample(source):
                target.mux(stream.encode(one))
        target.mux(stream.encode(None))
    return out.getvalue()


def resampled(wave: Wave, rate: int, channels: int = 1) -> bytes:
    """Fichier WAV à une autre fréquence."""
    frame = av.AudioFrame.from_ndarray(wave[None], format="fltp", layout="mono")
    frame.sample_rate = 16000
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=rate)
    parts = [one.to_ndarray().reshape(-1) for source in (frame, None) for one in resampler.resample(source)]
    return wav(np.concatenate(parts), rate=rate, channels=channels)


def good_files(wave: Wave) -> dict[str, bytes]:
    """Le même enregistrement sous toutes les formes acceptées."""
    files = {kind: wav(wave, kind=kind) for kind in ("u8", "s16", "s24", "s32", "f32", "f64", "extensible", "rf64")}
    files |= {f"taille-{size:#x}": wav(wave, size=size) for size in (0, 0xFFFFFFFF, 0x7FFFFFFF)}
    files |= {f"{rate}-hz": resampled(wave, rate) for rate in (8000, 11025, 44100, 48000, 96000, 192000)}
    files["22051-hz"] = resampled(wave, 22051)
    files |= {f"{channels}-canaux": wav(wave, channels=channels) for channels in (2, 6, 8)}
    files["flac"] = encoded(wave, "flac", "flac")
    files["mp3"] = encoded(wave, "mp3", "libmp3lame", rate=44100, layout="stereo")
    files["ogg-opus"] = encoded(wave, "ogg", "libopus", rate=48000)
    files["webm-opus"] = encoded(wave, "webm", "libopus", rate=48000)
    files["m4a-aac"] = encoded(wave, "ipod", "aac", rate=44100)
    return files


def bad_files() -> dict[str, tuple[bytes, str]]:
    """Fichiers à refuser, chacun avec le motif attendu."""
    wave = speech()
    good = wav(wave)
    invalid = {
        "vide": b"",
        "en-tête seul": good[:44],
        "texte": b"ceci n'est pas de l'audio " * 40,
        "html": b"<!DOCTYPE html><html><body>bonjour</body></html>",
        "gzip": b"\x1f\x8b\x08\x00" + bytes(200),
        "zip": b"PK\x03\x04" + bytes(200),
        "elf": b"\x7fELF" + bytes(200),
        "png": b"\x89PNG\r\n\x1a\n" + bytes(200),
        "playlist": b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/secret.wav\n",
        "concat": b"ffconcat version 1.0\nfile /etc/passwd\n",
        "sdp": b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\nm=audio 9 RTP/AVP 0\r\n",
        "NaN": wav(np.where(np.arange(len(wave)) == 8000, np.nan, wave).astype(np.float32), kind="f32"),
        "Inf": wav(np.where(np.arange(len(wave)) == 8000, np.inf, wave).astype(np.float32), kind="f32"),
        "0 Hz": wav(wave, rate=0),
        "0 canal": good[:22] + b"\0\0" + good[24:],
        "m4a coupé": encoded(wave, "ipod", "aac", rate=44100)[:3000],
        "ogg coupé": encoded(wave, "ogg", "libopus", rate=48000)[:60],
        "flac abîmé": _holed(encoded(wave, "flac", "flac")),
    }
    beyond = {
        "1 Hz": wav(wave[:100], rate=1),
        "768 kHz": wav(wave, rate=768000),
        "255 canaux": good[:22] + struct.pack("<H", 255) + good[24:32] + struct.pack("<HH", 510, 16) + good[36:],
    }
    return {k: (v, "INVALID_AUDIO") for k, v in invalid.items()} | {
        k: (v, "AUDIO_LIMIT_EXCEEDED") for k, v in beyond.items()
    }


def bombs(seconds: int) -> dict[str, bytes]:
    """Silences bien plus longs que leur poids, un par codec."""
    silence = np.zeros(seconds * 16000, np.float32)
    return {
        "flac": encoded(silence, "flac", "flac"),
        "opus": encoded(silence, "ogg", "libopus", rate=48000, b="6000"),
        "mp3": encoded(silence, "mp3", "libmp3lame", rate=16000, b="8000"),
        "m4a": encoded(silence, "ipod", "aac", rate=16000, b="8000"),
    }


def _holed(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes(4096) + data[middle + 4096 :]
