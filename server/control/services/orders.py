"""Des demandes de chargement du contrat aux ordres."""

from passerelle.v1 import model_verbs_pb2

from server.control.life.choices import LoadOrder
from server.domain import Limits
from server.errors import InvalidRequest
from server.rpc.structs import plain


def to_order(request: model_verbs_pb2.LoadModelRequest | model_verbs_pb2.CheckLoadRequest, limits: Limits) -> LoadOrder:
    """Ordre d'un chargement, ou d'un verdict.

    Raises:
        InvalidRequest: exemplaires ou temps d'inactivité hors des limites, nombre d'option qui n'est pas fini.
    """
    replicas = request.replicas if request.HasField("replicas") else None
    if replicas is not None and not 1 <= replicas <= limits.max_replicas:
        raise _refused("replicas", str(replicas), f"de 1 à {limits.max_replicas}")
    order = LoadOrder(
        gpus=tuple(request.gpus),
        replicas=replicas,
        options=plain(request.options, "options"),
    )
    if isinstance(request, model_verbs_pb2.CheckLoadRequest):
        return order
    idle = request.idle_unload.ToNanoseconds() / 1e9 if request.HasField("idle_unload") else None
    if idle is not None and not 0 <= idle <= limits.max_idle_unload_seconds:
        raise _refused("idle_unload", f"{idle:g} s", f"de 0 à {limits.max_idle_unload_seconds:.0f} s")
    return LoadOrder(
        gpus=order.gpus,
        replicas=replicas,
        options=order.options,
        pinned=request.pinned if request.HasField("pinned") else None,
        idle_unload=idle,
        make_room=request.make_room,
    )


def _refused(field: str, value: str, limit: str) -> InvalidRequest:
    return InvalidRequest(
        f"{field} : {value} est hors des limites ({limit}).", metadata={"field": field, "limit": limit, "value": value}
    )
