"""Quand revenir d'une file pleine : d'après ce qui a fini, sinon d'après ce qui dure."""

import pytest

from server.worker.turnover import Turnover


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("seconds", "waiting", "places", "wait"),
    [
        (2.0, 3, 1, 8.0),
        (2.0, 3, 4, 2.0),
        (8.0, 64, 16, 32.5),
        (0.01, 3, 4, 1.0),
        (30.0, 64, 4, 60.0),
        (5.0, 0, 0, 5.0),
    ],
)
def test_the_wait_is_the_queue_at_the_recent_rate(seconds: float, waiting: int, places: int, wait: float) -> None:
    clock = Clock()
    turnover = Turnover(clock)
    for _ in range(3):
        turnover.ended(clock.now - seconds)
    assert turnover.wait(waiting, places, []) == pytest.approx(wait)


def test_the_latest_requests_count_most() -> None:
    clock = Clock()
    turnover = Turnover(clock)
    turnover.ended(clock.now - 1.0)
    for _ in range(30):
        turnover.ended(clock.now - 10.0)
    assert turnover.wait(0, 1, []) == pytest.approx(10.0, rel=0.02)


def test_a_queue_where_nothing_has_ended_is_judged_by_what_lasts() -> None:
    clock = Clock()
    turnover = Turnover(clock)
    assert turnover.wait(4, 1, []) == 1.0
    assert turnover.wait(4, 1, [clock.now - 3.0, clock.now - 1.0]) == 15.0
