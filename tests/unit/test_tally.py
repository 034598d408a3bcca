"""Les comptes en mémoire : versés, ils sont ceux qu'aurait prometheus_client lui-même."""

import asyncio
import random

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from server.rpc import tally
from server.rpc.metrics import SECONDS
from server.rpc.tally import Tallies
from tests.support.waiting import PATIENCE

NAMES = ("qwen", "canary", "pyannote")


async def test_poured_counts_are_those_of_the_library() -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    tallies = Tallies(ours)
    counters = [Counter("appels", "Appels.", ["nom", "code"], registry=r) for r in (ours, theirs)]
    gauges = [Gauge("en_cours", "En cours.", ["nom"], registry=r) for r in (ours, theirs)]
    waits = [Histogram("duree", "Durée.", ["nom"], buckets=SECONDS, registry=r) for r in (ours, theirs)]
    count, gauge, wait = tallies.count(counters[0]), tallies.count(gauges[0]), tallies.waits(waits[0])
    chance = random.Random(3)
    for turn in range(2000):
        name, code = chance.choice(NAMES), str(chance.randrange(4))
        # Chaque borne exactement, au-delà de la plus haute, et entre elles ; des puissances de deux s'ajoutent sans arrondi.
        seconds = chance.choice((*SECONDS, 0.0, 0.125, 4096.0))
        count.add(name, code)
        counters[1].labels(name, code).inc()
        gauge.add(name, amount=1.0 if turn % 2 else -1.0)
        gauges[1].labels(name).inc(1.0 if turn % 2 else -1.0)
        wait.observe(name, seconds=seconds)
        waits[1].labels(name).observe(seconds)
        if turn % 97 == 0:
            tallies.pour()
    assert values(ours) == pytest.approx(values(theirs))


def values(registry: CollectorRegistry) -> dict[str, float]:
    lines = generate_latest(registry).decode().splitlines()
    kept = [line.rsplit(" ", 1) for line in lines if not line.startswith("#") and "_created" not in line]
    return {name: float(value) for name, value in kept}


async def test_a_count_that_came_back_to_zero_is_shown() -> None:
    registry = CollectorRegistry()
    tallies = Tallies(registry)
    gauge = tallies.count(Gauge("en_cours", "En cours.", ["nom"], registry=registry))
    gauge.add("qwen")
    gauge.add("qwen", amount=-1.0)
    assert values(registry) == {'en_cours{nom="qwen"}': 0.0}


async def test_they_are_poured_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "POUR_SECONDS", 0.0)
    registry = CollectorRegistry()
    metric = Counter("appels", "Appels.", ["nom"], registry=registry)
    count = Tallies(CollectorRegistry()).count(metric)
    for expected in (1.0, 2.0):
        count.add("qwen")
        async with asyncio.timeout(PATIENCE):
            while values(registry).get('appels_total{nom="qwen"}') != expected:
                await asyncio.sleep(0)


def test_outside_a_loop_nothing_waits() -> None:
    registry = CollectorRegistry()
    metric = Counter("appels", "Appels.", ["nom"], registry=registry)
    Tallies(CollectorRegistry()).count(metric).add("qwen")
    assert values(registry) == {'appels_total{nom="qwen"}': 1.0}
