"""Le processus du tableau de bord : sert jusqu'à ce qu'on l'arrête, ou que son parent disparaisse."""

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn

from server.domain import Limits, TokenProvider
from server.lifetime import child_life
from server.named_keys import KeyTable
from server.rpc.auth import Guard
from server.web.app import create_app
from server.web.live import LiveBridge
from server.web.live_routes import live_routes
from server.web.token_keys import key_routes
from server.web.upstream import open_channel

__all__ = ["WebSettings", "run", "serving"]

_BACKLOG = 2048
_LIVE_GRACE_SECONDS = 5.0
"""Secondes laissées aux flux de direct, à l'arrêt : le superviseur n'en laisse que dix à ce processus."""
_PING_SECONDS = 20.0
_KEEP_ALIVE_SECONDS = 120
"""Le double de ce que garde Envoy : celui qui ferme une connexion au repos est alors celui qui envoie les requêtes."""


@dataclass(frozen=True, slots=True)
class WebSettings:
    """Réglages du tableau de bord."""

    socket_path: Path
    """Prise servie, en 0600."""
    dist_dir: Path
    """Page construite (`dashboard/dist`)."""
    config: Mapping[str, Any]
    """Ce que rend `/config.json`, avec `api_key_required`."""
    stop_grace: float
    """Secondes laissées aux requêtes en cours à l'arrêt."""
    grpc_address: str
    """Prise locale d'Envoy, où le direct du navigateur entre comme tout client : `unix:/chemin`."""
    limits: Limits = field(default_factory=Limits)
    """Limites en vigueur."""
    openai_keys: tuple[str, ...] = ()
    """Clés d'inférence ; vide : accès libre."""
    admin_keys: tuple[str, ...] = ()
    """Clés d'administration, qui ouvrent aussi l'inférence."""
    named_keys: KeyTable | None = None
    """Clés nommées ; `None` : aucune."""
    allowed_origins: tuple[str, ...] = ()
    """Origines étrangères admises."""
    tokens: TokenProvider | None = None
    """Fournisseur d'identité dont les jetons sont admis."""


class _Server(uvicorn.Server):
    """Serveur dont les signaux sont à nous."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def run(settings: WebSettings) -> None:
    """Sert jusqu'à SIGTERM, SIGINT ou la mort du superviseur.

    Raises:
        OSError: la prise ne peut pas être créée.
    """
    stop = child_life()
    async with serving(settings) as server:
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({server, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()


@contextlib.asynccontextmanager
async def serving(settings: WebSettings) -> AsyncIterator["asyncio.Task[None]"]:
    """Sert dès l'entrée du bloc, par la tâche rendue ; la sortie finit les flux de direct, puis les requêtes.

    Raises:
        OSError: la prise ne peut pas être créée.
    """
    # Il consigne l'adresse entière de chaque WebSocket, et au besoin ses messages.
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    limits = settings.limits
    grace = min(settings.stop_grace, _LIVE_GRACE_SECONDS)
    with open_channel(settings.grpc_address) as channel, _listening(settings.socket_path) as listener:
        guard = Guard(
            settings.openai_keys,
            settings.admin_keys,
            allowed_origins=settings.allowed_origins,
            named=settings.named_keys,
            tokens=settings.tokens,
        )
        bridge = LiveBridge(channel, limits, guard, grace)
        server = _Server(
            uvicorn.Config(
                create_app(
                    settings.dist_dir,
                    lambda: {**settings.config, "api_key_required": not guard.inference_open},
                    [*live_routes(bridge), *key_routes(settings.tokens)],
                ),
                log_config=None,
                access_log=False,
                server_header=False,
                lifespan="off",
                ws="websockets-sansio",
                # Le pont refuse avec ses mots un message trop long ; au double, la bibliothèque coupe sans rien lire.
                ws_max_size=2 * limits.max_web_socket_message_bytes,
                ws_ping_interval=_PING_SECONDS,
                # Un flux retenu ne lit pas la réponse du client : son silence ne prouve rien.
                ws_ping_timeout=None,
                ws_per_message_deflate=False,
                backlog=_BACKLOG,
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=max(1, round(settings.stop_grace)),
            )
        )
        task = asyncio.create_task(server.serve([listener]))
        try:
            yield task
        finally:
            await bridge.aclose()
            server.should_exit = True
            await task


@contextlib.contextmanager
def _listening(path: Path) -> Iterator[socket.socket]:
    """Prise en 0600 dès sa naissance (uvicorn rendrait la sienne lisible par tous) ; retirée en sortie."""
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        previous = os.umask(0o177)
        try:
            listener.bind(str(path))
        finally:
            os.umask(previous)
        # Qui voit la prise peut s'y connecter : la demande attend qu'uvicorn la prenne.
        listener.listen(_BACKLOG)
        try:
            yield listener
        finally:
            path.unlink(missing_ok=True)
