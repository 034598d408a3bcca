"""Les jetons d'un fournisseur d'identité : Envoy les vérifie, ce module en lit le propriétaire et les portées.

Envoy écrit le contenu d'un bon jeton, ou ce qui ne va pas dans un mauvais, dans un en-tête `x-passerelle-`, qu'il ôte
de toute requête d'un client (`server/supervisor/envoy_tokens.py`). Ils ne sont lus que d'un appel passé par lui.
"""

import base64
import hashlib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import orjson
from passerelle.v1 import route_pb2

from server.domain import TokenProvider
from server.errors import (
    InvalidToken,
    PasserelleError,
    TokenAudience,
    TokenExpired,
    TokenIssuer,
    TokenKeysUnavailable,
    TokenKeyUnknown,
    TokenNotYetValid,
)
from server.rpc.caller import ADDRESS_HEADER, Caller
from server.shown import shown

CLAIMS_HEADER = "x-passerelle-claims"
ERROR_HEADER = "x-passerelle-token-error"
TOKEN_PREFIX = "eyJ"
"""Début de tout jeton, qui n'est d'ordinaire celui d'aucune clé : `{"` en base 64."""

_MAX_OWNER = 256
_RETRY_SECONDS = 5.0
_KNOWN = 4096
"""Contenus de jetons dont l'identité est retenue : un service emploie le même des milliers de fois."""

_REFUSALS: Mapping[str, tuple[type[InvalidToken], str]] = {
    "Jwt is expired": (TokenExpired, "Ce jeton a expiré : demandez-en un autre au fournisseur d'identité."),
    "Jwt not yet valid": (TokenNotYetValid, "Ce jeton ne vaut pas encore : vérifiez l'horloge de qui l'a demandé."),
    "Audiences in Jwt are not allowed": (TokenAudience, "Ce jeton n'est pas fait pour ce serveur (champ « aud »)."),
    "Jwt issuer is not configured": (
        TokenIssuer,
        "Ce jeton n'est pas du fournisseur d'identité de ce serveur (« iss »).",
    ),
    "Jwks doesn't have key to match kid or alg from Jwt": (
        TokenKeyUnknown,
        "Ce jeton est signé par une clé que le fournisseur d'identité ne publie pas, ou plus (« kid », « alg »).",
    ),
}
"""Ce qu'Envoy dit d'un mauvais jeton (`jwt_verify_lib`) ; tout autre mot est celui d'un jeton mal fait ou mal signé."""
_UNAVAILABLE = "Jwks remote fetch"
_MISSING = "Jwt is missing"


class Tokens:
    """Lit l'identité des jetons d'un fournisseur."""

    def __init__(self, provider: TokenProvider, scopes: "Mapping[str, route_pb2.Scope]") -> None:
        """`scopes` : portées du contrat, sous le nom que leur donnent les réglages."""
        self._provider = provider
        self._scopes = scopes
        self._read = lru_cache(_KNOWN)(self._bearer)

    def caller_of(self, metadata: Mapping[str, str]) -> Caller | None:
        """Qui porte le jeton vérifié de cet appel ; `None` si l'appel n'en a pas.

        Raises:
            InvalidToken: jeton bien signé, sans propriétaire lisible.
        """
        payload = metadata.get(CLAIMS_HEADER, "") if ADDRESS_HEADER in metadata else ""
        return self._read(payload) if payload else None

    def refusal(self, metadata: Mapping[str, str]) -> PasserelleError | None:
        """Pourquoi Envoy n'a pas reconnu le jeton de cet appel ; `None` s'il n'en a pas vu."""
        told = metadata.get(ERROR_HEADER, "") if ADDRESS_HEADER in metadata else ""
        if not told or told == _MISSING:
            return None
        if told.startswith(_UNAVAILABLE):
            return TokenKeysUnavailable(
                "Les clés du fournisseur d'identité ne se lisent pas : aucun jeton ne peut être vérifié ; réessayez.",
                retry_after=_RETRY_SECONDS,
            )
        kind, message = _REFUSALS.get(told, (InvalidToken, f"Ce jeton est mal fait, ou mal signé ({shown(told)})."))
        return kind(message)

    def _bearer(self, payload: str) -> Caller:
        claims = _claims(payload)
        name = self._provider.owner_claim
        owner = _claim(claims, name)
        if not isinstance(owner, str) or not 0 < len(owner) <= _MAX_OWNER or not owner.isprintable():
            raise InvalidToken(
                f"Ce jeton ne dit pas à qui il est : un texte de {_MAX_OWNER} caractères au plus est attendu dans son "
                f"champ « {name} » (PASSERELLE_JWT_OWNER_CLAIM).",
                metadata={"field": name, "limit": str(_MAX_OWNER)},
            )
        scopes = frozenset(
            self._scopes[scope]
            for claim in self._provider.scope_claims
            for value in _values(_claim(claims, claim))
            for scope in self._provider.scopes.get(value, ())
        )
        return Caller(owner_label(self._provider.issuer, owner), scopes, owner=owner, keyed=True, token=True)


def owner_label(issuer: str, owner: str) -> str:
    """Étiquette d'un propriétaire de jetons, souvent une adresse électronique : les files n'ont pas à la connaître."""
    return "t" + hashlib.sha256(f"{issuer}\n{owner}".encode()).hexdigest()[:16]


def _claims(payload: str) -> Mapping[str, Any]:
    try:
        found = orjson.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise InvalidToken("Le contenu de ce jeton ne se lit pas.")
    return found


def _claim(claims: Mapping[str, Any], name: str) -> Any:
    """Champ de ce nom, ou, à défaut, au bout de ce chemin (`realm_access.roles`)."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _values(claim: Any) -> Iterator[str]:
    """Valeurs d'un champ de portées : un texte à espaces, ou une liste de textes."""
    if isinstance(claim, str):
        yield from claim.split()
    elif isinstance(claim, list):
        yield from (value for value in claim if isinstance(value, str))
