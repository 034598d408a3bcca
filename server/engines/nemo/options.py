"""Les options de NeMo dans un profil."""

from dataclasses import dataclass, field
from typing import Literal

from server.tables import FieldRefused

_WINDOW_LIMIT = 40
"""Durée au-delà de laquelle le décodeur de Canary perd de la parole, en secondes."""
_DEFAULT_DELTA = 50
_MIN_DELTA = 16
"""L'amorce de Canary compte dans la longueur permise : en deçà, une fenêtre très courte n'aurait place pour rien."""


@dataclass(frozen=True, slots=True)
class NemoSettings:
    """Options du profil."""

    file: str = ""
    """Nom du `.nemo` ; vide : le seul du dossier."""
    dtype: Literal["", "bf16", "fp32"] = ""
    """Type des poids ; vide : `bf16` sur GPU, `fp32` sinon."""
    languages: tuple[str, ...] = ()
    """Langues admises ; vide : celles que le modèle annonce."""
    default_language: str = ""
    """Langue supposée des requêtes qui n'en disent rien ; vide : elles sont refusées si le modèle veut la connaître."""
    language_model: str = ""
    """`.nemo` d'un modèle de langues, qui reconnaît celle des requêtes qui n'en disent rien ; vide : aucun."""
    strategy: Literal["greedy", "beam"] = "greedy"
    """Recherche ; `beam` : Canary seulement."""
    beam_size: int = field(default=4, metadata={"minimum": 1})
    """Largeur du faisceau."""
    max_generation_delta: int | None = field(default=None, metadata={"minimum": _MIN_DELTA})
    """Jetons permis au-delà du nombre de trames ; absent : ce que le point de contrôle en dit, ou 50."""
    max_window_seconds: float = field(default=30.0, metadata={"minimum": 1, "maximum": _WINDOW_LIMIT})
    """Durée d'une fenêtre au plus."""
    max_batch: int = field(default=32, metadata={"minimum": 1})
    """Fenêtres par lot au plus."""
    max_live_batch: int = field(default=96, metadata={"minimum": 1})
    """Fenêtres par lot de direct au plus, sans y mettre plus d'audio que `max_batch` fenêtres des plus longues."""
    batch_wait: float = field(default=0.1, metadata={"maximum": 1})
    """Ce qu'un lot incomplet attend une fenêtre de plus, en part de la durée du lot d'avant."""
    max_padding: float = field(default=1.0, metadata={"maximum": 1})
    """Part d'un lot qui peut n'être que complément."""
    phrase_boosting: bool = False
    """Admet les phrases d'une requête ; transducteurs seulement."""
    parallel: int = field(default=64, metadata={"minimum": 1})
    """Fichiers menés de front."""

    def __post_init__(self) -> None:
        if self.default_language and self.languages and self.default_language not in self.languages:
            known = ", ".join(self.languages)
            raise FieldRefused(
                "default_language",
                f"langue absente de languages (reçu : {self.default_language} ; accepté : {known})",
                known,
                self.default_language,
            )

    def generation_delta(self, told: int | None = None) -> int:
        """Jetons permis au-delà du nombre de trames.

        Args:
            told: ce que le point de contrôle en dit.
        """
        if self.max_generation_delta is not None:
            return self.max_generation_delta
        return told if told is not None and told >= _MIN_DELTA else _DEFAULT_DELTA
