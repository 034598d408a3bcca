"""Les options des deux moteurs de diarisation dans un profil."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ClusteringSettings:
    """Bornes du regroupement, communes aux deux moteurs."""

    max_clustered_embeddings: int = field(default=8000, metadata={"minimum": 100})
    """Empreintes qui font les groupes ; les autres vont au groupe le plus proche."""
    max_clustering_seconds: int = field(default=60, metadata={"minimum": 1})
    """Temps de processeur d'un dendrogramme."""
    max_clustering_mib: int = field(default=1024, metadata={"minimum": 64})
    """Mémoire d'un dendrogramme : seize octets fois le carré des empreintes."""


@dataclass(frozen=True, slots=True)
class PyannoteSettings(ClusteringSettings):
    """Options du moteur `pyannote`."""

    segmentation_batch_size: int | None = field(default=None, metadata={"minimum": 1})
    """Fenêtres de segmentation par lot ; absent : selon la mémoire libre."""
    embedding_batch_size: int | None = field(default=None, metadata={"minimum": 1})
    """Fenêtres dont les empreintes sont calculées par lot ; absent : selon la mémoire libre."""
    segmentation_step: float = field(default=0.0, metadata={"maximum": 1})
    """Pas de la fenêtre glissante, en part de sa durée ; 0 : celui du pipeline."""
    clustering_threshold: float = 0.0
    """Seuil de regroupement ; 0 : celui du pipeline."""
    trust_checkpoint: bool = False
    """Vrai : lit les fichiers de poids tels quels ; ils peuvent alors tout exécuter."""
    parallel: int = field(default=4, metadata={"minimum": 1})
    """Fichiers menés de front : leurs fenêtres se joignent dans les mêmes lots."""
    same_voice: float = field(default=0.35, metadata={"minimum": -1, "maximum": 1})
    """Ressemblance moyenne au-dessus de laquelle deux voix d'un flux en direct n'en sont qu'une."""
    named_voice: float = field(default=0.6, metadata={"minimum": -1, "maximum": 1})
    """Ressemblance au-dessus de laquelle une voix prend le nom d'un extrait ; au-dessous, elle reste inconnue."""


@dataclass(frozen=True, slots=True)
class CamPlusSettings(ClusteringSettings):
    """Options du moteur `pyannote-camplus`."""

    batch_size: int = field(default=8, metadata={"minimum": 1})
    """Fenêtres par lot, de segmentation comme d'empreintes."""
    parallel: int = field(default=1, metadata={"minimum": 1})
    """Fichiers menés de front : leurs fenêtres se joignent dans les mêmes lots."""
    segmentation_step: float = field(default=0.25, metadata={"above": 0, "maximum": 1})
    """Pas de la fenêtre glissante, en part de sa durée."""
    clustering_threshold: float = 0.7
    """Seuil de regroupement."""
    same_voice: float = field(default=0.5, metadata={"minimum": -1, "maximum": 1})
    """Ressemblance moyenne au-dessus de laquelle deux voix d'un flux en direct n'en sont qu'une."""
    named_voice: float = field(default=0.7, metadata={"minimum": -1, "maximum": 1})
    """Ressemblance au-dessus de laquelle une voix prend le nom d'un extrait ; au-dessous, elle reste inconnue."""
