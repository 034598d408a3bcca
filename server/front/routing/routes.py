"""Les routes qu'un front connaît, et ce qu'il attend du plan de contrôle."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from server.domain import Capability


@dataclass(frozen=True, slots=True)
class ModelRoute:
    """Modèle du profil et ses exemplaires joignables."""

    key: str
    """Clé."""
    aliases: tuple[str, ...]
    """Autres noms acceptés."""
    capability: Capability
    """Capacité."""
    ready: bool
    """Au moins un exemplaire sert."""
    sockets: tuple[str, ...] = ()
    """Chemins des prises de tous les exemplaires."""
    created: int = 0
    """Instant de création annoncé, en secondes depuis 1970."""
    owned_by: str = ""
    """Propriétaire annoncé."""
    features: frozenset[str] = frozenset()
    """Options honorées ; vide si le modèle n'en annonce pas."""
    context_tokens: int = 0
    """Contexte au plus, en jetons ; 0 s'il n'est pas connu."""
    load_wait: float = 0.0
    """Secondes qu'une requête attend son chargement ; 0 : celles de LOAD_WAIT."""
    engine: str = ""
    """Nom de son moteur."""

    def answers_to(self, name: str) -> bool:
        """Vrai si ce nom désigne le modèle."""
        return name == self.key or name in self.aliases


class Control(Protocol):
    """Le plan de contrôle, vu d'un front."""

    def watch(self) -> AsyncIterator[tuple[ModelRoute, ...]]:
        """Routes entières, aussitôt puis à chaque changement.

        Raises:
            ControlUnavailable: le flux s'est coupé.
        """

    async def ensure_loaded(self, key: str, timeout: float) -> ModelRoute:
        """Attend au plus `timeout` secondes que le modèle soit prêt, en le chargeant au besoin.

        Raises:
            ModelNotDownloaded: poids absents.
            ModelLoading: attente dépassée.
            ModelLoadFailed: chargement raté.
            ControlUnavailable: le plan de contrôle ne répond pas.
        """
