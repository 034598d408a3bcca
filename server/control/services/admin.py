"""AdminService : l'état, les verbes sur les modèles, les opérations, les journaux."""

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from passerelle.v1 import (
    admin_pb2,
    admin_pb2_grpc,
    limits_pb2,
    log_level_pb2,
    machine_pb2,
    model_pb2,
    model_verbs_pb2,
    operation_pb2,
    route_pb2,
)

from server import __version__
from server.control.gpu.needs import gpus_per_replica
from server.control.life.eviction import foreseen
from server.control.models import Models
from server.control.record.journal import Journal
from server.control.record.log_tail import tail
from server.control.record.operations import Failure, Operation
from server.control.requests.activity import Activity
from server.control.services.activity_messages import to_activity
from server.control.services.filters import to_kinds, to_states
from server.control.services.gpu_messages import to_gpus, to_verdict
from server.control.services.instants import duration, timestamp
from server.control.services.log_level import LogLevels
from server.control.services.messages import (
    RECOGNITION,
    to_capability,
    to_failure,
    to_host,
    to_limits,
    to_model,
    to_operation,
    to_removal,
)
from server.control.services.orders import to_order
from server.control.services.pages import out_of_range, page_size, page_token
from server.domain import Capability, Limits
from server.rpc.auth import Guard

_WATCH_SECONDS = 2.0
_MAX_LOG_LINES = 10_000
_MAX_SLEEP_LEVEL = 2


@dataclass(frozen=True, slots=True)
class AdminFacts:
    """Ce qui ne change pas tant que le serveur tourne."""

    limits: Limits
    endpoints: Sequence[route_pb2.Endpoint]
    logs: Path
    started_at: float
    guard: Guard
    stop_grace: float
    build: str = ""
    """Commit dont ce serveur est fait ; vide s'il n'est pas connu."""
    activity: Activity = field(default_factory=Activity)
    """Ce que font les requêtes."""
    fields: Callable[[str], Mapping[str, Sequence[str]]] = lambda _engine: {}
    """Sort des champs d'une conversation chez un moteur, sous leurs noms de `ModelCapabilities`."""
    levels: LogLevels = field(default_factory=lambda: LogLevels(Path(), "INFO"))
    """Niveau du journal."""


