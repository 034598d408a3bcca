"""De l'activité des requêtes au message du contrat."""

from collections.abc import Sequence

from passerelle.v1 import machine_pb2

from server.control.life.replicas import Replica
from server.control.requests.activity import MACHINE, Activity
from server.control.services.instants import duration


def to_activity(activity: Activity, replicas: Sequence[Replica], gpu: int = MACHINE) -> machine_pb2.Activity:
    """Activité d'un GPU, ou de la machine, que tiennent ces exemplaires."""
    recent = activity.on(gpu)
    loads = [one.link.load for one in replicas if gpu == MACHINE or gpu in one.gpus]
    return machine_pb2.Activity(
        running=sum(load.running for load in loads),
        waiting=sum(load.waiting for load in loads),
        tokens_per_second=recent.tokens_per_second,
        audio_per_second=recent.audio_per_second,
        first_p95=None if recent.first_p95 is None else duration(recent.first_p95),
        first_count=recent.first_count,
    )
