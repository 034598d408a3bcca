"""Les quotas au plan de contrôle : fenêtres, comptes gardés, baux accordés, rendus, repris, et lots redits."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from passerelle.control.v1 import quotas_pb2

from server.control.quotas.counters import Counters
from server.control.quotas.leases import LeaseService
from server.control.quotas.store import QUOTAS, QuotaStore
from server.quotas import METERS, NAMES, Quota, WrongQuota, parsed
from tests.support.waiting import PATIENCE, soon, until

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC).timestamp()
KEY = "psl_4k7d2m9qab"


class Clock:
    """Instant qu'un essai avance."""

    def __init__(self, now: float = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def test_every_limit_of_a_quota_has_its_meter() -> None:
    assert set(METERS) == set(NAMES)
    assert parsed("requests_per_minute=60, tokens_per_day=5").limits() == {
        "requests_per_minute": 60,
        "tokens_per_day": 5,
    }
    assert parsed("") == Quota()


@pytest.mark.parametrize(
    "text", ["requests=3", "requests_per_minute", "requests_per_minute=-1", "requests_per_minute=4294967296", "=3"]
)
def test_a_wrong_quota_names_what_is_wrong(text: str) -> None:
    with pytest.raises(WrongQuota) as caught:
        parsed(text)
    assert text.partition("=")[0] in str(caught.value)


@pytest.mark.parametrize("meter", [name for name in NAMES if METERS[name].window])
def test_no_window_wherever_it_is_looked_at_holds_more_than_the_limit(meter: str) -> None:
    clock, window = Clock(), METERS[meter].window
    counters, granted = Counters(clock), []
    for step in range(4 * window):
        clock.now = NOON + step / 2
        if counters.take(KEY, meter, 1, 1, 10, "v1"):
            granted.append(clock.now)
    for first in granted:
        assert sum(first <= at < first + window for at in granted) <= 10
    assert len(granted) >= 10 + 10


@pytest.mark.parametrize(
    ("meter", "opens"),
    [
        ("tokens_per_day", datetime(2026, 11, 30, tzinfo=UTC)),
        ("audio_minutes_per_day", datetime(2026, 11, 30, tzinfo=UTC)),
        ("tokens_per_month", datetime(2026, 12, 1, tzinfo=UTC)),
    ],
)
def test_a_budget_opens_again_with_its_day_or_its_month(meter: str, opens: datetime) -> None:
    clock = Clock()
    counters = Counters(clock)
    assert counters.take(KEY, meter, 100, 100, 100, "v1") == 100
    assert counters.retry(KEY, meter, 1, 100) == opens.timestamp() - NOON
    clock.now = opens.timestamp() - 1
    assert not counters.take(KEY, meter, 1, 1, 100, "v1")
    clock.now = opens.timestamp()
    assert counters.take(KEY, meter, 100, 100, 100, "v1") == 100


def test_the_wait_that_is_told_is_that_of_what_is_asked() -> None:
    clock = Clock()
    counters = Counters(clock)
    for amount in (30, 50):
        counters.take(KEY, "tokens_per_minute", amount, amount, 100, "v1")
        clock.now += 10
    assert counters.retry(KEY, "tokens_per_minute", 25, 100) == 41
    assert counters.retry(KEY, "tokens_per_minute", 100, 100) == 51


def test_what_is_given_back_leaves_the_instant_it_was_leased() -> None:
    clock = Clock()
    counters = Counters(clock)
    counters.take(KEY, "tokens_per_minute", 80, 80, 100, "v1")
    clock.now += 30
    counters.take(KEY, "tokens_per_minute", 20, 20, 100, "v1")
    counters.give_back(KEY, "tokens_per_minute", 70, NOON, "v1")
    assert counters.used(KEY, "tokens_per_minute") == 30
    clock.now = NOON + 61
    assert counters.used(KEY, "tokens_per_minute") == 20
    counters.give_back(KEY, "tokens_per_minute", -15, clock.now, "v1")
    assert counters.used(KEY, "tokens_per_minute") == 35


@pytest.mark.parametrize("meter", [name for name in NAMES if name != "parallel_requests"])
def test_a_clock_that_goes_back_blocks_nobody_and_forgets_nothing(meter: str) -> None:
    clock = Clock(NOON + 5 * 365 * 86400)
    counters = Counters(clock)
    assert counters.take(KEY, meter, 80, 80, 100, "v1") == 80
    leased, clock.now = clock.now, NOON
    assert counters.used(KEY, meter) == 80 and not counters.take(KEY, meter, 30, 30, 100, "v1")
    # Ce qu'un front rend d'un bail de l'ancienne heure est rendu à la nouvelle.
    counters.give_back(KEY, meter, 30, leased, "v1")
    assert counters.used(KEY, meter) == 50
    clock.now += counters.retry(KEY, meter, 100, 100)
    assert clock.now - NOON <= 31 * 86400 and counters.used(KEY, meter) == 0
    assert {row.amount for row in counters.rows()} == {0}


class Front:
    """Un front qui parle au service, message par message."""

    def __init__(self, service: LeaseService, life: str, held: int = 0) -> None:
        self.life = life
        self._sent: asyncio.Queue[quotas_pb2.LeaseRequest | None] = asyncio.Queue()
        self._answers = service.Lease(self._requests(), None)
        of = quotas_pb2.LeaseOf(key=KEY, meter="parallel_requests")
        self.say(held=[quotas_pb2.LeaseReturn(of=of, amount=held)] if held else [])

    async def _requests(self) -> AsyncIterator[quotas_pb2.LeaseRequest]:
        while (message := await self._sent.get()) is not None:
            yield message

    def say(self, **fields: Any) -> None:
        self._sent.put_nowait(quotas_pb2.LeaseRequest(life=self.life, **fields))

    def ask(self, number: int, need: int, limit: int, meter: str = "tokens_per_day", want: int = 0) -> None:
        of = quotas_pb2.LeaseOf(key=KEY, meter=meter)
        self.say(asks=[quotas_pb2.LeaseAsk(id=number, of=of, need=need, want=want, limit=limit)])

    async def hear(self) -> quotas_pb2.LeaseResponse:
        return await soon(anext(self._answers))

    async def granted(self) -> int:
        """Ce que dit la prochaine réponse à une demande."""
        while not (answer := await self.hear()).grants:
            continue
        return answer.grants[0].amount

    def give_back(self, sequence: int, amount: int, meter: str = "tokens_per_day", recalled: bool = False) -> None:
        of = quotas_pb2.LeaseOf(key=KEY, meter=meter)
        back = [quotas_pb2.LeaseReturn(of=of, amount=amount, at=NOON)]
        self.say(sequence=sequence, returns=back, recalled=[of] if recalled else [])

    async def written(self, sequence: int) -> None:
        while (await self.hear()).written < sequence:
            continue

    async def hang_up(self) -> None:
        self._sent.put_nowait(None)
        with contextlib.suppress(StopAsyncIteration):
            while True:
                await self.hear()


@contextlib.asynccontextmanager
async def served(folder: Path, clock: Clock) -> AsyncIterator[tuple[LeaseService, Counters]]:
    """Le service, sur ce que la base tient."""
    store = QuotaStore(folder / QUOTAS, clock)
    rows, lives = await store.read()
    counters = Counters(clock)
    counters.load(rows)
    service = LeaseService(counters, store, lives, recall_seconds=PATIENCE)
    running = asyncio.create_task(service.run())
    try:
        yield service, counters
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await store.aclose()


async def test_a_lease_is_on_the_disk_before_it_is_granted(tmp_path: Path) -> None:
    async with served(tmp_path, Clock()) as (service, _):
        front = Front(service, "v1")
        front.ask(1, need=30, want=50, limit=100)
        assert await front.granted() == 50
        # Rien n'est fermé : ce qu'un autre processus lit est ce qu'un plan de contrôle tué laisserait.
        rows, _ = await QuotaStore(tmp_path / QUOTAS).read()
        assert [(row.key, row.meter, row.amount) for row in rows] == [(KEY, "tokens_per_day", 50)]


async def test_a_batch_told_again_counts_once_even_after_a_restart(tmp_path: Path) -> None:
    clock = Clock()
    async with served(tmp_path, clock) as (service, counters):
        front = Front(service, "v1")
        front.ask(1, need=50, limit=100)
        assert await front.granted() == 50
        front.give_back(1, 20)
        await front.written(1)
        front.give_back(1, 20)
        front.give_back(2, -5)
        await front.written(2)
        assert counters.used(KEY, "tokens_per_day") == 35
    async with served(tmp_path, clock) as (service, counters):
        assert counters.used(KEY, "tokens_per_day") == 35
        front = Front(service, "v1")
        front.give_back(2, -5)
        front.ask(2, need=65, limit=100)
        assert await front.granted() == 65


async def test_a_lease_another_front_leaves_idle_is_taken_back_for_who_needs_it(tmp_path: Path) -> None:
    async with served(tmp_path, Clock()) as (service, _):
        first, second = Front(service, "v1"), Front(service, "v2")
        first.ask(1, need=1, want=80, limit=100)
        held = await first.granted()
        second.ask(1, need=90, limit=100)
        waiting = asyncio.create_task(second.granted())
        assert [of.key for of in (await first.hear()).recalls] == [KEY]
        first.give_back(1, held - 1, recalled=True)
        assert await waiting == 90
        # L'autre n'a plus rien à rendre : sa réponse fait le refus.
        second.ask(2, need=50, limit=100)
        waiting = asyncio.create_task(second.granted())
        while not (await first.hear()).recalls:
            continue
        first.say(recalled=[quotas_pb2.LeaseOf(key=KEY, meter="tokens_per_day")])
        assert await waiting == 0
        # Un bail d'avance ne fait rien rendre, et ne prend jamais le reste.
        second.ask(3, need=0, want=50, limit=92)
        assert await second.granted() == 0


async def test_places_come_back_when_their_front_is_gone_for_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.control.quotas.leases.GONE_SECONDS", 0.05)
    async with served(tmp_path, Clock()) as (service, counters):
        first, second = Front(service, "v1"), Front(service, "v2")
        places = "parallel_requests"
        first.ask(1, need=1, limit=1, meter=places)
        assert await first.granted() == 1
        await first.hang_up()
        await until(lambda: counters.used(KEY, places) == 0, "la place est libre")
        second.ask(1, need=1, limit=1, meter=places)
        assert await second.granted() == 1


async def test_a_front_that_comes_back_still_holds_its_places(tmp_path: Path) -> None:
    places = "parallel_requests"
    clock = Clock()
    async with served(tmp_path, clock) as (service, counters):
        front = Front(service, "v1")
        front.ask(1, need=2, limit=3, meter=places)
        assert await front.granted() == 2
        front.give_back(1, 1, places)
        await front.written(1)
        assert counters.used(KEY, places) == 1
    async with served(tmp_path, clock) as (service, counters):
        again, other = Front(service, "v1", held=1), Front(service, "v2")
        # Une place n'est accordée qu'une fois dites celles des fronts d'avant.
        other.ask(1, need=2, limit=3, meter=places)
        again.ask(1, need=1, limit=100)
        assert await again.granted() == 1
        assert await other.granted() == 2 and counters.used(KEY, places) == 3


async def test_a_refusing_database_stops_nobody_and_is_written_later(tmp_path: Path) -> None:
    folder = tmp_path / "etat"
    folder.write_text("pas un dossier")
    clock = Clock()
    store = QuotaStore(folder / QUOTAS, clock)
    assert await store.read() == ([], {})
    counters = Counters(clock)
    service = LeaseService(counters, store, {})
    running = asyncio.create_task(service.run())
    front = Front(service, "v1")
    front.ask(1, need=10, limit=100)
    assert await front.granted() == 10
    folder.unlink()
    front.give_back(1, 4)
    await front.written(1)
    rows, _ = await QuotaStore(folder / QUOTAS).read()
    assert [row.amount for row in rows] == [6]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await store.aclose()
