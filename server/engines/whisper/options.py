"""Les options de Whisper dans un profil."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class WhisperSettings:
    """Options du profil."""

    beam_size: int = field(default=1, metadata={"minimum": 1})
    """Largeur du faisceau ; 1 : recherche gloutonne."""
    parallel: int = field(default=4, metadata={"minimum": 1})
    """Fichiers menés de front."""
