"""Du nom d'un modèle à la liaison de son exemplaire le moins chargé, en le faisant charger au besoin."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable

from server.domain import Capability, Limits
from server.errors import ControlUnavailable, InvalidRequest, ModelNotFound, PasserelleError, QueueFull, WrongCapability
from server.fair import FairQueue
from server.front.routing.control_client import still_loading
from server.front.routing.links import Connect, LinkPool, WorkerLink
from server.front.routing.routes import Control, ModelRoute
from server.front.routing.shares import Shares
from server.link.client import LinkClient
from server.rpc.auth import SCOPE_OF, permit, permit_model
from server.rpc.caller import caller, patience
from server.shown import shown

logger = logging.getLogger(__name__)

_FIRST_ROUTES_SECONDS = 5.0
_RETRY_SECONDS = 0.2
_LAST_RETRY_SECONDS = 2.0
_SILENCE_POLL_SECONDS = 1.0
_ANSWER_SECONDS, _ANSWER_SHARE = 0.5, 0.1
"""Ce qu'on garde d'une attente, en secondes et en part au plus : le plan de contrôle doit répondre avant ce front, car
lui sait quand revenir, et ce front avant que l'appelant ne renonce."""

_NAMES = {
    Capability.CHAT: "la conversation",
    Capability.TRANSCRIBE: "la transcription",
    Capability.DIARIZE: "la diarisation",
}


class Reservation:
    """Exemplaire réservé pour une requête, jusqu'à `release`."""

    def __init__(self, pool: LinkPool, link: WorkerLink, route: ModelRoute) -> None:
        assert link.client is not None
        self.link: LinkClient = link.client
        self.route = route
        self._pool = pool
        self._held: WorkerLink | None = link

    def release(self) -> None:
        """Rend l'exemplaire ; peut être appelée deux fois."""
        if self._held is not None:
            self._pool.give_back(self._held)
            self._held = None


