"""Les corps qui arrivent par morceaux : le silence d'un client y est borné, et ce qu'un corps entier occupe.

Envoy ne garde aucun corps d'inférence : il le passe par morceaux, la clé déjà vérifiée (`tools/gen.py` le lui dit).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import TypeVar

from google.api.httpbody_pb2 import HttpBody

from server.domain import Limits
from server.errors import DeadlineExceeded, PasserelleError, PayloadTooLarge, QueueFull

Message = TypeVar("Message")

_DRAINED_BYTES = 16 * 1024 * 1024
"""Octets d'un corps refusé lus avant de répondre, pour les clients qui écrivent tout avant de lire."""


class Bodies:
    """Corps JSON d'un processus ; ceux qu'il reçoit par morceaux ont ensemble une place bornée."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._held = 0

    async def whole(self, pieces: AsyncIterator[HttpBody]) -> HttpBody:
        """Le corps entier.

        Raises:
            DeadlineExceeded: client silencieux.
            PayloadTooLarge: corps de plus de `max_json_body_bytes`.
            QueueFull: trop d'octets reçus à la fois.
        """
        seconds, clock = self._limits.max_body_silence_seconds, asyncio.get_running_loop().time
        reader = aiter(pieces)
        first: HttpBody | None = None
        parts: list[bytes] = []
        size = 0
        try:
            # Une seule minuterie pour tous les morceaux : ce chemin est celui de chaque conversation.
            async with asyncio.timeout(seconds) as timer:
                while (piece := await anext(reader, None)) is not None:
                    timer.reschedule(clock() + seconds)
                    first = first or piece
                    # Chaque lecture du champ le recopie.
                    data = piece.data
                    parts.append(data)
                    size += len(data)
                    self._held += len(data)
                    self._check(size)
        except TimeoutError:
            raise _silent(seconds) from None
        except PasserelleError:
            parts.clear()
            await drain(reader, self._limits)
            raise
        finally:
            self._held -= size
        if first is None:
            return HttpBody()
        return first if len(parts) == 1 else HttpBody(content_type=first.content_type, data=b"".join(parts))

    def _check(self, size: int) -> None:
        limit = self._limits.max_json_body_bytes
        if size > limit:
            raise PayloadTooLarge(
                f"Le corps de la requête dépasse {limit} octets, la limite (PASSERELLE_MAX_JSON_BODY_BYTES).",
                metadata={"field": "max_json_body_bytes", "limit": str(limit), "value": str(size)},
            )
        limit = self._limits.max_received_json_bytes
        if self._held > limit:
            raise QueueFull(
                f"Les requêtes en cours de réception occupent {limit} octets, la limite ; réessayez bientôt.",
                metadata={"field": "max_received_json_bytes", "limit": str(limit), "value": str(self._held)},
                retry_after=1.0,
            )


async def paced(messages: AsyncIterator[Message], limits: Limits) -> AsyncIterator[Message]:
    """Les mêmes messages, venus sans longs silences ; le temps passé entre deux lectures n'est pas compté.

    Raises:
        DeadlineExceeded: client silencieux.
    """
    seconds, reader = limits.max_body_silence_seconds, aiter(messages)
    while True:
        try:
            async with asyncio.timeout(seconds):
                message = await anext(reader, None)
        except TimeoutError:
            raise _silent(seconds) from None
        if message is None:
            return
        yield message


async def drain(bodies: AsyncIterator[HttpBody], limits: Limits) -> None:
    """Lit un peu de la suite d'un corps refusé, peu de temps."""
    read = 0
    with suppress(TimeoutError, DeadlineExceeded):
        async with asyncio.timeout(limits.max_body_silence_seconds):
            async for body in bodies:
                read += len(body.data)
                if read > _DRAINED_BYTES:
                    return


def _silent(seconds: float) -> DeadlineExceeded:
    return DeadlineExceeded(
        f"L'envoi s'est tu {seconds:g} s, le silence admis ; refaites la requête.",
        metadata={"field": "max_body_silence", "limit": f"{seconds:g}", "value": f"{seconds:g}"},
    )
