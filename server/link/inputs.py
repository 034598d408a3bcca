"""Le flux d'entrée d'une requête, vu de l'exemplaire : borné, chaque octet lu rend sa place au front."""

import asyncio
from collections.abc import Callable

from passerelle.worker.v1 import link_pb2

from server.errors import InvalidRequest
from server.link.framing import INPUT_WINDOW_BYTES

_RETURNED_BYTES = INPUT_WINDOW_BYTES // 4
"""Octets lus avant d'en rendre la place : une trame de crédit en couvre plusieurs d'audio."""


class RequestInput:
    """Octets d'une requête qui envoie un flux."""

    def __init__(self, give_back: Callable[[int], None]) -> None:
        self._give_back = give_back
        self._chunks: list[bytes] = []
        self._size = 0
        self._owed = 0
        self._ended = False
        self._arrived = asyncio.Event()
        self.cut = False
        """Vrai si l'exemplaire a clos ce flux lui-même, avant le client."""

    @property
    def waiting(self) -> int:
        """Octets arrivés et pas encore lus."""
        return self._size

    def receive(self, chunk: link_pb2.InputChunk) -> None:
        """Suite venue du front.

        Raises:
            InvalidRequest: le front n'a pas attendu qu'il y ait de la place.
        """
        if self._ended:
            return
        if self._size + len(chunk.data) > INPUT_WINDOW_BYTES:
            raise InvalidRequest(
                f"Le flux d'entrée dépasse sa fenêtre de {INPUT_WINDOW_BYTES} octets.",
                metadata={"limit": str(INPUT_WINDOW_BYTES), "value": str(self._size + len(chunk.data))},
            )
        if chunk.data:
            self._chunks.append(chunk.data)
            self._size += len(chunk.data)
        self._ended = chunk.last
        self._arrived.set()

    def end(self) -> None:
        """Clôt le flux ; ce qui est arrivé reste lisible."""
        if not self._ended:
            self.cut = self._ended = True
            self._arrived.set()

    async def read(self) -> bytes:
        """Tout ce qui est arrivé, en attendant au moins un octet ; vide à la fin du flux."""
        while not self._chunks and not self._ended:
            self._arrived.clear()
            await self._arrived.wait()
        data = b"".join(self._chunks)
        self._chunks, self._size = [], 0
        self._owed += len(data)
        if self._owed >= _RETURNED_BYTES:
            self._give_back(self._owed)
            self._owed = 0
        return data
