"""Le nom d'une voix : celui de l'extrait qui lui ressemble le plus, s'il lui ressemble assez."""

from collections.abc import Sequence
from dataclasses import dataclass

from server.engines.base_audio import VoiceScale, Wave


@dataclass(frozen=True, slots=True)
class Known:
    """Locuteur connu."""

    name: str
    print: Wave
    """Empreinte de sa voix, de longueur un."""


def name_of(voice: Wave, known: Sequence[Known], scale: VoiceScale) -> str:
    """Nom d'une empreinte de longueur un ; vide si elle n'est sûrement de personne."""
    best = max(known, key=lambda one: float(one.print @ voice), default=None)
    return best.name if best is not None and float(best.print @ voice) >= scale.named else ""
