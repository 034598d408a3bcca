"""Les clés : qui peut appeler quoi.

Le contrat dit la portée de chaque méthode ; une méthode qu'il ne nomme pas demande une clé d'administration. Les clés
sont comparées avant toute lecture de la requête, par leur empreinte et en temps constant.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from passerelle.v1 import route_pb2

from server.errors import ForeignOrigin, InvalidApiKey, MissingApiKey
from server.rpc.caller import address_label, key_label
from server.rpc.contract import KEYS, POLICY

Metadata = Iterable[tuple[str, str | bytes]]


class Access(NamedTuple):
    """Ce qu'un appelant peut faire."""

    inference: bool
    admin: bool


class KeyRing:
    """Ensemble de clés acceptées ; sans clé, tout le monde entre."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._digests = tuple(dict.fromkeys(map(_digest, keys)))

    @property
    def open(self) -> bool:
        """Vrai si aucune clé n'est exigée."""
        return not self._digests

    def rank(self, key: str) -> int | None:
        """Rang de la clé, `None` si elle est inconnue ; le temps ne dépend ni de la clé ni de sa place."""
        presented = _digest(key)
        place = sum(n * hmac.compare_digest(digest, presented) for n, digest in enumerate(self._digests, 1))
        return place - 1 if place else None

    def accepts(self, key: str) -> bool:
        """Vrai si la clé est connue."""
        return self.rank(key) is not None

    def check(self, metadata: Metadata) -> str:
        """Laisse passer un appel dont la clé convient, et rend l'étiquette de son appelant (`server/rpc/caller.py`).

        Raises:
            MissingApiKey: aucune clé dans `authorization`, `x-api-key` ni `api-key`.
            InvalidApiKey: clé inconnue.
        """
        values = _texts(metadata)
        if self.open:
            return address_label(values)
        key = _presented(values)
        if not key:
            raise MissingApiKey(
                "Une clé est nécessaire : envoyez « Authorization: Bearer <clé> », « x-api-key » ou « api-key »."
            )
        rank = self.rank(key)
        if rank is None:
            raise unknown_key()
        return key_label(rank)


class Guard:
    """Applique la portée d'une méthode aux métadonnées d'un appel.

    Les clés d'administration ouvrent aussi l'inférence ; sans elles, celles d'inférence tiennent lieu des deux.
    """

    def __init__(
        self,
        inference_keys: Sequence[str],
        admin_keys: Sequence[str],
        *,
        allowed_origins: Sequence[str] = (),
        policy: "Mapping[str, route_pb2.Scope]" = POLICY,
    ) -> None:
        self.inference = KeyRing((*inference_keys, *admin_keys) if inference_keys else ())
        self.admin = KeyRing(admin_keys or inference_keys)
        self._origins = frozenset(origin.rstrip("/").lower() for origin in allowed_origins)
        self._policy = policy

    def key(self, method: str) -> "route_pb2.KeyScope":
        """Clé que le contrat demande pour cette méthode."""
        return KEYS.get(self._policy.get(method, route_pb2.SCOPE_ADMIN), route_pb2.KEY_SCOPE_ADMIN)

    def unkeyed(self, method: str) -> bool:
        """Vrai si cette méthode s'appelle sans clé, par contrat ou parce qu'aucune n'est exigée."""
        match self.key(method):
            case route_pb2.KEY_SCOPE_INFERENCE:
                return self.inference.open
            case route_pb2.KEY_SCOPE_ADMIN:
                return self.admin.open
        return True

    def check(self, method: str, metadata: Metadata) -> str:
        """Laisse passer l'appel de `method`, sinon dit pourquoi ; rend l'étiquette de l'appelant.

        Raises:
            MissingApiKey: clé exigée, non fournie.
            InvalidApiKey: clé inconnue.
            ForeignOrigin: appel de la page d'un autre site.
        """
        key = self.key(method)
        # LOCAL_OR_ADMIN : GetMetrics décide lui-même, sur l'adresse de son appelant.
        if key in (route_pb2.KEY_SCOPE_NONE, route_pb2.KEY_SCOPE_LOCAL_OR_ADMIN):
            return ""
        self.check_origin(metadata)
        ring = self.inference if key == route_pb2.KEY_SCOPE_INFERENCE else self.admin
        return ring.check(metadata)

    def access(self, metadata: Metadata) -> Access:
        """Ce que la clé présentée ouvre ; sans clé, ce qui est ouvert à tous.

        Raises:
            InvalidApiKey: clé d'aucun trousseau.
        """
        key = presented_key(metadata)
        inference, admin = self.inference.accepts(key), self.admin.accepts(key)
        if key and not (inference or admin or self.admin.open):
            raise unknown_key()
        return Access(self.inference.open or inference, self.admin.open or admin)

    def check_origin(self, metadata: Metadata) -> None:
        """Refuse la page d'un autre site : sans clé exigée, un navigateur agirait au nom de son utilisateur."""
        values = _texts(metadata)
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


def unknown_key() -> InvalidApiKey:
    """Refus d'une clé qui n'est d'aucun trousseau."""
    return InvalidApiKey("Cette clé n'est pas reconnue ; vérifiez-la auprès de l'exploitant du serveur.")


def presented_key(metadata: Metadata) -> str:
    """Clé présentée : `authorization` (avec ou sans « Bearer »), sinon `x-api-key`, sinon `api-key` ; ou rien."""
    return _presented(_texts(metadata))


def _presented(values: Mapping[str, str]) -> str:
    header = values.get("authorization", "").strip()
    scheme, _, rest = header.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    # api-key : celui d'Azure, que le SDK d'OpenAI envoie quand il croit lui parler.
    return header or values.get("x-api-key", "").strip() or values.get("api-key", "").strip()


def _texts(metadata: Metadata) -> dict[str, str]:
    return {name: value for name, value in metadata if isinstance(value, str)}


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
