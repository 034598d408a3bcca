"""ProbeService : la version, et la disponibilité, demandée au plan de contrôle ; s'il se tait, ce front le dit."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc.aio
import orjson
from google.api.httpbody_pb2 import HttpBody
from passerelle.v1 import probe_pb2, probe_pb2_grpc

from server import __version__
from server.events import last_line
from server.rpc.http_body import JSON, encode_body

_PATIENCE = 5.0
"""Secondes laissées au plan de contrôle, qui en attend lui-même deux d'Envoy."""
_NOT_READY = (("x-http-status", "503"), ("retry-after", "1"))


class ProbeService(probe_pb2_grpc.ProbeServiceServicer):
    """Sondes HTTP qu'un front sert, pour qu'elles survivent au plan de contrôle."""

    def __init__(self, channel: grpc.aio.Channel, control_log: Path | None, build: str = "") -> None:
        """`control_log` : journal du plan de contrôle, dont la dernière ligne dit souvent pourquoi il se tait."""
        self._stub = probe_pb2_grpc.ProbeServiceStub(channel)
        self._control_log = control_log
        self._version = orjson.dumps({"version": __version__, "build": build or None})

    async def CheckReadiness(self, request: probe_pb2.CheckReadinessRequest, context: Any) -> AsyncIterator[bytes]:
        """200 si le serveur peut servir, 503 et les raisons sinon."""
        try:
            bodies: list[HttpBody] = [body async for body in self._stub.CheckReadiness(request, timeout=_PATIENCE)]
            found = orjson.loads(b"".join(body.data for body in bodies))
            if "error" in found:
                found = {"ready": False, "reasons": [found["error"]["message"]]}
        except grpc.aio.AioRpcError:
            found = {"ready": False, "reasons": [await asyncio.to_thread(self._silence)]}
        if not found["ready"]:
            await context.send_initial_metadata(_NOT_READY)
        yield encode_body(orjson.dumps(found), JSON)

    async def GetVersion(self, _request: probe_pb2.GetVersionRequest, _context: Any) -> AsyncIterator[bytes]:
        """Version, et commit s'il est connu."""
        yield encode_body(self._version, JSON)

    def _silence(self) -> str:
        words = last_line(self._control_log) if self._control_log is not None else ""
        why = f" ; dernière ligne de son journal : « {words} »" if words else ""
        return (
            f"Le plan de contrôle ne répond pas : les modèles chargés servent, l'administration attend son retour{why}."
        )
