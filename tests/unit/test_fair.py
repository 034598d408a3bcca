"""La file équitable : qui passe, qui attend, qui est refusé."""

import pytest

from server.fair import FairQueue, Holdings, share_of, with_share


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


def backlogged(shares: dict[str, int], turns: int, weight: int = 1) -> dict[str, int]:
    """Ce que chacun obtient en tant de tours, tous ayant toujours de quoi attendre."""
    queue: FairQueue[str, None] = FairQueue()
    for name, share in shares.items():
        fill(queue, with_share(name, share), turns, weight)
    got = dict.fromkeys(shares, 0)
    for _ in range(turns):
        key, _ = queue.pop()
        got[key[0]] += 1
    return got


@pytest.mark.parametrize(
    "shares",
    [{"a": 1, "b": 3}, {"a": 1, "b": 2, "c": 7}, {"a": 5, "b": 5}, {"a": 1, "b": 1000}, {"a": 3, "b": 7, "c": 11}],
)
@pytest.mark.parametrize("weight", [1, 4])
def test_everyone_is_served_its_share(shares: dict[str, int], weight: int) -> None:
    rounds = 10
    turns = sum(shares.values()) * rounds
    got = backlogged(shares, turns, weight)
    assert all(abs(got[name] - share * rounds) <= 1 for name, share in shares.items()), got


def test_a_share_is_of_work_and_not_of_requests() -> None:
    queue: FairQueue[str, None] = FairQueue()
    fill(queue, with_share("a", 2), 600, weight=3)
    fill(queue, "b", 600)
    got = {"a": 0, "b": 0}
    for _ in range(500):
        key, _ = queue.pop()
        got[key[0]] += 3 if key[0] == "a" else 1
    assert abs(got["a"] - 2 * got["b"]) <= 6


def test_the_smallest_share_never_starves() -> None:
    """Devant mille parts qui reviennent sans cesse, une seule passe encore, à son rythme."""
    queue: FairQueue[str, None] = FairQueue()
    fill(queue, "a", 3)
    fill(queue, with_share("b", 1000), 2)
    waited, waits = 0, []
    for index in range(2, 4000):
        queue.push(f"b{index}", None, with_share("b", 1000))
        key, _ = queue.pop()
        waited += 1
        if key.startswith("a"):
            waits.append(waited)
            waited = 0
    assert len(waits) == 3 and max(waits) <= 1002


def test_a_bigger_share_may_hold_more_of_a_full_queue() -> None:
    held = Holdings()
    queue: FairQueue[str, None] = FairQueue(held)
    large = with_share("a", 4)
    fill(queue, large, 4)
    fill(queue, "b", 2)
    # Quatre pour quatre parts, deux pour une : c'est « b » qui en tient le plus.
    assert queue.surplus(large) == "b1" and queue.surplus("c") == "b1"
    assert queue.surplus("b") is None
    queue.remove("b1")
    fill(queue, large, 4, first=4)
    assert queue.surplus("c") == f"{large}7"
    assert queue.surplus("b") is None


def test_what_a_caller_holds_counts_for_its_share() -> None:
    held = Holdings()
    queue: FairQueue[str, None] = FairQueue(held)
    large = with_share("a", 4)
    held.take(large, 8)
    held.take("b", 8)
    fill(queue, large, 1)
    fill(queue, "b", 1)
    assert served(queue) == f"{large}0 b0"


def test_a_label_says_its_share_and_one_is_silent() -> None:
    assert with_share("k0", 1) == "k0" and share_of("k0") == share_of("") == 1
    assert share_of(with_share("k0", 7)) == 7 and share_of(with_share("", 7)) == 7
    for label in ("a198.51.100.7", "a20010db800010002", "t0123456789abcdef"):
        assert share_of(label) == 1
