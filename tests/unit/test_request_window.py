"""La fenêtre des requêtes : filtres, pages, suivi, et ce qu'en voit qui n'a pas de clé d'administration."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from passerelle.v1 import requests_pb2

from server.control.requests.fronts import FrontReport, Fronts
from server.control.requests.window import Request, Window
from server.control.services.requests import RequestService
from server.errors import InvalidRequest, RequestNotFound
from server.rpc.auth import Guard
from tests.support.waiting import soon

ADMIN = "admin-key"


class Context:
    """Appel, avec ou sans clé."""

    def __init__(self, key: str = "") -> None:
        self._key = key

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        """En-têtes."""
        return (("authorization", f"Bearer {self._key}"),) if self._key else ()

    async def send_initial_metadata(self, _metadata: Any) -> None:
        """Rien à dire."""


def request(number: int, **fields: Any) -> Request:
    """Requête finie, sauf mention contraire."""
    values = {"id": f"r{number}", "call": f"front-0-vie-{number}", "front": "front-0", "model": "qwen", "key": "k0"}
    found = Request(**(values | {"status": "OK", "client": "192.0.2.7"} | fields))
    found.received_at.FromSeconds(number)
    return found


def serving(window: Window, *, admin_keys: tuple[str, ...] = (), fronts: Fronts | None = None) -> RequestService:
    """Service d'une fenêtre."""
    return RequestService(window, fronts or Fronts(), Guard((), admin_keys))


async def listed(service: RequestService, context: Any = None, **asked: Any) -> list[str]:
    """Identifiants d'une page."""
    found = await service.ListRequests(requests_pb2.ListRequestsRequest(**asked), context or Context())
    return [one.id for one in found.requests]


def names(messages: Iterable[requests_pb2.WatchRequestsResponse]) -> list[str]:
    """Identifiants de messages."""
    return [one.id for message in messages for one in message.requests]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"model": "canary"}, ["r3"]),
        ({"key": "k1"}, ["r2"]),
        ({"sort": requests_pb2.REQUEST_SORT_LIVE}, ["r3"]),
        ({"status": "QUEUE_FULL"}, ["r1"]),
        ({"failed": True}, ["r1"]),
        ({"running": True}, ["r4"]),
        ({"running": False}, ["r3", "r2", "r1"]),
        ({"running": False, "model": "qwen"}, ["r2", "r1"]),
    ],
)
async def test_each_filter_keeps_what_it_names(wanted: dict[str, Any], found: list[str]) -> None:
    window = Window(10)
    window.put(
        [
            request(1, status="QUEUE_FULL"),
            request(2, key="k1"),
            request(3, model="canary", sort=requests_pb2.REQUEST_SORT_LIVE),
            request(4, running=True, status=""),
        ]
    )
    assert await listed(serving(window), filter=requests_pb2.RequestFilter(**wanted)) == found


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"gpu": 0}, ["r4", "r2", "r1"]),
        ({"gpu": 3}, ["r4", "r3"]),
        ({"gpu": 5}, []),
        # r1 : de 1 à 3 s ; r2 : de 2 à 2,5 s ; r3 : de 3 à 10 s ; r4 : depuis 4 s.
        ({"since": Timestamp(seconds=3)}, ["r4", "r3", "r1"]),
        ({"since": Timestamp(seconds=11)}, ["r4"]),
        ({"until": Timestamp(seconds=3)}, ["r2", "r1"]),
        ({"since": Timestamp(seconds=2, nanos=700_000_000), "until": Timestamp(seconds=3)}, ["r1"]),
        ({"since": Timestamp(seconds=5), "until": Timestamp(seconds=6), "gpu": 0}, ["r4"]),
    ],
)
async def test_a_filter_finds_what_a_gpu_was_doing_at_a_moment(wanted: dict[str, Any], found: list[str]) -> None:
    window = Window(10, lambda replica: {"a-0": (0,), "b-0": (3,), "c-0": (0, 3)}[replica])
    window.put(
        [
            request(1, replicas=["a-0"], ended=2.0),
            request(2, replicas=["a-0"], ended=0.5),
            request(3, replicas=["b-0"], ended=7.0),
            request(4, replicas=["c-0"], ended=0.1, running=True, status=""),
        ]
    )
    assert await listed(serving(window), filter=requests_pb2.RequestFilter(**wanted)) == found


