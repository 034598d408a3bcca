"""Le niveau d'une onde : une parole très faible est relevée, pour la détection comme pour le moteur."""

import numpy as np

from server.engines.base_audio import Wave

FAINT = 10 ** (-48 / 20)
"""Niveau efficace d'un pas de 32 ms sous lequel une parole est très faible ; l'ordinaire a vingt décibels de plus."""
_PEAK = 10 ** (-36 / 20)
"""Crête sous laquelle une fenêtre est relevée."""
_RAISED_PEAK = 0.25
"""Crête où elle l'est."""


def rms(wave: Wave) -> float:
    """Niveau efficace."""
    return float(np.sqrt(np.mean(np.square(wave, dtype=np.float64)))) if len(wave) else 0.0


def audible(wave: Wave) -> Wave:
    """L'onde telle quelle, ou relevée si elle est très faible : des moteurs y perdent les mots les plus bas."""
    peak = float(np.abs(wave).max(initial=0.0))
    return wave if peak >= _PEAK or peak == 0.0 else (wave * (_RAISED_PEAK / peak)).astype(np.float32)
