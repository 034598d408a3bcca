"""RequestService : les dernières requêtes, celles en cours, leur suivi et leur interruption."""

from collections.abc import AsyncIterator, Callable, Iterable
from itertools import islice
from typing import Any

from passerelle.v1 import requests_pb2, requests_pb2_grpc

from server.control.requests.fronts import Fronts
from server.control.requests.window import Window
from server.control.services.pages import page_size, page_token
from server.errors import InvalidRequest, RequestNotFound
from server.rpc.auth import Guard

Request = requests_pb2.Request
Filter = requests_pb2.RequestFilter

_HISTORY = 200
_BEAT_SECONDS = 10.0
"""Silence d'un suivi au plus : un message vide dit que le lien tient."""
_MESSAGE = 500
"""Requêtes d'un message au plus."""


class RequestService(requests_pb2_grpc.RequestServiceServicer):
    """Lit la fenêtre ; `guard` dit qui peut voir les appelants."""

    def __init__(self, window: Window, fronts: Fronts, guard: Guard) -> None:
        self._window = window
        self._fronts = fronts
        self._guard = guard

    async def ListRequests(
        self, request: requests_pb2.ListRequestsRequest, context: Any
    ) -> requests_pb2.ListRequestsResponse:
        """Page de requêtes."""
        size, before = page_size(request.page_size, 50, 500), page_token(request.page_token)
        show = self._shown_to(context, request.filter)
        running = [] if before else [one for one in self._window.running() if matches(one, request.filter)]
        kept = (one for one in self._window.ended(before) if matches(one[1], request.filter))
        ended = list(islice(kept, size + 1))
        following = str(ended[size - 1][0]) if len(ended) > size else ""
        # Toutes celles en cours sont sur la première page, quitte à ce qu'elle soit plus longue.
        found = [*running, *(one for _, one in ended[:size])]
        return requests_pb2.ListRequestsResponse(requests=map(show, found), next_page_token=following)

    async def GetRequest(
        self, request: requests_pb2.GetRequestRequest, context: Any
    ) -> requests_pb2.GetRequestResponse:
        """Une requête."""
        show = self._shown_to(context, Filter())
        found = self._window.named(request.id)
        if not found:
            raise _unknown(request.id)
        return requests_pb2.GetRequestResponse(request=show(found[0]))

    async def WatchRequests(
        self, request: requests_pb2.WatchRequestsRequest, context: Any
    ) -> AsyncIterator[requests_pb2.WatchRequestsResponse]:
        """Histoire, puis ce qui change."""
        if request.history > self._window.kept:
            raise InvalidRequest(
                f"history : {request.history} est hors des limites (de 1 à {self._window.kept}).",
                metadata={"field": "history", "limit": str(self._window.kept), "value": str(request.history)},
            )
        show = self._shown_to(context, request.filter)
        await context.send_initial_metadata(())
        position = self._window.position
        past = _messages(map(show, self._history(request.filter, request.history or _HISTORY)), 0)
        for message in past or [requests_pb2.WatchRequestsResponse()]:
            yield message
        while True:
            mark = self._window.changes.mark()
            found, missed = self._window.since(position)
            position = self._window.position
            # Une clé révoquée depuis ne voit plus ce qu'elle voyait.
            show = self._shown_to(context, request.filter)
            for message in _messages((show(one) for one in found if matches(one, request.filter)), missed):
                yield message
            await self._window.changes.wait(_BEAT_SECONDS, mark)
            if not mark.is_set():
                yield requests_pb2.WatchRequestsResponse()

    async def CancelRequest(
        self, request: requests_pb2.CancelRequestRequest, _context: Any
    ) -> requests_pb2.CancelRequestResponse:
        """Interrompt celles en cours de cet identifiant."""
        found = [one for one in self._window.named(request.id) if one.running]
        if not found:
            raise _unknown(request.id)
        for one in found:
            self._fronts.cancel(one.front, one.call)
        return requests_pb2.CancelRequestResponse(cancelled=len(found))

    def _history(self, wanted: Filter, size: int) -> list[Request]:
        ended = islice((one for _, one in self._window.ended() if matches(one, wanted)), size)
        running = [one for one in self._window.running() if matches(one, wanted)]
        return [*reversed([*running, *ended])]

    def _shown_to(self, context: Any, wanted: Filter) -> Callable[[Request], Request]:
        """Ce que cet appelant voit d'une requête."""
        if self._guard.access(tuple(context.invocation_metadata() or ())).admin:
            return lambda one: one
        if wanted.key:
            raise InvalidRequest(
                "filter.key : choisir par clé demande une clé d'administration.", metadata={"field": "filter.key"}
            )
        return _masked


def matches(request: Request, wanted: Filter) -> bool:
    """Vrai si une requête convient au filtre."""
    return (
        (not wanted.model or request.model == wanted.model)
        and (not wanted.key or request.key == wanted.key)
        and (not wanted.sort or request.sort == wanted.sort)
        and (not wanted.status or request.status == wanted.status)
        and (not wanted.HasField("running") or request.running == wanted.running)
        and (not wanted.failed or request.status not in ("", "OK"))
        and (not wanted.HasField("gpu") or wanted.gpu in request.gpus)
        and (not wanted.HasField("until") or request.received_at.ToNanoseconds() < wanted.until.ToNanoseconds())
        and (not wanted.HasField("since") or request.running or _ended(request) >= wanted.since.ToNanoseconds())
    )


def _ended(request: Request) -> int:
    return request.received_at.ToNanoseconds() + int(request.ended * 1e9)


def _masked(request: Request) -> Request:
    found = Request()
    found.CopyFrom(request)
    found.client = found.key = ""
    return found


def _messages(requests: Iterable[Request], missed: int) -> list[requests_pb2.WatchRequestsResponse]:
    found = list(requests)
    pieces = [found[first : first + _MESSAGE] for first in range(0, len(found), _MESSAGE)] or ([[]] if missed else [])
    return [
        requests_pb2.WatchRequestsResponse(requests=piece, missed=0 if rank else missed)
        for rank, piece in enumerate(pieces)
    ]


def _unknown(name: str) -> RequestNotFound:
    return RequestNotFound(
        f"Aucune requête gardée, ou en cours, n'a l'identifiant « {name} ».", metadata={"field": "id", "value": name}
    )
