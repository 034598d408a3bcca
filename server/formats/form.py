"""La forme demandée d'un résultat, d'où qu'elle le soit."""

from dataclasses import dataclass
from enum import StrEnum


class ResponseFormat(StrEnum):
    """Formes d'une transcription."""

    JSON = "json"
    TEXT = "text"
    SRT = "srt"
    VTT = "vtt"
    VERBOSE_JSON = "verbose_json"
    DIARIZED_JSON = "diarized_json"
    RTTM = "rttm"


SUBTITLES = (ResponseFormat.SRT, ResponseFormat.VTT)
"""Formes qui ne valent rien sans mots datés."""
SPOKEN = (ResponseFormat.DIARIZED_JSON, ResponseFormat.RTTM)
"""Formes qui ne valent rien sans locuteurs."""
STREAMED = (ResponseFormat.JSON, ResponseFormat.TEXT, ResponseFormat.VERBOSE_JSON, ResponseFormat.DIARIZED_JSON)
"""Formes qui se rendent au fil de l'eau."""


@dataclass(frozen=True, slots=True)
class SubtitleStyle:
    """Ce qu'un diffuseur admet d'une réplique ; durées en secondes."""

    max_line_length: int = 42
    """Caractères d'une ligne, nom du locuteur compris ; un mot plus long la dépasse."""
    max_lines: int = 2
    max_characters_per_second: float = 17.0
    """Vitesse de lecture : la réplique reste le temps qu'elle demande, si la suivante le permet."""
    min_seconds: float = 1.0
    max_seconds: float = 7.0
    min_gap_seconds: float = 0.08
    """Écart entre deux répliques, deux images."""


STYLE = SubtitleStyle()
"""Ce qui vaut si rien n'est demandé."""


@dataclass(frozen=True, slots=True)
class TranscriptForm:
    """Forme d'une transcription, et ce qu'elle montre."""

    format: ResponseFormat = ResponseFormat.JSON
    words: bool = False
    """Montre les mots dans `verbose_json`."""
    segments: bool = True
    """Montre les segments dans `verbose_json`."""
    api: bool = False
    """Forme de `/api`, et non d'OpenAI."""
    names: frozenset[str] = frozenset()
    """Noms de locuteurs connus, que `diarized_json` écrit tels quels ; les autres voix y sont des lettres."""
    style: SubtitleStyle = STYLE
    """Des sous-titres."""