class AdminService(admin_pb2_grpc.AdminServiceServicer):
    """Administration ; les clés sont vérifiées avant d'arriver ici."""

    def __init__(self, models: Models, journal: Journal, facts: AdminFacts) -> None:
        self._models = models
        self._journal = journal
        self._facts = facts

    async def GetStatus(self, _request: Any, _context: Any) -> admin_pb2.GetStatusResponse:
        """État présent."""
        return admin_pb2.GetStatusResponse(status=self._status())

    async def WatchStatus(
        self, request: admin_pb2.WatchStatusRequest, _context: Any
    ) -> AsyncIterator[admin_pb2.WatchStatusResponse]:
        """État à chaque changement, et au moins à chaque période."""
        interval = _WATCH_SECONDS
        if request.HasField("interval"):
            interval = request.interval.ToNanoseconds() / 1e9
            if not 0.2 <= interval <= 60:
                raise out_of_range("interval", f"{interval:g} s", "de 0,2 s à 60 s")
        sequence = 0
        while True:
            sequence += 1
            mark = self._models.changes.mark()
            yield admin_pb2.WatchStatusResponse(status=self._status(), sequence=sequence)
            await self._models.changes.wait(interval, mark)

    async def ListModels(self, request: model_pb2.ListModelsRequest, _context: Any) -> model_pb2.ListModelsResponse:
        """Page de modèles, dans l'ordre du profil."""
        size = page_size(request.page_size, 100, 1000)
        first = page_token(request.page_token)
        models = list(self._models)
        following = first + size if first + size < len(models) else 0
        return model_pb2.ListModelsResponse(
            models=[to_model(model, self._models.gpus) for model in models[first : first + size]],
            next_page_token=str(following) if following else "",
        )

    async def GetCapabilities(self, _request: Any, _context: Any) -> limits_pb2.GetCapabilitiesResponse:
        """Capacités, limites et adresses."""
        return limits_pb2.GetCapabilitiesResponse(
            profile=self._models.profile.name,
            version=__version__,
            limits=to_limits(self._facts.limits, self._facts.stop_grace),
            recognition=RECOGNITION,
            models=[
                limits_pb2.ModelCapabilities(
                    key=model.spec.key,
                    aliases=model.spec.aliases,
                    capability=to_capability(model.spec.capability),
                    features=model.features,
                    languages=model.spec.languages,
                    context_tokens=model.context_tokens,
                    load_wait=duration(model.load_wait),
                    **(self._facts.fields(model.spec.engine) if model.spec.capability is Capability.CHAT else {}),
                )
                for model in self._models
            ],
            endpoints=self._facts.endpoints,
        )

    async def GetAccess(self, _request: Any, context: Any) -> admin_pb2.GetAccessResponse:
        """Ce que la clé ouvre."""
        found = self._facts.guard.access(tuple(context.invocation_metadata() or ()))
        return admin_pb2.GetAccessResponse(inference=found.inference, admin=found.admin)

    async def DownloadModel(
        self, request: model_verbs_pb2.DownloadModelRequest, _context: Any
    ) -> model_verbs_pb2.DownloadModelResponse:
        """Télécharge et vérifie."""
        operation = self._models.get(request.model).download()
        return model_verbs_pb2.DownloadModelResponse(operation=await self._answer(operation, request.wait))

    async def LoadModel(
        self, request: model_verbs_pb2.LoadModelRequest, _context: Any
    ) -> model_verbs_pb2.LoadModelResponse:
        """Charge, change le nombre d'exemplaires, ou réveille."""
        operation = await self._models.load(request.model, to_order(request, self._facts.limits))
        return model_verbs_pb2.LoadModelResponse(operation=await self._answer(operation, request.wait))

    async def CheckLoad(
        self, request: model_verbs_pb2.CheckLoadRequest, _context: Any
    ) -> model_verbs_pb2.CheckLoadResponse:
        """Verdict d'un chargement, sans rien lancer."""
        model, order = self._models.get(request.model), to_order(request, self._facts.limits)
        await self._models.gpus.refresh()
        move, plan, room = foreseen(model, order, self._models, self._models.gpus)
        return model_verbs_pb2.CheckLoadResponse(
            fits=plan.error is None,
            error=to_failure(Failure.of(plan.error)) if plan.error is not None else None,
            gpus=[to_verdict(verdict) for verdict in plan.verdicts],
            evictions=[other.spec.key for other in room],
            replicas=move.choices.replicas,
            gpus_per_replica=gpus_per_replica(move.demand.spec),
            leaving=[one.id for one in move.leaving],
        )

    async def SleepModel(
        self, request: model_verbs_pb2.SleepModelRequest, _context: Any
    ) -> model_verbs_pb2.SleepModelResponse:
        """Endort."""
        if request.level > _MAX_SLEEP_LEVEL:
            raise out_of_range("level", str(request.level), f"1 ou {_MAX_SLEEP_LEVEL}")
        operation = await self._models.sleep(request.model, request.level or 1)
        return model_verbs_pb2.SleepModelResponse(operation=await self._answer(operation, request.wait))

    async def WakeModel(
        self, request: model_verbs_pb2.WakeModelRequest, _context: Any
    ) -> model_verbs_pb2.WakeModelResponse:
        """Réveille."""
        operation = await self._models.wake(request.model)
        return model_verbs_pb2.WakeModelResponse(operation=await self._answer(operation, request.wait))

    async def UnloadModel(
        self, request: model_verbs_pb2.UnloadModelRequest, _context: Any
    ) -> model_verbs_pb2.UnloadModelResponse:
        """Décharge."""
        operation = await self._models.unload(request.model, force=request.force, only_if_idle=request.only_if_idle)
        return model_verbs_pb2.UnloadModelResponse(operation=await self._answer(operation, request.wait))

    async def RemoveWeights(
        self, request: model_verbs_pb2.RemoveWeightsRequest, _context: Any
    ) -> model_verbs_pb2.RemoveWeightsResponse:
        """Retire des poids du disque."""
        found = await self._models.remove(request.model, old_only=request.old_only, dry_run=request.dry_run)
        return to_removal(found)

    async def CancelOperation(
        self, request: operation_pb2.CancelOperationRequest, _context: Any
    ) -> operation_pb2.CancelOperationResponse:
        """Annule une opération en cours et attend qu'elle soit défaite."""
        operation = await self._models.cancel(request.operation_id)
        return operation_pb2.CancelOperationResponse(operation=to_operation(operation))

    async def ListOperations(
        self, request: operation_pb2.ListOperationsRequest, _context: Any
    ) -> operation_pb2.ListOperationsResponse:
        """Page d'opérations ; celles qui sont en cours ont leur avancement du moment."""
        size = page_size(request.page_size, 50, 500)
        key = await self._journaled(request.model) if request.model else ""
        page, following = await self._journal.page(
            size,
            before=page_token(request.page_token),
            model=key,
            kinds=to_kinds(request.kinds),
            states=to_states(request.states),
        )
        live = {model.operation.id: model.operation for model in self._models if model.operation is not None}
        return operation_pb2.ListOperationsResponse(
            operations=[to_operation(live.get(operation.id, operation)) for operation in page],
            next_page_token=str(following) if following else "",
        )

    async def GetLogLevel(self, _request: Any, _context: Any) -> log_level_pb2.GetLogLevelResponse:
        """Niveau du journal."""
        return self._facts.levels.get()

    async def SetLogLevel(
        self, request: log_level_pb2.SetLogLevelRequest, _context: Any
    ) -> log_level_pb2.SetLogLevelResponse:
        """Change le niveau du journal de tous les processus."""
        return await self._facts.levels.set(request.level)

    async def StreamLogs(
        self, request: admin_pb2.StreamLogsRequest, context: Any
    ) -> AsyncIterator[admin_pb2.StreamLogsResponse]:
        """Dernières lignes, puis les nouvelles."""
        key = self._models.get(request.model).spec.key
        if request.tail_lines > _MAX_LOG_LINES:
            raise out_of_range("tail_lines", str(request.tail_lines), f"{_MAX_LOG_LINES} au plus")
        # Un journal encore vide est suivi, lui aussi : le client le sait sans attendre sa première ligne.
        await context.send_initial_metadata(())
        async for lines in tail(self._facts.logs, key, request.tail_lines or 200, follow=request.follow):
            yield admin_pb2.StreamLogsResponse(lines=lines)

    async def _journaled(self, name: str) -> str:
        """Clé sous laquelle le journal connaît un modèle ; un modèle retiré du profil y garde son histoire.

        Raises:
            ModelNotFound: ni le profil ni le journal ne le connaissent.
        """
        if self._models.profile.model(name) is None and await self._journal.knows(name):
            return name
        return self._models.get(name).spec.key

    async def _answer(self, operation: Operation, wait: bool) -> operation_pb2.Operation:
        if wait:
            await operation.result()
            # Une fin annoncée est dans le journal : qui l'y cherche l'y trouve.
            await self._journal.settled()
        return to_operation(operation)

    def _status(self) -> admin_pb2.Status:
        models, facts = list(self._models), self._facts
        profile = self._models.profile
        replicas = [replica for model in models for replica in model.replicas]
        gpus, host = to_gpus(self._models.gpus), to_host(self._models.sample, models)
        for gpu in gpus:
            gpu.activity.CopyFrom(to_activity(facts.activity, replicas, gpu.index))
        host.activity.CopyFrom(to_activity(facts.activity, replicas))
        return admin_pb2.Status(
            observed_at=timestamp(time.time()),
            profile=profile.name,
            profile_notice=profile.notice,
            version=__version__,
            models=[to_model(model, self._models.gpus) for model in models],
            gpus=gpus,
            host=host,
            api_key_required=not facts.guard.inference_open,
            admin_key_required=not facts.guard.admin_open,
            processes=[
                machine_pb2.ServerProcess(
                    name=process["name"], pid=process["pid"], restarts=process["restarts"], broken=process["broken"]
                )
                for process in self._models.processes
            ],
            started_at=timestamp(facts.started_at),
            build=facts.build,
            stopping_at=timestamp(stopping) if (stopping := self._models.stopping_at) is not None else None,
        )
