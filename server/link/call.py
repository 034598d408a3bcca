"""Une requête en cours sur la liaison, du côté d'un front : sa réponse, et son flux d'entrée.

Un front lit toujours : chaque requête a son tampon borné, et un client trop lent pour le sien perd sa seule requête.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Protocol

from server.errors import PasserelleError, SlowConsumer
from server.link.framing import INPUT_WINDOW_BYTES

_PIECE_BYTES = INPUT_WINDOW_BYTES // 4


class Line(Protocol):
    """Ce qu'une requête demande à sa liaison."""

    def send_input(self, request_id: int, data: bytes, *, last: bool) -> None:
        """Envoie un morceau d'un flux d'entrée."""

    def drop(self, request_id: int) -> None:
        """Oublie une requête et prévient l'exemplaire."""


class LinkCall:
    """Réponse à une requête, lot par lot. En sortir avant la fin l'abandonne."""

    def __init__(self, line: Line, request_id: int, buffer_bytes: int) -> None:
        self._line = line
        self._id = request_id
        self._buffer_bytes = buffer_bytes
        self._items: list[bytes] = []
        self._size = 0
        self._finished = False
        self._error: PasserelleError | None = None
        self._held_until = 0.0
        self.waited = 0.0
        """Secondes passées à attendre une place du moteur."""
        self._waiter: asyncio.Future[None] | None = None
        self._room = INPUT_WINDOW_BYTES
        self._room_changed: asyncio.Event | None = None
        """Créé par celui qui attend de la place : une conversation n'en a pas l'emploi."""

    @property
    def done(self) -> bool:
        """Vrai quand la réponse est entière et lue."""
        return self._finished and self._error is None and not self._items

    def hold(self, until: float) -> None:
        """Retient le prochain réveil jusqu'à cet instant (`time.monotonic`), sauf fin ou échec."""
        self._held_until = until

    def release(self) -> None:
        """Lève la retenue et réveille la lecture s'il y a quelque chose à lire."""
        self._held_until = 0.0
        if self._items:
            self._wake()

    def poll(self) -> list[bytes]:
        """Ce qui est là, sans attendre."""
        items, self._items, self._size = self._items, [], 0
        return items

    async def ended(self) -> None:
        """Attend la fin d'une réponse vide ; en être interrompu l'abandonne."""
        async with self:
            async for _ in self:
                pass

    async def send(self, data: bytes) -> None:
        """Envoie la suite du flux d'entrée, en attendant que l'exemplaire ait de la place.

        Sans effet une fois la réponse finie : la lecture dit pourquoi.
        """
        for begin in range(0, len(data), _PIECE_BYTES):
            piece = data[begin : begin + _PIECE_BYTES]
            while self._room < len(piece) and not self._finished:
                self._room_changed = self._room_changed or asyncio.Event()
                self._room_changed.clear()
                await self._room_changed.wait()
            if self._finished:
                return
            self._room -= len(piece)
            self._line.send_input(self._id, piece, last=False)

    def end_input(self) -> None:
        """Clôt le flux d'entrée."""
        if not self._finished:
            self._line.send_input(self._id, b"", last=True)

    def credit(self, size: int) -> None:
        """Place rendue par l'exemplaire."""
        self._room += size
        self._look_again()

    def cancel(self) -> None:
        """Abandonne la requête ; sans effet si elle est finie."""
        if not self._finished:
            self._finished = True
            self._look_again()
            self._line.drop(self._id)

    def __aiter__(self) -> AsyncIterator[list[bytes]]:
        return self

    async def __anext__(self) -> list[bytes]:
        while True:
            if self._items and (self._finished or self._held_until <= time.monotonic()):
                return self.poll()
            if self._finished:
                if self._error is not None:
                    raise self._error
                raise StopAsyncIteration
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None

    async def __aenter__(self) -> "LinkCall":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cancel()

    def receive(self, data: bytes, done: bool, now: float) -> None:
        """Sortie venue de la liaison."""
        if data:
            self._items.append(data)
            self._size += len(data)
            if self._size > self._buffer_bytes and not done:
                self.cancel()
                self._items = []
                self.fail(
                    SlowConsumer(
                        f"La réponse n'est pas lue assez vite : plus de {self._buffer_bytes} octets l'attendent.",
                        metadata={"limit": str(self._buffer_bytes), "value": str(self._size)},
                    )
                )
                return
        if done:
            self._finished = True
        if done or self._held_until <= now:
            self._wake()

    def fail(self, error: PasserelleError) -> None:
        """Échec venu de la liaison ; ce qui le précède reste lisible."""
        self._finished = True
        self._error = error
        self._wake()

    def _look_again(self) -> None:
        """Réveille un envoi qui attend de la place."""
        if self._room_changed is not None:
            self._room_changed.set()

    def _wake(self) -> None:
        if self._finished:
            self._look_again()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
