"""Les liaisons d'un front vers les exemplaires, ouvertes dès que la route les nomme, rouvertes si elles se coupent."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from itertools import count

from server.errors import PasserelleError
from server.link.client import LinkClient

logger = logging.getLogger(__name__)

Connect = Callable[[str], Awaitable[LinkClient]]
"""Ouvre la liaison d'une prise."""

_FIRST_RETRY = 0.05
_LAST_RETRY = 1.0
_CONNECT_SECONDS = 5.0


class WorkerLink:
    """Une prise d'exemplaire et sa liaison."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.client: LinkClient | None = None
        self.reserved = 0
        self.last_used = 0
        self.wanted = True
        self.task: asyncio.Task[None] | None = None

    @property
    def usable(self) -> bool:
        """Vrai si une requête peut y partir."""
        return self.client is not None and not self.client.closed and not self.client.silent

    @property
    def charge(self) -> tuple[int, int, int]:
        """Ordre de préférence, la plus petite d'abord.

        La charge annoncée retarde d'une étape ; les requêtes parties d'ici la complètent, et le dernier usage
        départage les égales.
        """
        assert self.client is not None
        load = self.client.load
        return max(load.running + load.waiting, self.reserved), self.reserved, self.last_used


class LinkPool:
    """Toutes les liaisons d'un front."""

    def __init__(self, connect: Connect, on_change: Callable[[], None]) -> None:
        self._connect = connect
        self._on_change = on_change
        self._links: dict[str, WorkerLink] = {}
        self._uses = count(1)

    def sync(self, sockets: Iterable[str]) -> None:
        """Garde une liaison par prise, et referme les autres quand leurs requêtes sont finies."""
        wanted = set(sockets)
        for path in wanted:
            link = self._links.get(path)
            if link is None:
                link = self._links[path] = WorkerLink(path)
                link.task = asyncio.create_task(self._keep(link))
            link.wanted = True
        for path, link in list(self._links.items()):
            if path not in wanted:
                link.wanted = False
                if link.reserved == 0:
                    self._forget(link)

    def take(self, sockets: Iterable[str]) -> WorkerLink | None:
        """Réserve la liaison la moins chargée parmi ces prises ; à rendre par `give_back`."""
        usable = [link for path in sockets if (link := self._links.get(path)) is not None and link.usable]
        if not usable:
            return None
        link = min(usable, key=lambda each: each.charge)
        link.reserved += 1
        link.last_used = next(self._uses)
        return link

    def give_back(self, link: WorkerLink) -> None:
        """Rend une liaison réservée."""
        link.reserved -= 1
        if not link.wanted and link.reserved == 0:
            self._forget(link)

    async def aclose(self) -> None:
        """Ferme tout."""
        tasks = [link.task for link in self._links.values() if link.task is not None]
        self._links.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _forget(self, link: WorkerLink) -> None:
        if self._links.get(link.path) is link:
            del self._links[link.path]
        if link.task is not None:
            link.task.cancel()

    async def _keep(self, link: WorkerLink) -> None:
        delay = _FIRST_RETRY
        try:
            while True:
                try:
                    async with asyncio.timeout(_CONNECT_SECONDS):
                        client = await self._connect(link.path)
                except (OSError, TimeoutError, PasserelleError) as error:
                    logger.warning("link_unreachable", extra={"socket": link.path, "error": str(error)})
                    await asyncio.sleep(delay)
                    delay = min(delay * 2, _LAST_RETRY)
                    continue
                delay = _FIRST_RETRY
                link.client = client
                logger.info("link_opened", extra={"socket": link.path})
                self._on_change()
                await client.wait_closed()
                logger.warning("link_lost", extra={"socket": link.path})
                self._on_change()
        finally:
            if link.client is not None:
                await link.client.aclose()
