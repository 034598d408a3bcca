"""Les lots de fenêtres, communs à toutes les requêtes d'un exemplaire : le moteur n'en mène qu'un à la fois.

Un lot se calcule d'un trait (`TranscribeEngine.fits`), et les fenêtres d'un fichier n'y sont jamais avec celles d'un
flux. Ses résultats sont rendus dès qu'il finit, puis le lot suivant est choisi : une phrase close n'attend donc que le
lot en cours, et passe avant les fichiers. Ceux-ci ont tout de même leur lot après quelques lots de phrases de suite. Un
texte provisoire n'est calculé que si aucune phrase n'attend ; fichiers et provisoires alternent. Dans un rang, les
appelants passent chacun à leur tour. Un lot de fichiers incomplet attend un peu ceux qui vont revenir
(`server.worker.gathering`), si aucun flux n'attend.
"""

import asyncio
import time
from collections.abc import Callable, Hashable, Iterable
from contextlib import AbstractAsyncContextManager
from enum import Enum

from server.engines.base_audio import SAMPLE_RATE, Recognition, RecognitionWindow, TranscribeEngine
from server.errors import EngineFailed
from server.fair import FairQueue
from server.worker.gathering import Gathering
from server.worker.measures import BATCHES, COMPUTE, measures

_FINALS_IN_A_ROW = 8
"""Lots de phrases closes menés de suite tant qu'un fichier attend : au-delà, un lot de fichiers passe."""


class Rank(Enum):
    """Ce qu'une fenêtre attend."""

    FINAL = "final"
    """Phrase close d'un flux en direct."""
    FILE = "file"
    """Fenêtre d'un fichier."""
    DRAFT = "draft"
    """Phrase en cours, que la suite remplacera."""


class Ticket:
    """Fenêtre confiée au moteur."""

    def __init__(self, batcher: "WindowBatcher", window: RecognitionWindow, caller: str, request: Hashable) -> None:
        self._batcher = batcher
        self.window = window
        self.caller = caller
        self.request = request
        """Requête de cette fenêtre ; `None` : elle en est une à elle seule."""
        self.future: asyncio.Future[Recognition] = asyncio.get_running_loop().create_future()
        """Ce que le moteur a entendu, ou son échec."""
        self.batch: asyncio.Future[None] | None = None
        """Fin du lot de cette fenêtre, dès qu'il a commencé."""

    @property
    def started(self) -> bool:
        """Vrai dès que le lot de cette fenêtre a commencé."""
        return self.batch is not None

    @property
    def done(self) -> bool:
        """Vrai si le moteur a répondu, ou si la fenêtre est abandonnée."""
        return self.future.done()

    @property
    def failed(self) -> bool:
        """Vrai si le moteur a échoué sur cette fenêtre, ou si elle est abandonnée."""
        return self.future.done() and (self.future.cancelled() or self.future.exception() is not None)

    def promote(self) -> None:
        """La phrase en cours s'est close telle quelle : sa fenêtre passe avec les finales, si elle attend encore."""
        self._batcher.promote(self)

    def cancel(self) -> None:
        """Abandonne la fenêtre ; elle n'est pas calculée si son lot n'a pas commencé."""
        self.future.cancel()


