"""Le processus du plan de contrôle : sert jusqu'à ce qu'on l'arrête, ou que son parent disparaisse."""

import logging

from server.control.app import ControlSettings, serving
from server.control.record.schema import JournalTooNew
from server.control.record.trouble import JournalUnavailable
from server.lifetime import child_life

__all__ = ["ControlSettings", "run"]

logger = logging.getLogger(__name__)


async def run(settings: ControlSettings) -> int:
    """Sert jusqu'à SIGTERM, SIGINT ou la mort du superviseur ; rend le code de sortie."""
    stop = child_life()
    try:
        async with serving(settings):
            await stop.wait()
    except (JournalUnavailable, JournalTooNew) as error:
        logger.critical("journal_refused", extra={"error": str(error)})
        return 1
    return 0
