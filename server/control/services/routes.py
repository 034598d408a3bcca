"""ControlService : les routes et les chargements, pour les fronts."""

from collections.abc import AsyncIterator
from typing import Any

from passerelle.control.v1 import control_pb2, control_pb2_grpc

from server.control.models import Models
from server.control.services.messages import to_route

SERVICE = "passerelle.control.v1.ControlService"


class ControlService(control_pb2_grpc.ControlServiceServicer):
    """Sert les fronts ; jamais exposé par Envoy."""

    def __init__(self, models: Models) -> None:
        self._models = models
        self.watchers: dict[str, int] = {}
        """Nombre de suivis ouverts par chaque front."""

    async def WatchRoutes(
        self, request: control_pb2.WatchRoutesRequest, _context: Any
    ) -> AsyncIterator[control_pb2.WatchRoutesResponse]:
        """Routes entières, puis à chaque changement."""
        self.watchers[request.front] = self.watchers.get(request.front, 0) + 1
        sent: control_pb2.WatchRoutesResponse | None = None
        try:
            while True:
                routes = control_pb2.WatchRoutesResponse(models=[to_route(model) for model in self._models])
                if routes != sent:
                    sent = routes
                    yield routes
                    continue  # un changement a pu survenir pendant l'envoi
                await self._models.changes.wait()
        finally:
            self.watchers[request.front] -= 1

    async def EnsureLoaded(
        self, request: control_pb2.EnsureLoadedRequest, _context: Any
    ) -> control_pb2.EnsureLoadedResponse:
        """Attend un modèle prêt, en le chargeant au besoin."""
        model = self._models.get(request.model)
        await model.ensure(request.timeout.ToMilliseconds() / 1000)
        return control_pb2.EnsureLoadedResponse(route=to_route(model))