class WindowBatcher:
    """Files des fenêtres en attente ; une fenêtre abandonnée avant son lot n'est jamais calculée."""

    def __init__(self, engine: TranscribeEngine, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._clock = clock
        self._gathering = Gathering(lambda: engine.batch_wait, clock)
        self._waiting: dict[Rank, FairQueue[Ticket, None]] = {rank: FairQueue() for rank in Rank}
        self._served = dict.fromkeys(Rank, 0)
        self._serial = 0
        self._finals_in_a_row = 0
        self._task: asyncio.Task[None] | None = None

    def submit(self, window: RecognitionWindow, rank: Rank, caller: str = "", request: Hashable = None) -> Ticket:
        """Met une fenêtre de cet appelant en attente."""
        ticket = Ticket(self, window, caller, request)
        ticket.future.add_done_callback(lambda _: self._withdraw(ticket))
        self._waiting[rank].push(ticket, None, caller)
        self._gathering.arrived(request)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._drain())
        return ticket

    def waiting(self) -> dict[str, int]:
        """Fenêtres en attente, par rang."""
        return {rank.value: len(queue) for rank, queue in self._waiting.items()}

    @property
    def backlog(self) -> int:
        """Fenêtres de fichiers en attente."""
        return len(self._waiting[Rank.FILE])

    def reading(self, request: Hashable) -> AbstractAsyncContextManager[None]:
        """Le temps de lire un fichier : un lot incomplet peut attendre sa première fenêtre."""
        return self._gathering.reading(request)

    def promote(self, ticket: Ticket) -> None:
        """Fait passer une fenêtre en attente du rang provisoire au rang final."""
        if self._waiting[Rank.DRAFT].remove(ticket):
            self._waiting[Rank.FINAL].push(ticket, None, ticket.caller)

    async def recognize(self, window: RecognitionWindow, caller: str = "", request: Hashable = None) -> Recognition:
        """Transcrit une fenêtre de fichier, dans le prochain lot qui a de la place.

        Abandonnée pendant son lot, elle en attend la fin : d'ici là, le moteur n'est pas libre.

        Raises:
            EngineFailed: échec du lot.
            EngineDead: le moteur ne peut plus servir.
        """
        ticket = self.submit(window, Rank.FILE, caller, request)
        try:
            return await ticket.future
        except asyncio.CancelledError:
            if ticket.batch is not None:
                await asyncio.shield(ticket.batch)
            raise

    async def _drain(self) -> None:
        while True:
            await self._gathering.wait(self._short, self._requests)
            rank, batch = self._next()
            if not batch:
                return
            begun = self._clock()
            over = asyncio.get_running_loop().create_future()
            for ticket in batch:
                ticket.batch = over
            try:
                results = await self._engine.transcribe([ticket.window for ticket in batch])
                if len(results) != len(batch):
                    raise EngineFailed(f"Le moteur a rendu {len(results)} résultats pour {len(batch)} fenêtres.")
            except Exception as error:
                for ticket in batch:
                    if not ticket.done:
                        ticket.future.set_exception(error)
                continue
            finally:
                over.set_result(None)
            self._measure(rank, batch, self._clock() - begun)
            if rank is Rank.FILE:
                self._gathering.ended(self._clock() - begun, _requests(batch), self._requests())
            for ticket, result in zip(batch, results, strict=True):
                if not ticket.done:
                    ticket.future.set_result(result)

    def _measure(self, rank: Rank, batch: list[Ticket], seconds: float) -> None:
        lengths = [len(ticket.window.samples) / SAMPLE_RATE for ticket in batch]
        measures.observe("batch_windows", BATCHES, len(batch), rank.value)
        measures.observe("batch_seconds", COMPUTE, seconds, rank.value)
        measures.count("batch_audio_seconds_total", sum(lengths), rank.value)
        measures.count("batch_padding_seconds_total", max(lengths) * len(batch) - sum(lengths), rank.value)

    def _short(self) -> bool:
        """Vrai si seuls des fichiers attendent, en moins d'un lot."""
        ready = [rank for rank, queue in self._waiting.items() if queue]
        return ready == [Rank.FILE] and self.backlog < self._engine.max_batch

    def _requests(self) -> set[Hashable]:
        return _requests(self._waiting[Rank.FILE].refusable())

    def _next(self) -> tuple[Rank, list[Ticket]]:
        while (rank := self._choose()) is not None:
            first = self._first(rank)
            if first is None:
                continue
            batch = [first]
            self._fill(batch, rank)
            if rank is Rank.FINAL:
                # La place qui reste est gratuite pour un provisoire, s'il n'allonge pas le lot.
                self._fill(batch, Rank.DRAFT, max(len(ticket.window.samples) for ticket in batch))
            return rank, batch
        return Rank.FILE, []

    def _choose(self) -> Rank | None:
        """Rang du lot suivant ; `None` si rien n'attend."""
        ready = [rank for rank, queue in self._waiting.items() if queue]
        if not ready:
            return None
        if Rank.FINAL in ready:
            tired = Rank.FILE in ready and self._finals_in_a_row >= _FINALS_IN_A_ROW
            chosen = Rank.FILE if tired else Rank.FINAL
        else:
            chosen = min(ready, key=self._served.__getitem__)
        self._finals_in_a_row = self._finals_in_a_row + 1 if chosen is Rank.FINAL and Rank.FILE in ready else 0
        self._serial += 1
        self._served[chosen] = self._serial
        return chosen

    def _first(self, rank: Rank) -> Ticket | None:
        queue = self._waiting[rank]
        while queue:
            ticket, _ = queue.pop()
            # Abandonnée à l'instant : son retrait de la file n'a pas encore eu lieu.
            if not ticket.done:
                return ticket
        return None

    def _fill(self, batch: list[Ticket], rank: Rank, longest: int | None = None) -> None:
        """Complète un lot de ce qui attend à ce rang et s'y calcule d'un trait, en au plus `longest` échantillons."""
        windows = [ticket.window for ticket in batch]

        def joins(ticket: Ticket) -> bool:
            short = longest is None or len(ticket.window.samples) <= longest
            return short and not ticket.done and self._engine.fits(windows, ticket.window)

        most = self._engine.max_batch if rank is Rank.FILE else self._engine.max_live_batch
        while len(batch) < most and (found := self._waiting[rank].pop_where(joins)) is not None:
            batch.append(found)
            windows.append(found.window)

    def _withdraw(self, ticket: Ticket) -> None:
        for queue in self._waiting.values():
            queue.remove(ticket)


def _requests(tickets: Iterable[Ticket]) -> set[Hashable]:
    """Requêtes de ces fenêtres."""
    return {ticket.request or ticket for ticket in tickets}
