"""Une onde reçue par blocs, dont on garde la fin et qu'on lit par ses instants absolus."""

import numpy as np

from server.engines.base_audio import Wave


class WaveBuffer:
    """Fin d'une onde, repérée en échantillons depuis son début."""

    def __init__(self) -> None:
        self._samples: Wave = np.zeros(0, np.float32)
        self.origin = 0
        """Premier échantillon gardé."""

    def __len__(self) -> int:
        return len(self._samples)

    def append(self, samples: Wave) -> None:
        """Ajoute la suite de l'onde."""
        self._samples = np.concatenate([self._samples, samples])

    def between(self, start: int, end: int) -> Wave:
        """Copie de l'intervalle, fin exclue ; `start` n'est pas avant `origin`."""
        return self._samples[start - self.origin : end - self.origin].copy()

    def drop(self, until: int) -> None:
        """Oublie ce qui précède."""
        if until > self.origin:
            self._samples = self._samples[until - self.origin :].copy()
            self.origin = until
