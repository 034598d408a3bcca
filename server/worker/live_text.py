"""Le texte d'un flux en direct : ce qui en est montré, ce qui en est acquis."""

from collections import deque
from itertools import pairwise

import numpy as np
from passerelle.v1 import audio_pb2, transcribe_pb2

from server.engines.base_audio import SAMPLE_RATE, Recognition
from server.slices import joined
from server.speech.utterances import SpeechEnded, SpeechStarted, Utterance
from server.speech.windows import Span
from server.worker.languages import Languages
from server.worker.spooled import coverage, duration
from server.worker.transcription import segment_of

_PROGRESS_STEP = SAMPLE_RATE
"""Audio entre deux annonces de `Followed`, au moins."""


class ShownText:
    """Texte provisoire que le client a sous les yeux."""

    def __init__(self) -> None:
        self._index = -1
        self._text = ""

    def change(self, index: int, text: str) -> transcribe_pb2.PartialTranscript | None:
        """Ce qui change, pour que le client lise `text` ; `None` si rien ne change."""
        if index != self._index:
            self._index, self._text = index, ""
        if text == self._text:
            return None
        kept = _common_length(self._text, text)
        self._text = text
        return transcribe_pb2.PartialTranscript(utterance_index=index, kept_length=kept, text=text[kept:])

    def shows(self, index: int) -> bool:
        """Vrai si un texte de cette phrase est montré."""
        return self._index == index and bool(self._text)


class Followed:
    """Jusqu'où le texte suit l'audio du client."""

    def __init__(self, asked: bool) -> None:
        """`asked` : le client veut qu'on le lui dise."""
        self._asked = asked
        self._told = 0
        self._closed: deque[int] = deque()
        """Fin de parole de chaque phrase close qui n'est pas rendue."""

    def close(self, utterance: Utterance) -> None:
        """Une phrase est close, et attend le moteur."""
        self._closed.append(utterance.speech.end)

    def render(self) -> None:
        """La plus ancienne est rendue."""
        self._closed.popleft()

    def change(self, analysed: int, drafting: Utterance | None) -> transcribe_pb2.StreamProgress | None:
        """Ce qu'il y a à en dire ; `drafting` est la phrase en cours, si le moteur l'a."""
        followed = self._closed[0] if self._closed else drafting.end if drafting is not None else analysed
        if not self._asked or followed - self._told < _PROGRESS_STEP:
            return None
        self._told = followed
        return transcribe_pb2.StreamProgress(offset=duration(followed / SAMPLE_RATE))


class LiveTranscript:
    """Phrases finales d'un flux, dans l'ordre."""

    def __init__(self, language: str = "", low: float = 0.0) -> None:
        """`language` est celle de la requête ; `low`, la confiance sous laquelle un mot est à vérifier."""
        self._low = low
        self.languages = Languages(language)
        self._assumed = False
        self._texts: list[str] = []
        self._silent: list[Span] = []

    def add(self, utterance: Utterance, found: Recognition) -> audio_pb2.Segment:
        """La phrase en un segment, aux bornes de sa parole ; son texte peut être vide."""
        segment = _joined(utterance, found, self._low)
        if segment.text:
            self._texts.append(segment.text)
            self._assumed |= found.language_assumed
        else:
            self._silent.append(utterance.speech)
        return segment

    def summary(self, *, seconds: float, speech: int) -> transcribe_pb2.StreamSummary:
        """Bilan ; `speech` : échantillons de parole."""
        return transcribe_pb2.StreamSummary(
            text=joined(self._texts),
            language=self.languages.likely,
            coverage=coverage(seconds, speech, self._silent),
            language_assumed=self._assumed,
        )


def text_of(found: Recognition) -> str:
    """Texte d'une fenêtre."""
    return joined(segment.text for segment in found.segments)


def speech_in(utterance: Utterance) -> tuple[tuple[int, int], ...]:
    """Prises de parole d'une phrase, dans le repère de son onde."""
    edges = [utterance.speech.start, *(edge for pause in utterance.pauses for edge in pause), utterance.speech.end]
    return tuple(pairwise(edge - utterance.start for edge in edges))[::2]


def boundary(event: SpeechStarted | SpeechEnded) -> transcribe_pb2.SpeechBoundary:
    """Borne de parole du contrat."""
    return transcribe_pb2.SpeechBoundary(offset=duration(event.at / SAMPLE_RATE), utterance_index=event.index)


def _joined(utterance: Utterance, found: Recognition, low: float) -> audio_pb2.Segment:
    parts = [segment_of(part, utterance.start / SAMPLE_RATE, 0, low=low) for part in found.segments]
    scores = [part.confidence for part in parts if part.HasField("confidence")]
    silences = [part.no_speech_probability for part in parts if part.HasField("no_speech_probability")]
    return audio_pb2.Segment(
        index=utterance.index,
        text=text_of(found),
        start_offset=duration(utterance.speech.start / SAMPLE_RATE),
        end_offset=duration(utterance.speech.end / SAMPLE_RATE),
        words=[word for part in parts for word in part.words],
        confidence=float(np.mean(scores)) if scores else None,
        low_confidence=any(part.low_confidence for part in parts),
        no_speech_probability=max(silences) if silences else None,
        language=found.language or None,
    )


def _common_length(one: str, other: str) -> int:
    """Points de code que deux textes ont en commun à leur début."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
