"""Un processus enfant : son lancement, son journal, la fin de tout son groupe."""

import asyncio
import contextlib
import ctypes
import logging
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from server.lifetime import BEAT_FD_VARIABLE, PARENT_FD_VARIABLE
from server.log_lines import as_json, as_text
from server.supervisor.log_file import LogFile
from server.supervisor.watchdog import BeatPipe, Probe

logger = logging.getLogger(__name__)

_PR_SET_PDEATHSIG = 1
_GROUP_GONE_SECONDS = 5.0
_LINE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Command:
    """Ce qu'il faut pour lancer un enfant."""

    name: str
    """Nom : `control`, `front-0`, `qwen-0`."""
    argv: tuple[str, ...]
    """Programme et arguments."""
    env: Mapping[str, str]
    """Environnement entier."""
    meta: Mapping[str, Any] = field(default_factory=dict)
    """Ce que l'appelant veut retrouver dans la liste."""
    socket: Path | None = None
    """Prise que l'enfant ouvrira ; celle d'un prédécesseur mort est retirée avant le lancement."""
    killed_with_parent: bool = False
    """Tué par le noyau avec le superviseur : pour un programme qui ne surveille pas le tube."""
    vital: bool = False
    """Sans lui rien ne se sert : tombé trop souvent, il est abandonné ; un autre est relancé de loin en loin."""
    probe: Probe | None = None
    """Sonde du chien de garde, pour un programme qui ne sait pas battre."""


Forward = Literal["json", "texte"] | None
"""Forme de la copie du journal sur la sortie d'erreur ; `None` : aucune copie."""


class Child:
    """Enfant en marche ; sa sortie va dans `logs/<nom>.log`."""

    def __init__(
        self,
        command: Command,
        process: asyncio.subprocess.Process,
        output: asyncio.StreamReader,
        beats: BeatPipe,
        log: Path,
        forward: Forward,
    ) -> None:
        self.command = command
        self.pulse = beats.pulse
        self._process = process
        self._output = output
        self._beats = beats
        self._reading = asyncio.create_task(self._copy_output(log, forward))
        self._waiting = asyncio.create_task(self._wait())

    @classmethod
    async def start(cls, command: Command, parent_fd: int, log: Path, *, forward: Forward = None) -> "Child":
        """Lance l'enfant dans sa propre session.

        Raises:
            OSError: programme absent ou refusé.
        """
        if command.socket is not None:
            command.socket.unlink(missing_ok=True)
        # Un tube à nous : avec PIPE, asyncio n'annoncerait la fin du processus qu'une fois le tube fermé par tous ses
        # enfants, ceux qu'il faut justement tuer alors.
        read, write = os.pipe()
        beats = BeatPipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *command.argv,
                env={**command.env, PARENT_FD_VARIABLE: str(parent_fd), BEAT_FD_VARIABLE: str(beats.write_fd)},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=write,
                stderr=write,
                start_new_session=True,
                pass_fds=(parent_fd, beats.write_fd),
                preexec_fn=_die_with_parent if command.killed_with_parent else None,
            )
        except BaseException:
            os.close(read)
            beats.close()
            raise
        finally:
            os.close(write)
        beats.listen()
        output = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(output), os.fdopen(read, "rb", 0)
        )
        logger.info("process_started", extra={"child": command.name, "pid": process.pid})
        return cls(command, process, output, beats, log, forward)

    @property
    def pid(self) -> int:
        """Identifiant du processus, et de son groupe."""
        return self._process.pid

    async def wait(self) -> int:
        """Attend la fin du processus et de tout son groupe ; rend le code de sortie, négatif pour un signal."""
        return await asyncio.shield(self._waiting)

    def terminate(self) -> None:
        """Demande l'arrêt ordonné."""
        # Pas `Process.terminate` : il regarde d'abord si l'enfant est mort, et prendrait sa fin à celui qui l'attend.
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """Tue tout le groupe."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    async def stop(self, grace: float) -> int:
        """Demande l'arrêt, tue le groupe après `grace` secondes ; rend le code de sortie."""
        self.terminate()
        try:
            async with asyncio.timeout(grace):
                return await self.wait()
        except TimeoutError:
            logger.warning("process_killed", extra={"child": self.command.name, "grace_seconds": grace})
            self.kill()
            return await self.wait()

    async def _wait(self) -> int:
        code = await self._process.wait()
        # Un moteur laisse parfois des enfants : ils tiendraient la mémoire d'un GPU.
        self.kill()
        deadline = asyncio.get_running_loop().time() + _GROUP_GONE_SECONDS
        while self._group_alive() and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.02)
        await asyncio.wait({self._reading}, timeout=_GROUP_GONE_SECONDS)
        self._reading.cancel()
        self._beats.close()
        return code

    def _group_alive(self) -> bool:
        try:
            os.killpg(self.pid, 0)
        except (ProcessLookupError, PermissionError):
            return False
        return True

    async def _copy_output(self, path: Path, forward: Forward) -> None:
        output = LogFile(path)
        rest = b""
        try:
            while data := await self._output.read(_LINE_BYTES):
                whole, newline, tail = data.rpartition(b"\n")
                rest += whole if newline else tail
                if newline or len(rest) > _LINE_BYTES:
                    self._write(output, rest, forward)
                    rest = tail if newline else b""
            if rest:
                self._write(output, rest, forward)
        finally:
            output.close()

    def _write(self, output: LogFile, lines: bytes, forward: Forward) -> None:
        text = as_json(lines.decode(errors="replace"), self.command.name)
        output.write(text)
        if forward is not None:
            print(as_text(text) if forward == "texte" else text, file=sys.stderr, flush=True)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
