"""Lancer un programme depuis la boucle d'un processus à plusieurs fils, sans le copier.

Sous uvloop, `asyncio.create_subprocess_exec` fait un vrai fork, et du Python dans la copie : les bibliothèques de
calcul y perdent leurs fils (OpenBLAS arrête les siens), et un gros processus s'y arrête le temps de copier ses tables.
`subprocess` emploie vfork, qui ne fait rien de tout cela ; ici, ses tubes sont lus par la boucle.
"""

import asyncio
import os
import subprocess
from collections.abc import Mapping


class Child:
    """Enfant lancé, à la forme d'`asyncio.subprocess.Process`."""

    def __init__(
        self,
        process: "subprocess.Popen[bytes]",
        stdin: asyncio.StreamWriter,
        stdout: asyncio.StreamReader,
        reading: asyncio.ReadTransport,
    ) -> None:
        self._process = process
        self._reading = reading
        self.pid = process.pid
        self.stdin = stdin
        self.stdout = stdout
        self._ended = asyncio.Event()
        # Signalé à la mort de l'enfant, sans SIGCHLD ni fil.
        self._descriptor = os.pidfd_open(process.pid)
        asyncio.get_running_loop().add_reader(self._descriptor, self._end)

    @property
    def returncode(self) -> int | None:
        """Code de sortie, ou moins le signal qui l'a tué ; `None` tant qu'il vit."""
        return self._process.returncode

    async def wait(self) -> int:
        """Attend sa fin, et ferme ses tubes : ce qu'il a écrit et que personne n'a lu est jeté."""
        await self._ended.wait()
        self.stdin.close()
        self._reading.close()
        await asyncio.sleep(0)
        code = self._process.returncode
        assert code is not None
        return code

    def send_signal(self, number: int) -> None:
        """Lui envoie un signal, s'il vit encore."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """Le tue."""
        self._process.kill()

    def _end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._descriptor)
        os.close(self._descriptor)
        self._process.wait()
        self._ended.set()


async def launch(*command: str, env: Mapping[str, str], limit: int, stderr: int | None = None) -> Child:
    """Lance un programme dont la boucle tient l'entrée et la sortie ; `limit` borne une ligne de sa sortie.

    Raises:
        OSError: il ne se lance pas.
    """
    loop = asyncio.get_running_loop()
    process = subprocess.Popen(
        command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, bufsize=0
    )
    reader = asyncio.StreamReader(limit=limit)
    reading, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), process.stdout)
    transport, protocol = await loop.connect_write_pipe(
        lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader()), process.stdin
    )
    return Child(process, asyncio.StreamWriter(transport, protocol, None, loop), reader, reading)
