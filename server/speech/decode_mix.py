"""Plusieurs canaux ramenés à un seul, sans que deux canaux opposés ne s'annulent en silence."""

from typing import Any

import numpy as np
from numpy.fft import rfft

_STEP_SECONDS = 0.5
_CANCELLED = 0.2
"""Part de l'énergie de canaux sans lien en deçà de laquelle leur moyenne s'annule (-7 dB)."""
_BAND = (300.0, 3400.0)
"""Hertz où la parole se comprend : un bourdonnement commun à deux canaux opposés cacherait qu'ils s'annulent."""
_AS_LOUD = 1.25
_LOUDER = 4.0
"""Rapport d'énergie qui fait changer de canal (6 dB)."""
_FLOOR = 1e-11
"""Énergie d'un canal en deçà de laquelle rien n'est à choisir."""
_FADE_SECONDS = 0.01


class Mixer:
    """Moyenne des canaux ; leur plus fort, là où la moyenne s'annule."""

    def __init__(self, channels: int, rate: int) -> None:
        self._mean = np.full(channels, 1 / channels, np.float32)
        self._alone = np.eye(channels, dtype=np.float32)
        self._weights = self._mean
        self._channel: int | None = None
        self._rate = rate
        self._position = 0
        self.cancelled: list[tuple[float, float, int]] = []
        """Intervalles où un canal a remplacé la moyenne : début, fin, en secondes, et rang du canal depuis 0."""

    def mix(self, data: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
        """Onde d'un canal de ces (canaux, échantillons)."""
        if len(data) == 1:
            alone: np.ndarray[Any, Any] = data[0]
            return alone
        step = max(1, int(_STEP_SECONDS * self._rate))
        return np.concatenate([self._piece(data[:, at : at + step]) for at in range(0, data.shape[1], step)])

    def _piece(self, data: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
        before, after = self._weights, self._chosen(data)
        mixed: np.ndarray[Any, Any] = after @ data
        if not np.array_equal(after, before):
            # Un passage net d'un choix à l'autre ferait entendre un claquement.
            fade = min(data.shape[1], max(1, int(_FADE_SECONDS * self._rate)))
            ramp = np.linspace(0.0, 1.0, fade, dtype=np.float32)
            mixed[:fade] = mixed[:fade] * ramp + (before @ data[:, :fade]) * (1 - ramp)
        self._weights = after
        start, self._position = self._position, self._position + data.shape[1]
        if after is not self._mean:
            self._note(start / self._rate, self._position / self._rate, int(after.argmax()))
        return mixed

    def _chosen(self, data: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
        size = data.shape[1]
        low, high = (round(edge * size / self._rate) for edge in _BAND)
        heard = rfft(data, axis=1)[:, low : high + 1]
        energies = (np.abs(heard) ** 2).sum(axis=1) / max(1, size) ** 2
        apart = float(energies.sum()) / len(data) ** 2
        if apart < _FLOOR:
            return self._weights
        if float((np.abs(heard.mean(axis=0)) ** 2).sum()) / size**2 >= _CANCELLED * apart:
            return self._mean
        # Celui d'avant reste tant qu'un autre n'est pas bien plus fort ; à force égale, le premier.
        loudest = float(energies.max())
        if self._channel is None or energies[self._channel] * _LOUDER < loudest:
            self._channel = int((energies * _AS_LOUD >= loudest).argmax())
        alone: np.ndarray[Any, Any] = self._alone[self._channel]
        return alone

    def _note(self, start: float, end: float, channel: int) -> None:
        if self.cancelled and self.cancelled[-1][1] >= start and self.cancelled[-1][2] == channel:
            self.cancelled[-1] = (self.cancelled[-1][0], end, channel)
        else:
            self.cancelled.append((start, end, channel))
