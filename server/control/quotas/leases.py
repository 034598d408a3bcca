"""LeaseService : les baux que prennent les fronts sur les quotas ; jamais exposé par Envoy.

Une seule boucle reçoit tout, compte, écrit, puis répond : ce qui arrive pendant une écriture part avec la suivante.
Quand il ne reste pas assez, les fronts qui tiennent un bail sont d'abord priés de le rendre : un quota s'emploie donc
jusqu'au bout, quel que soit le front où ses requêtes arrivent.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from passerelle.control.v1 import quotas_pb2, quotas_pb2_grpc

from server.control.quotas.counters import Counters
from server.control.quotas.store import QuotaStore
from server.quotas import METERS, What

SERVICE = "passerelle.control.v1.LeaseService"

RECALL_SECONDS = 0.5
GONE_SECONDS = 5.0
"""Temps laissé à un front qui s'est tu pour revenir, avant que ses places soient libres."""
HELLO_SECONDS = 2.0
"""Après un démarrage, temps laissé aux fronts déjà connus pour dire les places qu'ils tiennent."""
RETRY_SECONDS = 1.0
"""Pause avant de réessayer d'écrire."""
_LIVES = 256
_SWEEP_SECONDS = 60.0
_HELD_SECONDS = 300.0

Of = tuple[str, str]


class _Front:
    """Flux d'un front."""

    def __init__(self, life: str) -> None:
        self.life = life
        self.answers: asyncio.Queue[quotas_pb2.LeaseResponse | None] = asyncio.Queue()
        self.answer = quotas_pb2.LeaseResponse()

    def send(self) -> None:
        """Envoie ce qui est préparé."""
        if self.answer.ByteSize():
            self.answers.put_nowait(self.answer)
            self.answer = quotas_pb2.LeaseResponse()


@dataclass(slots=True)
class _Deferred:
    """Demande qui attend que d'autres rendent."""

    front: _Front
    ask: quotas_pb2.LeaseAsk
    until: float
    waiting: set[str] = field(default_factory=set)
    """Fronts dont la réponse est attendue."""
    early: bool = False
    """Vrai d'une place demandée avant que tous les fronts aient dit les leurs."""


