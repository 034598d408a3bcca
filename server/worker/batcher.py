"""Les lots de fenêtres, communs à toutes les requêtes d'un exemplaire : le moteur n'en mène qu'un à la fois.

Les fenêtres ont un rang. Un texte provisoire n'est calculé que si aucune phrase finale n'attend ; à rang permis, celui
qui n'a pas été servi depuis le plus longtemps passe : ni un long fichier ni un flux rapide n'affame les autres. Dans un
rang, les appelants passent chacun à leur tour.
"""

import asyncio
from enum import Enum

from server.engines.base_audio import Recognition, RecognitionWindow, TranscribeEngine
from server.errors import EngineFailed
from server.fair import FairQueue


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

    def __init__(self, batcher: "WindowBatcher", window: RecognitionWindow, caller: str) -> None:
        self._batcher = batcher
        self.window = window
        self.caller = caller
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

    def __init__(self, engine: TranscribeEngine) -> None:
        self._engine = engine
        self._waiting: dict[Rank, FairQueue[Ticket, None]] = {rank: FairQueue() for rank in Rank}
        self._served = dict.fromkeys(Rank, 0)
        self._serial = 0
        self._task: asyncio.Task[None] | None = None

    def submit(self, window: RecognitionWindow, rank: Rank, caller: str = "") -> Ticket:
        """Met une fenêtre de cet appelant en attente."""
        ticket = Ticket(self, window, caller)
        ticket.future.add_done_callback(lambda _: self._withdraw(ticket))
        self._waiting[rank].push(ticket, None, caller)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._drain())
        return ticket

    def promote(self, ticket: Ticket) -> None:
        """Fait passer une fenêtre en attente du rang provisoire au rang final."""
        if self._waiting[Rank.DRAFT].remove(ticket):
            self._waiting[Rank.FINAL].push(ticket, None, ticket.caller)

    async def recognize(self, window: RecognitionWindow, caller: str = "") -> Recognition:
        """Transcrit une fenêtre de fichier, dans le prochain lot qui a de la place.

        Abandonnée pendant son lot, elle en attend la fin : d'ici là, le moteur n'est pas libre.

        Raises:
            EngineFailed: échec du lot.
            EngineDead: le moteur ne peut plus servir.
        """
        ticket = self.submit(window, Rank.FILE, caller)
        try:
            return await ticket.future
        except asyncio.CancelledError:
            if ticket.batch is not None:
                await asyncio.shield(ticket.batch)
            raise

    async def _drain(self) -> None:
        while batch := self._next():
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
            for ticket, result in zip(batch, results, strict=True):
                if not ticket.done:
                    ticket.future.set_result(result)

    def _next(self) -> list[Ticket]:
        batch: list[Ticket] = []
        while len(batch) < self._engine.max_batch and (ticket := self._pick()) is not None:
            batch.append(ticket)
        return batch

    def _pick(self) -> Ticket | None:
        while ready := [rank for rank, queue in self._waiting.items() if queue]:
            if Rank.FINAL in ready and Rank.DRAFT in ready:
                ready.remove(Rank.DRAFT)
            rank = min(ready, key=self._served.__getitem__)
            ticket, _ = self._waiting[rank].pop()
            # Abandonnée à l'instant : son retrait de la file n'a pas encore eu lieu.
            if ticket.done:
                continue
            self._serial += 1
            self._served[rank] = self._serial
            return ticket
        return None

    def _withdraw(self, ticket: Ticket) -> None:
        for queue in self._waiting.values():
            queue.remove(ticket)
