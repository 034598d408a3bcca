"""Les clés : qui peut appeler quoi.

Le contrat dit la portée de chaque méthode ; une méthode qu'il ne nomme pas demande une clé d'administration. Les clés
sont comparées avant toute lecture de la requête, par leur empreinte et en temps constant.
"""

import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple

from passerelle.v1 import route_pb2

from server.domain import TokenProvider
from server.errors import (
    ExpiredApiKey,
    ForeignOrigin,
    InvalidApiKey,
    MissingApiKey,
    ModelNotAllowed,
    RevokedApiKey,
    ScopeNotAllowed,
)
from server.named_keys import Found, KeyState, KeyTable, NamedKey, digest_of
from server.quotas import Quota
from server.rpc.caller import EVERYTHING, INFERENCE, NOBODY, Caller, address_label, by_owner, key_label
from server.rpc.contract import KEYS, POLICY
from server.rpc.tokens import TOKEN_PREFIX, Tokens

Metadata = Iterable[tuple[str, str | bytes]]

SCOPE_OF: "Mapping[str, route_pb2.Scope]" = {
    "chat": route_pb2.SCOPE_CHAT,
    "transcribe": route_pb2.SCOPE_TRANSCRIBE,
    "diarize": route_pb2.SCOPE_DIARIZE,
    "status": route_pb2.SCOPE_STATUS,
    "admin": route_pb2.SCOPE_ADMIN,
}
"""Portées qu'une clé peut avoir, sous leur nom dans la table."""
NAME_OF = {scope: name for name, scope in SCOPE_OF.items()}

_OPENED_BY: "Mapping[route_pb2.Scope, frozenset[route_pb2.Scope]]" = {
    route_pb2.SCOPE_CHAT: frozenset((route_pb2.SCOPE_CHAT,)),
    route_pb2.SCOPE_TRANSCRIBE: frozenset((route_pb2.SCOPE_TRANSCRIBE,)),
    route_pb2.SCOPE_DIARIZE: frozenset((route_pb2.SCOPE_DIARIZE,)),
    route_pb2.SCOPE_MODELS: INFERENCE,
    route_pb2.SCOPE_METRICS: frozenset((route_pb2.SCOPE_STATUS, route_pb2.SCOPE_ADMIN)),
}
"""Portées d'une clé dont une suffit ; celle d'administration pour toutes les autres."""
_ADMIN = frozenset((route_pb2.SCOPE_ADMIN,))

REFUSED_KEYS = (ScopeNotAllowed, RevokedApiKey, ExpiredApiKey)
"""Refus d'une clé ou d'un jeton dont la valeur est la bonne ; `key` de leurs précisions est son étiquette."""

_OWNER = Caller(id="local")
"""Le compte du serveur, par sa prise locale."""


class Access(NamedTuple):
    """Ce qu'un appelant peut faire."""

    inference: bool
    admin: bool


