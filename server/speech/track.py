"""La parole suivie pas à pas, pour les fichiers comme pour le direct : deux seuils, et la coupe là où elle est la moins
probable.
"""

import numpy as np

from server.engines.base_audio import SAMPLE_RATE
from server.speech.vad import STEP

MIN_SPEECH = int(0.2 * SAMPLE_RATE)
"""Une parole plus courte n'en est pas une."""
MIN_SILENCE = int(0.3 * SAMPLE_RATE)
"""Silence qui sépare deux paroles."""
PAD = int(0.24 * SAMPLE_RATE)
"""Marge gardée de part et d'autre de la parole."""
OFF = 0.35
"""Probabilité sous laquelle un pas est du silence ; entre les deux seuils, rien ne change."""
_ON = 0.5


class SpeechTrack:
    """La parole en cours, en échantillons depuis le début de l'onde."""

    def __init__(self) -> None:
        self.start: int | None = None
        """Premier échantillon de la parole ; `None` hors d'elle."""
        self.silence: int | None = None
        """Premier échantillon du silence qui la finit peut-être."""
        self.pauses: list[tuple[int, int]] = []
        """Silences qui ne l'ont pas finie, assez longs pour séparer deux phrases."""
        self._probabilities: list[float] = []

    def hear(self, probability: float, at: int) -> bool:
        """Suit le pas qui commence en `at` ; vrai s'il ouvre une parole."""
        opens = False
        if probability >= _ON:
            if self.silence is not None and at - self.silence >= MIN_SILENCE:
                self.pauses.append((self.silence, at))
            self.silence = None
            if self.start is None:
                self.start, self._probabilities, self.pauses, opens = at, [], [], True
        elif probability < OFF and self.start is not None and self.silence is None:
            self.silence = at
        if self.start is not None:
            self._probabilities.append(probability)
        return opens

    def silent(self, now: int) -> int:
        """Durée du silence qui la finit peut-être."""
        return 0 if self.silence is None else now - self.silence

    def close(self) -> None:
        """Finit la parole."""
        self.start = self.silence = None

    def split(self) -> int:
        """Coupe la parole là où elle est la moins probable, dans son dernier tiers ; ce qui suit en est une autre."""
        assert self.start is not None
        low = 2 * len(self._probabilities) // 3
        cut = low + int(np.argmin(self._probabilities[low:]))
        self.start += cut * STEP
        del self._probabilities[:cut]
        self.pauses = [pause for pause in self.pauses if pause[0] > self.start]
        return self.start
