"""Le processus d'un front : sert jusqu'à ce qu'on l'arrête, ou que son parent disparaisse."""

import asyncio
import contextlib
import signal

from server.front.app import FrontSettings, serving
from server.lifetime import Heart, watch_parent

__all__ = ["FrontSettings", "run"]


async def run(settings: FrontSettings) -> None:
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
    async with serving(settings, on_failure=stop.set):
        await stop.wait()
