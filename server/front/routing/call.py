"""Appeler un exemplaire : le chemin commun de la conversation, des fichiers et du direct."""

import logging
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from passerelle.worker.v1 import link_pb2

from server.front.metrics import FrontMetrics
from server.front.routing.router import Reservation, Router
from server.front.routing.routes import ModelRoute
from server.link.call import LinkCall
from server.rpc.logs import request_id
from server.rpc.notes import note

logger = logging.getLogger(__name__)


class WorkerCalls:
    """Appels mesurés, chacun vers l'exemplaire le moins chargé de son modèle."""

    def __init__(self, router: Router, metrics: FrontMetrics) -> None:
        self._router = router
        self._metrics = metrics

    def open(
        self,
        route: ModelRoute,
        kind: "link_pb2.RequestKind",
        payload: bytes | Callable[[ModelRoute], bytes],
        *,
        label: str,
        started: float,
        timeout: float | None,
        reserved: Reservation | None = None,
        **options: Any,
    ) -> "WorkerCall":
        """Réponse d'un exemplaire, à lire dans le bloc ; en sortir avant sa fin l'abandonne et rend l'exemplaire.

        Args:
            payload: la requête, ou de quoi l'écrire : ce qu'un modèle honore n'est sûr qu'une fois chargé.
            label: nom de cette sorte de requête dans les mesures.
            started: instant (`time.monotonic`) d'où court `timeout`.
            reserved: exemplaire déjà réservé, rendu lui aussi à la sortie ; sinon, on l'attend.
            options: ce que `LinkClient.submit` prend de plus.

        Raises:
            PasserelleError: de l'attente (`Router.wait`), de la liaison ou du moteur.
        """
        return WorkerCall(self._router, self._metrics, route, kind, payload, label, started, timeout, reserved, options)


class WorkerCall:
    """Appel d'un exemplaire, de sa réservation à sa fin ; une classe, car un générateur coûterait à chaque requête."""

    def __init__(
        self,
        router: Router,
        metrics: FrontMetrics,
        route: ModelRoute,
        kind: "link_pb2.RequestKind",
        payload: bytes | Callable[[ModelRoute], bytes],
        label: str,
        started: float,
        timeout: float | None,
        reserved: Reservation | None,
        options: dict[str, Any],
    ) -> None:
        self._router, self._metrics = router, metrics
        self._route, self._kind, self._payload = route, kind, payload
        self._label, self._started, self._timeout = label, started, timeout
        self._reserved, self._options = reserved, options
        self._call: LinkCall | None = None
        self._note = note.get()

    async def __aenter__(self) -> LinkCall:
        found = self._note
        if found is not None:
            # Les locuteurs d'une transcription sont un second appel : la note garde le modèle et l'heure du premier.
            found.model = found.model or self._route.key
            found.asked = found.asked or time.monotonic()
            found.advance()
        reserved = self._reserved or self._router.take(self._route)
        if reserved is None:
            reserved = await self._router.wait(self._route, self._timeout)
        self._reserved = reserved
        self._metrics.started(self._route.key)
        try:
            remaining = None
            if self._timeout is not None:
                remaining = max(0.001, self._timeout - (time.monotonic() - self._started))
            payload = self._payload
            self._call = reserved.link.submit(
                self._kind,
                payload if isinstance(payload, bytes) else payload(reserved.route),
                request_id=request_id.get(),
                timeout=remaining,
                caller=self._router.shares.lane(),
                trace=(found.trace.traceparent, found.trace.tracestate) if found and found.trace else ("", ""),
                **self._options,
            )
        except BaseException as error:
            self._end(error)
            raise
        if logger.isEnabledFor(logging.DEBUG):
            load = reserved.link.load
            logger.debug(
                "replica_chosen",
                extra={"replica": reserved.link.peer, "running": load.running, "waiting": load.waiting},
            )
        if found is not None:
            found.sent = found.sent or time.monotonic()
            found.replicas += (reserved.link.peer,)
            found.advance()
        return self._call

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(error)

    def _end(self, error: BaseException | None) -> None:
        if self._call is not None:
            self._call.cancel()
            if self._note is not None:
                if not self._note.ended:
                    self._note.last = time.monotonic()
                self._note.queued = self._note.queued or self._call.waited
        self._metrics.finished(self._route.key, self._label, error)
        assert self._reserved is not None
        self._reserved.release()
