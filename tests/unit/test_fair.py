"""La file équitable : qui passe, qui attend, qui est refusé."""

import pytest

from server.fair import FairQueue, Holdings


def served(queue: FairQueue[str, None], count: int | None = None) -> str:
    """Noms retirés, dans l'ordre."""
    return " ".join(queue.pop()[0] for _ in range(len(queue) if count is None else count))


def fill(queue: FairQueue[str, None], caller: str, count: int, weight: int = 1, first: int = 0) -> None:
    for index in range(first, first + count):
        queue.push(f"{caller}{index}", None, caller, weight)


def test_one_caller_is_an_ordinary_queue() -> None:
    queue: FairQueue[str, None] = FairQueue()
    fill(queue, "a", 4)
    assert list(queue.refusable()) == ["a0", "a1", "a2", "a3"]
    assert served(queue) == "a0 a1 a2 a3"
    with pytest.raises(ValueError, match="empty"):
        queue.pop()


def test_what_is_removed_is_never_served() -> None:
    queue: FairQueue[str, None] = FairQueue()
    fill(queue, "a", 3)
    fill(queue, "b", 1)
    assert queue.remove("a0") and queue.remove("b0")
    assert not queue.remove("a0") and not queue.remove("absent")
    assert len(queue) == 2 and served(queue) == "a1 a2"


def test_what_is_wanted_is_served_in_the_order_of_turns() -> None:
    queue: FairQueue[str, None] = FairQueue()
    fill(queue, "a", 3)
    fill(queue, "b", 3)
    assert queue.pop_where(lambda key: key.endswith("1")) == "a1"
    assert queue.pop_where(lambda key: key.endswith("1")) == "b1"
    assert queue.pop_where(lambda key: key.endswith("1")) is None
    assert served(queue) == "a0 b0 a2 b2"


def test_the_surplus_is_the_newest_of_who_holds_most() -> None:
    held = Holdings()
    queue: FairQueue[str, None] = FairQueue(held)
    fill(queue, "a", 3)
    fill(queue, "b", 2)
    assert queue.surplus("c") == "a2"
    assert queue.surplus("b") is None
    assert queue.surplus("a") is None
    held.take("b", 1)
    held.take("b", 1)
    assert queue.surplus("c") == "b1"
    held.give("b", 1)
    held.give("b", 1)
    assert queue.surplus("c") == "a2"


def test_nobody_is_put_out_for_an_equal() -> None:
    queue: FairQueue[str, None] = FairQueue()
    assert queue.surplus("a") is None
    for caller in "abcd":
        fill(queue, caller, 1)
    assert queue.surplus("e") is None
    fill(queue, "a", 1, first=1)
    assert queue.surplus("e") == "a1"
    queue.remove("a1")
    fill(queue, "e", 1)
    assert queue.surplus("a") is None


def test_a_holder_that_waits_for_nothing_has_nothing_to_give() -> None:
    held = Holdings()
    queue: FairQueue[str, None] = FairQueue(held)
    for _ in range(9):
        held.take("a", 1)
    fill(queue, "b", 1)
    assert queue.surplus("c") is None


def test_everyone_served_gets_the_same_weight_whatever_they_ask() -> None:
    queue: FairQueue[str, None] = FairQueue()
    weights = {"a": 1, "b": 3, "c": 7}
    for caller, weight in weights.items():
        fill(queue, caller, 1000, weight)
    got = dict.fromkeys(weights, 0)
    for _ in range(600):
        name, _ = queue.pop()
        got[name[0]] += weights[name[0]]
    assert max(got.values()) - min(got.values()) <= max(weights.values())


def test_callers_take_turns() -> None:
    queue: FairQueue[str, None] = FairQueue()
    fill(queue, "a", 4)
    fill(queue, "b", 2)
    fill(queue, "c", 1)
    assert served(queue) == "a0 b0 c0 a1 b1 a2 a3"


def test_a_newcomer_passes_at_the_next_place() -> None:
    queue: FairQueue[str, None] = FairQueue()
    fill(queue, "a", 60)
    served(queue, 10)
    fill(queue, "b", 2)
    assert served(queue, 4) == "b0 a10 b1 a11"


def test_what_weighs_more_comes_less_often() -> None:
    queue: FairQueue[str, None] = FairQueue()
    fill(queue, "a", 3, weight=4)
    fill(queue, "b", 12)
    assert served(queue) == "b0 b1 b2 a0 b3 b4 b5 b6 a1 b7 b8 b9 b10 a2 b11"


def test_a_huge_request_waits_for_as_much_work_of_the_others() -> None:
    queue: FairQueue[str, None] = FairQueue()
    fill(queue, "a", 1, weight=16384)
    fill(queue, "b", 100)
    served(queue, 50)
    fill(queue, "c", 1)
    assert served(queue, 2) == "c0 b50"
    assert served(queue).split()[-1] == "a0"


def test_passing_callers_do_not_starve_who_waits() -> None:
    queue: FairQueue[str, None] = FairQueue()
    fill(queue, "a", 60)
    order = []
    for index in range(60):
        queue.push(f"x{index}", None, f"passant {index}")
        order.append(queue.pop()[0])
    # Un nouveau à chaque place : ceux qui attendent sont toujours plus nombreux, et chacun a sa part.
    assert sum(name.startswith("a") for name in order) >= 8


def test_leaving_and_coming_back_gains_a_tie_at_most() -> None:
    queue: FairQueue[str, None] = FairQueue()
    fill(queue, "a", 2, weight=3)
    fill(queue, "b", 9)
    assert served(queue, 4) == "b0 b1 a0 b2"
    queue.remove("a1")
    fill(queue, "a", 1, weight=3, first=2)
    assert served(queue, 4) == "b3 b4 a2 b5"


def test_who_holds_the_engine_comes_after_who_holds_nothing() -> None:
    held = Holdings()
    queue: FairQueue[str, None] = FairQueue(held)
    held.take("a", 3)
    fill(queue, "a", 2)
    fill(queue, "b", 5)
    assert served(queue) == "b0 b1 b2 a0 b3 a1 b4"
    held.give("a", 3)
    fill(queue, "a", 1)
    fill(queue, "b", 1)
    assert served(queue) == "a0 b0"


def test_a_pledged_request_passes_before_its_own_and_is_never_put_out() -> None:
    queue: FairQueue[str, None] = FairQueue()
    fill(queue, "a", 2)
    fill(queue, "b", 2)
    queue.push("suite", None, "a", pledged=True)
    assert queue.pledged == 1 and list(queue.refusable()) == ["a0", "a1", "b0", "b1"]
    assert queue.surplus("c") == "a1"
    assert served(queue) == "suite b0 a0 b1 a1" and queue.pledged == 0
    queue.push("suite", None, "a", pledged=True)
    queue.push("autre suite", None, "a", pledged=True)
    assert queue.surplus("c") is None
    queue.remove("suite")
    assert queue.pledged == 1
