"""Ce que tout moteur de diarisation doit faire : le faux, celui du profil embarque, celui de production."""

import asyncio
import itertools
import threading
from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import pytest

from server.engines.base_audio import Diarization, DiarizationOptions
from server.errors import EngineFailed
from tests.support.opening import check_phases
from tests.support.speech_engines import DiarizeCase, diarize_case, engine_names

# pyannote avertit d'une onde trop courte pour le nombre de locuteurs demandé.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module", params=engine_names("fake", "pyannote-camplus"))
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DiarizeCase]:
    with diarize_case(request.param, tmp_path_factory.mktemp(request.param)) as found:
        yield found


def silent(_stage: str, _ratio: float) -> None:
    """Avancement ignoré."""


def speakers(found: Diarization) -> set[str]:
    return {turn.speaker for turn in found.turns}


def test_opening_tells_its_phases(case: DiarizeCase) -> None:
    check_phases(case.phases)


async def test_turns_and_progress(case: DiarizeCase) -> None:
    steps: list[tuple[str, float]] = []
    found = await case.engine.diarize(
        case.wave, DiarizationOptions(), lambda stage, ratio: steps.append((stage, ratio))
    )
    end = len(case.wave) / 16000
    assert found.turns and found.exclusive_turns
    for turn in (*found.turns, *found.exclusive_turns):
        assert 0.0 <= turn.start < turn.end <= end
        assert turn.speaker
    exclusive = sorted(found.exclusive_turns, key=lambda turn: turn.start)
    for before, after in itertools.pairwise(exclusive):
        assert before.end <= after.start + 1e-6
    assert {turn.speaker for turn in exclusive} <= speakers(found)
    assert found.embeddings == {}
    by_stage = defaultdict(list)
    for stage, ratio in steps:
        by_stage[stage].append(ratio)
    assert list(by_stage) == ["segmentation", "embeddings"]
    for ratios in by_stage.values():
        assert ratios == sorted(ratios)
        assert ratios[0] >= 0.0 and ratios[-1] == 1.0


async def test_the_speaker_count_is_honoured_and_embeddings_given(case: DiarizeCase) -> None:
    options = DiarizationOptions(num_speakers=2, embeddings=True)
    found = await case.engine.diarize(case.wave, options, silent)
    assert len(speakers(found)) == 2
    assert found.embeddings and set(found.embeddings) <= speakers(found)
    assert len({len(vector) for vector in found.embeddings.values()}) == 1
    assert all(np.isfinite(vector).all() for vector in found.embeddings.values())


async def test_the_speaker_bound_is_honoured(case: DiarizeCase) -> None:
    found = await case.engine.diarize(case.wave, DiarizationOptions(max_speakers=1), silent)
    assert len(speakers(found)) == 1


@pytest.mark.parametrize("count", [0, 1, 800])
async def test_an_audio_too_short_has_no_turn(case: DiarizeCase, count: int) -> None:
    found = await case.engine.diarize(np.zeros(count, np.float32), DiarizationOptions(), silent)
    assert found == Diarization((), ())


async def test_a_read_only_wave_is_accepted(case: DiarizeCase) -> None:
    wave = case.wave[: 16000 * 3].copy()
    wave.flags.writeable = False
    found = await case.engine.diarize(wave, DiarizationOptions(), silent)
    assert all(turn.end <= 3.0 for turn in found.turns)


async def test_leaving_stops_the_engine(case: DiarizeCase) -> None:
    """Une onde abandonnée pendant son calcul, une autre avant son tour : la suivante est servie."""
    begun = threading.Event()
    running = asyncio.create_task(case.engine.diarize(case.wave, DiarizationOptions(), lambda _s, _r: begun.set()))
    while not begun.is_set():
        await asyncio.sleep(0.01)
    waiting = asyncio.create_task(case.engine.diarize(case.wave, DiarizationOptions(), silent))
    await asyncio.sleep(0)
    for task in (waiting, running):
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    async with asyncio.timeout(60):
        await case.engine.diarize(case.wave[: 16000 * 3], DiarizationOptions(), silent)


async def test_waves_led_together_are_what_each_is_alone(case: DiarizeCase) -> None:
    """Une autre, abandonnée en cours, ne leur prend rien."""
    waves = [case.wave, case.wave[16000 * 4 :], case.wave[: 16000 * 3]]
    alone = [await case.engine.diarize(wave, DiarizationOptions(), silent) for wave in waves]
    begun = threading.Event()
    leaving = asyncio.create_task(case.engine.diarize(case.wave, DiarizationOptions(), lambda _s, _r: begun.set()))
    tasks = [asyncio.create_task(case.engine.diarize(wave, DiarizationOptions(), silent)) for wave in waves]
    while not begun.is_set():
        await asyncio.sleep(0.01)
    leaving.cancel()
    together = await asyncio.gather(*tasks)
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert together == alone


async def test_voices_of_the_same_wave_are_alike_whatever_goes_with_it(case: DiarizeCase) -> None:
    scale = case.engine.voice_scale
    assert -1 <= scale.same <= scale.named <= 1
    wave = case.wave[16000 * 2 : 16000 * 4]
    wave.flags.writeable = False
    (alone,) = await case.engine.embed([wave])
    together = await case.engine.embed([case.wave[:16000], wave, case.wave[: 16000 * 2], case.wave[:100]])
    assert alone is not None and together[1] is not None and together[3] is None
    assert np.linalg.norm(alone) == pytest.approx(1, abs=1e-4)
    assert float(alone @ together[1]) == pytest.approx(1, abs=1e-3)
    assert {vector.shape for vector in together if vector is not None} == {alone.shape}


async def test_no_wave_has_no_voice(case: DiarizeCase) -> None:
    assert await case.engine.embed([]) == []
    assert await case.engine.embed([np.zeros(0, np.float32)]) == [None]


async def test_leaving_a_voice_harms_nobody(case: DiarizeCase) -> None:
    """Une demande abandonnée, pendant qu'une autre attend le même lot."""
    waves = [case.wave[: 16000 * 2]]
    leaving = [asyncio.create_task(case.engine.embed(waves)) for _ in range(3)]
    staying = asyncio.create_task(case.engine.embed(waves))
    await asyncio.sleep(0)
    for task in leaving:
        task.cancel()
    assert (await staying)[0] is not None
    assert (await case.engine.embed(waves))[0] is not None


async def test_a_closed_engine_says_so(case: DiarizeCase) -> None:
    """En dernier : le moteur ne sert plus."""
    await case.engine.close()
    await case.engine.close()
    with pytest.raises(EngineFailed):
        await case.engine.embed([case.wave])
    with pytest.raises(EngineFailed):
        await case.engine.diarize(case.wave, DiarizationOptions(), silent)
