"""Le processus d'un front : sert jusqu'à ce qu'on l'arrête, ou que son parent disparaisse."""

from server.front.app import FrontSettings, serving
from server.lifetime import child_life

__all__ = ["FrontSettings", "run"]


async def run(settings: FrontSettings) -> None:
    """Sert jusqu'à SIGTERM, SIGINT ou la mort du superviseur."""
    stop = child_life()
    async with serving(settings, on_failure=stop.set):
        await stop.wait()
