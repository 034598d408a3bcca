"""La prise du superviseur : une demande JSON par ligne, une réponse par demande, et un fil d'événements.

`{"id", "op": "spawn" | "stop" | "list" | "watch" | "restart_fronts" | "reload", …}` reçoit `{"id", "ok": true, …}` ou
`{"id", "ok": false, "error"}`.
"""

import asyncio
import contextlib
import json
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from server.supervisor.process import Command
from server.supervisor.rolling import RollingRestart
from server.supervisor.supervisor import SpawnRefused, Supervisor

SECRETS = ("OPENAI_KEYS", "ADMIN_KEYS", "HUGGINGFACE_TOKEN", "HF_TOKEN", "PASSERELLE_API_KEY")
"""Variables qu'un exemplaire ne voit jamais : il exécute du code venu avec les poids."""

LINE_BYTES = 1024 * 1024
"""Octets d'une ligne au plus."""


class ReloadRefused(Exception):
    """Les réglages relus ne conviennent pas ; rien n'a changé."""


class SupervisorSocket:
    """Sert les demandes du plan de contrôle, et celles de la ligne de commande."""

    def __init__(
        self, supervisor: Supervisor, path: Path, worker_env: Mapping[str, str], rolling: RollingRestart | None = None
    ) -> None:
        self._supervisor = supervisor
        self._rolling = rolling
        self._path = path
        self.on_reload: Callable[[], Awaitable[dict[str, Any]]] | None = None
        """Relit les réglages du serveur ; `None` : il ne se recharge pas."""
        self.renew(worker_env)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Ouvre la prise, en 0600."""
        self._server = await asyncio.start_unix_server(self._serve, str(self._path), limit=LINE_BYTES)
        os.chmod(self._path, 0o600)

    async def aclose(self) -> None:
        """Ferme la prise."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        own: set[asyncio.Task[None]] = set()
        current = asyncio.current_task()
        assert current is not None
        self._tasks.add(current)
        try:
            while line := await reader.readline():
                task = asyncio.create_task(self._answer(line, writer))
                own.add(task)
                task.add_done_callback(own.discard)
        except (ConnectionError, ValueError, asyncio.CancelledError):
            pass
        finally:
            for task in own:
                task.cancel()
            writer.close()
            self._tasks.discard(current)

    async def _answer(self, line: bytes, writer: asyncio.StreamWriter) -> None:
        number: Any = None
        with contextlib.suppress(ConnectionError):
            try:
                request = json.loads(line)
                number = request.get("id")
                if request["op"] == "watch":
                    await self._watch(number, writer)
                    return
                answer = {"ok": True, **await self._do(request)}
            except (SpawnRefused, ReloadRefused) as error:
                answer = {"ok": False, "error": str(error)}
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                answer = {"ok": False, "error": f"Demande illisible : {error!r}."}
            await _send(writer, {"id": number, **answer})

    async def _do(self, request: Mapping[str, Any]) -> dict[str, Any]:
        match request["op"]:
            case "spawn":
                command = Command(
                    name=request["name"],
                    argv=tuple(request["argv"]),
                    env={**self._env, **request.get("env", {})},
                    meta=request.get("meta", {}),
                )
                return {"pid": await self._supervisor.spawn(command)}
            case "stop":
                return {"exit_code": await self._supervisor.stop(request["name"], float(request["grace_seconds"]))}
            case "list":
                return {"processes": self._supervisor.list()}
            case "restart_fronts" if self._rolling is not None:
                # Celui qui demande peut partir : le remplacement, lui, va à son terme.
                return {"replaced": await asyncio.shield(self._rolling.ask()), "fronts": len(self._rolling.names)}
            case "reload":
                return await asyncio.shield(asyncio.ensure_future(self.reload()))
            case other:
                raise ValueError(f"opération inconnue : {other}")

    async def reload(self) -> dict[str, Any]:
        """Relit les réglages ; rend ce qui en a changé.

        Raises:
            ReloadRefused: ils ne conviennent pas, ou ce serveur ne se recharge pas.
        """
        if self.on_reload is None:
            raise ReloadRefused("ce serveur ne se recharge pas.")
        return await self.on_reload()

    def renew(self, worker_env: Mapping[str, str]) -> None:
        """Change l'environnement des exemplaires à venir."""
        self._env = {name: value for name, value in worker_env.items() if name not in SECRETS}

    async def _watch(self, number: Any, writer: asyncio.StreamWriter) -> None:
        with self._supervisor.listening() as events:
            await _send(writer, {"id": number, "ok": True})
            while True:
                await _send(writer, await events.get())


async def _send(writer: asyncio.StreamWriter, message: Mapping[str, Any]) -> None:
    writer.write(json.dumps(message, ensure_ascii=False).encode() + b"\n")
    await writer.drain()
