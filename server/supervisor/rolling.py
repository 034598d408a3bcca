"""Les fronts, et leur remplacement un à un sans perdre une requête.

Envoy connaît une prise de plus qu'il n'y a de fronts. Le remplaçant s'ouvre sur la prise libre ; quand Envoy le voit en
bonne santé, l'ancien se dit hors service, finit ses requêtes, s'arrête, et sa prise devient la libre.
"""

import asyncio
import dataclasses
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from server.supervisor.envoy_admin import healthy_fronts
from server.supervisor.process import Command
from server.supervisor.supervisor import Supervisor

logger = logging.getLogger(__name__)

_READY_SECONDS = 60.0
_POLL_SECONDS = 0.2


class RollingRestart:
    """Lance les fronts, les remplace quand on le demande, les arrête."""

    def __init__(
        self,
        supervisor: Supervisor,
        commands: Sequence[Command],
        admin_socket: Path,
        grace: float,
        *,
        ready_seconds: float = _READY_SECONDS,
    ) -> None:
        """`commands` : une par prise, la dernière libre ; `grace` : secondes laissées à un front pour s'arrêter."""
        self._supervisor = supervisor
        self._running = list(commands[:-1])
        self._spare = commands[-1]
        self._admin_socket = admin_socket
        self._grace = grace
        self._ready_seconds = ready_seconds
        self._task: asyncio.Task[int] | None = None

    @property
    def names(self) -> list[str]:
        """Noms des fronts qui servent."""
        return [command.name for command in self._running]

    def start(self) -> None:
        """Lance les fronts."""
        for command in self._running:
            self._supervisor.keep(command)

    def ask(self) -> "asyncio.Task[int]":
        """Commence un remplacement, ou rejoint celui qui dure encore ; rend le nombre de fronts remplacés."""
        if self._task is not None and not self._task.done():
            logger.warning("rolling_restart_running")
            return self._task
        self._task = asyncio.create_task(self._replace_all())
        return self._task

    async def ask_anew(self) -> int:
        """Remplace les fronts, une fois fini le remplacement en cours, qui a commencé sous d'autres réglages."""
        if self._task is not None and not self._task.done():
            await asyncio.wait({self._task})
        return await asyncio.shield(self.ask())

    def renew(self, env: Mapping[str, str]) -> None:
        """Change l'environnement des fronts à venir."""
        self._running = [dataclasses.replace(command, env=env) for command in self._running]
        self._spare = dataclasses.replace(self._spare, env=env)

    async def stop(self) -> None:
        """Abandonne un remplacement en cours et arrête tous les fronts."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        names = [command.name for command in (*self._running, self._spare)]
        await self._supervisor.stop_all(names, self._grace)

    async def _replace_all(self) -> int:
        logger.warning("rolling_restart_started", extra={"fronts": len(self._running)})
        for place, leaving in enumerate(list(self._running)):
            coming = self._spare
            self._supervisor.keep(coming)
            if not await self._serves(coming):
                logger.error("rolling_restart_abandoned", extra={"child": coming.name, "seconds": self._ready_seconds})
                await self._supervisor.stop(coming.name, self._grace)
                self._supervisor.forget(coming.name)
                return place
            self._running[place], self._spare = coming, leaving
            await self._supervisor.stop(leaving.name, self._grace)
            self._supervisor.forget(leaving.name)
        logger.warning("rolling_restart_finished", extra={"fronts": len(self._running)})
        return len(self._running)

    async def _serves(self, command: Command) -> bool:
        """Attend qu'Envoy voie ce front en bonne santé."""
        try:
            async with asyncio.timeout(self._ready_seconds):
                while not await self._sees(command):
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError:
            return False
        return True

    async def _sees(self, command: Command) -> bool:
        try:
            return str(command.socket) in await asyncio.to_thread(healthy_fronts, self._admin_socket)
        except OSError:
            return False