class Router:
    """Routes en vigueur et liaisons ouvertes."""

    def __init__(
        self,
        control: Control,
        connect: Connect,
        limits: Limits,
        *,
        shares: Shares | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._control = control
        self._limits = limits
        self.shares = shares or Shares({})
        """Part de chaque appelant, dans la file des chargements comme chez les exemplaires."""
        self._clock = clock
        self._routes: dict[str, ModelRoute] = {}
        self._known = False
        self._pending: FairQueue[asyncio.Timeout, None] = FairQueue()
        self._changed = asyncio.Event()
        self._pool = LinkPool(connect, self._signal)

    async def watch(self) -> None:
        """Suit les routes jusqu'à l'annulation ; une coupure laisse les dernières en vigueur."""
        delay = _RETRY_SECONDS
        while True:
            try:
                async for routes in self._control.watch():
                    delay = _RETRY_SECONDS
                    self._replace(routes)
            except PasserelleError as error:
                logger.warning("routes_lost", extra={"reason": error.reason})
            await asyncio.sleep(delay)
            delay = min(delay * 2, _LAST_RETRY_SECONDS)

    async def aclose(self) -> None:
        """Ferme toutes les liaisons."""
        await self._pool.aclose()

    async def routes(self) -> tuple[ModelRoute, ...]:
        """Modèles du profil, dans l'ordre.

        Raises:
            ControlUnavailable: aucune route reçue depuis le démarrage.
        """
        if not self._known:
            await self._first_routes()
        return tuple(self._routes.values())

    async def find(self, name: str) -> ModelRoute:
        """Route de cette clé ou de cet alias.

        Raises:
            ModelNotFound: nom inconnu ; le message dit ce qui existe.
            ModelNotAllowed: modèle que la clé de l'appelant ne permet pas.
        """
        routes = await self.routes()
        route = next((r for r in routes if r.answers_to(name)), None)
        if route is None:
            who = caller.get()
            # Une clé limitée à des modèles n'apprend pas les autres.
            available = ", ".join(r.key for r in routes if who.may_use(r.key))
            raise ModelNotFound(
                f"Le modèle « {shown(name)} » n'existe pas ; modèles disponibles : {available or 'aucun'}.",
                metadata={"field": "model", "model": name, "available": available},
            )
        permit_model(caller.get(), route.key)
        return route

    async def route_for(self, name: str, capability: Capability, *, field: str = "model") -> ModelRoute:
        """Route de ce nom, de la capacité voulue ; sans nom, le seul modèle de cette capacité.

        `field` est le champ où la requête dit ce nom.

        Raises:
            ModelNotFound: nom inconnu, ou aucun modèle de cette capacité.
            WrongCapability: modèle d'une autre capacité.
            InvalidRequest: aucun nom, et plusieurs modèles ; le message les nomme.
            ScopeNotAllowed, ModelNotAllowed: ce que la clé de l'appelant ne permet pas.
        """
        # La portée de la méthode ne suffit pas : une transcription avec locuteurs mène aussi une diarisation.
        permit(caller.get(), SCOPE_OF[capability.value])
        if not name:
            return await self._only(capability, field)
        route = await self.find(name)
        if route.capability is not capability:
            raise WrongCapability(
                f"Le modèle « {name} » sert {_NAMES[route.capability]}, pas {_NAMES[capability]}.",
                metadata={"field": "model", "model": name, "capability": route.capability.value},
            )
        return route

    def take(self, route: ModelRoute) -> Reservation | None:
        """Réserve l'exemplaire le moins chargé, sans attendre ; `None` si aucun n'est joignable."""
        link = self._pool.take(route.sockets) if route.ready else None
        return None if link is None else Reservation(self._pool, link, route)

    async def wait(self, route: ModelRoute, timeout: float | None) -> Reservation:
        """Attend un exemplaire le temps que demande son chargement, en le faisant charger au besoin.

        L'attente finit avant l'échéance de l'appelant (`timeout`, ou le délai que son SDK annonce) : il reçoit alors
        pourquoi, et quand revenir.

        Raises:
            ModelNotDownloaded: poids absents.
            ModelLoading: attente dépassée.
            ModelLoadFailed: chargement raté.
            QueueFull: trop de requêtes attendent déjà un chargement.
            ControlUnavailable: plan de contrôle injoignable, modèle non chargé.
        """
        budget = route.load_wait or self._limits.load_wait_seconds
        for deadline in (timeout, patience.get()):
            if deadline is not None:
                budget = min(budget, deadline - _kept(deadline))
        end = self._clock() + budget
        kept = True
        try:
            async with asyncio.timeout(budget) as timer:
                self._enter(timer)
                try:
                    return await self._reserved(route, budget, end)
                finally:
                    kept = self._pending.remove(timer)
        except TimeoutError:
            raise (still_loading(route.key, budget) if kept else self._crowded()) from None

    async def _reserved(self, route: ModelRoute, budget: float, end: float) -> Reservation:
        while True:
            if not route.ready:
                left = end - self._clock() - _kept(budget)
                self._update(await self._control.ensure_loaded(route.key, max(0.0, left)))
            route = self._routes.get(route.key, route)
            reserved = self.take(route)
            if reserved is not None:
                return reserved
            # Un exemplaire qui se tait peut reparler sans que rien d'autre ne le signale.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_SILENCE_POLL_SECONDS):
                    await self._changed.wait()
            route = self._routes.get(route.key, route)

    def _enter(self, timer: asyncio.Timeout) -> None:
        """Compte une attente ; s'il y en a trop, finit celle de trop : elle, ou celle d'un appelant qui en a plus."""
        who = self.shares.lane()
        if len(self._pending) >= self._limits.max_pending_loads:
            surplus = self._pending.surplus(who)
            if surplus is None:
                raise self._crowded()
            self._pending.remove(surplus)
            if not surplus.expired():
                surplus.reschedule(asyncio.get_running_loop().time())
        self._pending.push(timer, None, who)

    def _crowded(self) -> QueueFull:
        limit = self._limits.max_pending_loads
        return QueueFull(
            f"Trop de requêtes attendent déjà un chargement ({limit}, la limite) ; réessayez bientôt.",
            metadata={"field": "max_pending_loads", "limit": str(limit), "value": str(limit + 1)},
            retry_after=5.0,
        )

    async def _only(self, capability: Capability, field: str) -> ModelRoute:
        who = caller.get()
        found = [r for r in await self.routes() if r.capability is capability]
        routes = [r for r in found if who.may_use(r.key)]
        if found and not routes:
            permit_model(who, found[0].key)
        if not routes:
            raise ModelNotFound(f"Aucun modèle de ce serveur ne sert {_NAMES[capability]}.", metadata={"field": field})
        if len(routes) > 1:
            available = ", ".join(r.key for r in routes)
            raise InvalidRequest(
                f"{field} : plusieurs modèles servent {_NAMES[capability]} ; choisissez : {available}.",
                metadata={"field": field, "available": available},
            )
        return routes[0]

    async def _first_routes(self) -> None:
        try:
            async with asyncio.timeout(_FIRST_ROUTES_SECONDS):
                while not self._known:
                    await self._changed.wait()
        except TimeoutError:
            raise ControlUnavailable(
                "Le plan de contrôle n'a pas encore donné la liste des modèles ; réessayez dans un instant.",
                retry_after=2.0,
            ) from None

    def _replace(self, routes: tuple[ModelRoute, ...]) -> None:
        self._routes = {route.key: route for route in routes}
        self._known = True
        self._sync()

    def _update(self, route: ModelRoute) -> None:
        self._routes[route.key] = route
        self._sync()

    def _sync(self) -> None:
        self._pool.sync(path for route in self._routes.values() for path in route.sockets)
        self._signal()

    def _signal(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def _kept(seconds: float) -> float:
    return min(_ANSWER_SECONDS, seconds * _ANSWER_SHARE)
