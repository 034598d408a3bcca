"""Le plan de contrôle par sa prise gRPC interne."""

import logging
from collections.abc import AsyncIterator

import grpc
import grpc.aio
from google.protobuf.duration_pb2 import Duration
from passerelle.control.v1 import control_pb2, control_pb2_grpc
from passerelle.v1 import model_pb2

from server.domain import Capability
from server.errors import ControlUnavailable, DeadlineExceeded, ModelLoading, PasserelleError
from server.front.routing.routes import ModelRoute
from server.rpc.logs import request_id
from server.rpc.status import from_rpc_error

logger = logging.getLogger(__name__)

_MARGIN = 5.0
"""Secondes laissées en plus à la réponse : c'est le plan de contrôle qui dit que l'attente est finie."""

_CAPABILITIES = {
    model_pb2.CAPABILITY_CHAT: Capability.CHAT,
    model_pb2.CAPABILITY_TRANSCRIBE: Capability.TRANSCRIBE,
    model_pb2.CAPABILITY_DIARIZE: Capability.DIARIZE,
}


class ControlClient:
    """Client du service interne `ControlService`."""

    def __init__(self, channel: grpc.aio.Channel, front: str) -> None:
        self._stub = control_pb2_grpc.ControlServiceStub(channel)
        self._front = front

    async def watch(self) -> AsyncIterator[tuple[ModelRoute, ...]]:
        """Routes entières, aussitôt puis à chaque changement."""
        stream = self._stub.WatchRoutes(control_pb2.WatchRoutesRequest(front=self._front))
        try:
            async for response in stream:
                yield tuple(route for model in response.models if (route := to_route(model)) is not None)
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) or _unreachable() from error
        finally:
            stream.cancel()

    async def ensure_loaded(self, key: str, timeout: float) -> ModelRoute:
        """Attend que le modèle soit prêt, en le chargeant au besoin."""
        wait = Duration()
        wait.FromMilliseconds(max(1, round(timeout * 1000)))
        request = control_pb2.EnsureLoadedRequest(model=key, timeout=wait)
        metadata = (("x-request-id", request_id.get()),) if request_id.get() else ()
        try:
            response = await self._stub.EnsureLoaded(request, timeout=timeout + _MARGIN, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            raise self._failure(key, timeout, error) from error
        route = to_route(response.route)
        if route is None:
            raise _unreachable()
        return route

    @staticmethod
    def _failure(key: str, timeout: float, error: grpc.aio.AioRpcError) -> PasserelleError:
        known = from_rpc_error(error)
        if known is not None and not isinstance(known, DeadlineExceeded):
            return known
        if known is not None or error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
            return still_loading(key, timeout)
        return _unreachable()


def still_loading(key: str, waited: float) -> ModelLoading:
    """Erreur d'une attente trop longue."""
    return ModelLoading(
        f"Le modèle « {key} » n'a pas fini de se charger en {waited:.0f} s ; réessayez bientôt.",
        metadata={"model": key, "waited_seconds": f"{waited:.0f}"},
        retry_after=5.0,
    )


def _unreachable() -> ControlUnavailable:
    return ControlUnavailable("Le plan de contrôle ne répond pas ; réessayez dans un instant.", retry_after=2.0)


def to_route(model: control_pb2.ModelRoute) -> ModelRoute | None:
    """Route du domaine ; `None` pour une capacité inconnue de cette version."""
    capability = _CAPABILITIES.get(model.capability)
    if capability is None:
        logger.warning("route_ignored", extra={"model": model.key, "capability": int(model.capability)})
        return None
    return ModelRoute(
        key=model.key,
        aliases=tuple(model.aliases),
        capability=capability,
        ready=model.state == model_pb2.MODEL_STATE_READY and bool(model.workers),
        sockets=tuple(worker.socket for worker in model.workers),
        created=int(model.created_seconds),
        owned_by=model.owned_by,
        features=frozenset(model.features),
        context_tokens=model.context_tokens,
        load_wait=model.load_wait.ToMilliseconds() / 1000,
        engine=model.engine,
    )
