"""Le fil qui possède un modèle : NeMo, pyannote et torch n'y sont appelés que de lui, un appel à la fois."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from server.engines.common.faults import fault_of, is_memory_error, release_memory
from server.errors import PasserelleError

logger = logging.getLogger(__name__)
_Result = TypeVar("_Result")


class OwnerThread:
    """Un seul fil, dont les échecs sont ceux d'un moteur."""

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=name)

    async def load(self, function: Callable[[], _Result]) -> _Result:
        """Appelle `function` dans le fil, et laisse passer ses erreurs."""
        return await asyncio.wrap_future(self._pool.submit(function))

    async def call(
        self, function: Callable[..., _Result], *arguments: Any, on_cancel: Callable[[], None] | None = None
    ) -> _Result:
        """Mène un lot dans le fil.

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
