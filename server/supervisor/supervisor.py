"""Les enfants du superviseur : ceux qu'il relance lui-même, et les exemplaires que le plan de contrôle lui demande."""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from server.supervisor.oom import OomCount
from server.supervisor.process import Child, Command, Forward
from server.supervisor.watchdog import frozen

logger = logging.getLogger(__name__)

Kind = Literal["fixed", "worker"]
State = Literal["running", "stopped", "backoff"]
Event = dict[str, Any]
"""`{"event": "started" | "exited", "name", "pid", …}`, ou `{"event": "stopping"}` quand l'exploitant demande l'arrêt,
tel qu'il part vers le plan de contrôle."""

_EVENTS_KEPT = 1024
_OPENING_SECONDS = 60.0
"""Secondes laissées à un enfant permanent pour son premier signe de vie ; un exemplaire n'a pas de borne."""


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """Quand relancer un enfant tombé, quand ne plus le faire que de loin en loin, ou y renoncer."""

    first_delay: float = 0.2
    """Secondes avant la première relance ; doublées à chaque chute rapprochée."""
    max_delay: float = 5.0
    """Secondes avant une relance, au plus."""
    falls: int = 10
    """Chutes dans la fenêtre avant de renoncer à un enfant vital, ou d'espacer les relances d'un autre."""
    window: float = 60.0
    """Fenêtre, en secondes ; un enfant qui a tenu plus longtemps est quitte de ses chutes."""
    pause: float = 60.0
    """Secondes avant chaque relance espacée."""


@dataclass(slots=True)
class _Entry:
    command: Command
    kind: Kind
    child: Child | None = None
    state: State = "backoff"
    restarts: int = 0
    broken: bool = False
    asked: bool = False
    frozen: bool = False
    task: "asyncio.Task[None] | None" = None
    falls: deque[float] = field(default_factory=deque)
    born: float = 0.0
    spawned: asyncio.Event = field(default_factory=asyncio.Event)
    """Mis quand le lancement demandé a abouti, ou échoué."""


class SpawnRefused(Exception):
    """L'enfant demandé n'a pas pu être lancé, ou existe déjà."""


