"""Une complétion à plusieurs textes de départ, menée texte par texte : chacun attend son tour, comme une requête.

D'un bloc, elle tiendrait le moteur tout le temps qu'il lui faut : un millier de textes y passeraient avant la requête
de n'importe qui d'autre.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from functools import partial
from typing import Any

import orjson
from passerelle.worker.v1 import link_pb2

from server.link.inputs import RequestInput
from server.worker.seats import Seat, Seats

Lead = Callable[[link_pb2.Submit, RequestInput | None], AsyncGenerator[bytes, None]]

_DATA = b"data: "
_END = b"\n\n"


async def in_parts(request: link_pb2.Submit, lead: Lead, seat: Seat, seats: Seats[Any]) -> AsyncGenerator[bytes, None]:
    """La réponse, telle que la donnerait le moteur pour la requête entière.

    Args:
        lead: mène une requête d'un seul texte.
        seat: place déjà prise, où passe le premier texte.
    """
    parts = list(_split(request))
    answer = _Answer(max(1, request.weight), request.stream)
    outputs: asyncio.Queue[tuple[int, bytes | BaseException | None]] = asyncio.Queue()
    leading: set[asyncio.Task[None]] = set()

    async def run(rank: int, part: link_pb2.Submit) -> None:
        try:
            async with aclosing(lead(part, None)) as items:
                async for item in items:
                    outputs.put_nowait((rank, item))
            outputs.put_nowait((rank, None))
        except Exception as error:
            outputs.put_nowait((rank, error))

    async def feed(place: Seat) -> None:
        for rank, part in enumerate(parts):
            if rank:
                place = await seats.next(place.caller, place.weight)
            task = asyncio.create_task(run(rank, part))
            leading.add(task)
            task.add_done_callback(leading.discard)
            # Une tâche annulée avant son premier pas n'atteint pas ses propres `finally`.
            task.add_done_callback(partial(_free, place))

    feeding = asyncio.create_task(feed(seat))
    try:
        remaining = len(parts)
        while remaining:
            rank, item = await outputs.get()
            if item is None:
                remaining -= 1
            elif isinstance(item, BaseException):
                raise item
            else:
                for frame in answer.add(rank, item):
                    yield frame
        for frame in answer.closing():
            yield frame
    finally:
        feeding.cancel()
        for task in leading:
            task.cancel()
        await asyncio.gather(feeding, *leading, return_exceptions=True)


def _free(seat: Seat, _task: object) -> None:
    seat.free()


def _split(request: link_pb2.Submit) -> Iterator[link_pb2.Submit]:
    body = orjson.loads(request.payload)
    for prompt in body["prompt"]:
        part = link_pb2.Submit()
        part.CopyFrom(request)
        part.payload = orjson.dumps(body | {"prompt": prompt})
        part.parts = 1
        yield part


class _Answer:
    """Réunit les réponses des textes : rangs, identifiant et décompte sont ceux d'une seule."""

    def __init__(self, choices: int, stream: bool) -> None:
        self._choices = choices
        self._stream = stream
        self._head: dict[str, Any] = {}
        self._usage: Any = None
        self._whole: dict[int, dict[str, Any]] = {}
        self._counted: dict[str, Any] | None = None

    def add(self, rank: int, item: bytes) -> Iterator[bytes]:
        """Trames à rendre aussitôt."""
        if not self._stream:
            self._whole[rank] = self._read(rank, item)
            return
        for frame in item.split(_END):
            if not frame.startswith(_DATA):
                continue
            event = self._read(rank, frame[len(_DATA) :])
            if event.get("choices"):
                yield _DATA + orjson.dumps(event) + _END
            else:
                # Le décompte d'un texte, qui n'a de sens qu'à la fin de tous.
                self._counted = event
                self._usage = _sum(self._usage, event.get("usage"))

    def closing(self) -> Iterator[bytes]:
        """Ce qui ne se sait qu'à la fin."""
        if self._counted is not None:
            yield _DATA + orjson.dumps(self._counted | {"usage": self._usage}) + _END
        if not self._stream:
            whole = [self._whole[rank] for rank in sorted(self._whole)]
            usage = None
            for one in whole:
                usage = _sum(usage, one.get("usage"))
            yield orjson.dumps(whole[0] | {"choices": [c for one in whole for c in one["choices"]], "usage": usage})

    def _read(self, rank: int, data: bytes) -> dict[str, Any]:
        event: dict[str, Any] = orjson.loads(data)
        self._head = self._head or {name: event[name] for name in ("id", "created") if name in event}
        for choice in event.get("choices") or ():
            choice["index"] += rank * self._choices
        return event | self._head


def _sum(one: Any, other: Any) -> Any:
    """Somme de deux décomptes, champ à champ."""
    if isinstance(one, dict) and isinstance(other, dict):
        return {name: _sum(one.get(name), other.get(name)) for name in {**one, **other}}
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one + other
    return one if other is None else other
