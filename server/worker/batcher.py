"""Les lots de fenêtres, communs à toutes les requêtes d'un exemplaire : le moteur n'en mène qu'un à la fois."""

import asyncio
import logging
from collections import deque

from server.engines.speech import Recognition, RecognitionWindow, TranscribeEngine

logger = logging.getLogger(__name__)

_Entry = tuple[RecognitionWindow, "asyncio.Future[Recognition]"]


class WindowBatcher:
    """File des fenêtres en attente ; une fenêtre abandonnée avant son lot n'est jamais calculée."""

    def __init__(self, engine: TranscribeEngine) -> None:
        self._engine = engine
        self._waiting: deque[_Entry] = deque()
        self._task: asyncio.Task[None] | None = None

    async def recognize(self, window: RecognitionWindow) -> Recognition:
        """Transcrit une fenêtre, dans le prochain lot qui a de la place.

        Raises:
            EngineFailed: échec du lot.
            EngineDead: le moteur ne peut plus servir.
        """
        future: asyncio.Future[Recognition] = asyncio.get_running_loop().create_future()
        self._waiting.append((window, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._drain())
        return await future

    async def _drain(self) -> None:
        while batch := self._next():
            try:
                results = await self._engine.transcribe([window for window, _ in batch])
            except Exception as error:
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
                continue
            for (_, future), result in zip(batch, results, strict=True):
                if not future.done():
                    future.set_result(result)

    def _next(self) -> list[_Entry]:
        batch: list[_Entry] = []
        while self._waiting and len(batch) < self._engine.max_batch:
            entry = self._waiting.popleft()
            if not entry[1].done():
                batch.append(entry)
        return batch
