"""Ce que tout moteur sait faire, capacité par capacité.

Un adaptateur n'importe sa bibliothèque qu'à l'ouverture. Il appartient à un seul exemplaire (processus), qui l'ouvre,
l'échauffe par une inférence réelle, puis le ferme.
"""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable

share: ContextVar[int] = ContextVar("share", default=1)
"""Part de l'appelant de la requête en cours (`server/fair.py`), pour un moteur qui a son propre ordre de passage."""

trace: ContextVar[Mapping[str, str]] = ContextVar("trace", default=MappingProxyType({}))
"""Trace de la requête en cours (`traceparent`, `tracestate`), pour un moteur qui envoie ses propres segments ; vide si
elle n'est pas tracée."""


class ChatKind(StrEnum):
    """Schéma OpenAI d'une requête de texte."""

    CHAT = "chat"
    COMPLETION = "completion"

    @property
    def prompt(self) -> str:
        """Champ qui porte le texte de départ."""
        return "messages" if self is ChatKind.CHAT else "prompt"


@dataclass(frozen=True, slots=True)
class TrialBounds:
    """Bornes de l'essai d'une grammaire, que le moteur ne compile qu'ensuite."""

    seconds: float = 10.0
    """Secondes de processeur."""
    memory_bytes: int = 512 * 1024 * 1024
    """Octets que la compilation ajoute à ceux de sa bibliothèque."""
    wall_seconds: float = 120.0
    """Secondes à la montre : de quoi finir sur une machine chargée, sans attendre à jamais ce qui ne viendrait pas."""


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """Tout ce qu'un moteur reçoit pour s'ouvrir."""

    model_key: str
    """Clé du modèle."""
    model_dir: Path
    """Dossier des poids, vérifiés."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Options du moteur, telles que le profil les écrit."""
    threads: int = 2
    """Fils de calcul permis sur le processeur."""
    device: str = "cuda"
    """`cuda`, ou `cpu` pour un modèle du profil qui n'exige pas de GPU."""
    trials: TrialBounds = field(default_factory=TrialBounds)
    """Bornes des grammaires à l'essai."""


class LoadPhase(StrEnum):
    """Étape de l'ouverture d'un moteur ; le plan de contrôle la montre telle quelle (`OperationProgress.phase`)."""

    IMPORTING = "importing"
    """Les bibliothèques du moteur."""
    PREPARING = "preparing"
    """La configuration du moteur, son lexique, ses processus."""
    EXTRACTING = "extracting"
    """Une archive de poids est défaite."""
    BUILDING = "building"
    """Le modèle est bâti, sans ses poids."""
    LOADING_WEIGHTS = "loading_weights"
    """Les poids sont lus."""
    MOVING_TO_GPU = "moving_to_gpu"
    """Le modèle passe de la mémoire vive au GPU."""
    PROFILING = "profiling"
    """Un passage à vide mesure la mémoire que demande le calcul."""
    COMPILING = "compiling"
    """Le modèle est compilé."""
    ALLOCATING_CACHE = "allocating_cache"
    """Le cache KV prend sa mémoire, et les noyaux s'échauffent."""
    CAPTURING_GRAPHS = "capturing_graphs"
    """Les graphes CUDA sont enregistrés."""
    STARTING = "starting"
    """Le modèle est prêt ; ce qui lui parle se met en place."""


OnPhase = Callable[[LoadPhase], None]
"""Prend acte du début d'une étape ; s'appelle de n'importe quel fil."""


def unheard(_phase: LoadPhase) -> None:
    """Personne ne suit l'ouverture."""


class Engine(Protocol):
    """Vie commune à tous les moteurs."""

    @property
    def features(self) -> frozenset[str]:
        """Options honorées (`tools`, `json_schema`, `logprobs`…)."""

    @property
    def max_running(self) -> int:
        """Requêtes que le moteur mène de front."""

    async def open(self, on_phase: OnPhase = unheard) -> None:
        """Charge le modèle.

        Args:
            on_phase: reçoit chaque étape à son début, jamais deux fois de suite la même, et plus rien après le retour ;
                une étape que le moteur ne sait pas voir n'est pas dite.

        Raises:
            ModelLoadFailed: poids illisibles ou mémoire insuffisante.
            NoGpuVisible: le moteur exige CUDA et n'en voit pas.
        """

    async def warm_up(self) -> None:
        """Mène une inférence réelle, la plus courte possible.

        Raises:
            ModelLoadFailed: l'inférence n'a rien rendu.
        """

    async def close(self) -> None:
        """Rend tout. Peut être appelée deux fois."""


