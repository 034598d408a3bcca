"""Un fichier décodé par le vrai décodeur, ramené à 16 kHz."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from server.domain import Limits
from server.engines.base_audio import Wave
from server.speech.decode import AudioRequest, Decoded, Decoder
from server.speech.resample import Resampler

DECODER = Decoder()


@dataclass(frozen=True, slots=True)
class Heard:
    """Ce qu'un fichier a donné."""

    waves: list[Wave]
    """Un canal chacune."""
    decoded: Decoded

    @property
    def wave(self) -> Wave:
        """Onde du premier canal."""
        return self.waves[0]

    @property
    def seconds(self) -> float:
        """Durée décodée."""
        return self.decoded.seconds

    @property
    def reasons(self) -> list[str]:
        """Raisons des avertissements."""
        return [warning.reason for warning in self.decoded.warnings]


async def hear(
    path: Path,
    data: bytes,
    request: AudioRequest | None = None,
    limits: Limits | None = None,
    *,
    decoder: Decoder = DECODER,
) -> Heard:
    """Écrit un envoi, puis le décode."""
    path.write_bytes(data)
    parts: list[list[Wave]] = []
    resamplers: list[Resampler] = []
    async with decoder.decoding(path, limits or Limits(), request) as decoded:
        async for block in decoded.blocks():
            if not resamplers:
                resamplers = [Resampler(decoded.rate) for _ in block.channels]
                parts = [[] for _ in block.channels]
            for resampler, part, wave in zip(resamplers, parts, block.channels, strict=True):
                part.append(resampler.push(wave))
            assert 0.0 < block.ratio <= 1.0
        for resampler, part in zip(resamplers, parts, strict=True):
            part.append(resampler.flush())
        return Heard([np.concatenate(part) for part in parts], decoded)


def likeness(found: Wave, expected: Wave) -> float:
    """Ressemblance de deux ondes, de 0 à 1, le retard d'un codec étant cherché, quel que soit leur signe."""
    size = 1 << (len(found) + len(expected)).bit_length()
    crossed = np.fft.irfft(np.fft.rfft(found, size) * np.conj(np.fft.rfft(expected, size)))
    return float(np.abs(crossed).max() / np.sqrt((found**2).sum() * (expected**2).sum() + 1e-12))
