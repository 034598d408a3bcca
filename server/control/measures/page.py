"""La page `/metrics` : ce que tous les processus ont compté, et l'état présent de chacun."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from passerelle.v1 import requests_pb2
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric

from server import __version__
from server.control.measures import envoy, machine, replicas
from server.control.measures import models as model_measures
from server.control.measures.families import Family, Sheet
from server.control.models import Models
from server.rpc.metrics import expose
from server.supervisor.envoy_admin import envoy_stats

SERVER = (
    Family("passerelle_build_info", "Version of the server.", ("version", "build", "profile")),
    Family("passerelle_start_time_seconds", "Start of the control process, in seconds since 1970.", ()),
)


@dataclass(frozen=True, slots=True)
class MetricsPage:
    """Ce qu'il faut pour écrire la page."""

    registry: CollectorRegistry
    models: Models
    running: Callable[[], Iterable[requests_pb2.Request]]
    """Requêtes en cours."""
    run_dir: Path
    folders: Mapping[str, Path]
    """Dossiers dont la place est dite, par leur nom dans les mesures."""
    build: str
    started_at: float

    async def render(self) -> bytes:
        """Page, au format texte de Prometheus."""
        models = self.models
        told = await replicas.ask(models)
        # L'état des modèles se lit sur la boucle ; ce qui peut bloquer, dans un fil.
        found = [
            *self._server(),
            *model_measures.collect(models, self.running()),
            *machine.gpus(models.gpus),
            *replicas.collect(told),
        ]
        sample, processes = models.sample, models.processes

        def write() -> bytes:
            stats = envoy_stats(self.run_dir / "envoy-admin.sock", envoy.FILTER)
            more = (
                *machine.host(sample, self.folders),
                *machine.processes(processes),
                *envoy.collect(stats),
            )
            return expose(self.registry, more=[*found, *more])

        return await asyncio.to_thread(write)

    def _server(self) -> Iterable[Metric]:
        sheet = Sheet(SERVER)
        sheet.put("passerelle_build_info", 1, __version__, self.build, self.models.profile.name)
        sheet.put("passerelle_start_time_seconds", self.started_at)
        return sheet
