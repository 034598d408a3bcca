"""La boucle où finit un texte est coupée après son premier tour ; ce qui se répète pour de bon reste."""

import random

import pytest

from server.engines.common.loops import LONGEST, kept


@pytest.mark.parametrize("period", range(1, LONGEST + 1))
@pytest.mark.parametrize("before", [0, 1, 40])
def test_a_loop_is_cut_after_its_first_turn(period: int, before: int) -> None:
    told = list(range(1000, 1000 + before))
    turn = list(range(period))
    # Interrompue au milieu d'un tour, comme le fait la limite de jetons.
    looping = told + turn * 40 + turn[: period // 2]
    assert kept(looping) == before + period


@pytest.mark.parametrize(
    "tokens",
    [
        [],
        [7],
        [7] * 20,
        [1, 2, 3] * 6,
        list(range(16)) * 4,
        list(range(17)) * 30,
        [5] * 60 + [6],
        random.Random(3).choices(range(50), k=400),
    ],
    ids=["vide", "un", "vingt fois", "six fois", "quatre fois seize", "trop long", "fini autrement", "au hasard"],
)
def test_what_is_said_again_for_real_is_kept(tokens: list[int]) -> None:
    assert kept(tokens) == len(tokens)
