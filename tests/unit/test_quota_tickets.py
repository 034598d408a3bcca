"""Ce qu'une requête paie à sa fin, quelle que soit cette fin."""

import time
from collections.abc import Callable

import grpc.aio
import pytest
from passerelle.v1 import requests_pb2

from server.domain import Limits
from server.errors import ControlUnavailable
from server.front.quotas.leases import Leases
from server.front.quotas.stock import Stock
from server.front.quotas.tickets import QuotaTicket
from server.quotas import METERS, Quota
from server.rpc.caller import Caller
from server.rpc.notes import Note
from tests.support.waiting import until

QUOTA = Quota(tokens_per_day=10_000, audio_minutes_per_day=10)
Made = Callable[[], tuple[QuotaTicket, Stock, Stock]]


@pytest.fixture
async def made() -> Made:
    """Une requête d'une clé dont le front a tout le quota."""
    leases = Leases(grpc.aio.insecure_channel("unix:absent"), Limits())

    def make() -> tuple[QuotaTicket, Stock, Stock]:
        ticket = QuotaTicket(leases, Caller("psl_4k7d2m9qab"), QUOTA, 1024)
        tokens, audio = leases.stocks("psl_4k7d2m9qab", QUOTA).every
        for stock in (tokens, audio):
            stock.put(time.time(), stock.limit - stock.left)
        return ticket, tokens, audio

    return make


def ended(status: str, *, sent: bool = True, audio: float = 0.0) -> Note:
    """Note d'une requête finie ainsi, dont le moteur n'a rien décompté."""
    found = Note(requests_pb2.REQUEST_SORT_CHAT, "r1", "", 0.0)
    found.status, found.sent, found.audio_seconds = status, float(sent), audio
    return found


@pytest.mark.parametrize(
    ("status", "sent", "cost"),
    [
        ("CANCELLED", True, 710),
        ("DEADLINE_EXCEEDED", True, 710),
        ("REQUEST_CANCELLED", True, 710),
        ("DEADLINE_EXCEEDED", False, 0),
        ("ENGINE_FAILED", True, 0),
        ("INVALID_REQUEST", True, 0),
    ],
)
async def test_an_answer_nobody_waits_for_costs_what_was_reserved(
    made: Made, status: str, sent: bool, cost: int
) -> None:
    ticket, tokens, _ = made()
    await ticket.reserve(10, 700)
    ticket.leave(ended(status, sent=sent))
    assert tokens.limit - tokens.left == cost


@pytest.mark.parametrize(
    ("status", "sent", "seconds", "cost"),
    [
        ("OK", True, 0.4, 1000),
        ("OK", True, 2.5, 2500),
        ("DEADLINE_EXCEEDED", True, 0.0, 1000),
        ("MODEL_NOT_READY", False, 0.0, 0),
    ],
)
async def test_audio_that_reached_an_engine_costs_a_second_at_least(
    made: Made, status: str, sent: bool, seconds: float, cost: int
) -> None:
    ticket, _, audio = made()
    await ticket.hear(0.0)
    ticket.leave(ended(status, sent=sent, audio=seconds))
    assert audio.limit - audio.left == cost


async def test_audio_a_silent_control_plane_kept_from_an_engine_costs_nothing() -> None:
    leases = Leases(grpc.aio.insecure_channel("unix:absent"), Limits(quota_wait_seconds=0.01))
    ticket = QuotaTicket(leases, Caller("psl_4k7d2m9qab"), QUOTA, 1024)
    _, audio = leases.stocks("psl_4k7d2m9qab", QUOTA).every
    audio.put(time.time(), 2000)
    await ticket.hear(2.0)
    with pytest.raises(ControlUnavailable):
        await ticket.hear(60.0)
    ticket.leave(ended("CONTROL_UNAVAILABLE"))
    # `used` est ce que ce front dit avoir été consommé de plus que ses baux.
    assert (ticket.heard, audio.used, audio.left) == (2000, 0, 0)


async def test_a_count_of_tokens_settles_nothing(made: Made) -> None:
    ticket, tokens, audio = made()
    await ticket.enter()
    ticket.leave(None)
    assert (tokens.left, audio.left) == (tokens.limit, audio.limit)


async def test_a_clock_that_goes_back_does_not_prolong_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    stock = Stock("psl_4k7d2m9qab", METERS["tokens_per_day"], 10, 5.0)
    stock.refuse(1, 3600.0)
    assert stock.refusal(1) is not None or stock.refused_until <= time.monotonic()
    monkeypatch.setattr(time, "time", lambda: 0.0)
    await until(lambda: stock.refusal(1) is None, "le refus ne vaut plus")
