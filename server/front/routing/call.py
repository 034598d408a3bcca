"""Appeler un exemplaire : le chemin commun de la conversation, des fichiers et du direct."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from passerelle.worker.v1 import link_pb2

from server.front.metrics import FrontMetrics
from server.front.routing.router import Reservation, Router
from server.front.routing.routes import ModelRoute
from server.link.client import LinkCall
from server.rpc.caller import caller
from server.rpc.logs import request_id


class WorkerCalls:
    """Appels mesurés, chacun vers l'exemplaire le moins chargé de son modèle."""

    def __init__(self, router: Router, metrics: FrontMetrics) -> None:
        self._router = router
        self._metrics = metrics

    @asynccontextmanager
    async def open(
        self,
        route: ModelRoute,
        kind: "link_pb2.RequestKind",
        payload: bytes | Callable[[ModelRoute], bytes],
        *,
        label: str,
        stream: bool,
        started: float,
        timeout: float | None,
        reserved: Reservation | None = None,
        spool_name: str = "",
        whole_buffer: bool = False,
        weight: int = 1,
        parts: int = 1,
        token: tuple[int, str] = (0, ""),
    ) -> AsyncIterator[LinkCall]:
        """Réponse d'un exemplaire, à lire dans le bloc ; en sortir avant sa fin l'abandonne et rend l'exemplaire.

        Args:
            payload: la requête, ou de quoi l'écrire : ce qu'un modèle honore n'est sûr qu'une fois chargé.
            label: nom de cette sorte de requête dans les mesures.
            started: instant (`time.monotonic`) d'où court `timeout`.
            reserved: exemplaire déjà réservé, rendu lui aussi à la sortie ; sinon, on l'attend.
            weight: places du moteur que prend chaque partie.
            parts: textes de départ d'une complétion.
            token: plus grand jeton que la requête nomme par son numéro, et son champ.

        Raises:
            PasserelleError: de l'attente (`Router.wait`), de la liaison ou du moteur.
        """
        reserved = reserved or self._router.take(route) or await self._router.wait(route, timeout)
        try:
            with self._metrics.measured(route.key, label):
                remaining = None if timeout is None else max(0.001, timeout - (time.monotonic() - started))
                async with reserved.link.submit(
                    kind,
                    payload if isinstance(payload, bytes) else payload(reserved.route),
                    stream=stream,
                    request_id=request_id.get(),
                    timeout=remaining,
                    spool_name=spool_name,
                    whole_buffer=whole_buffer,
                    caller=caller.get(),
                    weight=weight,
                    parts=parts,
                    token=token,
                ) as call:
                    yield call
        finally:
            reserved.release()
