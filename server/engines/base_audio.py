"""Ce que tout moteur de parole sait faire. Les ondes sont en flottants de 32 bits, un canal, 16 kHz.

La découpe, la fusion et la couverture appartiennent à `server.speech` : un moteur ne voit que des fenêtres, ou une
onde.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from server.engines.base import Engine

SAMPLE_RATE = 16000
"""Fréquence de toutes les ondes données aux moteurs, en hertz."""

Wave = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class RecognitionOptions:
    """Réglages d'une transcription, déjà vérifiés en forme."""

    language: str = ""
    """Code ISO 639-1 ; vide : à reconnaître."""
    target_language: str = ""
    """Langue d'arrivée d'une traduction ; vide : transcription."""
    words: bool = False
    """Demande les bornes des mots."""
    prompt: str = ""
    """Texte qui oriente la reconnaissance."""
    phrases: tuple[str, ...] = ()
    """Mots et expressions à reconnaître de préférence."""
    phrase_boost: float | None = None
    """Poids de cette préférence ; `None` : celui du moteur."""
    temperature: float = 0.0
    """Température du décodage, de 0 à 1."""
    punctuation: bool | None = None
    """Ponctuation et majuscules ; `None` : comme le modèle le fait."""


@dataclass(frozen=True, slots=True)
class RecognitionWindow:
    """Fenêtre à transcrire."""

    samples: Wave
    """Onde, d'au plus `max_window_seconds`."""
    options: RecognitionOptions
    speech: tuple[tuple[int, int], ...] = ()
    """Prises de parole, en échantillons de l'onde ; entre elles, un changement de langue peut se chercher."""


@dataclass(frozen=True, slots=True)
class RecognizedWord:
    """Mot, sans espace autour ; instants en secondes depuis le début de la fenêtre."""

    text: str
    start: float
    end: float
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class RecognizedSegment:
    """Suite de mots ; instants en secondes depuis le début de la fenêtre."""

    text: str
    start: float
    end: float
    words: tuple[RecognizedWord, ...] = ()
    confidence: float | None = None
    no_speech_probability: float | None = None
    language: str = ""
    """Langue de ce segment ; vide : celle de la fenêtre."""


@dataclass(frozen=True, slots=True)
class Recognition:
    """Ce qu'un moteur a entendu dans une fenêtre."""

    segments: tuple[RecognizedSegment, ...]
    language: str = ""
    """Langue parlée, la plus longue s'il y en a plusieurs."""
    language_probability: float | None = None
    """Absente si la langue était imposée."""
    language_assumed: bool = False
    """Vrai si rien ne dit que cette langue est parlée : ni la requête, ni l'écoute."""


class TranscribeEngine(Engine, Protocol):
    """Reconnaissance de la parole, par lots de fenêtres."""

    @property
    def max_window_seconds(self) -> float:
        """Durée d'une fenêtre au plus."""

    @property
    def max_batch(self) -> int:
        """Fenêtres par lot au plus."""

    @property
    def max_live_batch(self) -> int:
        """Fenêtres par lot de direct au plus, souvent plus courtes."""

    @property
    def batch_wait(self) -> float:
        """Ce qu'un lot incomplet attend une fenêtre de plus, en part de la durée du lot d'avant ; 0 : rien."""

    def fits(self, batch: Sequence[RecognitionWindow], window: RecognitionWindow) -> bool:
        """Vrai si cette fenêtre se calcule d'un trait avec celles-là, sans leur coûter un second passage."""

    def check(self, options: RecognitionOptions) -> None:
        """Refuse ce que le moteur ne sait pas honorer.

        Raises:
            UnsupportedOption: option, nommée dans `metadata["field"]`.
        """

    async def transcribe(self, windows: Sequence[RecognitionWindow]) -> list[Recognition]:
        """Transcrit un lot ; un résultat par fenêtre, dans l'ordre. Un seul lot à la fois.

        Raises:
            EngineFailed: échec de ce lot.
            EngineDead: le moteur ne peut plus servir.
        """


@dataclass(frozen=True, slots=True)
class DiarizationOptions:
    """Réglages d'une diarisation."""

    num_speakers: int | None = None
    min_speakers: int | None = None
    max_speakers: int | None = None
    embeddings: bool = False


@dataclass(frozen=True, slots=True)
class Turn:
    """Tour de parole, en secondes."""

    speaker: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Diarization:
    """Qui parle, et quand."""

    turns: tuple[Turn, ...]
    """Tours, qui peuvent se recouvrir."""
    exclusive_turns: tuple[Turn, ...]
    """Tours sans recouvrement."""
    embeddings: dict[str, tuple[float, ...]] = field(default_factory=dict)
    """Empreinte par locuteur, si elle était demandée et calculable."""


@dataclass(frozen=True, slots=True)
class VoiceScale:
    """Ce que valent les ressemblances de deux empreintes d'un même modèle (leur cosinus, de -1 à 1)."""

    same: float
    """Au-dessus, deux groupes de fenêtres d'un même flux sont une seule voix."""
    named: float
    """Au-dessus, une voix est celle d'un extrait ; au-dessous, elle reste inconnue."""


class DiarizeEngine(Engine, Protocol):
    """Diarisation d'une onde entière, et empreintes de voix."""

    @property
    def voice_scale(self) -> VoiceScale:
        """Seuils de ses empreintes."""

    async def embed(self, waves: Sequence[Wave]) -> list[Wave | None]:
        """Empreinte de chaque onde, de longueur un ; `None` si elle est trop courte. L'onde n'est que de la parole.

        Deux ondes de même longueur ont la même empreinte, menées ensemble ou non, aux arrondis près.

        Raises:
            EngineFailed: échec de ces ondes.
            EngineDead: le moteur ne peut plus servir.
        """

    async def diarize(
        self, wave: Wave, options: DiarizationOptions, on_progress: Callable[[str, float], None]
    ) -> Diarization:
        """Analyse une onde ; annuler la tâche arrête le moteur à son prochain lot.

        Args:
            on_progress: étape (`segmentation`, `embeddings`) et part accomplie ; appelée d'un autre fil.

        Raises:
            EngineFailed: échec de cette onde.
            EngineDead: le moteur ne peut plus servir.
        """
