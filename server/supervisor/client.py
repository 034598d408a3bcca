"""Le superviseur vu du plan de contrôle."""

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

_LINE_BYTES = 1024 * 1024


class SupervisorError(Exception):
    """Le superviseur refuse, ou ne répond plus."""


class SupervisorClient:
    """Liaison vers la prise du superviseur ; elle vit autant que lui."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._numbers = itertools.count(1)
        self._pending: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._events: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def connect(cls, path: Path) -> "SupervisorClient":
        """Ouvre la liaison.

        Raises:
            OSError: personne n'écoute.
        """
        return cls(*await asyncio.open_unix_connection(str(path), limit=_LINE_BYTES))

    async def spawn(self, name: str, argv: Sequence[str], env: Mapping[str, str], meta: Mapping[str, Any]) -> int:
        """Lance un exemplaire ; rend son identifiant de processus.

        Raises:
            SupervisorError: nom déjà pris, programme refusé, superviseur disparu.
        """
        answer = await self._ask("spawn", name=name, argv=list(argv), env=dict(env), meta=dict(meta))
        return int(answer["pid"])

    async def stop(self, name: str, grace_seconds: float) -> int | None:
        """Arrête un exemplaire ; répond quand tout son groupe a disparu.

        Raises:
            SupervisorError: superviseur disparu.
        """
        code = (await self._ask("stop", name=name, grace_seconds=grace_seconds))["exit_code"]
        return None if code is None else int(code)

    async def list(self) -> list[dict[str, Any]]:
        """Processus connus : `name`, `pid`, `kind`, `restarts`, `broken`, `state`, `meta`.

        Raises:
            SupervisorError: superviseur disparu.
        """
        found: list[dict[str, Any]] = (await self._ask("list"))["processes"]
        return found

    async def restart_fronts(self) -> tuple[int, int]:
        """Remplace les fronts un à un ; rend combien l'ont été, et combien ils sont.

        Raises:
            SupervisorError: superviseur disparu, ou qui s'arrête.
        """
        answer = await self._ask("restart_fronts")
        return int(answer["replaced"]), int(answer["fronts"])

    async def reload(self) -> dict[str, Any]:
        """Relit les réglages ; rend ce qui en a changé (`changed`, `fronts` remplacés, `dashboard`).

        Raises:
            SupervisorError: ils ne conviennent pas, et rien n'a changé ; ou superviseur disparu.
        """
        return await self._ask("reload")

    async def watch(self) -> AsyncIterator[dict[str, Any]]:
        """Rend le fil des lancements et des fins de processus ; il s'achève si le superviseur disparaît.

        L'abonnement est pris au retour de l'appel : rien de ce qui suit n'est manqué.

        Raises:
            SupervisorError: superviseur disparu.
        """
        await self._ask("watch")
        return self._iterate()

    async def _iterate(self) -> AsyncIterator[dict[str, Any]]:
        while (event := await self._events.get()) is not None:
            yield event

    async def aclose(self) -> None:
        """Ferme la liaison."""
        self._reading.cancel()
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()

    async def _ask(self, op: str, **values: Any) -> dict[str, Any]:
        if self._reading.done():
            raise SupervisorError("Le superviseur ne répond plus.")
        number = next(self._numbers)
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._pending[number] = future
        try:
            self._writer.write(json.dumps({"id": number, "op": op, **values}).encode() + b"\n")
            await self._writer.drain()
            answer = await future
        except ConnectionError as error:
            raise SupervisorError("Le superviseur ne répond plus.") from error
        finally:
            self._pending.pop(number, None)
        if not answer["ok"]:
            raise SupervisorError(answer["error"])
        return answer

    async def _read(self) -> None:
        try:
            with contextlib.suppress(ConnectionError):
                while line := await self._reader.readline():
                    message = json.loads(line)
                    if "event" in message:
                        self._events.put_nowait(message)
                    elif (future := self._pending.get(message["id"])) is not None and not future.done():
                        future.set_result(message)
        finally:
            self._events.put_nowait(None)
            for future in self._pending.values():
                if not future.done():
                    future.set_exception(SupervisorError("Le superviseur ne répond plus."))
