"""La fenêtre de regroupement suit l'occupation du front."""

import pytest

from server.front.chat.window import FULL, IDLE, Window


class Machine:
    """Horloge et processeur tenus par l'essai."""

    def __init__(self, longest: float = 0.025) -> None:
        self.now = self.used = 0.0
        self.said: list[float] = []
        self.window = Window(longest, self.said.append, clock=lambda: self.now, spent=lambda: self.used)

    def run(self, seconds: float, *, busy: float, late: float = 0.0, step: float = 0.0125) -> None:
        """Laisse passer du temps, à cette part de processeur et à ce retard de la boucle par mesure."""
        for _ in range(round(seconds / step)):
            self.now += step
            self.used += busy * step
            self.window.measure(late)


def test_an_idle_front_has_no_window() -> None:
    machine = Machine()
    assert machine.window.seconds == 0.0
    machine.run(5, busy=IDLE - 0.01)
    assert machine.window.seconds == 0.0 and machine.said == []


def test_it_grows_to_its_whole_length_and_back() -> None:
    machine = Machine()
    machine.run(3, busy=0.9)
    assert machine.window.seconds == 0.025
    machine.run(3, busy=0.0)
    assert machine.window.seconds == 0.0
    assert machine.said[-1] == 0.0 and max(machine.said) == 0.025


def test_between_the_two_it_is_a_share() -> None:
    machine = Machine()
    machine.run(10, busy=(IDLE + FULL) / 2)
    assert machine.window.seconds == pytest.approx(0.0125, rel=0.05)


def test_a_late_loop_counts_as_much_as_a_busy_one() -> None:
    machine = Machine()
    machine.run(3, busy=0.1, late=0.01)
    assert machine.window.seconds == 0.025


def test_one_long_task_is_not_a_load() -> None:
    machine = Machine()
    machine.run(2, busy=0.02)
    machine.run(0.1, busy=1.0)
    assert machine.window.seconds == 0.0


def test_a_window_of_zero_stays_so() -> None:
    machine = Machine(0.0)
    machine.run(3, busy=1.0)
    assert machine.window.seconds == 0.0


def test_several_threads_count_for_one_core() -> None:
    machine = Machine()
    machine.run(3, busy=4.0)
    machine.run(0.6, busy=0.0)
    assert machine.window.seconds < 0.025
