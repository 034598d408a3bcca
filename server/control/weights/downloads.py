"""Les téléchargements vus du plan de contrôle : un processus chacun, qu'une annulation arrête aussitôt."""

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence

from server.control.record.operations import FileProgress, Progress
from server.errors import DownloadFailed
from server.events import event_of
from server.lifetime import PARENT_FD_VARIABLE

logger = logging.getLogger(__name__)

_STOP_SECONDS = 5.0
_RATE_WINDOW = 0.5
_MAX_EVENT_BYTES = 16 * 1024 * 1024
"""Octets d'un événement : l'avancement de tous les fichiers d'un dépôt, sur une ligne."""


class Downloader:
    """Lance le processus d'un téléchargement et suit son avancement."""

    def __init__(self, command: Sequence[str], environ: Mapping[str, str]) -> None:
        """`command` reçoit la clé du modèle en dernier argument."""
        self._command = tuple(command)
        self._environ = dict(environ)

    async def fetch(self, key: str, progress: Progress, changed: Callable[[], None]) -> None:
        """Télécharge un modèle ; l'annulation de la tâche arrête le processus.

        Raises:
            DownloadFailed: échec, ou processus disparu.
            IntegrityMismatch: empreinte différente de celle attendue.
        """
        await self._run((key,), progress, changed)

    async def adopt(self, key: str) -> None:
        """Vérifie et déclare les poids qu'un autre outil a mis sur le disque, sans rien télécharger.

        Raises:
            DownloadFailed: poids incomplets, ou que rien ne permet de vérifier.
            IntegrityMismatch: empreinte différente de celle attendue.
        """
        await self._run((key, "--found-only"), Progress(), lambda: None)

    async def _run(self, arguments: Sequence[str], progress: Progress, changed: Callable[[], None]) -> None:
        read, write = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                *arguments,
                env={**self._environ, PARENT_FD_VARIABLE: str(read)},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                limit=_MAX_EVENT_BYTES,
                pass_fds=(read,),
                start_new_session=True,
            )
        finally:
            os.close(read)
        logger.info("download_started", extra={"model": arguments[0], "pid": process.pid})
        try:
            await self._follow(process, progress, changed)
        finally:
            os.close(write)
            await _reap(process)

    async def _follow(
        self, process: asyncio.subprocess.Process, progress: Progress, changed: Callable[[], None]
    ) -> None:
        assert process.stdout is not None
        rate = _Rate()
        async for line in process.stdout:
            event = event_of(line)
            match event["event"]:
                case "progress":
                    progress.phase = event["phase"]
                    progress.completed, progress.total = event["completed"], event["total"]
                    progress.commit = event["commit"]
                    progress.files = tuple(FileProgress(**file) for file in event["files"])
                    progress.rate = rate.update(event["completed"])
                    changed()
                case "phase":
                    progress.phase = event["phase"]
                    changed()
                case "done":
                    return
        code = await process.wait()
        raise DownloadFailed(f"Le processus de téléchargement s'est arrêté avant la fin (code {code}) ; relancez-le.")


class _Rate:
    """Débit lissé sur une demi-seconde au moins."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._from: int | None = None
        self._rate: float | None = None

    def update(self, completed: int) -> float | None:
        now = time.monotonic()
        if self._from is None:
            self._since, self._from = now, completed
        elif now - self._since >= _RATE_WINDOW:
            self._rate = (completed - self._from) / (now - self._since)
            self._since, self._from = now, completed
        return self._rate


async def _reap(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
