"""Les options de pyannote dans un profil."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PyannoteSettings:
    """Options du moteur `pyannote`."""

    segmentation_batch_size: int | None = field(default=None, metadata={"minimum": 1})
    """Fenêtres de segmentation par lot ; absent : selon la mémoire libre."""
    embedding_batch_size: int | None = field(default=None, metadata={"minimum": 1})
    """Empreintes par lot ; absent : selon la mémoire libre."""
    segmentation_step: float = field(default=0.0, metadata={"maximum": 1})
    """Pas de la fenêtre glissante, en part de sa durée ; 0 : celui du pipeline."""
    clustering_threshold: float = 0.0
    """Seuil de regroupement ; 0 : celui du pipeline."""
    parallel: int = field(default=4, metadata={"minimum": 1})
    """Fichiers menés de front : les autres se décodent pendant que l'un est analysé."""
