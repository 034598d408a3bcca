"""L'ancêtre des décodages, vu de celui qui s'en sert : lancé, relancé s'il meurt, et ses copies, tuées une à une."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
import weakref
from pathlib import Path

from server.errors import EngineFailed

logger = logging.getLogger(__name__)

_ROOT = str(Path(__file__).resolve().parents[2])
_PROGRAM = f"import sys; sys.path.insert(0, {_ROOT!r}); from server.speech.decode_child import main; main()"
_BIRTH_SECONDS = 30.0
"""Attente d'une copie avant de remplacer un ancêtre qui ne répond plus ; la première attend aussi ses imports."""


class Copy:
    """Copie de l'ancêtre, qui décode un fichier."""

    def __init__(self, sock: socket.socket, process: int) -> None:
        self._socket: socket.socket | None = sock
        self._process = process

    def take(self) -> socket.socket:
        """Prise où elle écrit, à fermer par celui qui la prend."""
        sock, self._socket = self._socket, None
        assert sock is not None
        return sock

    async def kill(self) -> None:
        """La tue, si elle vit encore, et attend sa fin."""
        if self._socket is not None:
            self._socket.close()
        try:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._process, signal.SIGKILL)
            await _readable(self._process)
        finally:
            os.close(self._process)


class Ancestor:
    """Processus qui a déjà importé de quoi décoder, et se copie à la demande."""

    def __init__(self) -> None:
        self._control: socket.socket | None = None
        self._end: weakref.finalize[[socket.socket, subprocess.Popen[bytes]], Ancestor] | None = None

    def start(self) -> None:
        """Lance le processus sans l'attendre, s'il ne l'est pas déjà."""
        if self._control is not None:
            return
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # Aucune variable d'ici n'y entre, sauf de quoi trouver ses bibliothèques ; un seul fil, sans quoi une copie
        # hériterait de verrous que personne ne rendrait.
        environ = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-I", "-c", _PROGRAM],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            )
        ours.setblocking(False)
        self._control = ours
        self._end = weakref.finalize(self, _stop, ours, process)

    def close(self) -> None:
        """Arrête le processus."""
        self._drop(self._control)

    async def copy(self, job: bytes, file: int) -> Copy:
        """Copie qui décode le fichier ouvert en `file`.

        Raises:
            EngineFailed: ni cet ancêtre, ni son remplaçant ne répondent.
        """
        for _ in range(2):
            self.start()
            control = self._control
            assert control is not None
            ours, theirs = socket.socketpair()
            ours.setblocking(False)
            try:
                with theirs:
                    await _sent(control, job, [file, theirs.fileno()])
                async with asyncio.timeout(_BIRTH_SECONDS):
                    await _readable(ours)
                process = _born(ours)
            except (OSError, TimeoutError):
                process = None
            except BaseException:
                _disown(ours)
                raise
            if process is not None:
                return Copy(ours, process)
            _disown(ours)
            logger.warning("decoder_restarted")
            self._drop(control)
        raise EngineFailed("Le décodeur ne part pas.")

    def _drop(self, control: socket.socket | None) -> None:
        # Un autre appelant a pu déjà remplacer celui-là.
        if control is self._control and self._end is not None:
            self._end()
            self._control = self._end = None


def _stop(control: socket.socket, process: "subprocess.Popen[bytes]") -> None:
    control.close()
    process.kill()
    process.wait()


def _born(sock: socket.socket) -> int | None:
    """Descripteur du processus d'une copie, qu'elle envoie avant tout ; `None` si elle n'est pas née."""
    _, descriptors, _, _ = socket.recv_fds(sock, 1, 1)
    return descriptors[0] if descriptors else None


def _disown(sock: socket.socket) -> None:
    """Abandonne une copie qui n'est pas encore née, ou vient de l'être : elle ne décodera pas sans lecteur."""
    # Fermée à l'écriture d'abord : si elle n'y a pas déjà mis de quoi la tuer, elle ne pourra plus, et s'arrêtera là.
    with sock:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError):
            if (process := _born(sock)) is not None:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(process, signal.SIGKILL)
                os.close(process)


async def _sent(control: socket.socket, job: bytes, descriptors: list[int]) -> None:
    while True:
        try:
            socket.send_fds(control, [job], descriptors)
            return
        except BlockingIOError:
            await _ready(control.fileno(), writing=True)


async def _readable(descriptor: "int | socket.socket") -> None:
    await _ready(descriptor if isinstance(descriptor, int) else descriptor.fileno(), writing=False)


async def _ready(descriptor: int, *, writing: bool) -> None:
    loop = asyncio.get_running_loop()
    ready = loop.create_future()

    def seen() -> None:
        if not ready.done():
            ready.set_result(None)

    if writing:
        # Plusieurs attendent le même descripteur : chacun le sien.
        descriptor = os.dup(descriptor)
        loop.add_writer(descriptor, seen)
    else:
        loop.add_reader(descriptor, seen)
    try:
        await ready
    finally:
        if writing:
            loop.remove_writer(descriptor)
            os.close(descriptor)
        else:
            loop.remove_reader(descriptor)
