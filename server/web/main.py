"""Le processus du tableau de bord : sert jusqu'à ce qu'on l'arrête, ou que son parent disparaisse."""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from server.lifetime import Heart, watch_parent
from server.web.app import create_app

__all__ = ["WebSettings", "run"]

_BACKLOG = 2048


@dataclass(frozen=True, slots=True)
class WebSettings:
    """Réglages du tableau de bord."""

    socket_path: Path
    """Prise servie, en 0600."""
    dist_dir: Path
    """Page construite (`dashboard/dist`)."""
    config: Mapping[str, Any]
    """Ce que rend `/config.json`."""
    stop_grace: float
    """Secondes laissées aux requêtes en cours à l'arrêt."""


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
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def parent_gone() -> None:
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(stop.set)

    watch_parent(parent_gone)
    Heart().start()
    server = _Server(
        uvicorn.Config(
            create_app(settings.dist_dir, settings.config),
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            ws="none",
            backlog=_BACKLOG,
            timeout_graceful_shutdown=max(1, round(settings.stop_grace)),
        )
    )
    with _listening(settings.socket_path) as listener:
        serving = asyncio.create_task(server.serve([listener]))
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            server.should_exit = True
            await serving


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
        try:
            yield listener
        finally:
            path.unlink(missing_ok=True)
