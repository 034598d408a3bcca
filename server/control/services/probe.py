"""ProbeService : la disponibilité, vue d'Envoy jusqu'aux modèles, et les mesures."""

import ipaddress
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import orjson
from passerelle.v1 import probe_pb2_grpc, route_pb2

from server.errors import MissingApiKey
from server.rpc.auth import Guard
from server.rpc.http_body import JSON, encode_body

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class ProbeService(probe_pb2_grpc.ProbeServiceServicer):
    """Sondes HTTP du plan de contrôle."""

    def __init__(
        self,
        reasons: Callable[[], Awaitable[list[str]]],
        metrics: Callable[[], Awaitable[bytes]],
        guard: Guard,
        notices: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        """`reasons` rend ce qui manque pour servir ; vide : tout est prêt. `notices` : à savoir quand même."""
        self._reasons = reasons
        self._metrics = metrics
        self._guard = guard
        self._notices = notices

    async def CheckReadiness(self, _request: Any, context: Any) -> AsyncIterator[bytes]:
        """200 si le serveur peut servir, 503 et les raisons sinon."""
        reasons = await self._reasons()
        if reasons:
            await context.send_initial_metadata((("x-http-status", "503"), ("retry-after", "1")))
        found: dict[str, Any] = {"ready": not reasons, "reasons": reasons}
        if notices := list(self._notices()):
            found["notices"] = notices
        yield encode_body(orjson.dumps(found), JSON)

    async def GetMetrics(self, _request: Any, context: Any) -> AsyncIterator[bytes]:
        """Mesures de tous les processus ; adresses locales, ou clé d'administration ou d'état."""
        metadata = tuple(context.invocation_metadata() or ())
        if not _is_local(dict(metadata).get("x-passerelle-peer", "")):
            if self._guard.admin_open:
                raise MissingApiKey(
                    "Les mesures ne sont rendues qu'aux adresses locales, ou avec une clé de ADMIN_KEYS."
                )
            self._guard.check_scope(route_pb2.SCOPE_METRICS, metadata)
        yield encode_body(await self._metrics(), METRICS_TYPE)


def _is_local(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_loopback
