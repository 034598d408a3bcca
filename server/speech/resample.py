"""Le rééchantillonnage par blocs, égal à celui du fichier entier : chaque bloc garde le contexte du filtre.

Le filtre est celui de `torchaudio` (sinus cardinal fenêtré, largeur 6), appliqué par numpy : sur des blocs de 20 ms,
réveiller les fils de torch coûterait plus que le calcul.
"""

import math
from typing import Any, Protocol

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from server.engines.base_audio import SAMPLE_RATE, Wave

_FILTER_WIDTH = 6
_ROLLOFF = 0.99
MAX_RATIO_TERM = 1000
"""Terme au plus du rapport à 16 kHz, réduit, que ce filtre sait tenir en peu de mémoire."""


class LiveResampler(Protocol):
    """Ramène une onde à 16 kHz, bloc par bloc."""

    def push(self, samples: Wave) -> Wave:
        """Échantillons de sortie que ce bloc permet de calculer."""

    def flush(self) -> Wave:
        """Fin de l'onde."""


def resampler_for(rate: int) -> LiveResampler:
    """Le filtre exact, ou celui de FFmpeg pour une fréquence sans rapport simple avec 16 kHz."""
    if max(rate, SAMPLE_RATE) // math.gcd(rate, SAMPLE_RATE) > MAX_RATIO_TERM:
        return FfmpegResampler(rate)
    return Resampler(rate)


class Resampler:
    """Ramène une onde de `rate` hertz à 16 kHz, bloc par bloc."""

    def __init__(self, rate: int) -> None:
        divisor = math.gcd(rate, SAMPLE_RATE)
        self._rate = rate
        self._from = rate // divisor
        self._to = SAMPLE_RATE // divisor
        base = min(self._from, self._to) * _ROLLOFF
        reach = math.ceil(_FILTER_WIDTH * self._from / base) + self._from
        # Un multiple du pas d'entrée : les échantillons de sortie tombent aux mêmes instants que sans découpe.
        self._context = self._from * math.ceil(reach / self._from)
        self._pending: Wave = np.zeros(0, np.float32)
        self._before = 0
        self._kernel: Wave | None = None
        self._width = 0

    def push(self, samples: Wave) -> Wave:
        """Échantillons de sortie que ce bloc permet de calculer."""
        if self._from == self._to:
            return samples
        self._pending = np.concatenate([self._pending, samples])
        usable = len(self._pending) - self._before - self._context
        steps = usable // self._from
        if steps <= 0:
            return np.zeros(0, np.float32)
        taken = steps * self._from
        window = self._pending[: self._before + taken + self._context]
        first = self._before // self._from * self._to
        result = self._resample(window)[first : first + steps * self._to]
        keep = max(0, self._before + taken - self._context)
        self._before = self._before + taken - keep
        self._pending = self._pending[keep:].copy()
        return result

    def flush(self) -> Wave:
        """Fin de l'onde."""
        if self._from == self._to or len(self._pending) <= self._before:
            return np.zeros(0, np.float32)
        first = self._before // self._from * self._to
        result = self._resample(self._pending)[first:]
        self._pending, self._before = np.zeros(0, np.float32), 0
        return result

    def _resample(self, samples: Wave) -> Wave:
        if self._kernel is None:
            self._kernel = self._load_kernel()
        padded = np.pad(samples, (self._width, self._width + self._from))
        windows = sliding_window_view(padded, len(self._kernel))[:: self._from]
        result: Wave = (windows @ self._kernel).reshape(-1)
        return result[: math.ceil(self._to * len(samples) / self._from)]

    def _load_kernel(self) -> Wave:
        """Filtre (largeur, sorties par pas), calculé une fois : le refaire coûterait plus qu'un bloc."""
        import torchaudio.transforms

        transform = torchaudio.transforms.Resample(
            self._from, self._to, lowpass_filter_width=_FILTER_WIDTH, rolloff=_ROLLOFF
        )
        self._width = transform.width
        return np.ascontiguousarray(transform.kernel.numpy()[:, 0, :].T)


class FfmpegResampler:
    """Rééchantillonneur de FFmpeg, celui que prend aussi le décodage d'un fichier à cette fréquence."""

    def __init__(self, rate: int) -> None:
        import av

        self._rate = rate
        self._resampler = av.AudioResampler(format="fltp", layout="mono", rate=SAMPLE_RATE)

    def push(self, samples: Wave) -> Wave:
        """Échantillons de sortie que ce bloc permet de calculer."""
        import av

        if not len(samples):
            return samples
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.sample_rate = self._rate
        return self._joined(self._resampler.resample(frame))

    def flush(self) -> Wave:
        """Fin de l'onde."""
        return self._joined(self._resampler.resample(None))

    def _joined(self, frames: list[Any]) -> Wave:
        parts = [frame.to_ndarray().reshape(-1) for frame in frames]
        return np.concatenate(parts).astype(np.float32) if parts else np.zeros(0, np.float32)
