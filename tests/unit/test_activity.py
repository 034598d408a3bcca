"""L'activité des requêtes, GPU par GPU : débits et attente du premier jeton, sur leurs dernières minutes seulement."""

from typing import Any

import pytest
from passerelle.v1 import requests_pb2

from server.control.requests.activity import AUDIO_SECONDS, FIRST_SECONDS, MACHINE, TOKEN_SECONDS, Activity, Recent
from server.control.requests.window import Request, Window


class Clock:
    """Horloge qu'un essai avance."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def activity(clock: Clock) -> Activity:
    places = {"qwen-0": (0,), "grand-0": (2, 3), "processeur-0": ()}
    return Activity(lambda replica: places[replica], clock)


def told(activity: Activity, **fields: Any) -> Request:
    """Dit une requête finie ; la rend."""
    request = Request(**fields)
    activity.told(request, None)
    return request


def test_tokens_make_a_rate_on_each_gpu_then_leave_it(activity: Activity, clock: Clock) -> None:
    activity.wrote({"qwen-0": 30, "grand-0": 20, "processeur-0": 50})
    assert activity.on(0).tokens_per_second == 0  # la seconde n'est pas finie
    clock.now += 1
    rates = {place: activity.on(place).tokens_per_second * TOKEN_SECONDS for place in (0, 1, 2, 3, MACHINE)}
    assert rates == {0: 30, 1: 0, 2: 20, 3: 20, MACHINE: 100}
    clock.now += TOKEN_SECONDS - 1
    assert activity.on(0).tokens_per_second * TOKEN_SECONDS == 30
    clock.now += 1
    assert activity.on(0).tokens_per_second == 0


def test_audio_counts_once_its_request_is_over(activity: Activity, clock: Clock) -> None:
    told(activity, gpus=[1], running=True, audio_seconds=30.0)
    told(activity, gpus=[1], audio_seconds=120.0)
    clock.now += 1
    assert activity.on(1).audio_per_second == 120 / AUDIO_SECONDS == activity.on(MACHINE).audio_per_second
    clock.now += AUDIO_SECONDS
    assert activity.on(1) == Recent()


def test_the_wait_of_a_stream_counts_once_from_its_first_token(activity: Activity, clock: Clock) -> None:
    begun = told(activity, gpus=[0], running=True, first=0.2)
    activity.told(Request(gpus=[0], first=0.2), begun)
    for _ in range(18):
        told(activity, gpus=[0], first=0.2)
    told(activity, gpus=[0], first=9.0)
    told(activity, gpus=[0])
    recent = activity.on(0)
    assert recent.first_count == 20 and recent.first_p95 == pytest.approx(0.2, rel=0.05)
    told(activity, gpus=[0], first=9.0)
    clock.now += 1
    assert activity.on(0).first_p95 == pytest.approx(9.0, rel=0.05)
    clock.now += FIRST_SECONDS
    assert activity.on(0) == Recent()


def test_hours_of_requests_keep_a_fixed_memory(activity: Activity, clock: Clock) -> None:
    for _ in range(3 * FIRST_SECONDS):
        clock.now += 1
        activity.wrote({"qwen-0": 1})
        told(activity, gpus=[0], first=0.1)
    assert {place: len(kept) for place, kept in activity._places.items()} == {
        MACHINE: FIRST_SECONDS + 1,
        0: FIRST_SECONDS + 1,
    }
    assert activity.on(0).tokens_per_second == 1 and activity.on(0).first_count == FIRST_SECONDS + 1


async def test_a_window_tells_each_request_once() -> None:
    window = Window(10, lambda replica: (len(replica),))
    running: dict[str, Any] = {
        "call": "f-v-1",
        "replicas": ["qwen-0"],
        "running": True,
        "sort": requests_pb2.REQUEST_SORT_CHAT,
    }
    window.put([Request(**running)])
    window.put([Request(**running, first=1.0)])
    window.put([Request(call="f-v-1", replicas=["qwen-0"], first=1.0, status="OK")])
    assert window.activity.on(6).first_count == 1 == window.activity.on(MACHINE).first_count
