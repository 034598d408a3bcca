"""L'usage : compté une fois, écrit bientôt, gardé, rendu par période, effacé."""

import asyncio
import random
import sqlite3
import statistics
import threading
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.timestamp_pb2 import Timestamp
from passerelle.v1 import requests_pb2, usage_pb2

from server.control.record.keys import KeyBook
from server.control.requests.store import MIGRATIONS, UsageStore
from server.control.requests.usage import HOUR, UsageKey
from server.control.requests.waits import quantile, slot_of
from server.control.requests.window import Request, Window
from server.control.services.owners import Owners
from server.control.services.usage import UsageService
from server.domain import Limits
from server.errors import HostExhausted, InvalidRequest
from tests.support.waiting import soon, until

NOW = 1_800_000_000.0
CHAT = requests_pb2.REQUEST_SORT_CHAT


def request(at: float = NOW - 60, **fields: Any) -> Request:
    """Requête finie à cet instant."""
    values: dict[str, Any] = {"key": "k0", "model": "qwen", "sort": CHAT, "status": "OK", "ended": 2.0}
    found = Request(**(values | {"tokens_in": 10, "tokens_out": 20, "first": 0.5, "call": f"c{at}"} | fields))
    found.received_at.FromNanoseconds(int((at - found.ended) * 1e9))
    return found


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[UsageStore]:
    """Base neuve."""
    opened = UsageStore(tmp_path / "usage.sqlite", 90, clock=lambda: NOW)
    yield opened
    await opened.aclose()


NOBODY = Owners(KeyBook(Path("aucune"), Path("aucune"), Limits()))


def service(store: UsageStore, window: Window | None = None, owners: Owners = NOBODY, at: float = NOW) -> UsageService:
    """Service de cette base ; `qwen` y a un alias."""
    return UsageService(store, window or Window(10), owners, lambda name: {"gpt": "qwen"}.get(name, name), lambda: at)


async def rows(store: UsageStore, **query: Any) -> list[usage_pb2.UsageRow]:
    """Lignes d'une période."""
    asked = usage_pb2.GetUsageRequest(query=usage_pb2.UsageQuery(**query))
    return list((await service(store).GetUsage(asked, None)).rows)


async def test_an_hour_sums_what_each_key_asked_of_each_model(store: UsageStore) -> None:
    ended = [request(), request(status="QUEUE_FULL", tokens_in=0, tokens_out=0), request(key="k1", model="canary")]
    store.add("vie", 1, ended)
    store.add("vie", 2, [request(audio_seconds=1.5)])
    first, second = await rows(store)
    assert (first.key, first.model, first.requests) == ("k0", "qwen", 3)
    assert dict(first.outcomes) == {"OK": 2, "QUEUE_FULL": 1}
    assert (first.tokens_in, first.tokens_out, first.audio_seconds) == (20, 40, 1.5)
    assert first.since.seconds == (NOW - 60) // HOUR * HOUR and first.first_p50.ToMilliseconds() in range(475, 525)
    assert first.duration_p95.ToMilliseconds() in range(1900, 2100)
    assert (second.key, second.model, second.requests) == ("k1", "canary", 1)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"step": usage_pb2.USAGE_STEP_ALL}, [("k0", "qwen", 3), ("k1", "qwen", 1)]),
        ({"step": usage_pb2.USAGE_STEP_ALL, "group_by": [usage_pb2.USAGE_GROUP_MODEL]}, [("", "qwen", 4)]),
        ({"step": usage_pb2.USAGE_STEP_DAY, "key": "k1"}, [("k1", "qwen", 1)]),
        ({"key": "k0"}, [("k0", "qwen", 1), ("k0", "qwen", 2)]),
        ({"model": "gpt", "step": usage_pb2.USAGE_STEP_ALL}, [("k0", "qwen", 3), ("k1", "qwen", 1)]),
        ({"model": "canary"}, []),
        ({"sort": requests_pb2.REQUEST_SORT_LIVE}, []),
    ],
)
async def test_lines_gather_what_is_asked(store: UsageStore, query: dict[str, Any], found: list[Any]) -> None:
    store.add("vie", 1, [request(NOW - 2 * HOUR), request(), request(), request(key="k1")])
    assert [(one.key, one.model, one.requests) for one in await rows(store, **query)] == found


async def test_lines_are_gathered_in_the_thread_of_the_base(store: UsageStore) -> None:
    """Un trimestre compte des dizaines de milliers de lignes : la boucle du plan de contrôle n'en lit aucune."""
    store.add("vie", 1, [request(), request(key="k1")])
    seen = []

    def place(key: UsageKey) -> UsageKey:
        seen.append(threading.current_thread().name)
        return key._replace(key="")

    [(key, usage)] = await store.read(0, 10**9, place)
    assert (key.key, usage.outcomes.total()) == ("", 2) and len(seen) == 2
    assert all(name.startswith("usage") for name in seen)


async def test_a_period_is_whole_hours_and_its_end_is_out(store: UsageStore) -> None:
    store.add("vie", 1, [request(NOW - days * 86_400 - 60) for days in range(3)])
    assert len(await rows(store)) == 1
    since, until_ = Timestamp(seconds=int(NOW) - 3 * 86_400), Timestamp(seconds=int(NOW) - 86_400)
    assert len(await rows(store, since=since)) == 3
    assert len(await rows(store, since=since, until=until_)) == 2
    with pytest.raises(InvalidRequest, match=r"query\.since"):
        await rows(store, since=until_, until=since)


