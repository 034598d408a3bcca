"""Une onde reçue par blocs, dont on garde la fin et qu'on lit par ses instants absolus."""

import numpy as np

from server.engines.base_audio import Wave

_LEAST = 16_000
"""Échantillons de la première place prise."""


class WaveBuffer:
    """Fin d'une onde, repérée en échantillons depuis son début.

    Un bloc s'ajoute sans que ce qui est gardé soit recopié : un direct en donne cinquante par seconde.
    """

    def __init__(self) -> None:
        self._place: Wave = np.zeros(_LEAST, np.float32)
        self._low = self._high = 0
        self.origin = 0
        """Premier échantillon gardé."""

    def __len__(self) -> int:
        return self._high - self._low

    def append(self, samples: Wave) -> None:
        """Ajoute la suite de l'onde."""
        if self._high + len(samples) > len(self._place):
            self._make_room(len(self) + len(samples))
        self._place[self._high : self._high + len(samples)] = samples
        self._high += len(samples)

    def between(self, start: int, end: int) -> Wave:
        """Copie de l'intervalle, fin exclue ; `start` n'est pas avant `origin`."""
        return self._place[self._low : self._high][start - self.origin : end - self.origin].copy()

    def drop(self, until: int) -> None:
        """Oublie ce qui précède."""
        if until > self.origin:
            self._low = min(self._high, self._low + until - self.origin)
            self.origin = until

    def _make_room(self, needed: int) -> None:
        """Ramène au début ce qui est gardé, dans une place au moins double de ce qu'il faut, et au plus quadruple."""
        kept = self._place[self._low : self._high]
        if not 2 * needed <= len(self._place) <= max(4 * needed, _LEAST):
            self._place = np.empty(max(2 * needed, _LEAST), np.float32)
        self._place[: len(kept)] = kept.copy() if np.shares_memory(self._place, kept) else kept
        self._low, self._high = 0, len(kept)
