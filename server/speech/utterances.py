"""La découpe d'une onde en direct en phrases, closes par un silence ou par leur durée.

Une phrase commence quand la parole est confirmée, et finit après `endpoint_silence` de silence ; au-delà de
`max_utterance`, elle est coupée là où la parole est la moins probable, dans son dernier tiers. Les instants viennent du
compte exact des échantillons.
"""

from dataclasses import dataclass

import numpy as np

from server.speech import SAMPLE_RATE
from server.speech.buffer import WaveBuffer
from server.speech.decode import Wave
from server.speech.vad import STEP, SpeechDetector
from server.speech.windows import Span

_ON = 0.5
_OFF = 0.35
_MIN_SPEECH = int(0.2 * SAMPLE_RATE)
_FALSE_START = int(0.3 * SAMPLE_RATE)
"""Silence qui fait oublier une parole trop courte pour en être une."""
_PAD = int(0.24 * SAMPLE_RATE)


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Début de parole, en échantillons depuis le début de l'onde."""

    index: int
    at: int


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """Fin de parole, en échantillons depuis le début de l'onde."""

    index: int
    at: int


@dataclass(frozen=True, slots=True)
class Utterance:
    """Phrase, ou son début quand elle n'est pas close."""

    index: int
    """Rang, depuis 0."""
    start: int
    """Premier échantillon de l'onde, marge comprise."""
    samples: Wave
    speech: Span
    """Parole détectée."""

    @property
    def end(self) -> int:
        """Fin de l'onde, exclue."""
        return self.start + len(self.samples)


Event = SpeechStarted | SpeechEnded | Utterance


class UtteranceCutter:
    """Reçoit l'onde bloc par bloc, rend les débuts et fins de parole et les phrases closes, dans l'ordre.

    La mémoire est bornée par `max_utterance`.
    """

    def __init__(self, detector: SpeechDetector, *, endpoint_silence: float, max_utterance: float) -> None:
        self._detector = detector
        self._endpoint = max(STEP, round(endpoint_silence * SAMPLE_RATE))
        self._max = int(max_utterance * SAMPLE_RATE)
        self._buffer = WaveBuffer()
        self._probabilities: list[float] = []
        self._speech_start: int | None = None
        self._silence_start: int | None = None
        self._confirmed = False
        self._index = 0
        self.received = 0
        """Échantillons reçus."""
        self.analysed = 0
        """Échantillons passés par la détection ; égal à `received` après `flush`."""
        self.speech = 0
        """Échantillons de parole."""

    def push(self, samples: Wave) -> list[Event]:
        """Ce que ce bloc fait arriver."""
        self.received += len(samples)
        self._buffer.append(samples)
        events: list[Event] = []
        for probability in self._detector.push(samples):
            self._step(float(probability), events)
        if self._speech_start is None:
            self._buffer.drop(self.analysed - _PAD)
        return events

    def flush(self) -> list[Event]:
        """Ce que la fin de l'onde fait arriver."""
        events: list[Event] = []
        for probability in self._detector.flush():
            self._step(float(probability), events)
        self.analysed = min(self.analysed, self.received)
        if self._confirmed:
            self._close(min(self._silence_start or self.analysed, self.analysed), events)
        return events

    def draft(self) -> Utterance | None:
        """La phrase en cours, telle qu'elle est ; `None` hors de la parole.

        Une fois `settled`, son onde est celle de la phrase close si le silence dure.
        """
        if not self._confirmed or self._speech_start is None:
            return None
        return self._utterance(self._silence_start if self.settled else None)

    @property
    def settled(self) -> bool:
        """Vrai si la phrase en cours se tait depuis assez longtemps pour que son onde ne change plus."""
        if self._silence_start is None:
            return False
        return self.analysed - self._silence_start >= min(_PAD, self._endpoint)

    @property
    def hesitating(self) -> bool:
        """Vrai si la phrase en cours vient de se taire, sans qu'on sache encore si elle finit."""
        return self._silence_start is not None and not self.settled

    def _step(self, probability: float, events: list[Event]) -> None:
        now = self.analysed
        self.analysed += STEP
        if self._speech_start is not None:
            self._probabilities.append(probability)
        if probability >= _ON:
            self._silence_start = None
            if self._speech_start is None:
                self._begin(now)
                self._probabilities.append(probability)
        elif probability < _OFF and self._speech_start is not None and self._silence_start is None:
            self._silence_start = now
        if self._speech_start is None:
            return
        if self._silence_start is None:
            if not self._confirmed and self.analysed - self._speech_start >= _MIN_SPEECH:
                self._confirmed = True
                events.append(SpeechStarted(self._index, self._speech_start))
        elif self._confirmed:
            if self.analysed - self._silence_start >= self._endpoint:
                self._close(self._silence_start, events)
        elif self.analysed - self._silence_start >= _FALSE_START:
            self._speech_start = self._silence_start = None
        if (
            self._confirmed
            and self._speech_start is not None
            and self.analysed - self._speech_start + _PAD >= self._max
        ):
            self._split(events)

    def _begin(self, at: int) -> None:
        self._speech_start, self._silence_start, self._confirmed = at, None, False
        self._probabilities = []

    def _close(self, end: int, events: list[Event]) -> None:
        """Clôt la phrase en cours, dont la parole finit en `end`."""
        assert self._speech_start is not None
        utterance = self._utterance(end)
        events += [SpeechEnded(self._index, end), utterance]
        self.speech += end - self._speech_start
        self._speech_start = self._silence_start = None
        self._confirmed = False
        self._index += 1
        self._buffer.drop(utterance.end)

    def _split(self, events: list[Event]) -> None:
        """Coupe une parole continue à son instant le moins probable ; la suite est une autre phrase."""
        assert self._speech_start is not None
        low = 2 * len(self._probabilities) // 3
        cut = low + int(np.argmin(self._probabilities[low:]))
        at = self._speech_start + cut * STEP
        rest, silence = self._probabilities[cut:], self._silence_start
        speech = Span(self._speech_start, at)
        start = max(self._buffer.origin, speech.start - _PAD)
        events += [
            SpeechEnded(self._index, at),
            Utterance(self._index, start, self._buffer.between(start, at), speech),
        ]
        self.speech += at - speech.start
        self._index += 1
        self._buffer.drop(at)
        self._begin(at)
        self._probabilities = rest
        self._silence_start = None if silence is None else max(silence, at)
        # Même brève, la suite d'une parole en est : rien ne s'en perd.
        self._confirmed = self._silence_start is None or self._silence_start > at
        if self._confirmed:
            events.append(SpeechStarted(self._index, at))

    def _utterance(self, end: int | None) -> Utterance:
        """La phrase en cours, jusqu'à `end` et sa marge, ou jusqu'ici."""
        assert self._speech_start is not None
        start = max(self._buffer.origin, self._speech_start - _PAD)
        # L'appelant relit la même onde après plus de silence : sa fin ne dépend que de celle de la parole.
        known = min(self.analysed, self.received)
        last = known if end is None else min(end + min(_PAD, self._endpoint), known)
        speech = Span(self._speech_start, known if end is None else end)
        return Utterance(self._index, start, self._buffer.between(start, last), speech)
