"""Les baux d'un front sur les quotas : pris d'avance du plan de contrôle, rendus quand ils ne servent pas.

Une requête ne consulte que ce que ce front tient déjà. Un bail d'avance est demandé quand il baisse, sans qu'elle
l'attende ; elle n'attend que si la clé n'a rien ici, ou qu'il reste peu de sa limite. Un plan de contrôle tué n'arrête
donc personne avant la fin de son bail, et ce qui est rendu est redit jusqu'à ce qu'il l'ait écrit.
"""

import asyncio
import contextlib
import time
import uuid
from collections import deque
from collections.abc import AsyncIterator
from itertools import count
from math import inf
from typing import Any

import grpc
import grpc.aio
from passerelle.control.v1 import quotas_pb2, quotas_pb2_grpc

from server.domain import Limits
from server.errors import ControlUnavailable
from server.front.quotas.stock import Lots, Stock, Stocks
from server.quotas import METERS, Meter, Quota, What

_RETURN_SECONDS = 0.25
_RETRY_SECONDS = 0.2
_LAST_SECONDS = 1.5
_FORGOTTEN_SECONDS = 86_400.0
_QUIET_SECONDS = 0.5
"""Pause après le refus d'un bail d'avance."""


class Leases:
    """Baux de ce front."""

    def __init__(self, channel: grpc.aio.Channel, limits: Limits) -> None:
        self._stub = quotas_pb2_grpc.LeaseServiceStub(channel)
        self._limits = limits
        self._life = uuid.uuid4().hex[:12]
        self._stocks: dict[tuple[str, str], Stock] = {}
        self._keys: dict[str, tuple[Quota, Stocks]] = {}
        self._numbers = count(1)
        self._asks: dict[int, tuple[quotas_pb2.LeaseAsk, Stock, asyncio.Future[float] | None]] = {}
        """Demandes sans réponse ; celle qu'une requête attend a son avenir : l'attente conseillée, négative si c'est
        accordé."""
        self._unsent: deque[quotas_pb2.LeaseAsk] = deque()
        self._returns: list[quotas_pb2.LeaseReturn] = []
        self._recalled: list[quotas_pb2.LeaseOf] = []
        self._unwritten: deque[quotas_pb2.LeaseRequest] = deque()
        self._sequence = 0
        self._something, self._settled = asyncio.Event(), asyncio.Event()
        self._settled.set()
        self._due: asyncio.TimerHandle | None = None
        self._heard = False

    def stocks(self, key: str, quota: Quota) -> Stocks:
        """Ce que ce front tient sur les limites de cette clé."""
        known = self._keys.get(key)
        if known is None or known[0] is not quota:
            limits = quota.limits()
            found = Stocks(self._stock(key, meter, limits[name]) for name, meter in METERS.items() if name in limits)
            known = self._keys[key] = quota, found
        return known[1]

    def _stock(self, key: str, meter: Meter, limit: int) -> Stock:
        found = self._stocks.get((key, meter.name))
        if found is None:
            found = self._stocks[key, meter.name] = Stock(key, meter, limit, self._limits.quota_lease_percent)
        elif found.limit != limit * meter.unit:
            found.set_limit(limit, self._limits.quota_lease_percent)
            # Pris sous l'ancienne limite : sous la nouvelle, il serait peut-être de trop.
            self._give_up(found, inf)
        return found

    async def obtain(self, stock: Stock, need: int) -> Lots:
        """Prend `need` sur cette limite, en demandant un bail s'il le faut.

        Raises:
            RateLimitExceeded: il n'en reste pas assez.
            ControlUnavailable: le plan de contrôle ne répond pas.
        """
        while (taken := stock.take(need)) is None:
            refusal = stock.refusal(need)
            if refusal is not None:
                raise refusal
            await self._ask(stock, need)
        stock.last = need
        if stock.low:
            self.ahead(stock)
        return taken

    def ahead(self, stock: Stock) -> None:
        """Demande un bail d'avance."""
        if time.monotonic() >= stock.quiet_until:
            stock.asking = True
            self._send(stock, 0, stock.size, None)

    def give_back(self, stock: Stock, lots: Lots) -> None:
        """Rend ce qui n'a pas servi : gardé s'il est frais et que nul autre front n'en manque, sinon rendu au plan de
        contrôle."""
        stock.refused_until = 0.0
        fresh = time.time() - self._limits.quota_lease_seconds if time.monotonic() >= stock.quiet_until else inf
        for at, amount in lots:
            if at >= fresh:
                stock.put(at, amount, first=True)
            else:
                self._return(stock, at, amount)

    def owe(self, stock: Stock, amount: int) -> None:
        """Compte ce qui a été consommé de plus que ce qui était pris."""
        here = min(amount, stock.left)
        if here:
            stock.take(here)
        if amount > here:
            stock.used += amount - here
            self._return(stock, time.time(), here - amount)
            # Sans attendre : la demande suivante de cette clé doit le trouver compté.
            self._ready()

    async def run(self) -> None:
        """Parle au plan de contrôle, et rend ce qui vieillit, jusqu'à l'annulation."""
        sweeping = asyncio.create_task(self._sweep())
        try:
            while True:
                with contextlib.suppress(grpc.aio.AioRpcError):
                    await self._speak()
                await asyncio.sleep(_RETRY_SECONDS)
        finally:
            sweeping.cancel()
            await asyncio.gather(sweeping, return_exceptions=True)

    async def flush(self) -> None:
        """Rend tout, et attend un instant que ce soit écrit : ce front va s'arrêter."""
        for stock in self._stocks.values():
            self._give_up(stock, inf)
        if self._heard:
            self._ready()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LAST_SECONDS):
                    await self._settled.wait()

    async def _ask(self, stock: Stock, need: int) -> None:
        answer: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        before = stock.left
        missing = need - before
        number = self._send(stock, missing, missing + stock.size, answer)
        wait = self._limits.quota_wait_seconds
        try:
            async with asyncio.timeout(wait):
                refused = await answer
        except TimeoutError:
            raise ControlUnavailable(
                f"Le quota de la clé « {stock.key} » n'a pas pu être lu en {wait:g} s "
                "(PASSERELLE_QUOTA_WAIT_SECONDS) : le plan de contrôle ne répond pas.",
                metadata={"key": stock.key, "field": stock.meter.name, "limit": f"{wait:g}"},
                retry_after=1.0,
            ) from None
        finally:
            # Ce qui serait accordé à qui n'attend plus reste pour les suivants.
            if number in self._asks:
                ask, _, _ = self._asks[number]
                self._asks[number] = ask, stock, None
        # Un bail d'avance a pu arriver entre-temps : ce qui manque n'est plus ce qui a été refusé.
        if refused >= 0 and stock.left <= before:
            raise stock.refuse(need, refused)

    def _send(self, stock: Stock, need: int, want: int, answer: "asyncio.Future[float] | None") -> int:
        number = next(self._numbers)
        of = quotas_pb2.LeaseOf(key=stock.key, meter=stock.meter.name)
        ask = quotas_pb2.LeaseAsk(id=number, of=of, need=need, want=min(want, stock.limit), limit=stock.limit)
        self._asks[number] = ask, stock, answer
        self._unsent.append(ask)
        self._something.set()
        return number

    def _return(self, stock: Stock, at: float, amount: int) -> None:
        if stock.meter.what is What.PLACES:
            stock.held -= amount
        else:
            stock.used = max(0, stock.used - max(0, amount))
        of = quotas_pb2.LeaseOf(key=stock.key, meter=stock.meter.name)
        self._returns.append(quotas_pb2.LeaseReturn(of=of, amount=amount, at=at))
        self._settled.clear()
        if self._due is None:
            self._due = asyncio.get_running_loop().call_later(_RETURN_SECONDS, self._ready)

    def _ready(self) -> None:
        if self._due is not None:
            self._due.cancel()
        self._due = None
        self._something.set()

    def _give_up(self, stock: Stock, before: float) -> None:
        for at, amount in stock.stale(before):
            self._return(stock, at, amount)

    async def _sweep(self) -> None:
        kept = self._limits.quota_lease_seconds
        while True:
            await asyncio.sleep(kept / 4)
            before = time.time() - kept
            for of, stock in list(self._stocks.items()):
                self._give_up(stock, before)
                if stock.lots or stock.held or stock.asking:
                    continue
                if stock.reset_at < time.monotonic() - _FORGOTTEN_SECONDS:
                    # Oubliée d'un trait : rien ne garde d'elle un compte à part.
                    self._keys.pop(of[0], None)
                    del self._stocks[of]

    async def _speak(self) -> None:
        stream = self._stub.Lease()
        telling = asyncio.create_task(self._tell(stream))
        try:
            async for answer in stream:
                self._heard = True
                while self._unwritten and self._unwritten[0].sequence <= answer.written:
                    self._unwritten.popleft()
                if not (self._unwritten or self._returns):
                    self._settled.set()
                for grant in answer.grants:
                    self._granted(grant)
                for of in answer.recalls:
                    self._recall(of)
        finally:
            self._heard = False
            stream.cancel()
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)

    async def _tell(self, stream: Any) -> None:
        async for message in self._messages():
            await stream.write(message)

    async def _messages(self) -> AsyncIterator[quotas_pb2.LeaseRequest]:
        """Ce que ce front tient, ce qui n'est pas écrit, puis ce qui arrive."""
        hello = quotas_pb2.LeaseRequest(life=self._life)
        for stock in self._stocks.values():
            if stock.held:
                hello.held.add(of=quotas_pb2.LeaseOf(key=stock.key, meter=stock.meter.name), amount=stock.held)
        # Les places tenues viennent d'être dites : ce qui en avait été rendu y est déjà ôté.
        for unwritten in self._unwritten:
            kept = [one for one in unwritten.returns if METERS[one.of.meter].what is not What.PLACES]
            del unwritten.returns[:]
            unwritten.returns.extend(kept)
        self._returns = [one for one in self._returns if METERS[one.of.meter].what is not What.PLACES]
        self._unsent = deque(ask for ask, _, _ in self._asks.values())
        self._recalled = []
        again = tuple(self._unwritten)
        yield hello
        for unwritten in again:
            yield unwritten
        while True:
            message = self._message()
            if message is not None:
                yield message
                continue
            self._something.clear()
            await self._something.wait()

    def _message(self) -> quotas_pb2.LeaseRequest | None:
        asks, self._unsent = self._unsent, deque()
        recalled, self._recalled = self._recalled, []
        returns: list[quotas_pb2.LeaseReturn] = []
        if asks or self._due is None:
            # Une demande ne doit pas être jugée sans ce qui vient d'être rendu.
            returns, self._returns = self._returns, []
        if not (asks or returns or recalled):
            return None
        message = quotas_pb2.LeaseRequest(life=self._life, asks=asks, recalled=recalled)
        if returns:
            self._sequence += 1
            kept = quotas_pb2.LeaseRequest(life=self._life, sequence=self._sequence, returns=returns)
            self._unwritten.append(kept)
            message.MergeFrom(kept)
        return message

    def _granted(self, grant: quotas_pb2.LeaseGrant) -> None:
        asked = self._asks.pop(grant.id, None)
        if asked is None:
            return
        _, stock, answer = asked
        now = time.monotonic()
        stock.used, stock.reset_at = grant.used, now + grant.reset_seconds
        if grant.amount:
            if stock.meter.what is What.PLACES:
                stock.held += grant.amount
            stock.put(grant.at, grant.amount)
            stock.refused_until = 0.0
        if answer is None:
            stock.asking = False
            if not grant.amount:
                stock.quiet_until = now + _QUIET_SECONDS
        elif not answer.done():
            answer.set_result(-1.0 if grant.amount else grant.retry_seconds)

    def _recall(self, of: quotas_pb2.LeaseOf) -> None:
        """Rend tout ce qui n'est pas employé, aussitôt."""
        stock = self._stocks.get((of.key, of.meter))
        if stock is not None:
            self._give_up(stock, inf)
            stock.quiet_until = time.monotonic() + _QUIET_SECONDS
        self._recalled.append(quotas_pb2.LeaseOf(key=of.key, meter=of.meter))
        self._ready()
