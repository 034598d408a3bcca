"""La découpe d'une onde en fenêtres de parole, coupées dans le silence, sans recouvrement.

Seule la parole est gardée, avec une marge ; une fenêtre joint des prises de parole voisines. Une parole continue plus
longue que la fenêtre est coupée là où elle est la moins probable, dans le dernier tiers. Les instants viennent du
compte exact des échantillons, jamais d'un numéro de fenêtre.
"""

from dataclasses import dataclass

import numpy as np

from server.speech import SAMPLE_RATE
from server.speech.buffer import WaveBuffer
from server.speech.decode import Wave
from server.speech.vad import STEP, SpeechDetector

_ON = 0.5
_OFF = 0.35
_MIN_SPEECH = 0.2
_MIN_SILENCE = 0.3
_PAD = 0.24
_MAX_GAP = 1.2


@dataclass(frozen=True, slots=True)
class Span:
    """Intervalle, en échantillons depuis le début de l'onde ; fin exclue."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Window:
    """Fenêtre à transcrire."""

    start: int
    """Premier échantillon, depuis le début de l'onde."""
    samples: Wave
    """Onde de la fenêtre."""
    speech: tuple[Span, ...]
    """Parole détectée dans la fenêtre, dans le repère de l'onde."""


class WindowCutter:
    """Reçoit l'onde bloc par bloc, rend les fenêtres dès qu'elles sont closes.

    La mémoire est bornée : rien n'est gardé avant la fenêtre en cours.
    """

    def __init__(self, detector: SpeechDetector, max_seconds: float) -> None:
        self._detector = detector
        self._max = int(max_seconds * SAMPLE_RATE) // STEP * STEP
        self._buffer = WaveBuffer()
        self._probabilities: list[float] = []
        self._probability_origin = 0
        self._speech_start: int | None = None
        self._silence_start: int | None = None
        self._spans: list[Span] = []
        self.received = 0
        """Échantillons reçus."""
        self.analysed = 0
        """Échantillons passés par la détection ; égal à `received` après `flush`."""
        self.speech = 0
        """Échantillons de parole."""

    def push(self, samples: Wave) -> list[Window]:
        """Fenêtres que ce bloc permet de clore."""
        self.received += len(samples)
        self._buffer.append(samples)
        windows: list[Window] = []
        for probability in self._detector.push(samples):
            self._step(float(probability), windows)
        self._forget()
        return windows

    def flush(self) -> list[Window]:
        """Dernières fenêtres."""
        windows: list[Window] = []
        for probability in self._detector.flush():
            self._step(float(probability), windows)
        self.analysed = min(self.analysed, self.received)
        if self._speech_start is not None:
            self._close_speech(self._silence_start or self.analysed)
        self._emit(windows)
        return windows

    def _step(self, probability: float, windows: list[Window]) -> None:
        now = self.analysed
        self.analysed += STEP
        self._probabilities.append(probability)
        if probability >= _ON:
            self._silence_start = None
            if self._speech_start is None:
                if self._spans and now - self._spans[-1].end > _MAX_GAP * SAMPLE_RATE:
                    self._emit(windows)
                self._speech_start = now
        elif probability < _OFF and self._speech_start is not None:
            if self._silence_start is None:
                self._silence_start = now
            elif self.analysed - self._silence_start >= _MIN_SILENCE * SAMPLE_RATE:
                self._close_speech(self._silence_start)
        self._bound(windows)

    def _close_speech(self, end: int) -> None:
        assert self._speech_start is not None
        if end - self._speech_start >= _MIN_SPEECH * SAMPLE_RATE:
            self._spans.append(Span(self._speech_start, end))
            self.speech += end - self._speech_start
        self._speech_start = self._silence_start = None

    def _bound(self, windows: list[Window]) -> None:
        """Clôt la fenêtre avant qu'elle dépasse sa durée, marges comprises."""
        first = self._spans[0].start if self._spans else self._speech_start
        if first is None or self.analysed - first + 2 * _PAD * SAMPLE_RATE < self._max:
            return
        if self._spans:
            # Une pause est déjà là : on coupe dans elle.
            self._emit(windows)
            return
        assert self._speech_start is not None
        low = (self._speech_start + 2 * (self.analysed - self._speech_start) // 3) // STEP
        recent = self._probabilities[low - self._probability_origin :]
        cut = max(low + int(np.argmin(recent)), low) * STEP
        start, self._silence_start = self._speech_start, None
        self._spans.append(Span(start, cut))
        self.speech += cut - start
        self._emit(windows, hard_end=cut)
        self._speech_start = cut

    def _emit(self, windows: list[Window], hard_end: int | None = None) -> None:
        if not self._spans:
            return
        pad = int(_PAD * SAMPLE_RATE)
        start = max(self._buffer.origin, self._spans[0].start - pad)
        end = hard_end if hard_end is not None else min(self.received, self._spans[-1].end + pad)
        if self._speech_start is not None and hard_end is None:
            end = min(end, self._speech_start)
        windows.append(Window(start, self._buffer.between(start, end), tuple(self._spans)))
        self._spans = []
        self._drop(end)

    def _forget(self) -> None:
        if not self._spans and self._speech_start is None:
            self._drop(self.analysed - int(_PAD * SAMPLE_RATE))

    def _drop(self, until: int) -> None:
        """Oublie ce qui précède."""
        self._buffer.drop(until)
        steps = until // STEP - self._probability_origin
        if steps > 0:
            del self._probabilities[:steps]
            self._probability_origin += steps