class KeyRing:
    """Clés des réglages, reconnues par leur empreinte."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._digests = tuple(dict.fromkeys(map(digest_of, keys)))

    def rank(self, digest: str) -> int | None:
        """Rang de la clé de cette empreinte, `None` si elle est inconnue ; le temps ne dépend pas de sa place."""
        place = sum(n * hmac.compare_digest(known, digest) for n, known in enumerate(self._digests, 1))
        return place - 1 if place else None


class Guard:
    """Applique la portée d'une méthode aux métadonnées d'un appel.

    Les clés d'administration des réglages ouvrent aussi l'inférence ; sans elles, celles d'inférence tiennent lieu des
    deux. Une clé nommée n'ouvre que ses portées, un jeton du fournisseur d'identité que les siennes ; l'un ou l'autre
    ferme un serveur sans clé.
    """

    def __init__(
        self,
        inference_keys: Sequence[str],
        admin_keys: Sequence[str],
        *,
        allowed_origins: Sequence[str] = (),
        policy: "Mapping[str, route_pb2.Scope]" = POLICY,
        named: KeyTable | None = None,
        tokens: TokenProvider | None = None,
        default_quota: Quota | None = None,
    ) -> None:
        """`default_quota` : celui d'`OPENAI_KEYS`, des jetons, et des clés nommées qui n'en ont pas ; une clé
        d'`ADMIN_KEYS` seule n'en a aucun."""
        keys = tuple(dict.fromkeys((*inference_keys, *admin_keys)))
        self._ring = KeyRing(keys)
        administering = frozenset(admin_keys or inference_keys)
        self._callers = tuple(
            Caller(
                key_label(rank),
                EVERYTHING if key in administering else INFERENCE,
                keyed=True,
                quota=default_quota if key in inference_keys else None,
            )
            for rank, key in enumerate(keys)
        )
        self.default_quota = default_quota
        self._inference_keyed, self._admin_keyed = bool(inference_keys), bool(keys)
        self._named = named or KeyTable()
        self._tokens = Tokens(tokens, SCOPE_OF) if tokens is not None else None
        self._named_callers: dict[str, tuple[NamedKey, Caller]] = {}
        self._origins = frozenset(origin.rstrip("/").lower() for origin in allowed_origins)
        self._policy = policy

    @property
    def inference_open(self) -> bool:
        """Vrai si l'inférence n'exige aucune clé."""
        return not (self._inference_keyed or self._named.used or self._tokens)

    @property
    def admin_open(self) -> bool:
        """Vrai si l'administration n'exige aucune clé."""
        return not (self._admin_keyed or self._named.used or self._tokens)

    def key(self, method: str) -> "route_pb2.KeyScope":
        """Clé que le contrat demande pour cette méthode."""
        return KEYS.get(self._scope(method), route_pb2.KEY_SCOPE_ADMIN)

    def unkeyed(self, method: str) -> bool:
        """Vrai si cette méthode s'appelle sans clé, par contrat ou parce qu'aucune n'est exigée."""
        return self._open(self._scope(method))

    def check(self, method: str, metadata: Metadata) -> Caller:
        """Laisse passer l'appel de `method`, sinon dit pourquoi ; rend l'appelant.

        Raises:
            MissingApiKey: clé exigée, non fournie.
            InvalidApiKey: clé inconnue.
            RevokedApiKey: clé révoquée.
            ExpiredApiKey: clé expirée.
            ScopeNotAllowed: clé dont les portées n'ouvrent pas cette méthode.
            InvalidToken: jeton refusé.
            TokenKeysUnavailable: jeton que rien ne peut vérifier.
            ForeignOrigin: appel de la page d'un autre site.
        """
        scope = self._scope(method)
        # LOCAL_OR_ADMIN : GetMetrics décide lui-même, sur l'adresse de son appelant.
        if KEYS.get(scope) in (route_pb2.KEY_SCOPE_NONE, route_pb2.KEY_SCOPE_LOCAL_OR_ADMIN):
            return NOBODY
        values = _texts(metadata)
        self._check_origin(values)
        if self._open(scope):
            return Caller(address_label(values))
        if scope == route_pb2.SCOPE_KEYS and by_owner(values):
            return _OWNER
        found = self._identify(values)
        permit(found, scope)
        return found

    def check_scope(self, scope: "route_pb2.Scope", metadata: Metadata) -> Caller:
        """Ne laisse passer qu'une clé qui ouvre cette portée ; rend son appelant.

        Raises:
            MissingApiKey, InvalidApiKey, RevokedApiKey, ExpiredApiKey, ScopeNotAllowed: ceux de `check`.
        """
        found = self._identify(_texts(metadata))
        permit(found, scope)
        return found

    def access(self, metadata: Metadata) -> Access:
        """Ce que la clé présentée ouvre ; sans clé, ce qui est ouvert à tous.

        Raises:
            InvalidApiKey, RevokedApiKey, ExpiredApiKey: clé présentée, qui n'est pas admise.
        """
        inference, admin = self.inference_open, self.admin_open
        values = _texts(metadata)
        if admin or not (_presented(values) or self._bearer(values)):
            return Access(inference, admin)
        scopes = self._identify(values).scopes
        return Access(inference or not scopes.isdisjoint(INFERENCE), route_pb2.SCOPE_ADMIN in scopes)

    def check_origin(self, metadata: Metadata) -> None:
        """Refuse la page d'un autre site : sans clé exigée, un navigateur agirait au nom de son utilisateur."""
        self._check_origin(_texts(metadata))

    def _scope(self, method: str) -> "route_pb2.Scope":
        return self._policy.get(method, route_pb2.SCOPE_ADMIN)

    def _open(self, scope: "route_pb2.Scope") -> bool:
        match KEYS.get(scope, route_pb2.KEY_SCOPE_ADMIN):
            case route_pb2.KEY_SCOPE_INFERENCE:
                return self.inference_open
            case route_pb2.KEY_SCOPE_ADMIN:
                # Sans quoi le premier venu fermerait à tous un serveur sans clé.
                return scope != route_pb2.SCOPE_KEYS and self.admin_open
        return True

    def verifiable_here(self, key: str) -> bool:
        """Faux pour ce qui ressemble à un jeton : seul Envoy sait le vérifier."""
        if self._tokens is None or not key.startswith(TOKEN_PREFIX):
            return True
        digest = digest_of(key)
        return self._ring.rank(digest) is not None or self._named.find(key, digest) is not None

    def _bearer(self, values: Mapping[str, str]) -> Caller | None:
        found = self._tokens.caller_of(values) if self._tokens is not None else None
        if found is not None and self.default_quota is not None:
            return replace(found, quota=self.default_quota)
        return found

    def _identify(self, values: Mapping[str, str]) -> Caller:
        bearer = self._bearer(values)
        if bearer is not None:
            return bearer
        key = _presented(values)
        if not key:
            raise self._missing()
        digest = digest_of(key)
        rank, found = self._ring.rank(digest), self._named.find(key, digest)
        if rank is not None:
            return self._callers[rank]
        if found is None:
            # Une clé peut commencer comme un jeton : c'est d'abord une clé qui est cherchée.
            if self._tokens is not None and (refusal := self._tokens.refusal(values)) is not None:
                raise refusal
            raise InvalidApiKey("Cette clé n'est pas reconnue ; vérifiez-la auprès de l'exploitant du serveur.")
        if found.state is not KeyState.ACTIVE:
            raise _ended(found)
        known = self._named_callers.get(found.key.id)
        if known is None or known[0] is not found.key:
            known = self._named_callers[found.key.id] = (found.key, self._caller_of(found.key))
        return known[1]

    def _caller_of(self, key: NamedKey) -> Caller:
        scopes = frozenset(SCOPE_OF[name] for name in key.scopes if name in SCOPE_OF)
        quota = self.default_quota if key.quota is None else key.quota
        if quota is not None and not quota.limits():
            quota = None
        return Caller(key.id, scopes, frozenset(key.models), key.owner, keyed=True, quota=quota)

    def _missing(self) -> MissingApiKey:
        if self.admin_open:
            return MissingApiKey(
                "Ce serveur n'a aucune clé : la première se crée de sa machine, sous son compte, par "
                "« passerelle keys create »."
            )
        return MissingApiKey(
            "Une clé est nécessaire : envoyez « Authorization: Bearer <clé> », « x-api-key » ou « api-key »."
        )

    def _check_origin(self, values: Mapping[str, str]) -> None:
        origin = values.get("origin", "").rstrip("/").lower()
        if not origin or origin in self._origins or "*" in self._origins:
            return
        host = values.get("x-forwarded-host", "").lower()
        # Une origine n'est que « schéma://hôte:port » ; rien ne s'y lit d'autre, qui pourrait ne pas se lire.
        if host and origin.partition("://")[2] == host:
            return
        raise ForeignOrigin(
            f"La page « {origin} » n'est pas celle de ce serveur : son origine doit être ajoutée à "
            "PASSERELLE_ALLOWED_ORIGINS pour l'appeler.",
            metadata={"origin": origin},
        )


