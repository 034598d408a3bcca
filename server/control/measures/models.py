"""L'état des modèles, de leurs exemplaires et de leurs téléchargements, tel que Prometheus le lit."""

from collections import Counter
from collections.abc import Iterable

from passerelle.v1 import requests_pb2
from prometheus_client.core import Metric

from server.control.life.model import ManagedModel
from server.control.life.state import ModelState
from server.control.measures.families import Family, Sheet
from server.control.measures.keys import NONE

_REPLICA = ("model", "replica")
FAMILIES = (
    Family("passerelle_model_replicas", "Ready replicas.", ("model",)),
    Family("passerelle_model_replicas_wanted", "Replicas the operator wants loaded.", ("model",)),
    Family("passerelle_model_detours", "Ready replicas whose engine does without its short path.", ("model",)),
    Family("passerelle_model_state", "1 for the present state of a model.", ("model", "state")),
    Family("passerelle_requests_in_flight", "Requests in flight, by the stage they are at.", ("model", "stage")),
    Family("passerelle_replica_requests_running", "Requests a replica runs.", _REPLICA),
    Family("passerelle_replica_requests_waiting", "Requests in the queue of a replica.", _REPLICA),
    Family("passerelle_replica_max_running", "Requests a replica runs at most.", _REPLICA),
    Family("passerelle_replica_max_waiting", "Requests in the queue of a replica at most.", _REPLICA),
    Family("passerelle_replica_silent", "1 if a replica has said nothing for five seconds.", _REPLICA),
    Family("passerelle_replica_asleep", "1 if the engine of a replica sleeps.", _REPLICA),
    Family("passerelle_download_done_bytes", "Bytes of the download in progress that are there.", ("model",)),
    Family("passerelle_download_expected_bytes", "Bytes of the download in progress in all.", ("model",)),
    Family("passerelle_weights_bytes", "Bytes of the weights on disk.", ("model",)),
)
STAGES = ("received", "waiting_replica", "sent", "answering")
"""Lue, en attente d'un exemplaire (chargement compris), chez lui, en train de répondre."""


def collect(models: Iterable[ManagedModel], running: Iterable[requests_pb2.Request]) -> Iterable[Metric]:
    """Familles de cet instant."""
    sheet = Sheet(FAMILIES)
    for model in models:
        _model(sheet, model)
    flight = Counter((request.model or NONE, _stage(request)) for request in running)
    for (key, stage), count in flight.items():
        sheet.put("passerelle_requests_in_flight", count, key, stage)
    return sheet


def _model(sheet: Sheet, model: ManagedModel) -> None:
    key, state, replicas = model.spec.key, model.state, model.replicas
    sheet.put("passerelle_model_replicas", len(replicas) if state is ModelState.READY else 0, key)
    wanted = model.choices.replicas if model.wanted.desired is not None else 0
    sheet.put("passerelle_model_replicas_wanted", wanted, key)
    sheet.put("passerelle_model_detours", sum(bool(one.detour) for one in replicas), key)
    sheet.put("passerelle_weights_bytes", model.artifacts.cached_bytes, key)
    for one in ModelState:
        sheet.put("passerelle_model_state", one is state, key, one.value)
    for replica in replicas:
        load = replica.link.load
        for name, value in (
            ("requests_running", load.running),
            ("requests_waiting", load.waiting),
            ("max_running", load.max_running),
            ("max_waiting", load.max_waiting),
            ("silent", replica.link.silent),
            ("asleep", load.asleep),
        ):
            sheet.put(f"passerelle_replica_{name}", value, key, replica.id)
    operation = model.operation
    if operation is not None and operation.progress.total is not None:
        sheet.put("passerelle_download_done_bytes", operation.progress.completed or 0, key)
        sheet.put("passerelle_download_expected_bytes", operation.progress.total, key)


def _stage(request: requests_pb2.Request) -> str:
    if not request.HasField("asked"):
        return STAGES[0]
    if not request.HasField("sent"):
        return STAGES[1]
    return STAGES[3] if request.HasField("first") else STAGES[2]
