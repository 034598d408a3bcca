"""Mener une génération : le point où REST et gRPC typé se rejoignent.

Quitter l'itérateur ou annuler la tâche abandonne la requête dans le moteur, qu'elle attende un chargement, une place ou
ses jetons.
"""

import asyncio
import time
from collections.abc import AsyncGenerator

from passerelle.worker.v1 import link_pb2

from server.domain import Capability, Limits
from server.engines.base import ChatKind
from server.engines.chat_tables import fields_of
from server.errors import EngineFailed
from server.front.chat.coalesce import Coalescer
from server.front.chat.counts import is_count, take_counts, without_null
from server.front.chat.expected import expected
from server.front.chat.request import OpenAiRequest
from server.front.metrics import FrontMetrics
from server.front.routing.call import WorkerCall, WorkerCalls
from server.front.routing.router import Reservation, Router
from server.front.routing.routes import ModelRoute
from server.link.call import LinkCall
from server.rpc.notes import note
from server.rpc.quotas import ticket

_KINDS = {
    ChatKind.CHAT: link_pb2.REQUEST_KIND_CHAT,
    ChatKind.COMPLETION: link_pb2.REQUEST_KIND_COMPLETION,
}


class Generation:
    """Génération d'un texte par l'exemplaire d'un modèle."""

    def __init__(
        self,
        router: Router,
        calls: WorkerCalls,
        coalescer: Coalescer,
        metrics: FrontMetrics,
        limits: Limits,
        *,
        notice_after: float = 1.0,
        notice_every: float = 10.0,
    ) -> None:
        self._router = router
        self._calls = calls
        self._coalescer = coalescer
        self._metrics = metrics
        self._limits = limits
        self._notice_after = notice_after
        self._notice_every = notice_every

    async def whole(self, request: OpenAiRequest, timeout: float | None) -> bytes:
        """JSON de la réponse entière.

        Raises:
            PasserelleError: de la route, de la liaison ou du moteur.
        """
        started = time.monotonic()
        route, payload = await self._check(request)
        async with self._open(request, payload, route, timeout, started) as call:
            parts = [item async for items in call for item in items]
        self._metrics.first(route.key, time.monotonic() - started)
        if len(parts) != 1:
            raise EngineFailed(f"Le moteur a rendu {len(parts)} réponses au lieu d'une.")
        if (found := note.get()) is not None:
            take_counts(found, parts[0])
        return parts[0]

    async def stream(
        self, request: OpenAiRequest, timeout: float | None, *, notice: bytes = b""
    ) -> AsyncGenerator[tuple[bytes, bool], None]:
        """Trames à envoyer, une suite par message, chacune avec un booléen vrai à la dernière.

        `notice` est envoyé de temps en temps pendant un chargement ; vide, rien ne part avant la première trame.

        Raises:
            PasserelleError: de la route, de la liaison ou du moteur.
        """
        started = time.monotonic()
        route, payload = await self._check(request)
        reserved = self._router.take(route)
        if reserved is None:
            waiting = asyncio.create_task(self._router.wait(route, timeout))
            try:
                patience = self._notice_after if notice else None
                while not (await asyncio.wait({waiting}, timeout=patience))[0]:
                    yield notice, False
                    patience = self._notice_every
                reserved = waiting.result()
            except BaseException:
                _abandon(waiting)
                raise
        key, coalescer = route.key, self._coalescer
        found, uncounted = note.get(), request.uncounted
        nulls = uncounted and fields_of(route.engine).null_usage
        if found is not None:
            found.stream = True
        frames = flushes = 0
        call: LinkCall | None = None
        # Une seule boucle de l'exemplaire au message : chaque générateur de plus coûterait à chaque trame.
        try:
            async with self._open(request, payload, route, timeout, started, reserved) as call:
                async for items in call:
                    done = call.done
                    if not done:
                        coalescer.hold(call)
                    if not flushes:
                        now = time.monotonic()
                        self._metrics.first(key, now - started)
                        if found is not None:
                            found.first, found.queued = now, call.waited
                            found.advance()
                    if (found is not None or uncounted) and is_count(items[-1]):
                        if found is not None:
                            take_counts(found, items[-1])
                        if uncounted:
                            items.pop()
                            if not items:
                                continue
                    if nulls:
                        items = [without_null(item) for item in items]
                    frames += len(items)
                    flushes += 1
                    if found is not None:
                        found.frames = frames
                    yield items[0] if len(items) == 1 else b"".join(items), done
        finally:
            if call is not None:
                coalescer.forget(call)
            self._metrics.streamed(key, frames, flushes)

    async def _check(self, request: OpenAiRequest) -> tuple[ModelRoute, bytes]:
        """Route du modèle, et ce que son moteur recevra : tout refus précède le chargement."""
        route = await self._router.route_for(request.model, Capability.CHAT)
        request.check_features(route.key, route.features)
        if (found := note.get()) is not None:
            found.options = request.told
        payload = request.for_engine(route.key, route.engine, self._limits)
        if (held := ticket.get()) is not None:
            await held.reserve(*expected(request, payload, route.context_tokens))
        return route, payload

    def _open(
        self,
        request: OpenAiRequest,
        payload: bytes,
        route: ModelRoute,
        timeout: float | None,
        started: float,
        reserved: Reservation | None = None,
    ) -> WorkerCall:
        return self._calls.open(
            route,
            _KINDS[request.kind],
            payload,
            label=request.kind.value,
            stream=request.stream,
            started=started,
            timeout=timeout,
            reserved=reserved,
            weight=request.choices,
            parts=request.prompts,
            token=request.token,
        )


def _abandon(waiting: "asyncio.Task[Reservation]") -> None:
    """Rend la place demandée, qu'elle soit déjà obtenue ou non."""

    def give_back(task: "asyncio.Task[Reservation]") -> None:
        if not task.cancelled() and task.exception() is None:
            task.result().release()

    waiting.cancel()
    waiting.add_done_callback(give_back)
