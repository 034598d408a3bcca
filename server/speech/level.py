"""Le niveau d'une onde : une parole très faible est relevée, pour la détection comme pour les moteurs."""

import numpy as np

from server.engines.base_audio import Wave

FAINT = 10 ** (-48 / 20)
"""Niveau efficace d'un pas de 32 ms sous lequel une parole est très faible ; l'ordinaire a vingt décibels de plus."""
_PEAK = 10 ** (-36 / 20)
"""Crête sous laquelle une onde est relevée."""
_RAISED_PEAK = 0.25
"""Crête où elle l'est."""


def rms(wave: Wave) -> Wave:
    """Niveau efficace d'une onde, ou de chaque ligne d'un tableau."""
    level: Wave = np.sqrt(np.mean(np.square(wave, dtype=np.float64), axis=-1))
    return level


def audible(wave: Wave) -> Wave:
    """L'onde telle quelle, ou relevée si elle est très faible : des moteurs y perdent les mots les plus bas."""
    gain = _gain(wave)
    return wave if gain == 1.0 else (wave * gain).astype(np.float32)


def faint(wave: Wave) -> bool:
    """Vrai si `raise_faint` changerait cette onde."""
    return _gain(wave) != 1.0


def raise_faint(wave: Wave) -> None:
    """Relève sur place une onde très faible, sans en faire de copie."""
    gain = _gain(wave)
    if gain != 1.0:
        wave *= np.float32(gain)


def _gain(wave: Wave) -> float:
    peak = max(float(wave.max()), -float(wave.min())) if len(wave) else 0.0
    return _RAISED_PEAK / peak if 0.0 < peak < _PEAK else 1.0
