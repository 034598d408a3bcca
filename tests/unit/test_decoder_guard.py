"""La garde d'un lot de NeMo trouve les boucles de toutes les lignes à la fois, là où chacune seule les trouverait."""

import random

import numpy as np
import pytest

from server.engines.common.loops import LONGEST, repeated
from server.engines.nemo.guard import Loops


def ends_in_a_loop(told: list[int]) -> bool:
    """La même chose, une période après l'autre."""
    return any(
        len(told) >= count + period and told[-count:] == told[-count - period : -period]
        for period in range(1, LONGEST + 1)
        for count in (repeated(period),)
    )


def row(seed: int, steps: int) -> list[int]:
    """Du texte, une boucle d'une période au hasard, puis peut-être du texte encore."""
    random_ = random.Random(seed)
    turn = random_.choices(range(3), k=random_.randint(1, LONGEST + 2))
    text = random_.choices(range(50), k=random_.randint(0, 40))
    looping = turn * random_.randint(1, 30)
    return (text + looping + random_.choices(range(50), k=steps))[:steps]


@pytest.mark.parametrize("look", [1, 4, 7])
def test_every_row_is_judged_as_if_it_were_alone(look: int) -> None:
    steps, rows = 168, [row(seed, 168) for seed in range(60)]
    loops, seen = Loops(len(rows)), 0
    for at in range(0, steps, look):
        found = loops.hear(np.array([one[at : at + look] for one in rows]))
        expected = [ends_in_a_loop(one[: at + look]) for one in rows]
        assert found.tolist() == expected
        seen += sum(expected)
    assert seen > 20
