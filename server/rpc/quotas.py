"""Le quota de l'appelant pendant une requête : pris à son arrivée, précisé par ce qui la mène, réglé à sa fin."""

from contextvars import ContextVar
from typing import Protocol

from server.rpc.caller import Caller
from server.rpc.notes import SORTS, Note

Headers = tuple[tuple[str, str], ...]

METERED = frozenset(
    (
        *SORTS,
        "/passerelle.v1.ChatService/CountTokens",
        "/passerelle.v1.RestService/Tokenize",
        "/passerelle.v1.RestService/Detokenize",
    )
)
"""Méthodes qui occupent un exemplaire, et dont un quota compte les requêtes ; un décompte n'a rien d'autre à régler."""


class Ticket(Protocol):
    """Ce qu'une requête tient sur le quota de sa clé."""

    async def enter(self) -> None:
        """Prend une place et une requête.

        Raises:
            RateLimitExceeded: une limite est atteinte.
            ControlUnavailable: le bail est épuisé, et le plan de contrôle ne répond pas.
        """

    async def reserve(self, tokens: int, answer: int | None) -> None:
        """Réserve les jetons d'un texte de départ et d'une réponse ; `None` : sa longueur n'est pas demandée.

        Raises:
            RateLimitExceeded: il n'en reste pas assez.
        """

    def hears(self) -> bool:
        """Vrai si une limite compte l'audio."""

    async def hear(self, seconds: float, *, spent: bool = False) -> None:
        """Compte l'audio entendu, depuis le début de la requête ; `spent` : déjà analysé, il compte même refusé.

        Raises:
            RateLimitExceeded: il n'en reste plus.
        """

    def leave(self, found: Note | None) -> None:
        """La requête est finie, et sa note dit ce qu'elle a consommé ; `None` : rien ne la garde, elle n'a rien
        consommé."""

    def headers(self) -> Headers:
        """En-têtes `x-ratelimit-*` d'OpenAI."""


class Quotas(Protocol):
    """Ce qui tient les quotas."""

    def open(self, who: Caller) -> Ticket | None:
        """Ce que tiendra une requête de cet appelant ; `None` s'il n'a pas de quota."""


ticket: ContextVar[Ticket | None] = ContextVar("ticket", default=None)
"""Ce que tient la requête en cours ; `None` : son appelant n'a pas de quota."""

response_headers: ContextVar[Headers] = ContextVar("response_headers", default=())
"""En-têtes que la réponse en cours portera de plus."""
