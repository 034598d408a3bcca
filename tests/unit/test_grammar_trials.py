"""L'essai d'une grammaire : ce qui explose n'emporte qu'un enfant, et le verdict est gardé."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from server.chat_grammars import Grammar, GrammarKind
from server.engines.base import TrialBounds
from server.engines.common import trials as trials_module
from server.engines.common.trials import GrammarTrials
from server.errors import EngineFailed, InvalidRequest, QueueFull
from tests.support.children import NewChildren

COMPILER = Path(__file__).resolve().parents[1] / "fakes" / "grammar_compiler.py"
MIB = 1024 * 1024


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "essais"


@pytest.fixture
def children() -> NewChildren:
    return NewChildren()


@pytest_asyncio.fixture
async def trials(log: Path, children: NewChildren) -> AsyncIterator[GrammarTrials]:
    made = GrammarTrials(COMPILER, TrialBounds(seconds=0.2, memory_bytes=64 * MIB), {"log": str(log)})
    made.start()
    yield made
    await made.close()
    assert not children(recursive=True)


def grammar(text: str) -> Grammar:
    return Grammar("structured_outputs.regex", GrammarKind.REGEX, text)


async def refused(trials: GrammarTrials, text: str) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        await trials.check(grammar(text))
    assert caught.value.metadata["field"] == "structured_outputs.regex"
    return caught.value


async def test_a_good_grammar_is_tried_once(trials: GrammarTrials, log: Path) -> None:
    for _ in range(3):
        await trials.check(grammar("good"))
    await asyncio.gather(*(trials.check(grammar("other")) for _ in range(5)))
    await trials.check(Grammar("json_schema", GrammarKind.JSON, {"type": "object"}))
    assert log.read_text().splitlines() == ["regex good", "regex other", 'json {"type":"object"}']


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("spin", "0.2"),
        ("native", "0.2"),
        (f"eat {200 * MIB}", str(64 * MIB)),
        ("abort", str(64 * MIB)),
        ("fault", str(64 * MIB)),
    ],
)
async def test_what_explodes_takes_only_its_child(
    trials: GrammarTrials, children: NewChildren, log: Path, text: str, limit: str
) -> None:
    await trials.check(grammar("good"))
    assert (await refused(trials, text)).metadata["limit"] == limit
    [keeper] = children()
    assert (await refused(trials, text)).metadata["limit"] == limit
    await trials.check(grammar("better"))
    # Le même enfant sert toujours, et l'explosion n'a pas été rejouée.
    assert children() == [keeper]
    assert log.read_text().splitlines() == ["regex good", f"regex {text}", "regex better"]


async def test_a_refusal_of_the_library_is_told_short(trials: GrammarTrials) -> None:
    error = await refused(trials, "bad")
    assert len(error.message) < 700
    assert "limit" not in error.metadata


async def test_what_fits_passes(trials: GrammarTrials) -> None:
    await trials.check(grammar(f"eat {16 * MIB}"))


async def test_a_trial_judged_by_the_clock_is_not_kept(log: Path) -> None:
    trials = GrammarTrials(COMPILER, TrialBounds(memory_bytes=64 * MIB, wall_seconds=0.3), {"log": str(log)})
    try:
        for _ in range(2):
            with pytest.raises(EngineFailed, match=r"structured_outputs\.regex"):
                await trials.check(grammar("sleep"))
        assert log.read_text().splitlines() == ["regex sleep"] * 2
    finally:
        await trials.close()


async def test_a_lost_child_is_replaced(trials: GrammarTrials) -> None:
    with pytest.raises(EngineFailed):
        await trials.check(grammar("leave"))
    await trials.check(grammar("good"))


async def test_leaving_a_trial_does_not_answer_the_next_one(trials: GrammarTrials) -> None:
    await trials.check(grammar("good"))
    left = asyncio.create_task(trials.check(grammar("spin")))
    await asyncio.sleep(0.05)
    left.cancel()
    with pytest.raises(asyncio.CancelledError):
        await left
    await trials.check(grammar("better"))
    await refused(trials, "bad")


async def test_the_queue_and_the_memory_are_bounded(
    trials: GrammarTrials, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trials_module, "_MAX_WAITING", 2)
    monkeypatch.setattr(trials_module, "_KNOWN", 2)
    waiting = [asyncio.create_task(trials.check(grammar(f"good {i}"))) for i in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(QueueFull):
        await trials.check(grammar("good 2"))
    await asyncio.gather(*waiting)
    await trials.check(grammar("good 0"))
    await trials.check(grammar("good 2"))
    # Le moins récemment demandé des trois est oublié.
    await trials.check(grammar("good 0"))
    await trials.check(grammar("good 1"))
    assert log.read_text().splitlines() == [f"regex good {i}" for i in (0, 1, 2, 1)]
