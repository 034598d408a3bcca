"""La découpe d'une onde en fenêtres de parole, coupées dans le silence, sans recouvrement.

Seule la parole est gardée, avec une marge ; une fenêtre joint des prises de parole voisines. Une parole continue plus
longue que la fenêtre est coupée là où elle est la moins probable, dans le dernier tiers. Les instants viennent du
compte exact des échantillons, jamais d'un numéro de fenêtre.
"""

from dataclasses import dataclass

from server.engines.base_audio import SAMPLE_RATE, Wave
from server.speech.buffer import WaveBuffer
from server.speech.track import MIN_SILENCE, MIN_SPEECH, OFF, PAD, SpeechTrack
from server.speech.vad import STEP, SpeechDetector

_MAX_GAP = int(1.2 * SAMPLE_RATE)
"""Silence au-delà duquel deux paroles ne partagent pas une fenêtre."""


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
        self._track = SpeechTrack()
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
        if self._track.start is not None:
            self._close_speech(self._track.start, self._track.silence or self.analysed)
        self._emit(windows)
        return windows

    def _step(self, probability: float, windows: list[Window]) -> None:
        now = self.analysed
        self.analysed += STEP
        track = self._track
        if track.hear(probability, now):
            if self._spans and now - self._spans[-1].end > _MAX_GAP:
                self._emit(windows)
        elif (
            probability < OFF
            and track.start is not None
            and track.silence is not None
            and track.silent(self.analysed) >= MIN_SILENCE
        ):
            self._close_speech(track.start, track.silence)
        self._bound(windows)

    def _close_speech(self, start: int, end: int) -> None:
        if end - start >= MIN_SPEECH:
            self._spans.append(Span(start, end))
            self.speech += end - start
        self._track.close()

    def _bound(self, windows: list[Window]) -> None:
        """Clôt la fenêtre avant qu'elle dépasse sa durée, marges comprises."""
        start = self._track.start
        first = self._spans[0].start if self._spans else start
        if first is None or self.analysed - first + 2 * PAD < self._max:
            return
        if self._spans:
            # Une pause est déjà là : on coupe dans elle.
            self._emit(windows)
            return
        assert start is not None
        cut = self._track.split()
        self._track.silence = None
        self._spans.append(Span(start, cut))
        self.speech += cut - start
        self._emit(windows, hard_end=cut)

    def _emit(self, windows: list[Window], hard_end: int | None = None) -> None:
        if not self._spans:
            return
        start = max(self._buffer.origin, self._spans[0].start - PAD)
        end = hard_end if hard_end is not None else min(self.received, self._spans[-1].end + PAD)
        if self._track.start is not None and hard_end is None:
            end = min(end, self._track.start)
        windows.append(Window(start, self._buffer.between(start, end), tuple(self._spans)))
        self._spans = []
        self._buffer.drop(end)

    def _forget(self) -> None:
        if not self._spans and self._track.start is None:
            self._buffer.drop(self.analysed - PAD)
