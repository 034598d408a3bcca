"""Les échantillons bruts d'un flux en direct, lus par morceaux de toute taille et ramenés à un canal.

Ces codages n'ont ni en-tête ni état : ils se lisent ici, sans le processus enfant qu'un fichier de format inconnu
exige. Le résultat est celui que FFmpeg donne des mêmes octets.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from server.engines.base_audio import Wave
from server.speech.decode import RawFormat

_Bytes = NDArray[np.uint8]


class PcmReader:
    """Octets d'échantillons entrelacés, rendus en onde d'un canal."""

    def __init__(self, raw: RawFormat) -> None:
        width, self._decode = CODINGS[raw.encoding]
        self._channels = raw.channels
        self._frame = width * raw.channels
        self._rest = b""

    @property
    def frame_bytes(self) -> int:
        """Octets d'un instant, tous canaux compris."""
        return self._frame

    @property
    def rest(self) -> int:
        """Octets reçus d'un instant encore incomplet."""
        return len(self._rest)

    def push(self, data: bytes) -> Wave:
        """Instants entiers que ces octets complètent ; un échantillon non fini le reste."""
        data = self._rest + data
        whole = len(data) // self._frame * self._frame
        self._rest = data[whole:]
        wave = self._decode(np.frombuffer(data, np.uint8, count=whole))
        if self._channels == 1:
            return wave
        with np.errstate(invalid="ignore", over="ignore"):
            mixed: Wave = wave.reshape(-1, self._channels).mean(axis=1, dtype=np.float32)
        return mixed


def _s16(data: _Bytes) -> Wave:
    return data.view("<i2").astype(np.float32) / np.float32(1 << 15)


def _s24(data: _Bytes) -> Wave:
    # Chaque échantillon devient les trois octets de poids fort d'un entier de 32 bits, qui porte alors le signe.
    wide = np.zeros((len(data) // 3, 4), np.uint8)
    wide[:, 1:] = data.reshape(-1, 3)
    return _s32(wide.reshape(-1))


def _s32(data: _Bytes) -> Wave:
    return data.view("<i4").astype(np.float32) / np.float32(1 << 31)


def _f32(data: _Bytes) -> Wave:
    return data.view("<f4").astype(np.float32)


def _mulaw_table() -> Wave:
    """Table de la loi µ (UIT-T G.711, tableau 2)."""
    code = ~np.arange(256, dtype=np.uint8)
    segment, step = (code >> 4) & 7, code & 15
    magnitude = ((step.astype(np.int32) << 3) + 0x84 << segment) - 0x84
    return (np.where(code & 0x80, -magnitude, magnitude) / (1 << 15)).astype(np.float32)


def _alaw_table() -> Wave:
    """Table de la loi A (UIT-T G.711, tableau 1)."""
    code = np.arange(256, dtype=np.uint8) ^ 0x55
    segment, step = ((code >> 4) & 7).astype(np.int32), (code & 15).astype(np.int32)
    linear = (step << 4) + 8
    magnitude = np.where(segment == 0, linear, (linear + 0x100) << np.maximum(segment - 1, 0))
    return (np.where(code & 0x80, magnitude, -magnitude) / (1 << 15)).astype(np.float32)


_MULAW, _ALAW = _mulaw_table(), _alaw_table()

CODINGS: dict[str, tuple[int, Callable[[_Bytes], Wave]]] = {
    "s16le": (2, _s16),
    "f32le": (4, _f32),
    "s24le": (3, _s24),
    "s32le": (4, _s32),
    "mulaw": (1, lambda data: _MULAW[data]),
    "alaw": (1, lambda data: _ALAW[data]),
}
"""Octets d'un échantillon et lecture de chaque codage, sous le nom que lui donne FFmpeg."""
