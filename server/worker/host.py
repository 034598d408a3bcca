"""L'accueil des requêtes dans un exemplaire : admission, file bornée, abandon, charge."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial

from passerelle.worker.v1 import link_pb2

from server.engines.base import Engine, PushingEngine, share, trace
from server.errors import (
    DeadlineExceeded,
    EngineDead,
    EngineFailed,
    EngineUnavailable,
    PasserelleError,
    QueueFull,
    ShuttingDown,
    WorkerLost,
)
from server.fair import share_of
from server.link.framing import from_failure
from server.link.inputs import RequestInput
from server.link.server import FrontLink
from server.shortage import shortage
from server.worker.handlers import CHATS, STREAMS, Handlers, handlers_for
from server.worker.measures import measures
from server.worker.nap import Nap
from server.worker.parts import in_parts
from server.worker.seats import Seat, Seats
from server.worker.tokenization import COUNTS
from server.worker.turnover import Turnover
from server.worker.vocabulary import outside

logger = logging.getLogger(__name__)

_RETRY_SECONDS = 1.0
_LIVE_SHARE = 0.8
"""Part du délai d'arrêt laissée aux flux en direct pour finir d'eux-mêmes ; le reste sert à les clore proprement."""

_COUNTS_AT_ONCE = 8
"""Décomptes de jetons menés hors de la file, où une génération ferait attendre des secondes ce qui dure un instant."""

JobKey = tuple[FrontLink, int]


@dataclass(slots=True)
class _Job:
    """Requête en cours."""

    task: asyncio.Task[None]
    seat: Seat
    started: float
    abandoned: bool = False


class WorkerHost:
    """Admet les requêtes des fronts et les mène sur le moteur, à chaque appelant son tour.

    Quand la file est pleine, la requête refusée est celle qui est de trop : la plus récente en attente de l'appelant
    qui en tient le plus. Une requête abandonnée tient sa place tant que le moteur ne l'a pas lâchée.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        max_waiting: int,
        on_dead: Callable[[str], None],
        handlers: Handlers | None = None,
        max_live: int = 32,
        spare_live: int = 0,
        on_load: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_load` suit chaque requête admise, mise en attente ou finie."""
        self._engine = engine
        self._push = engine.push if isinstance(engine, PushingEngine) else None
        self._handlers = handlers if handlers is not None else handlers_for(engine)
        self._max_waiting = max_waiting
        self._max_live = max_live
        self._spare_live = spare_live
        self._on_dead = on_dead
        self._on_load = on_load
        self._running: dict[JobKey, _Job] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._inputs: dict[JobKey, RequestInput] = {}
        self._deadlines: dict[JobKey, asyncio.TimerHandle] = {}
        self._turnover = Turnover()
        self._steps = 0
        self._draining = False
        self._parting: Callable[[str], PasserelleError] = partial(ShuttingDown, retry_after=_RETRY_SECONDS)
        """Erreur des requêtes qu'un arrêt refuse ou interrompt, de ce message à moins qu'elle n'ait le sien."""
        self._idle = asyncio.Event()
        self._idle.set()
        self._still = asyncio.Event()
        self._still.set()
        self.nap = Nap(engine, self._still, self._admit)
        self._seats: Seats[JobKey] = Seats(lambda: engine.max_running, lambda: self.nap.holding)
        self._counts: Seats[JobKey] = Seats(lambda: _COUNTS_AT_ONCE, lambda: self.nap.holding)
        self._live: Seats[JobKey] = Seats(lambda: max_live, lambda: self.nap.holding)

    def load(self) -> link_pb2.Load:
        """Charge de cet instant."""
        return link_pb2.Load(
            running=len(self._running),
            waiting=self._seats.waiting,
            max_running=self._engine.max_running,
            max_waiting=self._max_waiting,
            steps=self._steps,
            asleep=self.nap.asleep,
        )

    def submit(self, link: FrontLink, request: link_pb2.Submit) -> None:
        """Admet une requête, la met en attente, ou la refuse aussitôt."""
        key = (link, request.id)
        if self._draining:
            link.fail(request.id, self._parting("Le modèle s'arrête ; réessayez."))
            return
        if (error := outside(self._engine, request)) is not None:
            link.fail(request.id, error)
            return
        if request.kind in STREAMS:
            if self.nap.holding:
                link.fail(request.id, ShuttingDown("Le modèle dort ; réessayez.", retry_after=_RETRY_SECONDS))
                return
            # Un flux peut durer des heures : qui n'en a aucun n'attend pas que celui qui les a tous en finisse un.
            limit = self._max_live + (0 if self._live.held(request.caller) else self._spare_live)
            if len(self._inputs) >= limit:
                link.fail(request.id, self._too_many_live(limit))
                return
            self._inputs[key] = RequestInput(lambda size: link.give_back(request.id, size))
            self._start(key, request, self._live.take(request.caller, 1))
        elif request.kind in COUNTS and self._counts.room:
            self._start(key, request, self._counts.take(request.caller, 1))
        elif self._seats.room:
            self._start(key, request, self._seats.take(request.caller, max(1, request.weight)))
        else:
            if self._seats.waiting >= self._max_waiting and not self._make_room(request.caller):
                link.fail(request.id, self._full())
                return
            start = partial(self._start_late, key, request, self._turnover.now())
            self._seats.push(key, request.caller, max(1, request.weight), start)
            self._idle.clear()
            self._on_load()
        if request.timeout_seconds > 0:
            loop = asyncio.get_running_loop()
            self._deadlines[key] = loop.call_later(request.timeout_seconds, self._expire, key)

    def sleep(self, link: FrontLink, request: link_pb2.Sleep) -> None:
        """Endort le moteur ; les requêtes à venir attendront son réveil."""
        self._answer(link, request.id, self.nap.sleep(request.level, request.grace_seconds))

    def wake(self, link: FrontLink, request: link_pb2.Wake) -> None:
        """Réveille le moteur."""
        self._answer(link, request.id, self.nap.wake())

    def parting(self, link: FrontLink, request: link_pb2.Parting) -> None:
        """Retient pourquoi l'exemplaire va s'arrêter ; interrompt aussitôt ses requêtes si la demande le dit."""
        error = from_failure(request.failure)
        self._parting = lambda _message: error
        if request.now:
            self._draining = True
            self._interrupt()
        link.emit(request.id, b"", True)

    def measure(self, link: FrontLink, request: link_pb2.Measure) -> None:
        """Dit les mesures de l'exemplaire."""
        found = measures.told(
            queue=self._seats.callers(),
            gauges={"live_streams": len(self._inputs), "live_streams_max": self._max_live},
            engine=self._engine,
        )
        link.emit(request.id, found.SerializeToString(), False)
        link.emit(request.id, b"", True)

    def died(self) -> None:
        """Le moteur est mort : c'est ce que recevront les requêtes qu'il menait, non que le modèle s'arrête."""
        error = WorkerLost("Le moteur du modèle s'est arrêté ; réessayez.", retry_after=_RETRY_SECONDS)
        self._parting = lambda _message: error

    def input(self, link: FrontLink, chunk: link_pb2.InputChunk) -> None:
        """Suite d'un flux en direct, peut-être déjà fini."""
        key = (link, chunk.id)
        inputs = self._inputs.get(key)
        if inputs is None:
            return
        try:
            inputs.receive(chunk)
        except PasserelleError as error:
            link.fail(chunk.id, error)
            self._abandon(key)

    def cancel(self, link: FrontLink, request_id: int) -> None:
        """Abandonne une requête, peut-être déjà finie."""
        self._abandon((link, request_id))

    def lost(self, link: FrontLink) -> None:
        """Abandonne toutes les requêtes d'un front perdu."""
        for key in [k for k in (*self._seats, *self._running) if k[0] is link]:
            self._abandon(key)

    async def drain(self, grace: float) -> None:
        """N'admet plus rien, et attend la fin des requêtes au plus `grace` secondes."""
        self._draining = True
        if self.nap.holding:
            for key in self._seats:
                key[0].fail(key[1], self._parting("Le modèle s'arrête ; réessayez."))
                self._abandon(key)
        try:
            async with asyncio.timeout(grace):
                await self._end_by_themselves(grace * _LIVE_SHARE)
                await self._idle.wait()
        except TimeoutError:
            logger.warning("drain_timeout", extra={"running": len(self._running), "waiting": self._seats.waiting})
            self._interrupt()
        await asyncio.gather(*self._ending, return_exceptions=True)

    def _interrupt(self) -> None:
        for key in (*self._seats, *self._running):
            key[0].fail(key[1], self._parting("Le modèle s'est arrêté avant la fin ; réessayez."))
            self._abandon(key)

    async def _end_by_themselves(self, seconds: float) -> None:
        """Laisse finir les requêtes, puis clôt les flux en direct : ils rendent ce qu'ils ont entendu."""
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            for inputs in self._inputs.values():
                inputs.end()

    def _make_room(self, caller: str) -> bool:
        """Refuse la requête en trop d'un autre appelant ; faux si c'est celle qui arrive."""
        surplus = self._seats.surplus(caller)
        if surplus is None:
            return False
        surplus[0].fail(surplus[1], self._full())
        self._abandon(surplus)
        return True

    def _too_many_live(self, limit: int) -> QueueFull:
        return QueueFull(
            f"Ce modèle mène déjà {len(self._inputs)} flux en direct, sa limite.",
            metadata={
                "field": "max_live_streams",
                "limit": str(limit),
                "value": str(len(self._inputs) + 1),
            },
            retry_after=_RETRY_SECONDS,
        )

    def _full(self) -> QueueFull:
        return QueueFull(
            f"La file d'attente du modèle est pleine ({self._max_waiting} requêtes en attente, "
            f"{self._engine.max_running} en cours).",
            metadata={"limit": str(self._max_waiting), "value": str(self._seats.waiting)},
            retry_after=self._turnover.wait(
                self._seats.waiting, self._engine.max_running, (job.started for job in self._running.values())
            ),
        )

    def _start_late(self, key: JobKey, request: link_pb2.Submit, since: float, seat: Seat) -> None:
        key[0].entered(key[1], self._turnover.now() - since)
        self._start(key, request, seat)

    def _start(self, key: JobKey, request: link_pb2.Submit, seat: Seat) -> None:
        self._idle.clear()
        self._still.clear()
        task = asyncio.get_running_loop().create_task(self._run(key, request, seat))
        self._running[key] = _Job(task, seat, self._turnover.now())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        # Une tâche annulée avant son premier pas n'atteint pas ses propres `finally`.
        task.add_done_callback(lambda _: self._finish(key))
        self._on_load()

    def _expire(self, key: JobKey) -> None:
        error = DeadlineExceeded("Le délai de la requête est dépassé.")
        key[0].fail(key[1], error)
        self._abandon(key)

    def _abandon(self, key: JobKey) -> None:
        """Retire une requête de la file, ou dit à celle qui court de finir ; `_finish` rendra sa place."""
        self._seats.remove(key)
        self._forget(key)
        job = self._running.get(key)
        if job is None:
            self._admit()
            self._on_load()
        elif not job.abandoned:
            # Une seule fois : une seconde annulation interromprait l'attente de ce que le moteur finit.
            job.abandoned = True
            job.task.cancel()

    def _finish(self, key: JobKey) -> None:
        """Rend la place d'une requête et fait entrer les suivantes ; peut être appelée deux fois."""
        job = self._running.pop(key, None)
        if job is None:
            return
        self._forget(key)
        job.seat.free()
        self._admit()
        self._on_load()

    def _forget(self, key: JobKey) -> None:
        deadline = self._deadlines.pop(key, None)
        if deadline is not None:
            deadline.cancel()
        self._inputs.pop(key, None)

    def _admit(self) -> None:
        """Fait entrer les requêtes qui attendent, autant que le moteur en mène."""
        self._seats.admit()
        if not self._running:
            self._still.set()
            if not self._seats.waiting:
                self._idle.set()

    def _answer(self, link: FrontLink, request_id: int, work: Awaitable[None]) -> None:
        async def run() -> None:
            try:
                await work
                link.connection.send(link_pb2.Frame(load=self.load()))
                link.emit(request_id, b"", True)
            except PasserelleError as error:
                link.fail(request_id, error)

        task = asyncio.get_running_loop().create_task(run())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _run(self, key: JobKey, request: link_pb2.Submit, seat: Seat) -> None:
        link, request_id = key
        started = self._turnover.now()
        share.set(share_of(request.caller))
        if request.traceparent:
            trace.set({"traceparent": request.traceparent, "tracestate": request.tracestate})
        try:
            handler = self._handlers.get(request.kind)
            if handler is None:
                raise EngineUnavailable("Le moteur de ce modèle ne rend pas ce service.")
            inputs = self._inputs.get(key)

            def emit(item: bytes) -> None:
                self._steps += 1
                link.emit(request_id, item, False)

            if self._push is not None and request.stream and request.parts <= 1 and request.kind in CHATS:
                await self._push(CHATS[request.kind], request.payload, emit)
            else:
                several = request.parts > 1
                answer = in_parts(request, handler, seat, self._seats) if several else handler(request, inputs)
                async with aclosing(answer) as items:
                    async for item in items:
                        emit(item)
            if inputs is not None and inputs.cut:
                raise self._parting(
                    "Le modèle s'arrête : ce qui précède est complet, ouvrez un autre flux pour la suite."
                )
            link.emit(request_id, b"", True)
            if inputs is None and request.kind not in COUNTS:
                self._turnover.ended(started)
        except PasserelleError as error:
            link.fail(request_id, error)
        except EngineDead as error:
            logger.exception("engine_dead")
            self.died()
            link.fail(request_id, self._parting(""))
            self._on_dead(str(error))
        except Exception as error:
            logger.exception("engine_failed", extra={"request_id": request.request_id})
            link.fail(request_id, shortage(error) or EngineFailed("Le moteur a raté cette requête."))
        finally:
            self._finish(key)