class Supervisor:
    """Lance, surveille, relance et arrête."""

    def __init__(
        self,
        logs: Path,
        parent_fd: int,
        *,
        forward: Forward = None,
        policy: RestartPolicy | None = None,
        watchdog_seconds: float = 0.0,
        on_abandoned: Callable[[str], None] | None = None,
    ) -> None:
        """`watchdog_seconds` : silence au bout duquel un enfant figé est tué ; 0 ne surveille personne.

        `on_abandoned` reçoit le nom de chaque enfant vital auquel il faut renoncer.
        """
        self._logs = logs
        self._parent_fd = parent_fd
        self._forward = forward
        self._policy = policy or RestartPolicy()
        self._watchdog_seconds = watchdog_seconds
        self._on_abandoned = on_abandoned
        self._entries: dict[str, _Entry] = {}
        self._listeners: set[asyncio.Queue[Event]] = set()
        self.oom = OomCount()

    def keep(self, command: Command) -> None:
        """Lance un enfant permanent, relancé quand il tombe."""
        entry = self._entries[command.name] = _Entry(command, "fixed")
        entry.task = asyncio.create_task(self._keep(entry))

    async def replace(self, command: Command) -> None:
        """Relance aussitôt un enfant permanent, autrement ; ce qu'il menait lui survit, comme à une chute."""
        await self.stop(command.name, 0.0)
        self.keep(command)

    async def spawn(self, command: Command) -> int:
        """Lance un exemplaire, que personne ne relance ; rend son identifiant de processus.

        Raises:
            SpawnRefused: nom déjà pris par un enfant en marche, ou programme refusé.
        """
        known = self._entries.get(command.name)
        if known is not None and (known.kind == "fixed" or known.child is not None or not known.spawned.is_set()):
            raise SpawnRefused(f"« {command.name} » est déjà en marche.")
        entry = self._entries[command.name] = _Entry(command, "worker")
        try:
            child = await self._start(entry)
            entry.task = asyncio.create_task(self._follow(entry, child))
        except OSError as error:
            del self._entries[command.name]
            raise SpawnRefused(f"« {command.name} » n'a pas pu être lancé : {error}.") from error
        finally:
            entry.spawned.set()
        return child.pid

    async def stop(self, name: str, grace: float) -> int | None:
        """Arrête un enfant et attend la fin de son groupe ; `None` s'il n'est pas en marche."""
        entry = self._entries.get(name)
        if entry is None:
            return None
        entry.asked = True
        if entry.kind == "worker":
            # Un chargement annulé aussitôt demande l'arrêt d'un exemplaire qui n'est pas encore né.
            await entry.spawned.wait()
        child = entry.child
        code = await child.stop(grace) if child is not None else None
        if entry.task is not None:
            if child is None:
                entry.task.cancel()
            await asyncio.wait({entry.task})
        return code

    async def stop_all(self, names: Iterable[str], grace: float) -> None:
        """Arrête plusieurs enfants à la fois."""
        await asyncio.gather(*(self.stop(name, grace) for name in names))

    def forget(self, name: str) -> None:
        """Oublie un enfant arrêté, que personne ne remplacera sous ce nom."""
        entry = self._entries.get(name)
        if entry is not None and entry.child is None:
            del self._entries[name]

    def kill_all(self) -> None:
        """Tue tout, aussitôt."""
        for entry in self._entries.values():
            entry.asked = True
            if entry.child is not None:
                entry.child.kill()

    def names(self, kind: Kind) -> list[str]:
        """Noms des enfants d'un genre."""
        return [name for name, entry in self._entries.items() if entry.kind == kind]

    def list(self) -> "list[dict[str, Any]]":
        """Enfants connus, à la forme du fil."""
        return [
            {
                "name": name,
                "pid": entry.child.pid if entry.child is not None else 0,
                "kind": entry.kind,
                "restarts": entry.restarts,
                "broken": entry.broken and entry.child is None,
                "state": entry.state,
                "meta": dict(entry.command.meta),
            }
            for name, entry in self._entries.items()
        ]

    def publish(self, event: Event) -> None:
        """Dit un événement à tous ceux qui écoutent."""
        for queue in self._listeners:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(event)

    @contextlib.contextmanager
    def listening(self) -> "Iterator[asyncio.Queue[Event]]":
        """File des événements à venir, le temps du bloc."""
        queue: asyncio.Queue[Event] = asyncio.Queue(_EVENTS_KEPT)
        self._listeners.add(queue)
        try:
            yield queue
        finally:
            self._listeners.discard(queue)

    async def _keep(self, entry: _Entry) -> None:
        while not entry.asked:
            entry.born = time.monotonic()
            try:
                child = await self._start(entry)
            except OSError as error:
                logger.error("process_refused", extra={"child": entry.command.name, "error": str(error)})
            else:
                if entry.asked:
                    child.terminate()
                await self._follow(entry, child)
            if entry.asked or not await self._pause(entry):
                return
            entry.restarts += 1

    async def _pause(self, entry: _Entry) -> bool:
        """Attend avant une relance ; faux quand il faut renoncer."""
        policy, falls, now = self._policy, entry.falls, time.monotonic()
        if now - entry.born > policy.window:
            entry.broken = False
        falls.append(now)
        while falls[0] < now - policy.window:
            falls.popleft()
        if len(falls) >= policy.falls and not entry.broken:
            entry.broken = True
            name = entry.command.name
            event = "process_abandoned" if entry.command.vital else "process_spaced_out"
            logger.critical(event, extra={"child": name, "falls": len(falls)})
            if entry.command.vital:
                entry.state = "stopped"
                if self._on_abandoned is not None:
                    self._on_abandoned(name)
                return False
        entry.state = "backoff"
        soon = min(policy.max_delay, policy.first_delay * 2 ** (len(falls) - 1))
        await asyncio.sleep(policy.pause if entry.broken else soon)
        return True

    async def _start(self, entry: _Entry) -> Child:
        name = entry.command.name
        child = await Child.start(entry.command, self._parent_fd, self._logs / f"{name}.log", forward=self._forward)
        entry.child, entry.state, entry.frozen = child, "running", False
        self.publish({"event": "started", "name": name, "pid": child.pid})
        return child

    async def _follow(self, entry: _Entry, child: Child) -> None:
        guard = asyncio.create_task(self._guard(entry, child)) if self._watchdog_seconds else None
        counting = asyncio.create_task(self.oom.follow())
        code = await child.wait()
        counting.cancel()
        if guard is not None:
            guard.cancel()
        entry.child, entry.state = None, "stopped"
        name = entry.command.name
        # Un arrêt demandé dont le délai s'épuise est aussi un SIGKILL : il ne doit rien à la mémoire.
        out_of_memory = code != 0 and not entry.asked and not entry.frozen and self.oom.recent()
        end = {"exit_code": code, "asked": entry.asked, "frozen": entry.frozen, "out_of_memory": out_of_memory}
        (logger.info if entry.asked else logger.error)("process_exited", extra={"child": name, "pid": child.pid, **end})
        if entry.kind == "worker" and self._entries.get(name) is entry:
            del self._entries[name]
        self.publish({"event": "exited", "name": name, "pid": child.pid, **end})

    async def _guard(self, entry: _Entry, child: Child) -> None:
        if entry.kind == "fixed":
            child.pulse.expect(_OPENING_SECONDS)
        silence = await frozen(child.pulse, self._watchdog_seconds, entry.command.probe)
        logger.error(
            "process_frozen",
            extra={"child": entry.command.name, "pid": child.pid, "silent_seconds": round(silence, 1)},
        )
        entry.frozen = True
        child.kill()
