"""Le processus du plan de contrôle : sert jusqu'à ce qu'on l'arrête, ou que son parent disparaisse."""

from server.control.app import ControlSettings, serving
from server.lifetime import child_life

__all__ = ["ControlSettings", "run"]


async def run(settings: ControlSettings) -> None:
    """Sert jusqu'à SIGTERM, SIGINT ou la mort du superviseur."""
    stop = child_life()
    async with serving(settings):
        await stop.wait()
