"""Un serveur gRPC : prise, santé, réflexion, arrêt ordonné."""

import asyncio
import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from server.errors import ShuttingDown
from server.rpc.contract import SERVICES
from server.rpc.interceptors import ServiceInterceptor
from server.rpc.reflection import add_reflection

_ENVELOPE_BYTES = 1024 * 1024
_IDENTITY, _GZIP = 1 << 0, 1 << 2
"""Bits des algorithmes de gRPC (`grpc_compression_algorithm`)."""
_METADATA_BYTES = 128 * 1024
"""Octets d'en-têtes d'un appel : plus que les 60 Kio d'Envoy, et ce qu'il y ajoute."""
_ENDING_SHARE = 0.5
_LAST_SHARE = 0.95
"""Part du délai d'arrêt après laquelle ce qui n'a pas fini est terminé par une erreur, plutôt que coupé ensuite."""
_LINGER_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class RpcSettings:
    """Réglages d'un serveur gRPC."""

    address: str
    """`unix:/chemin` ou `127.0.0.1:port` (0 : un port libre)."""
    max_message_bytes: int
    """Octets d'un message reçu au plus ; un peu de place est ajoutée pour son enveloppe."""
    reflection: Sequence[str] = tuple(service.full_name for service in SERVICES)
    """Services annoncés par la réflexion, quel que soit le processus qui les sert."""
    health: Sequence[str] = ()
    """Services suivis par la santé, en plus du serveur entier."""
    drain_delay: float = 2.0
    """Secondes entre « ne sert plus » et l'arrêt, pour que le répartiteur s'en aperçoive."""
    stop_grace: float = 30.0
    """Secondes laissées aux appels en cours."""
    away_seconds: Callable[[], float] = lambda: 1.0
    """Secondes avant un nouvel essai, dites à qui l'arrêt coupe."""
    compression: bool = False
    """Admet les messages compressés (gzip) ; sinon un appel qui annonce un `grpc-encoding` reçoit UNIMPLEMENTED."""


class RpcServer:
    """Serveur gRPC ; les services se branchent sur `server` avant `start`."""

    def __init__(self, settings: RpcSettings, interceptor: ServiceInterceptor) -> None:
        self._settings = settings
        self._interceptor = interceptor
        self.port = 0
        self.ending = asyncio.Event()
        """Levé peu avant la fin du délai d'arrêt : un flux sans fin doit se clore lui-même."""
        self.health = health.aio.HealthServicer()
        limit = settings.max_message_bytes + _ENVELOPE_BYTES
        interceptor.inflated_bytes = limit if settings.compression else 0
        self.server: grpc.aio.Server = grpc.aio.server(
            interceptors=[interceptor],
            options=(
                ("grpc.max_receive_message_length", limit),
                ("grpc.max_send_message_length", limit),
                # gRPC décompresserait tout un message avant d'en mesurer la taille : des Kio deviendraient des Gio.
                ("grpc.per_message_decompression", 0),
                ("grpc.compression_enabled_algorithms_bitset", _IDENTITY | (_GZIP if settings.compression else 0)),
                # Envoy refuse de trop gros en-têtes (431) ; gRPC, lui, le dirait comme une file pleine.
                ("grpc.max_metadata_size", _METADATA_BYTES),
                ("grpc.absolute_max_metadata_size", _METADATA_BYTES),
                ("grpc.so_reuseport", 0),
                # Un client qui sonde souvent sa connexion n'est pas un client abusif.
                ("grpc.keepalive_permit_without_calls", 1),
                ("grpc.http2.max_ping_strikes", 0),
                ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
            ),
        )
        health_pb2_grpc.add_HealthServicer_to_server(self.health, self.server)

    async def start(self) -> None:
        """Ouvre la prise (0600 sur un chemin Unix), puis se déclare en service."""
        settings = self._settings
        add_reflection((*settings.reflection, health.SERVICE_NAME), self.server)
        self.port = self.server.add_insecure_port(settings.address)
        path = _socket_path(settings.address)
        if path:
            os.chmod(path, 0o600)
        await self.server.start()
        await self.set_serving(True)

    async def set_serving(self, serving: bool) -> None:
        """Annonce l'état du serveur et de chacun de ses services."""
        status = health_pb2.HealthCheckResponse.ServingStatus
        value: Any = status.SERVING if serving else status.NOT_SERVING
        for name in ("", *self._settings.health):
            await self.health.set(name, value)

    async def stop(self) -> None:
        """Ne sert plus, attend que le répartiteur le voie, puis laisse finir les appels en cours."""
        await self.health.enter_graceful_shutdown()
        await asyncio.sleep(self._settings.drain_delay)
        loop = asyncio.get_running_loop()
        grace = self._settings.stop_grace
        end = loop.time() + grace
        loop.call_later(grace * _ENDING_SHARE, self.ending.set)
        if not await self._idle(grace * _LAST_SHARE):
            self._interceptor.end_calls(
                ShuttingDown(
                    "Le serveur s'arrête avant la fin de cette requête ; refaites-la.",
                    retry_after=self._settings.away_seconds(),
                )
            )
            await self._idle(end - loop.time())
        # Le dernier appel fini, gRPC fermerait aussitôt la connexion : un pair qui écrit alors (crédit, PING) reçoit
        # EPIPE, et jette la fin de réponse qu'il n'a pas encore lue.
        await asyncio.sleep(_LINGER_SECONDS)
        await self.server.stop(max(0.0, end - loop.time()))
        path = _socket_path(self._settings.address)
        if path:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)

    async def _idle(self, seconds: float) -> bool:
        """Attend la fin de tous les appels ; faux si elle n'est pas venue."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._interceptor.idle.wait()
        return self._interceptor.idle.is_set()


def _socket_path(address: str) -> str:
    return address.removeprefix("unix:") if address.startswith("unix:") else ""
