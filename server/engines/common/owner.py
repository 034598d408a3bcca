"""Les fils d'un moteur : celui qui possède un modèle, seul à l'appeler, et ceux qui l'entourent."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from server.engines.common.faults import fault_of, is_memory_error, release_memory
from server.errors import PasserelleError

logger = logging.getLogger(__name__)
_Result = TypeVar("_Result")


class EngineThreads:
    """Des fils dont les échecs sont ceux d'un moteur."""

    def __init__(self, name: str, count: int) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix=name)

    async def call(
        self, function: Callable[..., _Result], *arguments: Any, on_cancel: Callable[[], None] | None = None
    ) -> _Result:
        """Mène un lot dans un de ces fils.

        Annulé avant son tour, il n'est jamais mené ; pendant, `on_cancel` le prévient, et la place n'est rendue qu'une
        fois le fil libre.

        Raises:
            EngineFailed: échec de ce lot.
            EngineDead: le moteur ne peut plus servir.
        """
        job = self._pool.submit(_guarded, function, *arguments)
        waiting = asyncio.wrap_future(job)
        try:
            return await asyncio.shield(waiting)
        except asyncio.CancelledError:
            if not job.cancel():
                if on_cancel is not None:
                    on_cancel()
                await asyncio.gather(waiting, return_exceptions=True)
            raise

    def close(self) -> None:
        """Abandonne ce qui attend ; peut être appelée deux fois."""
        self._pool.shutdown(wait=False, cancel_futures=True)


class OwnerThread(EngineThreads):
    """Un seul fil : NeMo, pyannote et torch n'y sont appelés que de lui, un appel à la fois."""

    def __init__(self, name: str) -> None:
        super().__init__(name, 1)

    async def load(self, function: Callable[[], _Result]) -> _Result:
        """Appelle `function` dans le fil, et laisse passer ses erreurs."""
        return await asyncio.wrap_future(self._pool.submit(function))

    def submit(self, function: Callable[[], None]) -> None:
        """Fait appeler `function` dans le fil, à son tour."""
        self._pool.submit(function)


def _guarded(function: Callable[..., _Result], *arguments: Any) -> _Result:
    try:
        return function(*arguments)
    except Exception as error:
        fault = fault_of(error)
        short = is_memory_error(error)
        if not isinstance(error, PasserelleError):
            logger.exception("engine_batch_failed")
    # Hors du bloc : la trace de l'échec, qui tient les tenseurs du lot, est lâchée.
    if short:
        release_memory()
    raise fault
