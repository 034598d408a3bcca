"""QuotaService : le quota de l'appelant ; et ce que toute réponse dit d'un quota."""

import time
from dataclasses import asdict
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from passerelle.v1 import quotas_pb2, quotas_pb2_grpc

from server.control.quotas.counters import Counters
from server.control.services.instants import timestamp
from server.errors import InvalidRequest
from server.quotas import METERS, NAMES, Quota, WrongQuota, checked
from server.rpc.caller import caller


class QuotaService(quotas_pb2_grpc.QuotaServiceServicer):
    """Quota de qui appelle."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters

    async def GetQuota(self, _request: quotas_pb2.GetQuotaRequest, _context: Any) -> quotas_pb2.GetQuotaResponse:
        """Ses limites, et ce qu'il en a consommé."""
        who = caller.get()
        return quotas_pb2.GetQuotaResponse(
            key=who.id if who.keyed else "",
            quota=None if who.quota is None else quota_message(who.quota),
            uses=uses(who.id, who.quota, self._counters, time.time()),
        )


def quota_of(message: quotas_pb2.Quota) -> Quota:
    """Quota d'une demande.

    Raises:
        InvalidRequest: limite trop grande, nommée.
    """
    try:
        return checked({name: getattr(message, name) for name in NAMES})
    except WrongQuota as error:
        raise InvalidRequest(f"quota.{error}", metadata={"field": f"quota.{error.field}"}) from error


def quota_message(quota: Quota) -> quotas_pb2.Quota:
    """Quota d'une réponse."""
    return quotas_pb2.Quota(**asdict(quota))


def uses(key: str, quota: Quota | None, counters: Counters, now: float) -> list[quotas_pb2.QuotaUse]:
    """Consommation devant chaque limite, dans l'ordre où elles sont écrites."""
    if quota is None:
        return []
    return [
        quotas_pb2.QuotaUse(
            name=name,
            limit=limit,
            used=round(counters.used(key, name) / METERS[name].unit, 3),
            resets_at=_instant(now, counters.reset(key, name)),
        )
        for name, limit in quota.limits().items()
    ]


def _instant(now: float, seconds: float) -> Timestamp | None:
    # Une fenêtre finit à une seconde entière ; l'heure a avancé depuis qu'elle a été lue.
    return timestamp(round(now + seconds)) if seconds else None
