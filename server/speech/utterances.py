"""La découpe d'une onde en direct en phrases, closes par un silence ou par leur durée.

Une phrase commence quand la parole est confirmée, et finit après `endpoint_silence` de silence ; au-delà de
`max_utterance`, elle est coupée là où la parole est la moins probable, dans son dernier tiers. Les instants viennent du
compte exact des échantillons.
"""

from dataclasses import dataclass

from server.engines.base_audio import SAMPLE_RATE, Wave
from server.speech.buffer import WaveBuffer
from server.speech.track import MIN_SILENCE, MIN_SPEECH, PAD, SpeechTrack
from server.speech.vad import STEP, SpeechDetector
from server.speech.windows import Span


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
    pauses: tuple[tuple[int, int], ...] = ()
    """Silences dans cette parole."""

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
        self._track = SpeechTrack()
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
        if self._track.start is None:
            self._buffer.drop(self.analysed - PAD)
        return events

    def flush(self) -> list[Event]:
        """Ce que la fin de l'onde fait arriver."""
        events: list[Event] = []
        for probability in self._detector.flush():
            self._step(float(probability), events)
        self.analysed = min(self.analysed, self.received)
        if self._confirmed:
            self._close(min(self._track.silence or self.analysed, self.analysed), events)
        return events

    def draft(self) -> Utterance | None:
        """La phrase en cours, telle qu'elle est ; `None` hors de la parole.

        Une fois `settled`, son onde est celle de la phrase close si le silence dure.
        """
        if not self._confirmed:
            return None
        return self._utterance(self._track.silence if self.settled else None)

    @property
    def unfinished(self) -> int:
        """Premier échantillon qu'aucune phrase close n'a pris, et qui peut être de la suivante, marge comprise."""
        begun = self._track.start
        return max(self._buffer.origin, (self.analysed if begun is None else begun) - PAD)

    @property
    def settled(self) -> bool:
        """Vrai si la phrase en cours se tait depuis assez longtemps pour que son onde ne change plus."""
        return self._track.silent(self.analysed) >= min(PAD, self._endpoint)

    @property
    def hesitating(self) -> bool:
        """Vrai si la phrase en cours vient de se taire, sans qu'on sache encore si elle finit."""
        return self._track.silence is not None and not self.settled

    def _step(self, probability: float, events: list[Event]) -> None:
        now = self.analysed
        self.analysed += STEP
        track = self._track
        track.hear(probability, now)
        if track.start is None:
            return
        if track.silence is None:
            if not self._confirmed and self.analysed - track.start >= MIN_SPEECH:
                self._confirmed = True
                events.append(SpeechStarted(self._index, track.start))
        elif self._confirmed:
            if track.silent(self.analysed) >= self._endpoint:
                self._close(track.silence, events)
        elif track.silent(self.analysed) >= MIN_SILENCE:
            # Trop courte pour être une parole.
            track.close()
        if self._confirmed and track.start is not None and self.analysed - track.start + PAD >= self._max:
            self._split(events)

    def _close(self, end: int, events: list[Event]) -> None:
        """Clôt la phrase en cours, dont la parole finit en `end`."""
        utterance = self._utterance(end)
        events += [SpeechEnded(self._index, end), utterance]
        self.speech += end - utterance.speech.start
        self._track.close()
        self._confirmed = False
        self._index += 1
        self._buffer.drop(utterance.end)

    def _split(self, events: list[Event]) -> None:
        """Coupe une parole continue à son instant le moins probable ; la suite est une autre phrase."""
        track = self._track
        assert track.start is not None
        begun, pauses, at = track.start, track.pauses, track.split()
        speech = Span(begun, at)
        start = max(self._buffer.origin, speech.start - PAD)
        events += [
            SpeechEnded(self._index, at),
            Utterance(self._index, start, self._buffer.between(start, at), speech, _before(pauses, at)),
        ]
        self.speech += at - speech.start
        self._index += 1
        self._buffer.drop(at)
        if track.silence is not None:
            track.silence = max(track.silence, at)
        # Même brève, la suite d'une parole en est : rien ne s'en perd.
        self._confirmed = track.silence is None or track.silence > at
        if self._confirmed:
            events.append(SpeechStarted(self._index, at))

    def _utterance(self, end: int | None) -> Utterance:
        """La phrase en cours, jusqu'à `end` et sa marge, ou jusqu'ici."""
        begun = self._track.start
        assert begun is not None
        start = max(self._buffer.origin, begun - PAD)
        # L'appelant relit la même onde après plus de silence : sa fin ne dépend que de celle de la parole.
        known = min(self.analysed, self.received)
        last = known if end is None else min(end + min(PAD, self._endpoint), known)
        speech = Span(begun, known if end is None else end)
        return Utterance(
            self._index, start, self._buffer.between(start, last), speech, _before(self._track.pauses, speech.end)
        )


def _before(pauses: list[tuple[int, int]], end: int) -> tuple[tuple[int, int], ...]:
    """Silences finis avant `end`."""
    return tuple(pause for pause in pauses if pause[1] <= end)
