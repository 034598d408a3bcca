"""Ce qu'un front mène et a mené, dit par lots au plan de contrôle.

Ce qui n'est pas encore écrit là-bas est gardé ici et redit au flux suivant : un plan de contrôle tué ne perd rien. S'il
se tait trop longtemps, les plus anciennes requêtes sont oubliées, et leur nombre lui est dit.
"""

import asyncio
import contextlib
import logging
import time
import uuid
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
from passerelle.control.v1 import control_pb2, control_pb2_grpc
from passerelle.v1 import requests_pb2

from server.errors import RequestCancelled
from server.rpc.notes import Note

logger = logging.getLogger(__name__)

REPORT_SECONDS = 0.25
"""Attente d'une requête finie au plus, avant d'être dite."""
NEWS_SECONDS = 1.0
"""Celle d'une requête en cours : la plupart finissent sans qu'on ait rien dit d'elles avant."""
_BATCH = 500
_RETRY_SECONDS = 0.5
_SECOND = 1_000_000_000
_LAST_SECONDS = 1.5
_TOLD: dict[str, Any] = {}
"""Options déjà dites."""


class RequestReports:
    """Notes des requêtes de ce front."""

    def __init__(self, channel: grpc.aio.Channel, front: str, kept: int) -> None:
        self._stub = control_pb2_grpc.ReportServiceStub(channel)
        self._front = front
        self._kept = kept
        self._life = uuid.uuid4().hex[:12]
        self._clock = time.time() - time.monotonic()
        self._running: dict[int, Note] = {}
        self._news: deque[Note] = deque()
        """Celles qui ont avancé."""
        self._ended: deque[Note] = deque()
        self._unwritten: deque[control_pb2.ReportRequest] = deque()
        """Lots dits, pas encore écrits."""
        self._held = 0
        self._lost = 0
        self._tokens: dict[str, int] = {}
        """Jetons rendus par chaque exemplaire, pas encore dits."""
        self._sequence = 0
        self._due: asyncio.TimerHandle | None = None
        self._news_due: asyncio.TimerHandle | None = None
        self._news_ready = False
        self._something = asyncio.Event()
        self._settled = asyncio.Event()
        """Levé quand tout est écrit."""
        self._settled.set()
        self._heard = False
        """Vrai tant que le plan de contrôle répond."""

    def started(self, found: Note) -> None:
        """Une requête commence."""
        self._running[found.number] = found
        found.keeper = self._advanced
        found.advance()

    def finished(self, found: Note) -> None:
        """Elle est finie."""
        self._running.pop(found.number, None)
        self._ended.append(found)
        self._count(found)
        self._settled.clear()
        if len(self._ended) + self._held > self._kept:
            self._forget()
        self._touch()

    async def run(self) -> None:
        """Parle au plan de contrôle jusqu'à l'annulation."""
        while True:
            with contextlib.suppress(grpc.aio.AioRpcError):
                await self._speak()
            await asyncio.sleep(_RETRY_SECONDS)

    async def flush(self) -> None:
        """Attend, un instant au plus, que tout soit écrit : ce front va s'arrêter."""
        if self._heard:
            self._something.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LAST_SECONDS):
                    await self._settled.wait()

    def _advanced(self, found: Note) -> None:
        self._news.append(found)
        if self._news_due is None:
            self._news_due = asyncio.get_running_loop().call_later(NEWS_SECONDS, self._ready_news)

    def _touch(self) -> None:
        if self._due is None:
            self._due = asyncio.get_running_loop().call_later(REPORT_SECONDS, self._ready)

    def _ready_news(self) -> None:
        self._news_due, self._news_ready = None, True
        flowing = False
        for found in self._running.values():
            if found.first:
                flowing = True
                self._count(found)
        if flowing:
            # Un flux avance sans rien dire d'autre que ses jetons.
            self._news_due = asyncio.get_running_loop().call_later(NEWS_SECONDS, self._ready_news)
        self._something.set()

    def _count(self, found: Note) -> None:
        tokens = found.tokens_out if found.tokens_out >= 0 else found.frames
        if tokens > found.told and found.replicas:
            replica = found.replicas[0]
            self._tokens[replica] = self._tokens.get(replica, 0) + tokens - found.told
            found.told = tokens

    def _ready(self) -> None:
        self._due = None
        self._something.set()

    async def _speak(self) -> None:
        stream = self._stub.Report()
        telling = asyncio.create_task(self._tell(stream))
        try:
            async for answer in stream:
                self._heard = True
                while self._unwritten and self._unwritten[0].sequence <= answer.written:
                    self._held -= len(self._unwritten.popleft().ended)
                if not self._ended and not self._unwritten:
                    self._settled.set()
                if answer.cancel:
                    self._cancel(answer.cancel)
        finally:
            self._heard = False
            stream.cancel()
            # Un flux fini laisse attendre qui y écrit : il prendrait, et perdrait, le premier lot du suivant.
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)

    async def _tell(self, stream: Any) -> None:
        async for batch in self._batches():
            await stream.write(batch)

    async def _batches(self) -> AsyncIterator[control_pb2.ReportRequest]:
        """Ce qui n'est pas écrit, puis ce qui arrive."""
        self._news, self._news_ready = deque(self._running.values()), True
        yield control_pb2.ReportRequest(front=self._front, life=self._life)
        for unwritten in tuple(self._unwritten):
            # Un débit n'est pas un compte : redits, les mêmes jetons le fausseraient.
            unwritten.tokens.clear()
            yield unwritten
        while True:
            batch = self._batch()
            if batch is not None:
                yield batch
                continue
            self._something.clear()
            await self._something.wait()

    def _batch(self) -> control_pb2.ReportRequest | None:
        """Lot à dire ; `None` s'il n'y a rien de neuf."""
        batch = control_pb2.ReportRequest(front=self._front, life=self._life)
        while self._news_ready and len(batch.running) < _BATCH:
            if not self._news:
                self._news_ready = False
                break
            found = self._news.popleft()
            found.fresh = False
            if not found.ended:
                batch.running.append(self._message(found))
        for _ in range(min(_BATCH, len(self._ended))):
            batch.ended.append(self._message(self._ended.popleft()))
        if self._tokens:
            batch.tokens.update(self._tokens)
            self._tokens.clear()
        elif not batch.ended and not batch.running:
            return None
        if batch.ended:
            self._sequence += 1
            batch.sequence = self._sequence
            batch.lost, self._lost = self._lost, 0
            self._unwritten.append(batch)
            self._held += len(batch.ended)
        return batch

    def _forget(self) -> None:
        """Oublie les plus anciennes requêtes, s'il y en a trop."""
        while len(self._ended) + self._held > self._kept:
            if not self._unwritten:
                self._ended.popleft()
                self._lost += 1
                continue
            oldest = self._unwritten.popleft()
            self._held -= len(oldest.ended)
            self._lost += len(oldest.ended) + oldest.lost

    def _cancel(self, call: str) -> None:
        number = call.rpartition("-")[2]
        found = self._running.get(int(number)) if call == self._call(number) else None
        if found is not None and found.end is not None:
            found.end(RequestCancelled("L'exploitant du serveur a interrompu cette requête."))

    def _call(self, number: object) -> str:
        return f"{self._front}-{self._life}-{number}"

    def _message(self, found: Note) -> requests_pb2.Request:
        """État d'une requête ; le même message se complète d'une fois à l'autre, car un lot en prend une copie."""
        began = found.started
        message: requests_pb2.Request | None = found.message
        options = found.options
        if options:
            found.options = _TOLD
        if message is None:
            message = found.message = requests_pb2.Request(options=options) if options else requests_pb2.Request()
            message.id, message.call, message.key = found.id, self._call(found.number), found.key
            message.sort, message.client, message.front = found.sort, found.address, self._front
            message.running = True
            # Champ par champ : un message construit d'un trait coûte deux fois plus.
            at = message.received_at
            at.seconds, at.nanos = divmod(int((self._clock + began) * 1e9), _SECOND)
        elif options:
            message.options.CopyFrom(requests_pb2.RequestOptions(**options))
        if found.model and not message.asked:
            message.model, message.asked = found.model, found.asked - began
        if found.sent:
            message.sent, message.replicas[:] = found.sent - began, found.replicas
        if found.first:
            message.first, message.queued, message.stream = found.first - began, found.queued, True
        message.ended = (found.ended or time.monotonic()) - began
        if found.ended:
            self._close(message, found)
        return message

    def _close(self, message: requests_pb2.Request, found: Note) -> None:
        message.running, message.status = False, found.status
        message.stream, message.queued, message.audio_seconds = found.stream, found.queued, found.audio_seconds
        if found.last:
            message.last = found.last - found.started
        if found.tokens_in >= 0:
            message.tokens_in = found.tokens_in
        tokens = found.tokens_out if found.tokens_out >= 0 else found.frames
        if tokens or found.tokens_out >= 0:
            message.tokens_out = tokens
        if tokens and found.first and found.last > found.first:
            message.tokens_per_second = tokens / (found.last - found.first)
