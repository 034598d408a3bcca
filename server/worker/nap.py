"""Le sommeil d'un exemplaire : le moteur rend la mémoire du GPU, les requêtes attendent son réveil."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from server.engines.base import Engine, SleepingEngine
from server.errors import EngineFailed, InvalidState, PasserelleError, UnsupportedOption

logger = logging.getLogger(__name__)


class Nap:
    """Endort et réveille le moteur, une demande à la fois."""

    def __init__(self, engine: Engine, still: asyncio.Event, resume: Callable[[], None]) -> None:
        """`still` est mis quand aucune requête n'est en cours ; `resume` fait entrer celles qui attendent."""
        self.asleep = False
        self.holding = False
        """Vrai dès l'endormissement demandé : rien de neuf n'entre."""
        self._engine = engine
        self._still = still
        self._resume = resume
        self._lock = asyncio.Lock()

    async def sleep(self, level: int, grace: float) -> None:
        """Attend la fin des requêtes en cours, puis endort le moteur ; sans effet s'il dort.

        Raises:
            UnsupportedOption: le moteur ne sait pas dormir.
            InvalidState: des requêtes durent encore après `grace` secondes.
        """
        engine = self._engine
        if not isinstance(engine, SleepingEngine):
            raise UnsupportedOption("Le moteur de ce modèle ne sait pas s'endormir.", metadata={"field": "sleep"})
        async with self._lock:
            if self.asleep:
                return
            self.holding = True
            try:
                async with asyncio.timeout(grace):
                    await self._still.wait()
                await _trusted(engine.sleep(level), "ne s'est pas endormi")
                self.asleep = True
                logger.info("engine_asleep", extra={"level": level})
            except TimeoutError:
                raise InvalidState(
                    f"Des requêtes durent encore après {grace:.0f} s ; le modèle reste éveillé.",
                    metadata={"limit": f"{grace:.0f}"},
                ) from None
            finally:
                if not self.asleep:
                    self._release()

    async def wake(self) -> None:
        """Réveille le moteur et fait entrer les requêtes qui l'attendaient ; sans effet s'il ne dort pas.

        Raises:
            EngineFailed: le moteur ne s'est pas réveillé ; il dort encore.
        """
        engine = self._engine
        async with self._lock:
            if not self.asleep or not isinstance(engine, SleepingEngine):
                return
            await _trusted(engine.wake(), "ne s'est pas réveillé")
            self.asleep = False
            logger.info("engine_awake")
            self._release()

    def _release(self) -> None:
        self.holding = False
        self._resume()


async def _trusted(call: Awaitable[None], what: str) -> None:
    try:
        await call
    except (PasserelleError, asyncio.CancelledError):
        raise
    except Exception as error:
        logger.exception("nap_failed")
        raise EngineFailed(f"Le moteur {what} : {error}") from error
