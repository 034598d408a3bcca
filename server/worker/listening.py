"""La détection de parole d'une onde qui s'écrit dans un fichier, menée à côté de qui l'écrit et de qui l'analyse."""

import asyncio
import os
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import IO

import numpy as np

from server.engines.base_audio import SAMPLE_RATE
from server.speech.vad import SpeechDetector
from server.speech.windows import WindowCutter
from server.worker.spooled import SpeechTools

_WINDOW_SECONDS = 28.0
_PIECE_BYTES = 2 * SAMPLE_RATE * 4


class Listening:
    """Relit ce qui est écrit : en retard de tout un fichier, elle n'en garde pas pour autant davantage en mémoire."""

    def __init__(self, tools: SpeechTools, file: IO[bytes]) -> None:
        self._pool = tools.pool
        self._descriptor = file.fileno()
        self._size = 0
        self._ended = False
        self._changed = asyncio.Event()
        self._heard = asyncio.Event()
        self.cutter = WindowCutter(SpeechDetector(tools.vad), _WINDOW_SECONDS)
        """Ce qui est trouvé ; complet après `over`."""

    async def __aenter__(self) -> "Listening":
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(lambda _task: self._heard.set())
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def grew(self, count: int) -> None:
        """Dit que le fichier a autant d'octets de plus."""
        self._size += count
        self._changed.set()

    def end(self) -> None:
        """Dit que le fichier est entier."""
        self._ended = True
        self._changed.set()

    async def speech(self) -> bool:
        """Vrai dès qu'une parole est entendue ; faux si toute l'onde n'en a pas."""
        await self._heard.wait()
        if self._task.done():
            self._task.result()
        return self.cutter.speech > 0

    async def over(self) -> None:
        """Attend que toute l'onde soit écoutée."""
        await asyncio.shield(self._task)

    async def _run(self) -> None:
        at = 0
        while at < self._size or not self._ended:
            if at == self._size:
                self._changed.clear()
                await self._changed.wait()
                continue
            count = min(_PIECE_BYTES, self._size - at)
            await self._in_pool(partial(self._listen, at, count))
            at += count
            if self.cutter.speech:
                self._heard.set()
        await self._in_pool(self.cutter.flush)

    async def _in_pool(self, work: Callable[[], object]) -> None:
        running = asyncio.get_running_loop().run_in_executor(self._pool, work)
        try:
            await asyncio.shield(running)
        except asyncio.CancelledError:
            # Le fichier ne se ferme pas sous une lecture.
            await asyncio.wait([running])
            raise

    def _listen(self, at: int, count: int) -> None:
        self.cutter.push(np.frombuffer(os.pread(self._descriptor, count, at), np.float32))
