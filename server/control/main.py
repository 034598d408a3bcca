"""Le processus du plan de contrôle : sert jusqu'à ce qu'on l'arrête, ou que son parent disparaisse."""

import asyncio
import contextlib
import signal

from server.control.app import ControlSettings, serving
from server.lifetime import Heart, watch_parent

__all__ = ["ControlSettings", "run"]


async def run(settings: ControlSettings) -> None:
    """Sert jusqu'à SIGTERM, SIGINT ou la mort du superviseur."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def parent_gone() -> None:
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(stop.set)

    watch_parent(parent_gone)
    Heart().start()
    async with serving(settings):
        await stop.wait()