class LeaseService(quotas_pb2_grpc.LeaseServiceServicer):
    """Accorde les baux."""

    def __init__(
        self,
        counters: Counters,
        store: QuotaStore,
        written: dict[str, int],
        *,
        recall_seconds: float = RECALL_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`written` : dernier lot déjà écrit de chaque vie d'un front ; `recall_seconds` : attente d'un bail qu'on fait
        rendre, au plus."""
        self._recall_seconds = recall_seconds
        self._counters, self._store, self._clock = counters, store, clock
        self._received = dict(written)
        self._inbox: asyncio.Queue[tuple[_Front, quotas_pb2.LeaseRequest | None]] = asyncio.Queue()
        self._fronts: dict[str, _Front] = {}
        self._holders: dict[Of, dict[str, float]] = {}
        """Fronts qui tiennent peut-être un bail, et quand le dernier leur a été accordé."""
        self._deferred: list[_Deferred] = []
        self._gone: dict[str, float] = {}
        self._unwritten: dict[str, int] = {}
        self._places_from = clock() + HELLO_SECONDS if written else 0.0
        self._swept = 0.0

    async def Lease(
        self, requests: AsyncIterator[quotas_pb2.LeaseRequest], _context: Any
    ) -> AsyncIterator[quotas_pb2.LeaseResponse]:
        """Répond jusqu'à ce que le front se taise."""
        first = await anext(aiter(requests), None)
        if first is None:
            return
        front = _Front(first.life)
        front.answer.written = self._received.get(front.life, 0)
        self._inbox.put_nowait((front, first))
        reading = asyncio.create_task(self._read(requests, front))
        try:
            while (answer := await front.answers.get()) is not None:
                yield answer
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            self._inbox.put_nowait((front, None))

    async def erase(self, keys: Sequence[str]) -> None:
        """Efface ce que ces clés ont consommé.

        Raises:
            HostExhausted: la base ne s'écrit pas.
        """
        # Un lot en train de s'écrire a été remis à la base avant ceci : il est effacé avec le reste.
        self._counters.forget(keys)
        await self._store.erase(keys)

    async def run(self) -> None:
        """Compte, écrit et répond, jusqu'à l'annulation."""
        while True:
            received = []
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pause()):
                    received.append(await self._inbox.get())
            while not self._inbox.empty():
                received.append(self._inbox.get_nowait())
            fronts = {front.life: front for front, _ in received} | self._fronts
            for front, message in received:
                if message is None:
                    self._leave(front)
                else:
                    self._take(front, message)
            self._forget()
            self._settle()
            await self._write()
            for front in (*fronts.values(), *self._fronts.values()):
                front.send()

    async def _read(self, requests: AsyncIterator[quotas_pb2.LeaseRequest], front: _Front) -> None:
        try:
            async for message in requests:
                self._inbox.put_nowait((front, message))
        finally:
            front.answers.put_nowait(None)

    def _pause(self) -> float | None:
        """Secondes avant la prochaine échéance."""
        ends = [one.until for one in self._deferred] + list(self._gone.values())
        if self._unwritten or self._counters.changed:
            ends.append(self._clock() + RETRY_SECONDS)
        return max(0.0, min(ends) - self._clock()) if ends else None

    def _take(self, front: _Front, message: quotas_pb2.LeaseRequest) -> None:
        if self._fronts.get(front.life) is not front:
            # Un flux neuf : ce qu'il tient, il le dit en entier.
            self._fronts[front.life] = front
            self._gone.pop(front.life, None)
            self._deferred = [one for one in self._deferred if one.front.life != front.life]
            self._counters.hold(front.life, {(one.of.key, one.of.meter): one.amount for one in message.held})
        # Redit parce que l'écrit ne lui était pas parvenu.
        if not message.sequence or message.sequence > self._received.get(front.life, 0):
            for one in message.returns:
                if one.of.meter in METERS:
                    self._counters.give_back(one.of.key, one.of.meter, one.amount, one.at, front.life)
        if message.sequence > self._received.get(front.life, 0):
            self._received.pop(front.life, None)
            self._received[front.life] = self._unwritten[front.life] = message.sequence
            if len(self._received) > _LIVES:
                del self._received[next(iter(self._received))]
        for of in message.recalled:
            self._answered(front.life, (of.key, of.meter))
        for ask in message.asks:
            self._asked(front, ask)

    def _asked(self, front: _Front, ask: quotas_pb2.LeaseAsk) -> None:
        of = ask.of.key, ask.of.meter
        if ask.of.meter not in METERS:
            self._refuse(front, ask)
            return
        early = METERS[ask.of.meter].what is What.PLACES and self._clock() < self._places_from
        if not early and self._grant(front, ask):
            return
        if early:
            self._deferred.append(_Deferred(front, ask, self._places_from, early=True))
            return
        if not ask.need:
            self._refuse(front, ask)
            return
        holders = {*self._holders.get(of, ()), *self._counters.holding(*of)}
        others = {life for life in holders if life != front.life and life in self._fronts}
        if not others:
            self._refuse(front, ask)
            return
        same = (one.waiting for one in self._deferred if (one.ask.of.key, one.ask.of.meter) == of)
        asked: set[str] = set().union(*same)
        for life in others - asked:
            self._fronts[life].answer.recalls.add(key=of[0], meter=of[1])
        self._deferred.append(_Deferred(front, ask, self._clock() + self._recall_seconds, others))

    def _grant(self, front: _Front, ask: quotas_pb2.LeaseAsk, *, scarce: bool = False) -> bool:
        key, meter = ask.of.key, ask.of.meter
        # Rien d'avance tant qu'un front attend que d'autres rendent.
        contended = any((one.ask.of.key, one.ask.of.meter) == (key, meter) for one in self._deferred)
        want = ask.need if contended or scarce else max(ask.need, ask.want)
        amount = self._counters.take(key, meter, ask.need, want, ask.limit, front.life)
        if not amount:
            return False
        self._holders.setdefault((key, meter), {})[front.life] = self._clock()
        self._reply(front, ask, amount)
        return True

    def _refuse(self, front: _Front, ask: quotas_pb2.LeaseAsk) -> None:
        known = ask.of.meter in METERS
        wait = self._counters.retry(ask.of.key, ask.of.meter, ask.need, ask.limit) if known else 0.0
        self._reply(front, ask, 0, wait)

    def _reply(self, front: _Front, ask: quotas_pb2.LeaseAsk, amount: int, wait: float = 0.0) -> None:
        known = ask.of.meter in METERS
        front.answer.grants.add(
            id=ask.id,
            amount=amount,
            at=self._counters.now(),
            used=self._counters.used(ask.of.key, ask.of.meter) if known else 0,
            retry_seconds=wait,
            reset_seconds=self._counters.reset(ask.of.key, ask.of.meter) if known else 0.0,
        )

    def _answered(self, life: str, of: Of | None) -> None:
        for one in self._deferred:
            if of is None or (one.ask.of.key, one.ask.of.meter) == of:
                one.waiting.discard(life)

    def _settle(self) -> None:
        """Répond aux demandes qui attendaient, dès que c'est possible ou que plus rien ne viendra."""
        now, still = self._clock(), []
        deferred, self._deferred = self._deferred, []
        for one in deferred:
            if one.early:
                if now < one.until:
                    still.append(one)
                else:
                    self._asked(one.front, one.ask)
            elif not self._grant(one.front, one.ask, scarce=True):
                if one.waiting and now < one.until:
                    still.append(one)
                else:
                    self._refuse(one.front, one.ask)
        self._deferred += still

    def _leave(self, front: _Front) -> None:
        if self._fronts.get(front.life) is front:
            del self._fronts[front.life]
            self._gone[front.life] = self._clock() + GONE_SECONDS
            self._deferred = [one for one in self._deferred if one.front is not front]
            self._answered(front.life, None)

    def _forget(self) -> None:
        now = self._clock()
        for life in [life for life, until in self._gone.items() if until <= now]:
            del self._gone[life]
            self._counters.hold(life, {})
            for holders in self._holders.values():
                holders.pop(life, None)
        if now - self._swept > _SWEEP_SECONDS:
            self._swept = now
            self._counters.sweep()
            kept = now - _HELD_SECONDS
            found = {of: {life: at for life, at in held.items() if at > kept} for of, held in self._holders.items()}
            self._holders = {of: held for of, held in found.items() if held}

    async def _write(self) -> None:
        rows, sequences = self._counters.rows(), self._unwritten
        if not rows and not sequences:
            return
        self._unwritten = {}
        if await self._store.write(rows, sequences):
            for life, sequence in sequences.items():
                if (front := self._fronts.get(life)) is not None:
                    front.answer.written = sequence
        else:
            self._counters.changed |= {row[:3] for row in rows}
            self._unwritten = sequences | self._unwritten
