"""Le décodage d'un fichier, mené d'avance dans la réserve : une onde par canal, que plusieurs peuvent lire.

Un moteur lent retient sa propre lecture, jamais le décodage : un autre exemplaire, à qui il faut l'onde entière, la
trouve finie bien avant.
"""

import asyncio
import errno
import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import ExitStack, aclosing, asynccontextmanager
from pathlib import Path

import numpy as np

from server.engines.base_audio import SAMPLE_RATE, Wave
from server.errors import QueueFull
from server.french import why
from server.speech.decode import AudioRequest
from server.speech.resample import Resampler
from server.worker.spooled import About, SpeechTools, timed_blocks

WAVE = ".onde"
"""Suite du nom d'un envoi, pour l'onde d'un canal mélangé ; celle d'un canal à part finit par son rang."""
_PIECE_BYTES = 2 * SAMPLE_RATE * 4
_RETRY_SECONDS = 5.0
_FULL = (errno.ENOSPC, errno.EDQUOT)


class WaveFile:
    """Onde à 16 kHz en cours d'écriture, lue par un seul."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self.seconds = 0.0
        """Durée du fichier d'où elle vient, connue à la fin."""
        self.about = About()
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._size = 0
        self._ratio = 0.0
        self._ended = False
        self._failure: BaseException | None = None
        self._changed = asyncio.Event()

    def write(self, wave: Wave) -> int:
        """Écrit une suite ; rend ses octets, que `grew` donne à lire."""
        data = memoryview(wave.tobytes())
        count = len(data)
        while data:
            data = data[os.write(self._descriptor, data) :]
        return count

    def grew(self, count: int, ratio: float) -> None:
        """Donne à lire ce qui vient d'être écrit."""
        self._size += count
        self._ratio = ratio
        self._changed.set()

    def end(self, seconds: float = 0.0, about: About | None = None, failure: BaseException | None = None) -> None:
        """Plus rien ne suivra, ou tout a échoué."""
        self.seconds, self.about = seconds, about or About()
        self._failure, self._ended = failure, True
        self._changed.set()

    async def waves(self) -> AsyncGenerator[tuple[Wave, float], None]:
        """Suites de l'onde, chacune avec la part du fichier lue, dès qu'elles sont écrites."""
        loop = asyncio.get_running_loop()
        at = 0
        while True:
            while at == self._size and not self._ended:
                self._changed.clear()
                await self._changed.wait()
            if self._failure is not None:
                raise self._failure
            if at == self._size:
                return
            count = min(_PIECE_BYTES, self._size - at)
            data = await loop.run_in_executor(None, os.pread, self._descriptor, count, at)
            at += len(data)
            yield np.frombuffer(data, np.float32), self._ratio

    def close(self) -> None:
        """Rend le descripteur."""
        os.close(self._descriptor)


@asynccontextmanager
async def decoded_ahead(
    tools: SpeechTools, name: str, request: AudioRequest
) -> AsyncIterator[tuple[list[str], "asyncio.Task[None]"]]:
    """Noms des ondes d'un envoi, un par canal, et la tâche qui les écrit ; `tools.ahead` les donne à lire.

    Celles de canaux à part sont effacées à la sortie ; l'onde mélangée, qu'un autre exemplaire lit, l'est avec l'envoi.

    Raises:
        InvalidAudio, AudioLimitExceeded: du décodage, avant la première suite ; après elle, de la lecture des ondes.
        QueueFull: plus de place sur le disque.
    """
    kept = False
    with ExitStack() as stack:
        opened: asyncio.Future[list[WaveFile]] = asyncio.get_running_loop().create_future()

        def discard(path: Path) -> None:
            if not kept:
                path.unlink(missing_ok=True)

        def open_all(count: int) -> list[WaveFile]:
            names = [f"{name}{WAVE}{rank if request.separate else ''}" for rank in range(count)]
            files = []
            for one in names:
                path = tools.spool_dir / one
                files.append(WaveFile(path))
                stack.callback(discard, path)
                stack.callback(files[-1].close)
                stack.callback(tools.ahead.pop, one)
                tools.ahead[one] = files[-1]
            return files

        async def fill() -> None:
            files: list[WaveFile] = []
            try:
                async with tools.decoder.decoding(tools.spool_dir / name, tools.limits, request) as decoded:
                    resamplers: list[Resampler] = []
                    async with aclosing(timed_blocks(decoded)) as blocks:
                        async for block in blocks:
                            if not files:
                                files = open_all(len(block.channels))
                                resamplers = [Resampler(decoded.rate) for _ in files]
                                opened.set_result(files)
                            for file, resampler, wave in zip(files, resamplers, block.channels, strict=True):
                                file.grew(await _written(tools, file, resampler, wave), block.ratio)
                    for file, resampler in zip(files, resamplers, strict=True):
                        file.grew(await _written(tools, file, resampler, None), 1.0)
                    about = About.of(decoded)
                    for file in files:
                        file.end(decoded.seconds, about)
            except BaseException as error:
                failure = _shortage(error)
                for file in files:
                    file.end(failure=failure)
                if isinstance(failure, asyncio.CancelledError):
                    opened.cancel()
                elif not opened.done():
                    opened.set_exception(failure)
                raise failure from None

        filling = asyncio.create_task(fill())
        try:
            yield [file.name for file in await opened], filling
            # Abandonnée, l'onde que le front effacerait a pu naître après qu'il l'a cherchée.
            kept = not request.separate
        finally:
            filling.cancel()
            await asyncio.gather(filling, opened, return_exceptions=True)


async def _written(tools: SpeechTools, file: WaveFile, resampler: Resampler, wave: Wave | None) -> int:
    def work() -> int:
        return file.write(resampler.flush() if wave is None else resampler.push(wave))

    return await asyncio.get_running_loop().run_in_executor(tools.pool, work)


def _shortage(error: BaseException) -> BaseException:
    if isinstance(error, OSError) and error.errno in _FULL:
        return QueueFull(
            f"La réserve ne peut pas garder cet audio décodé ({why(error)}) ; réessayez bientôt.",
            metadata={"detail": error.strerror or ""},
            retry_after=_RETRY_SECONDS,
        )
    return error