async def test_pages_and_the_csv_hold_every_line(store: UsageStore) -> None:
    store.add("vie", 1, [request(key=f"k{n:04}") for n in range(2500)])
    asked = usage_pb2.GetUsageRequest(page_size=2000)
    first = await service(store).GetUsage(asked, None)
    asked.page_token = first.next_page_token
    second = await service(store).GetUsage(asked, None)
    assert (len(first.rows), len(second.rows), second.next_page_token) == (2000, 500, "")
    bodies = [
        HttpBody.FromString(one) async for one in service(store).ExportUsage(usage_pb2.ExportUsageRequest(), None)
    ]
    lines = b"".join(body.data for body in bodies).decode().splitlines()
    assert bodies[0].content_type.startswith("text/csv") and len(bodies) == 3 and len(lines) == 2501
    cells = dict(zip(lines[0].split(","), lines[1].split(","), strict=True))
    assert cells["since"] == "2027-01-15T07:00:00Z" and cells["key"] == "k0000" and cells["ok"] == "1"
    empty = service(store, at=NOW + 1e6)
    [only] = [HttpBody.FromString(one) async for one in empty.ExportUsage(usage_pb2.ExportUsageRequest(), None)]
    assert only.data.count(b"\n") == 1


async def test_a_batch_told_again_after_a_fall_counts_once(tmp_path: Path) -> None:
    written: list[dict[str, int]] = []
    first = UsageStore(tmp_path / "usage.sqlite", 90, written.append, clock=lambda: NOW)
    first.add("vie", 7, [request()])
    await until(lambda: written == [{"vie": 7}], "le lot est dit écrit")
    first.add("vie", 8, [request()])
    # Rien ne referme la première : le plan de contrôle a été tué là.
    second = UsageStore(tmp_path / "usage.sqlite", 90, clock=lambda: NOW)
    assert await second.received() == {"vie": 7}
    second.add("vie", 8, [request()])
    [row] = await rows(second)
    assert row.requests == 2
    await second.aclose()
    await first.aclose()


async def test_what_a_base_refuses_is_kept_and_written_later(tmp_path: Path) -> None:
    written: list[dict[str, int]] = []
    folder = tmp_path / "usage.sqlite"
    folder.mkdir()
    store = UsageStore(folder, 90, written.append, clock=lambda: NOW)
    store.add("vie", 1, [request()])
    with pytest.raises(HostExhausted):
        await rows(store)
    assert not written
    folder.rmdir()
    store.add("vie", 2, [request()])
    await until(lambda: written == [{"vie": 2}], "la base revenue est écrite")
    [row] = await rows(store)
    assert row.requests == 2
    await store.aclose()


async def test_the_oldest_hours_leave(tmp_path: Path) -> None:
    now = NOW
    store = UsageStore(tmp_path / "usage.sqlite", 2, clock=lambda: now)
    store.add("vie", 1, [request(NOW - 86_400 * days) for days in (1, 3)])
    since = Timestamp(seconds=int(NOW) - 10 * 86_400)
    assert len(await rows(store, since=since)) == 1
    now += 3 * 86_400
    store.add("vie", 2, [request(now)])
    assert [
        row.since.seconds > NOW for row in await rows(store, since=since, until=Timestamp(seconds=int(now) + HOUR))
    ] == [True]
    await store.aclose()


async def test_erasing_a_key_leaves_nothing_of_it(store: UsageStore, tmp_path: Path) -> None:
    window = Window(10)
    ended = [request(key="serin-a-effacer"), request(key="serin-a-effacer"), request()]
    window.put(ended)
    store.add("vie", 1, ended)
    erase = usage_pb2.EraseUsageRequest(key="serin-a-effacer")
    assert (await service(store, window).EraseUsage(erase, None)).requests == 2
    assert [row.key for row in await rows(store)] == ["k0"] and [one.key for _, one in window.ended()] == ["k0"]
    assert b"serin-a-effacer" not in b"".join(path.read_bytes() for path in tmp_path.iterdir())
    with pytest.raises(InvalidRequest, match="key"):
        await service(store).EraseUsage(usage_pb2.EraseUsageRequest(), None)


async def test_the_base_says_its_version_and_is_closed_to_others(store: UsageStore, tmp_path: Path) -> None:
    store.add("vie", 1, [request()])
    await soon(asyncio.create_task(store.received()))
    path = tmp_path / "usage.sqlite"
    assert path.stat().st_mode & 0o777 == 0o600
    [version] = sqlite3.connect(path).execute("PRAGMA user_version").fetchone()
    assert version == len(MIGRATIONS)


@pytest.mark.parametrize("seed", range(5))
def test_quantiles_of_slots_are_those_of_the_waits_within_five_percent(seed: int) -> None:
    chance = random.Random(seed)
    waits = [chance.lognormvariate(-1, 1.5) for _ in range(5000)]
    slots = Counter(map(slot_of, waits))
    cuts = statistics.quantiles(waits, n=100)
    for share in (50, 95):
        found = quantile(slots, share / 100)
        assert found is not None and abs(found / cuts[share - 1] - 1) < 0.06


def test_a_wait_out_of_bounds_has_its_slot() -> None:
    assert slot_of(-1.0) == slot_of(0.0) == 0 and slot_of(1e12) == slot_of(86_400 * 2)
    assert quantile({}, 0.5) is None
