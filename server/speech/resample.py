"""Le rééchantillonnage par blocs, égal à celui du fichier entier : chaque bloc garde le contexte du filtre.

Le filtre est celui de `torchaudio` (sinus cardinal fenêtré, largeur 6), appliqué par numpy : sur des blocs de 20 ms,
réveiller les fils de torch coûterait plus que le calcul. Une sortie n'emploie que quelques dizaines des échantillons
d'entrée que tient le filtre : les sorties voisines sont calculées ensemble, sur ce qu'elles emploient seulement.
"""

import math
from typing import Any, Protocol

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from server.engines.base_audio import SAMPLE_RATE, Wave

_FILTER_WIDTH = 6
_ROLLOFF = 0.99
_BANDS = 8
"""Groupes de sorties voisines, au plus."""
_ALONE = 1 << 18
"""Multiplications d'un produit qu'OpenBLAS mène d'un seul fil : plusieurs ondes sont ramenées de front."""
_NOTHING = 1e-9
"""Coefficient en deçà duquel le filtre n'est que zéro mal arrondi."""
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
        self._bands: list[tuple[slice, Wave]] = []
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
        if not self._bands:
            self._bands = self._load_bands()
        padded = np.pad(samples, (self._width, self._width + self._from))
        windows = sliding_window_view(padded, 2 * self._width + self._from)[:: self._from]
        result = np.concatenate([_product(windows[:, used], kernel) for used, kernel in self._bands], axis=1).reshape(
            -1
        )
        return result[: math.ceil(self._to * len(samples) / self._from)]

    def _load_bands(self) -> list[tuple[slice, Wave]]:
        """Filtre, groupe de sorties par groupe : les entrées qu'il emploie, et ses coefficients (entrées, sorties).

        Calculé une fois : le refaire coûterait plus qu'un bloc.
        """
        import torchaudio.transforms

        transform = torchaudio.transforms.Resample(
            self._from, self._to, lowpass_filter_width=_FILTER_WIDTH, rolloff=_ROLLOFF
        )
        self._width = transform.width
        kernel = transform.kernel.numpy()[:, 0, :].T
        bands = []
        for outputs in np.array_split(np.arange(self._to), min(_BANDS, self._to)):
            part = kernel[:, outputs]
            used = np.flatnonzero(np.abs(part).max(axis=1) > _NOTHING)
            inputs = slice(int(used[0]), int(used[-1]) + 1)
            bands.append((inputs, np.ascontiguousarray(part[inputs])))
        return bands


def _product(windows: Wave, kernel: Wave) -> Wave:
    if kernel.shape[1] == 1:
        # Une sortie par fenêtre : copier les fenêtres coûterait plus que le calcul.
        alone: Wave = windows @ kernel
        return alone
    # Contiguës, sans quoi numpy se passerait de BLAS ; assez peu à la fois pour que BLAS n'éveille pas ses fils.
    rows = max(1, _ALONE // kernel.size)
    parts = [np.ascontiguousarray(windows[at : at + rows]) @ kernel for at in range(0, len(windows), rows)]
    joined: Wave = np.concatenate(parts)
    return joined


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