async def test_pages_follow_each_other_and_the_oldest_leave() -> None:
    window = Window(5)
    window.put(request(number) for number in range(8))
    window.put([request(9, running=True)])
    service = serving(window)
    first = await service.ListRequests(requests_pb2.ListRequestsRequest(page_size=2), Context())
    assert [one.id for one in first.requests] == ["r9", "r7", "r6"]
    window.put([request(10)])
    second = await listed(service, page_size=2, page_token=first.next_page_token)
    assert second == ["r5", "r4"]
    with pytest.raises(InvalidRequest, match="page_size"):
        await listed(service, page_size=501)


async def test_callers_are_shown_to_an_administrator_only() -> None:
    window = Window(5)
    window.put([request(1)])
    service = serving(window, admin_keys=(ADMIN,))
    get = requests_pb2.GetRequestRequest(id="r1")
    whole = (await service.GetRequest(get, Context(ADMIN))).request
    masked = (await service.GetRequest(get, Context())).request
    assert (whole.client, whole.key) == ("192.0.2.7", "k0")
    assert (masked.client, masked.key, masked.model) == ("", "", "qwen")
    with pytest.raises(InvalidRequest, match=r"filter\.key"):
        await listed(service, filter=requests_pb2.RequestFilter(key="k0"))
    watch = service.WatchRequests(requests_pb2.WatchRequestsRequest(), Context())
    assert (await anext(aiter(watch))).requests[0].client == ""
    assert [one.client for _, one in window.ended()] == ["192.0.2.7"]


async def test_a_watch_begins_with_the_past_then_follows() -> None:
    window = Window(10)
    window.put(request(number) for number in range(4))
    window.put([request(5, running=True, status="")])
    asked = requests_pb2.WatchRequestsRequest(history=2)
    watch = aiter(serving(window).WatchRequests(asked, Context()))
    assert names([await anext(watch)]) == ["r2", "r3", "r5"]
    window.put([request(5), request(6, model="canary")])
    assert names([await soon(anext(watch))]) == ["r5", "r6"]
    with pytest.raises(InvalidRequest, match="history"):
        await anext(aiter(serving(window).WatchRequests(requests_pb2.WatchRequestsRequest(history=11), Context())))


async def test_a_slow_reader_is_told_how_many_it_missed() -> None:
    window = Window(3)
    window.put([request(0)])
    watch = aiter(serving(window).WatchRequests(requests_pb2.WatchRequestsRequest(), Context()))
    assert names([await anext(watch)]) == ["r0"]
    # Dix requêtes finissent entre deux lectures ; la fenêtre n'en garde que trois.
    window.put(request(number) for number in range(1, 11))
    late = await soon(anext(watch))
    assert (names([late]), late.missed) == (["r8", "r9", "r10"], 7)
    window.put([request(11)])
    assert (await soon(anext(watch))).missed == 0


async def test_a_cancellation_reaches_the_front_that_leads_the_request() -> None:
    window, fronts = Window(3), Fronts()
    here, elsewhere = FrontReport("front-0", "vie"), FrontReport("front-1", "autre")
    fronts.enter(here)
    fronts.enter(elsewhere)
    window.put([request(1, running=True), request(2)])
    service = serving(window, fronts=fronts)
    await service.CancelRequest(requests_pb2.CancelRequestRequest(id="front-0-vie-1"), Context())
    with pytest.raises(RequestNotFound):
        await service.CancelRequest(requests_pb2.CancelRequestRequest(id="r2"), Context())
    assert [one.cancel for one in await _closed(here)] == ["front-0-vie-1"]
    assert await _closed(elsewhere) == []


async def test_a_lost_front_leads_nothing_any_more() -> None:
    window = Window(3)
    window.put([request(1, running=True), request(2, running=True, call="front-1-vie-2", front="front-1")])
    window.lose("front-0", "vie")
    assert [one.id for one in window.running()] == ["r2"]


async def _closed(report: FrontReport) -> list[Any]:
    report.close()
    answers: AsyncIterator[Any] = report.answers()
    async with asyncio.timeout(1):
        return [answer async for answer in answers]
