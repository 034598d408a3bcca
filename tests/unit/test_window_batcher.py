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


class Patient(SteppedTranscribeEngine):
    """Un moteur dont un lot coûte le même temps quelle que soit sa taille."""

    batch_wait = 0.1

    def fits(self, batch: Sequence[RecognitionWindow], window: RecognitionWindow) -> bool:
        """Tout va ensemble."""
        return True


class Clock:
    """Une horloge qui n'avance que quand on le dit."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """L'heure."""
        return self.now


class Gathered:
    """Des clients qui enchaînent leurs fichiers, d'une fenêtre chacun, devant un moteur au lot très long."""

    def __init__(self, seconds: float) -> None:
        self.clock = Clock()
        self.engine = Patient(max_batch=4)
        self.batcher = WindowBatcher(self.engine, self.clock)
        self._seconds = seconds

    def sent(self, *names: str, rank: Rank = Rank.FILE, request: str | None = None) -> list[Ticket]:
        """Une fenêtre de chaque nom."""
        return [self.batcher.submit(window(name), rank, request=request) for name in names]

    async def end(self, *tickets: Ticket) -> None:
        """Laisse finir le lot en cours, après sa durée."""
        self.clock.now += self._seconds
        self.engine.allow()
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(one.future for one in tickets))

    async def settled(self) -> list[list[str]]:
        """Lots commencés, quand plus rien ne se passe."""
        for _ in range(50):
            await asyncio.sleep(0)
        return order(self.engine)


AGES = 1e6
"""Durée d'un lot dont l'attente ne finit pas pendant un essai."""


async def paired(rig: Gathered) -> list[Ticket]:
    """Deux clients, le premier arrivé seul : après son lot, l'autre attend, et le moteur est libre."""
    first = rig.sent("a0")
    await started(rig.engine, 1)
    second = rig.sent("b0")
    await rig.end(*first)
    assert await rig.settled() == [["a0"]]
    return second


async def test_clients_that_chain_their_files_share_each_batch() -> None:
    rig = Gathered(AGES)
    waiting = await paired(rig)
    for turn in range(1, 4):
        waiting += rig.sent(f"a{turn}")
        await started(rig.engine, turn + 1)
        await rig.end(*waiting)
        waiting = rig.sent(f"b{turn}")
        assert len(await rig.settled()) == turn + 1
    assert order(rig.engine) == [["a0"], ["b0", "a1"], ["b1", "a2"], ["b2", "a3"]]


async def test_who_is_alone_waits_for_no_one() -> None:
    """Ni un fichier après l'autre, ni les fenêtres d'un seul fichier."""
    rig = Gathered(AGES)
    for turn in range(3):
        tickets = rig.sent(f"a{turn}")
        await started(rig.engine, turn + 1)
        await rig.end(*tickets)
    long = rig.sent("c0", request="c")
    await started(rig.engine, 4)
    long += rig.sent("c1", "c2", "c3", "c4", "c5", request="c")
    for count in (5, 6):
        rig.engine.allow()
        await started(rig.engine, count)
    await rig.end(*long)
    assert [len(batch) for batch in order(rig.engine)] == [1, 1, 1, 1, 4, 1]


async def test_a_full_batch_waits_for_no_one() -> None:
    rig = Gathered(AGES)
    waiting = await paired(rig)
    waiting += rig.sent("c0", "c1", "c2", request="c")
    await started(rig.engine, 2)
    assert order(rig.engine)[1] == ["b0", "c0", "c1", "c2"]
    await finish(rig.engine, *waiting)


@pytest.mark.parametrize("rank", [Rank.FINAL, Rank.DRAFT])
async def test_a_stream_does_not_wait_for_files(rank: Rank) -> None:
    rig = Gathered(AGES)
    waiting = await paired(rig)
    live = rig.sent("direct", rank=rank)
    await started(rig.engine, 2)
    assert order(rig.engine)[1] == ["direct"]
    rig.clock.now += 2 * AGES
    await finish(rig.engine, *waiting, *live)


async def test_who_does_not_come_back_is_not_waited_for_long() -> None:
    """L'attente est une part du lot d'avant ; passée, le lot commence, et l'absent n'est plus attendu."""
    rig = Gathered(0.01)
    waiting = await paired(rig)
    await started(rig.engine, 2)
    await rig.end(*waiting)
    rig.sent("b1")
    await started(rig.engine, 3)
    assert order(rig.engine) == [["a0"], ["b0"], ["b1"]]


@pytest.mark.parametrize("speech", [True, False])
async def test_a_file_being_read_is_waited_for_until_its_window_or_its_end(speech: bool) -> None:
    """Plus longtemps qu'un client qui n'est pas encore là, et sans que rien d'autre n'arrive."""
    rig = Gathered(AGES)
    waiting = await paired(rig)
    async with rig.batcher.reading("a"):
        assert len(await rig.settled()) == 1
        if speech:
            waiting += rig.sent("a1", request="a")
            await started(rig.engine, 2)
        rig.clock.now += 2 * AGES
    await started(rig.engine, 2)
    assert order(rig.engine)[1] == (["b0", "a1"] if speech else ["b0"])
    await finish(rig.engine, *waiting)


async def test_who_comes_back_late_is_not_waited_for() -> None:
    rig = Gathered(AGES)
    waiting = await paired(rig)
    waiting += rig.sent("a1")
    await started(rig.engine, 2)
    await rig.end(*waiting)
    rig.clock.now += 2 * AGES
    rig.sent("a2")
    await started(rig.engine, 3)
    assert order(rig.engine)[2] == ["a2"]


class Wide(Patient):
    """Mène plus de fenêtres de direct que de fichiers."""

    @property
    def max_live_batch(self) -> int:
        """Trois fois plus."""
        return 3 * self.max_batch


async def test_all_streams_share_one_batch_per_turn() -> None:
    """Phrases closes d'abord, puis provisoires ; les fichiers gardent leur nombre."""
    engine = Wide(max_batch=2)
    batcher = WindowBatcher(engine)
    tickets = [batcher.submit(window("en cours"), Rank.FILE, request="f")]
    await started(engine, 1)
    tickets += [batcher.submit(window(f"fichier {i}"), Rank.FILE, request="f") for i in range(3)]
    tickets += [batcher.submit(window(f"provisoire {i}"), Rank.DRAFT) for i in range(7)]
    tickets += [batcher.submit(window(f"finale {i}"), Rank.FINAL) for i in range(4)]
    await finish(engine, *tickets)
    assert order(engine) == [
        ["en cours"],
        [*(f"finale {i}" for i in range(4)), "provisoire 0", "provisoire 1"],
        [f"provisoire {i}" for i in range(2, 7)],
        ["fichier 0", "fichier 1"],
        ["fichier 2"],
    ]
