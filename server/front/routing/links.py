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


class Endpoint:
    """Une prise d'exemplaire et sa liaison."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.client: LinkClient | None = None
        self.leases = 0
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
        return max(load.running + load.waiting, self.leases), self.leases, self.last_used


class LinkPool:
    """Toutes les liaisons d'un front."""

    def __init__(self, connect: Connect, on_change: Callable[[], None]) -> None:
        self._connect = connect
        self._on_change = on_change
        self._endpoints: dict[str, Endpoint] = {}
        self._uses = count(1)

    def sync(self, sockets: Iterable[str]) -> None:
        """Garde une liaison par prise, et referme les autres quand leurs requêtes sont finies."""
        wanted = set(sockets)
        for path in wanted:
            endpoint = self._endpoints.get(path)
            if endpoint is None:
                endpoint = self._endpoints[path] = Endpoint(path)
                endpoint.task = asyncio.create_task(self._keep(endpoint))
            endpoint.wanted = True
        for path, endpoint in list(self._endpoints.items()):
            if path not in wanted:
                endpoint.wanted = False
                if endpoint.leases == 0:
                    self._forget(endpoint)

    def take(self, sockets: Iterable[str]) -> Endpoint | None:
        """Réserve la liaison la moins chargée parmi ces prises ; à rendre par `give_back`."""
        usable = [e for path in sockets if (e := self._endpoints.get(path)) is not None and e.usable]
        if not usable:
            return None
        endpoint = min(usable, key=lambda e: e.charge)
        endpoint.leases += 1
        endpoint.last_used = next(self._uses)
        return endpoint

    def give_back(self, endpoint: Endpoint) -> None:
        """Rend une liaison réservée."""
        endpoint.leases -= 1
        if not endpoint.wanted and endpoint.leases == 0:
            self._forget(endpoint)

    async def aclose(self) -> None:
        """Ferme tout."""
        tasks = [e.task for e in self._endpoints.values() if e.task is not None]
        self._endpoints.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _forget(self, endpoint: Endpoint) -> None:
        if self._endpoints.get(endpoint.path) is endpoint:
            del self._endpoints[endpoint.path]
        if endpoint.task is not None:
            endpoint.task.cancel()

    async def _keep(self, endpoint: Endpoint) -> None:
        delay = _FIRST_RETRY
        try:
            while True:
                try:
                    async with asyncio.timeout(_CONNECT_SECONDS):
                        client = await self._connect(endpoint.path)
                except (OSError, TimeoutError, PasserelleError) as error:
                    logger.warning("link_unreachable", extra={"socket": endpoint.path, "error": str(error)})
                    await asyncio.sleep(delay)
                    delay = min(delay * 2, _LAST_RETRY)
                    continue
                delay = _FIRST_RETRY
                endpoint.client = client
                logger.info("link_opened", extra={"socket": endpoint.path})
                self._on_change()
                await client.wait_closed()
                logger.warning("link_lost", extra={"socket": endpoint.path})
                self._on_change()
        finally:
            if endpoint.client is not None:
                await endpoint.client.aclose()
