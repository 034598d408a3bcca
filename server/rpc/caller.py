"""Qui appelle : une étiquette stable par appelant, la même dans tous les fronts, pour que les files soient équitables.

L'étiquette d'une clé est son rang parmi les clés admises, jamais la clé ; sans clé exigée, c'est l'adresse qu'Envoy a
calculée. Une adresse IPv6 compte pour son réseau /64 : c'est ce qu'un seul client reçoit d'ordinaire.
"""

from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from ipaddress import IPv6Address, ip_address
from math import inf

ADDRESS_HEADER = "x-passerelle-client"
"""Écrit par Envoy, qui ôte celui d'un client ; sans adresse IP quand l'appel vient de la prise locale."""
FORWARDED_HEADER = "x-forwarded-for"

caller: ContextVar[str] = ContextVar("caller", default="")
"""Étiquette de l'appelant en cours ; vide hors d'une requête."""

PATIENCE_HEADER = "x-stainless-timeout"
"""Secondes au bout desquelles un SDK d'OpenAI renonce, s'il n'a rien reçu."""

patience: ContextVar[float | None] = ContextVar("patience", default=None)
"""Délai que l'appelant a lui-même annoncé ; `None` s'il n'en a rien dit, ou si sa réponse a déjà commencé."""


def announced_patience(metadata: Iterable[tuple[str, str | bytes]]) -> float | None:
    """Secondes annoncées par l'en-tête d'un SDK ; `None` s'il manque, ou ne se lit pas."""
    text = next((value for name, value in metadata if name == PATIENCE_HEADER), "")
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if 0 < seconds < inf else None


def key_label(rank: int) -> str:
    """Étiquette de la clé de ce rang."""
    return f"k{rank}"


def address_label(metadata: Mapping[str, str]) -> str:
    """Étiquette de l'adresse ; vide si elle n'est pas connue.

    La prise locale n'a pas d'adresse : seuls nos processus y parlent, et disent celle de leur client.
    """
    found = network(metadata.get(ADDRESS_HEADER, ""))
    if not found:
        found = network(metadata.get(FORWARDED_HEADER, "").rpartition(",")[2].strip())
    return f"a{found}" if found else ""


def client_address(metadata: Mapping[str, str]) -> str:
    """Adresse entière d'un client, telle qu'Envoy l'a calculée ; vide quand l'appel vient de la prise locale."""
    for text in (metadata.get(ADDRESS_HEADER, ""), metadata.get(FORWARDED_HEADER, "").rpartition(",")[2].strip()):
        if network(text):
            return text
    return ""


def network(text: str) -> str:
    """Ce qui désigne un abonné dans une adresse ; vide si ce n'en est pas une."""
    if text[:1].isdigit() and ":" not in text:
        # IPv4, écrite par Envoy : la relire coûterait autant que tout le reste.
        return text
    try:
        address = ip_address(text.strip("[]"))
    except ValueError:
        return ""
    if not isinstance(address, IPv6Address):
        return str(address)
    return str(address.ipv4_mapped or f"{int(address) >> 64:x}")
