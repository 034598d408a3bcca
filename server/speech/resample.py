"""Le rééchantillonnage par blocs, égal à celui du fichier entier : chaque bloc garde le contexte du filtre.

Le filtre est celui de `torchaudio.functional.resample` (sinus cardinal fenêtré, largeur 6).
"""

import math

import numpy as np

from server.speech import SAMPLE_RATE
from server.speech.decode import Wave

_FILTER_WIDTH = 6
_ROLLOFF = 0.99


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
        import torch
        import torchaudio.functional

        with torch.inference_mode():
            result: Wave = torchaudio.functional.resample(
                torch.from_numpy(samples),
                self._from,
                self._to,
                lowpass_filter_width=_FILTER_WIDTH,
                rolloff=_ROLLOFF,
            ).numpy()
        return result