def permit(found: Caller, scope: "route_pb2.Scope") -> None:
    """Refuse un appelant dont aucune portée n'ouvre celle-ci.

    Raises:
        ScopeNotAllowed: il n'y a pas droit.
    """
    needed = _OPENED_BY.get(scope, _ADMIN)
    if found.scopes.isdisjoint(needed):
        names, owned = _names(needed), _names(found.scopes)
        what = "Ce jeton" if found.token else f"La clé « {found.id} »"
        raise ScopeNotAllowed(
            f"{what} n'ouvre pas cet appel, qui demande la portée {' ou '.join(names)} ; ses portées : "
            f"{', '.join(owned) or 'aucune'}.",
            metadata={"key": found.id, "needed": ", ".join(names), "scopes": ", ".join(owned)},
        )


def permit_model(found: Caller, model: str) -> None:
    """Refuse un modèle à l'appelant dont la clé ne le permet pas.

    Raises:
        ModelNotAllowed: il n'y a pas droit.
    """
    if not found.may_use(model):
        allowed = ", ".join(sorted(found.models))
        raise ModelNotAllowed(
            f"La clé « {found.id} » ne permet pas le modèle « {model} », mais : {allowed}.",
            metadata={"key": found.id, "field": "model", "model": model, "available": allowed},
        )


def presented_key(metadata: Metadata) -> str:
    """Clé présentée : `authorization` (avec ou sans « Bearer »), sinon `x-api-key`, sinon `api-key` ; ou rien."""
    return _presented(_texts(metadata))


def _ended(found: Found) -> RevokedApiKey | ExpiredApiKey:
    key, metadata = found.key.id, {"key": found.key.id}
    since = f"le {datetime.fromtimestamp(found.since or 0.0, UTC):%Y-%m-%d à %H:%M} UTC"
    if found.state is KeyState.REVOKED:
        return RevokedApiKey(f"La clé « {key} » a été révoquée {since}.", metadata=metadata)
    return ExpiredApiKey(f"La valeur présentée de la clé « {key} » a expiré {since}.", metadata=metadata)


def _names(scopes: "Iterable[route_pb2.Scope]") -> list[str]:
    return [name for name, scope in SCOPE_OF.items() if scope in scopes]


def _presented(values: Mapping[str, str]) -> str:
    header = values.get("authorization", "").strip()
    scheme, _, rest = header.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    # api-key : celui d'Azure, que le SDK d'OpenAI envoie quand il croit lui parler.
    return header or values.get("x-api-key", "").strip() or values.get("api-key", "").strip()


def _texts(metadata: Metadata) -> dict[str, str]:
    return {name: value for name, value in metadata if isinstance(value, str)}
