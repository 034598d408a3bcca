"""Les lots de fenêtres : qui passe avant qui, qui n'attend pas toujours, et ce qu'un abandon libère."""

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest

from server.engines.base_audio import Recognition, RecognitionOptions, RecognitionWindow
from server.errors import EngineDead, EngineFailed
from server.worker.batcher import Rank, Ticket, WindowBatcher
from tests.fakes.engines import FakeTranscribeEngine, SteppedTranscribeEngine
from tests.support.waiting import PATIENCE


def order(engine: SteppedTranscribeEngine) -> list[list[str]]:
    """Noms des fenêtres de chaque lot."""
    return [[window.options.prompt for window in batch] for batch in engine.batches]


def window(name: str, seconds: float = 0.1) -> RecognitionWindow:
    return RecognitionWindow(np.zeros(int(16000 * seconds), np.float32), RecognitionOptions(prompt=name))


async def finish(engine: SteppedTranscribeEngine, *tickets: Ticket) -> None:
    """Laisse le moteur tout faire, et attend ces fenêtres."""
    engine.allow(100)
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(t.future for t in tickets if not t.future.cancelled()), return_exceptions=True)


async def started(engine: SteppedTranscribeEngine, count: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while len(engine.batches) < count:
            await asyncio.sleep(0)


async def test_a_final_is_never_behind_a_draft() -> None:
    engine = SteppedTranscribeEngine()
    batcher = WindowBatcher(engine)
    tickets = [batcher.submit(window("en cours"), Rank.DRAFT)]
    await started(engine, 1)
    tickets += [batcher.submit(window(f"brouillon {i}"), Rank.DRAFT) for i in range(3)]
    tickets += [batcher.submit(window(f"finale {i}"), Rank.FINAL) for i in range(3)]
    await finish(engine, *tickets)
    assert [name for (name,) in order(engine)] == [
        "en cours", "finale 0", "finale 1", "finale 2", "brouillon 0", "brouillon 1", "brouillon 2",
    ]  # fmt: skip


async def test_a_final_goes_before_files_that_are_never_starved() -> None:
    engine = SteppedTranscribeEngine()
    batcher = WindowBatcher(engine)
    tickets = [batcher.submit(window(f"fichier {i}"), Rank.FILE) for i in range(3)]
    await started(engine, 1)
    tickets += [batcher.submit(window(f"finale {i}"), Rank.FINAL) for i in range(10)]
    await finish(engine, *tickets)
    assert [name for (name,) in order(engine)] == [
        "fichier 0", *(f"finale {i}" for i in range(8)), "fichier 1", "finale 8", "finale 9", "fichier 2",
    ]  # fmt: skip


async def test_a_final_is_never_in_a_batch_of_file_windows() -> None:
    """De quelque longueur qu'elle soit ; un provisoire y prend une place libre s'il ne l'allonge pas."""
    engine = SteppedTranscribeEngine(max_batch=4)
    batcher = WindowBatcher(engine)
    tickets = [batcher.submit(window("en cours", 30), Rank.FILE)]
    await started(engine, 1)
    tickets += [batcher.submit(window(f"fichier {i}", 30), Rank.FILE) for i in range(6)]
    tickets += [batcher.submit(window(f"finale {s}", s), Rank.FINAL) for s in (30, 2)]
    tickets += [batcher.submit(window(f"provisoire {s}", s), Rank.DRAFT) for s in (30, 30.25, 2)]
    await finish(engine, *tickets)
    assert order(engine) == [
        ["en cours"],
        ["finale 30", "provisoire 30"],
        ["finale 2", "provisoire 2"],
        ["provisoire 30.25"],
        ["fichier 0", "fichier 1", "fichier 2", "fichier 3"],
        ["fichier 4", "fichier 5"],
    ]


async def test_each_bucket_is_answered_as_it_ends_and_a_new_final_goes_next() -> None:
    engine = SteppedTranscribeEngine(max_batch=4)
    batcher = WindowBatcher(engine)
    files = [batcher.submit(window(f"fichier {s}", s), Rank.FILE) for s in (30, 5, 30, 5)]
    await started(engine, 1)
    engine.allow()
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(files[0].future, files[2].future)
    assert not files[1].done and not files[3].done
    await started(engine, 2)
    late = batcher.submit(window("finale", 1), Rank.FINAL)
    waiting = [batcher.submit(window(f"fichier {s}", s), Rank.FILE) for s in (10, 11)]
    await finish(engine, *files, late, *waiting)
    assert order(engine) == [
        ["fichier 30", "fichier 30"], ["fichier 5", "fichier 5"], ["finale"], ["fichier 10"], ["fichier 11"],
    ]  # fmt: skip


async def test_one_caller_does_not_starve_another() -> None:
    engine = SteppedTranscribeEngine()
    batcher = WindowBatcher(engine)
    tickets = [batcher.submit(window(f"a{i}"), Rank.FINAL, "a") for i in range(5)]
    await started(engine, 1)
    tickets.append(batcher.submit(window("abandonnée"), Rank.FINAL, "b"))
    tickets.pop().cancel()
    tickets += [batcher.submit(window(f"b{i}"), Rank.FINAL, "b") for i in range(2)]
    draft = batcher.submit(window("b2"), Rank.DRAFT, "b")
    draft.promote()
    await finish(engine, *tickets, draft)
    assert [name for (name,) in order(engine)] == ["a0", "b0", "a1", "b1", "a2", "b2", "a3", "a4"]


async def test_drafts_share_the_engine_with_a_file() -> None:
    engine = SteppedTranscribeEngine()
    batcher = WindowBatcher(engine)
    tickets = [batcher.submit(window(f"fichier {i}"), Rank.FILE) for i in range(4)]
    tickets += [batcher.submit(window(f"brouillon {i}"), Rank.DRAFT) for i in range(2)]
    await finish(engine, *tickets)
    assert [name for (name,) in order(engine)][:4] == ["fichier 0", "brouillon 0", "fichier 1", "brouillon 1"]


async def test_a_batch_is_filled_with_what_waits_finals_first() -> None:
    engine = SteppedTranscribeEngine(max_batch=3)
    batcher = WindowBatcher(engine)
    tickets = [batcher.submit(window("seul"), Rank.FILE)]
    await started(engine, 1)
    tickets += [batcher.submit(window(f"brouillon {i}"), Rank.DRAFT) for i in range(2)]
    tickets += [batcher.submit(window(f"finale {i}"), Rank.FINAL) for i in range(2)]
    await finish(engine, *tickets)
    assert order(engine) == [["seul"], ["finale 0", "finale 1", "brouillon 0"], ["brouillon 1"]]


async def test_a_promoted_draft_goes_with_the_finals() -> None:
    engine = SteppedTranscribeEngine()
    batcher = WindowBatcher(engine)
    tickets = [batcher.submit(window("en cours"), Rank.DRAFT)]
    await started(engine, 1)
    tickets += [batcher.submit(window(name), Rank.DRAFT) for name in ("un", "deux")]
    tickets[2].promote()
    tickets[0].promote()
    tickets.append(batcher.submit(window("finale"), Rank.FINAL))
    await finish(engine, *tickets)
    assert [name for (name,) in order(engine)] == ["en cours", "deux", "finale", "un"]
    tickets[2].promote()


async def test_what_is_cancelled_before_its_batch_is_never_computed() -> None:
    engine = SteppedTranscribeEngine()
    batcher = WindowBatcher(engine)
    tickets = [batcher.submit(window(str(i)), Rank.FINAL) for i in range(4)]
    await started(engine, 1)
    waiting = asyncio.create_task(batcher.recognize(window("fichier")))
    await asyncio.sleep(0)
    for index in (0, 1, 3):
        tickets[index].cancel()
    waiting.cancel()
    await finish(engine, tickets[2])
    assert order(engine) == [["0"], ["2"]]
    assert tickets[0].done and tickets[0].failed and not tickets[2].failed
    again = batcher.submit(window("encore"), Rank.DRAFT)
    await finish(engine, again)
    assert again.done and not again.failed


@pytest.mark.parametrize("error", [EngineFailed("raté"), EngineDead("mort"), ValueError("imprévu")])
async def test_a_failure_touches_its_batch_alone(error: Exception) -> None:
    engine = SteppedTranscribeEngine()
    batcher = WindowBatcher(engine)
    first = batcher.submit(window("un"), Rank.FINAL)
    await started(engine, 1)
    second = batcher.submit(window("deux"), Rank.FINAL)
    engine.broken = error
    engine.allow()
    with pytest.raises(type(error)):
        await first.future
    engine.broken = None
    await finish(engine, second)
    assert first.failed and second.future.result().segments


async def test_an_engine_that_miscounts_is_a_failure_not_a_hang() -> None:
    class Short(FakeTranscribeEngine):
        async def transcribe(self, windows: Sequence[RecognitionWindow]) -> list[Recognition]:
            """Oublie une fenêtre."""
            return (await super().transcribe(windows))[1:]

    batcher = WindowBatcher(Short(max_batch=2))
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(EngineFailed):
            await batcher.recognize(window("un"))