@runtime_checkable
class SleepingEngine(Protocol):
    """Moteur qui sait rendre la mémoire du GPU sans quitter son processus."""

    async def sleep(self, level: int) -> None:
        """S'endort ; aucune requête n'est en cours, et aucune ne viendra avant le réveil.

        Args:
            level: 1 garde les poids en mémoire vive, 2 les abandonne.

        Raises:
            UnsupportedOption: ouvert sans de quoi dormir.
        """

    async def wake(self) -> None:
        """Se réveille, prêt à servir."""


@runtime_checkable
class ContextEngine(Protocol):
    """Moteur qui dit son contexte une fois ouvert."""

    @property
    def context_tokens(self) -> int:
        """Jetons d'une requête et de sa réponse, au plus."""


class ChatEngine(Engine, Protocol):
    """Conversation et complétion, au schéma d'OpenAI."""

    def generate(self, kind: ChatKind, request: bytes, *, stream: bool) -> AsyncGenerator[bytes, None]:
        """Mène une requête ; abandonner l'itérateur (`aclose`) arrête le moteur à son prochain pas.

        L'abandon ne rend la main qu'une fois la requête lâchée : d'ici là, sa place est prise.

        Args:
            kind: conversation ou complétion.
            request: JSON de la requête, dont le schéma et les limites ont été vérifiés par le front.
            stream: au fil de la génération.

        Yields:
            Avec `stream`, des trames SSE entières (`data: {…}` et deux fins de ligne), sans le `[DONE]` final ; sinon
            un seul élément, le JSON de la réponse. Le champ `model` rendu est celui de la requête.

        Raises:
            InvalidRequest: le moteur refuse la requête (contexte dépassé, gabarit…).
            UnsupportedOption: option que le moteur n'a pas.
            EngineFailed: échec de cette seule requête.
            EngineDead: le moteur ne peut plus servir.
        """


@runtime_checkable
class LexicalEngine(Protocol):
    """Moteur qui connaît son vocabulaire : un jeton nommé par son numéro y est cherché avant toute génération."""

    @property
    def vocab_size(self) -> int:
        """Jetons du vocabulaire ; 0 tant que le modèle n'est pas ouvert."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Jetons d'un texte."""

    ids: list[int]
    """Leurs numéros."""
    pieces: list[str] = field(default_factory=list)
    """Leur écriture dans le vocabulaire, si elle a été demandée ; octets isolés échappés (`\\xf0`)."""


@runtime_checkable
class TokenizingEngine(Protocol):
    """Moteur de conversation qui dit les jetons d'un texte, sans rien générer."""

    async def chat_tokens(self, request: bytes, *, pieces: bool) -> Tokens:
        """Jetons d'une conversation, gabarit, outils et images compris : ceux que `generate` donnerait au modèle.

        Args:
            request: JSON d'une conversation, comme pour `generate`.
            pieces: rend aussi l'écriture de chaque jeton.

        Raises:
            InvalidRequest: le moteur refuse la conversation.
            UnsupportedOption: champ que le moteur n'a pas.
        """

    async def text_tokens(self, text: str, *, special: bool, pieces: bool) -> Tokens:
        """Jetons d'un texte ; `special` ajoute ceux que le modèle attend autour, comme une complétion."""

    async def text_of(self, tokens: Sequence[int]) -> str:
        """Texte de jetons, tous du vocabulaire."""


@runtime_checkable
class PushingEngine(Protocol):
    """Moteur de conversation qui donne lui-même ses trames, sans que personne n'ait à les lui demander."""

    async def push(self, kind: ChatKind, request: bytes, emit: Callable[[bytes], None]) -> None:
        """Mène un flux comme `ChatEngine.generate`, chaque élément donné à `emit` ; annuler la tâche l'abandonne."""


@runtime_checkable
class MortalEngine(Protocol):
    """Moteur dont une partie vit dans un autre processus, et peut mourir entre deux requêtes."""

    async def wait_dead(self) -> str:
        """Attend la mort du moteur et en rend la raison ; annuler la tâche cesse d'attendre."""


@runtime_checkable
class ThriftyEngine(Protocol):
    """Moteur qui a un chemin court, et peut devoir s'en passer."""

    @property
    def detour(self) -> str:
        """Pourquoi il s'en passe, une fois ouvert ; vide s'il le prend."""


@runtime_checkable
class MeasuredEngine(Protocol):
    """Moteur qui sait dire ce qu'il emploie, sans que cela coûte à une requête."""

    def gauges(self) -> Mapping[str, float]:
        """Mesures de cet instant, par leur nom sans `passerelle_` ; elles sont de `docs/supervision.md`."""

    def exposition(self) -> bytes:
        """Mesures de sa bibliothèque, au format texte de Prometheus ; vide si le profil ne les demande pas."""


EngineFactory = Callable[[EngineSpec], Engine]
"""Fabrique d'un moteur ; n'importe rien de lourd."""
