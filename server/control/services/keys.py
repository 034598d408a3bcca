"""KeyService : les clés nommées."""

from collections.abc import Callable, Sequence
from typing import Any

from google.protobuf.duration_pb2 import Duration
from passerelle.v1 import keys_pb2, keys_pb2_grpc, route_pb2

from server.control.quotas.counters import Counters
from server.control.record.keys import KeyBook
from server.control.services.instants import timestamp
from server.control.services.pages import out_of_range, page_size, page_token
from server.control.services.quotas import quota_message, quota_of, uses
from server.domain import Limits
from server.errors import InvalidRequest
from server.named_keys import PREFIX, KeyState, NamedKey
from server.quotas import Quota
from server.rpc.auth import NAME_OF, SCOPE_OF

OVERLAP_SECONDS = 86400.0
"""Temps où l'ancienne valeur d'une clé reste admise, quand la demande n'en dit rien."""
_DEFAULT_SCOPES = ("chat", "transcribe", "diarize")
_STATES = {
    KeyState.ACTIVE: keys_pb2.KEY_STATE_ACTIVE,
    KeyState.EXPIRED: keys_pb2.KEY_STATE_EXPIRED,
    KeyState.REVOKED: keys_pb2.KEY_STATE_REVOKED,
}


class KeyService(keys_pb2_grpc.KeyServiceServicer):
    """Clés nommées ; le droit d'y toucher est vérifié avant d'arriver ici."""

    def __init__(
        self,
        book: KeyBook,
        known: Callable[[str], str],
        limits: Limits,
        clock: Callable[[], float],
        counters: Counters | None = None,
        default_quota: Quota | None = None,
    ) -> None:
        """`known` rend la clé du modèle de ce nom, ou lève ModelNotFound."""
        self._counters = counters or Counters(clock)
        self._default_quota = default_quota
        self._book = book
        self._known = known
        self._limits = limits
        self._clock = clock

    async def CreateKey(self, request: keys_pb2.CreateKeyRequest, _context: Any) -> keys_pb2.CreateKeyResponse:
        """Crée une clé."""
        self._short("owner", request.owner)
        self._short("note", request.note)
        key, value = await self._book.create(
            _scopes(request.scopes) or _DEFAULT_SCOPES,
            models=tuple(dict.fromkeys(map(self._known, request.models))),
            owner=request.owner,
            note=request.note,
            lifetime=self._seconds("lifetime", request.lifetime, 1.0) if request.HasField("lifetime") else None,
            quota=quota_of(request.quota) if request.HasField("quota") else None,
        )
        return keys_pb2.CreateKeyResponse(key=self._message(key), value=value)

    async def ListKeys(self, request: keys_pb2.ListKeysRequest, _context: Any) -> keys_pb2.ListKeysResponse:
        """Page de clés, de la plus récente à la plus ancienne."""
        size, first = page_size(request.page_size, 100, 1000), page_token(request.page_token)
        prefix = PREFIX + request.prefix.removeprefix(PREFIX)
        keys = [key for key in await self._book.newest() if key.id.startswith(prefix)]
        following = first + size if first + size < len(keys) else 0
        return keys_pb2.ListKeysResponse(
            keys=[self._message(key) for key in keys[first : first + size]],
            next_page_token=str(following) if following else "",
        )

    async def RotateKey(self, request: keys_pb2.RotateKeyRequest, _context: Any) -> keys_pb2.RotateKeyResponse:
        """Donne une valeur neuve."""
        overlap = OVERLAP_SECONDS
        if request.HasField("overlap"):
            overlap = self._seconds("overlap", request.overlap, 0.0)
        key, value = await self._book.rotate(request.id, overlap)
        return keys_pb2.RotateKeyResponse(key=self._message(key), value=value)

    async def SetKeyQuota(self, request: keys_pb2.SetKeyQuotaRequest, _context: Any) -> keys_pb2.SetKeyQuotaResponse:
        """Change le quota."""
        quota = quota_of(request.quota) if request.HasField("quota") else None
        return keys_pb2.SetKeyQuotaResponse(key=self._message(await self._book.set_quota(request.id, quota)))

    async def RevokeKey(self, request: keys_pb2.RevokeKeyRequest, _context: Any) -> keys_pb2.RevokeKeyResponse:
        """Révoque."""
        return keys_pb2.RevokeKeyResponse(key=self._message(await self._book.revoke(request.id)))

    def _message(self, key: NamedKey) -> keys_pb2.NamedKey:
        now = self._clock()
        still = key.rotated_at is not None and key.previous_until > now
        return keys_pb2.NamedKey(
            id=key.id,
            state=_STATES[key.state(now)],
            scopes=[SCOPE_OF[name] for name in key.scopes if name in SCOPE_OF],
            models=key.models,
            owner=key.owner,
            note=key.note,
            created_at=timestamp(key.created_at),
            expires_at=None if key.expires_at is None else timestamp(key.expires_at),
            revoked_at=None if key.revoked_at is None else timestamp(key.revoked_at),
            rotated_at=timestamp(key.rotated_at) if key.rotated_at is not None else None,
            previous_until=timestamp(key.previous_until) if still else None,
            quota=None if key.quota is None else quota_message(key.quota),
            quota_uses=uses(key.id, self._default_quota if key.quota is None else key.quota, self._counters, now),
        )

    def _short(self, field: str, text: str) -> None:
        limit = self._limits.max_key_characters
        if len(text) > limit:
            raise out_of_range(field, f"{len(text)} caractères", f"{limit} au plus")

    def _seconds(self, field: str, asked: Duration, low: float) -> float:
        seconds, high = asked.ToNanoseconds() / 1e9, self._limits.max_key_lifetime_seconds
        if not low <= seconds <= high:
            raise out_of_range(field, f"{seconds:g} s", f"de {low:g} à {high:g} s")
        return seconds


def _scopes(asked: "Sequence[route_pb2.Scope]") -> tuple[str, ...]:
    unknown = [scope for scope in asked if scope not in NAME_OF]
    if unknown:
        [first, *_] = unknown
        names = ", ".join(SCOPE_OF)
        name = route_pb2.Scope.Name(first) if first in route_pb2.Scope.values() else str(first)
        raise InvalidRequest(
            f"scopes : une clé n'a pas la portée {name} ; au choix : {names}.",
            metadata={"field": "scopes", "value": name, "limit": names},
        )
    return tuple(name for name, scope in SCOPE_OF.items() if scope in asked)
