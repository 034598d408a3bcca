"""Ce que tout moteur de transcription doit faire : le faux, celui du profil embarque, ceux de production."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from server.engines.base_audio import Recognition, RecognitionOptions, RecognitionWindow, Wave
from server.errors import EngineFailed, UnsupportedOption
from tests.support.opening import check_phases
from tests.support.speech_engines import TranscribeCase, engine_names, transcribe_case

# Les bibliothèques des moteurs avertissent de ce dont l'entraînement se servirait.
pytestmark = pytest.mark.filterwarnings("ignore")

OPTIONS = {
    "word_timestamps": RecognitionOptions(words=True),
    "translate": RecognitionOptions(target_language="en"),
    "prompt": RecognitionOptions(prompt="contexte"),
    "phrases": RecognitionOptions(phrases=("Dashwood", "Norland Park")),
    "temperature": RecognitionOptions(temperature=0.5),
    "punctuation": RecognitionOptions(punctuation=False),
}
FIELDS = {"translate": "target_language"}


@pytest.fixture(scope="module", params=engine_names("fake", "whisper"))
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TranscribeCase]:
    with transcribe_case(request.param, tmp_path_factory.mktemp(request.param)) as found:
        yield found


def window(case: TranscribeCase, wave: Wave, options: RecognitionOptions | None = None) -> RecognitionWindow:
    """Fenêtre dans la langue de ces ondes."""
    return RecognitionWindow(wave, replace(options or RecognitionOptions(), language=case.language))


def text(found: Recognition) -> str:
    return " ".join(segment.text for segment in found.segments)


def test_opening_tells_its_phases(case: TranscribeCase) -> None:
    check_phases(case.phases)


async def test_a_batch_keeps_its_order_and_changes_nothing(case: TranscribeCase) -> None:
    windows = [window(case, wave) for wave in case.waves]
    alone = [text((await case.engine.transcribe([one]))[0]) for one in windows]
    assert all(alone) and alone[0] != alone[1], alone
    together = await case.engine.transcribe(windows[::-1])
    assert [text(found) for found in together] == alone[::-1]


async def test_the_language_asked_is_the_one_told(case: TranscribeCase) -> None:
    [found] = await case.engine.transcribe([window(case, case.waves[0])])
    assert found.language == case.language
    assert found.language_probability is None


async def test_words_are_in_order_and_inside_their_window(case: TranscribeCase) -> None:
    assert "word_timestamps" in case.engine.features
    results = await case.engine.transcribe([window(case, w, RecognitionOptions(words=True)) for w in case.waves])
    for wave, found in zip(case.waves, results, strict=True):
        seconds = len(wave) / 16000
        words = [word for segment in found.segments for word in segment.words]
        assert words
        assert all(0.0 <= word.start < word.end <= seconds for word in words)
        assert all(before.end <= after.start for before, after in pairwise(words))
        assert all(word.text == word.text.strip() != "" for word in words)
        assert all(word.confidence is None or 0.0 <= word.confidence <= 1.0 for word in words)
        for segment in found.segments:
            assert 0.0 <= segment.start <= segment.end <= seconds
            assert segment.text.split() == [word.text for word in segment.words]


async def test_no_words_are_given_unasked(case: TranscribeCase) -> None:
    [found] = await case.engine.transcribe([window(case, case.waves[0])])
    assert found.segments and all(segment.words == () for segment in found.segments)


@pytest.mark.parametrize("seconds", [0.0, 0.001, 0.05, 1.0])
async def test_silence_of_any_length_is_no_failure(case: TranscribeCase, seconds: float) -> None:
    silence = np.zeros(int(16000 * seconds), np.float32)
    results = await case.engine.transcribe([window(case, silence), window(case, case.waves[0])])
    assert len(results) == 2
    assert all(0.0 <= segment.start <= segment.end <= max(seconds, 0.1) for segment in results[0].segments)
    assert text(results[1])


async def test_the_longest_window_is_accepted(case: TranscribeCase) -> None:
    count = int(case.engine.max_window_seconds * 16000)
    long = np.resize(case.waves[0], count)
    [found] = await case.engine.transcribe([window(case, long)])
    assert all(segment.end <= case.engine.max_window_seconds for segment in found.segments)


async def test_the_largest_batch_is_accepted(case: TranscribeCase) -> None:
    count = min(case.engine.max_batch, 6)
    results = await case.engine.transcribe([window(case, case.waves[0][:16000])] * count)
    assert len({text(found) for found in results}) == 1


async def test_a_window_alone_always_fits_and_the_same_one_if_batches_are_made(case: TranscribeCase) -> None:
    asked = window(case, case.waves[0])
    assert case.engine.fits([], asked)
    assert case.engine.fits([asked], asked) == (case.engine.max_batch > 1)


async def test_a_read_only_wave_is_accepted(case: TranscribeCase) -> None:
    wave = case.waves[0].copy()
    wave.flags.writeable = False
    assert len(await case.engine.transcribe([window(case, wave)])) == 1


@pytest.mark.parametrize("feature", OPTIONS)
async def test_what_is_announced_is_accepted_and_the_rest_refused(case: TranscribeCase, feature: str) -> None:
    asked = window(case, case.waves[0], OPTIONS[feature])
    if feature in case.engine.features:
        case.engine.check(asked.options)
        assert len(await case.engine.transcribe([asked])) == 1
        return
    with pytest.raises(UnsupportedOption) as refused:
        case.engine.check(asked.options)
    assert refused.value.metadata["field"] == FIELDS.get(feature, feature)


async def test_too_many_phrases_are_refused_not_cut(case: TranscribeCase) -> None:
    """Whisper n'en lirait que le début."""
    many = RecognitionOptions(phrases=("Norland Park",) * 200)
    with pytest.raises(UnsupportedOption) as refused:
        case.engine.check(many)
    assert refused.value.metadata["field"] == "phrases"


async def test_an_empty_language_is_found_or_refused(case: TranscribeCase) -> None:
    asked = RecognitionWindow(case.waves[0], RecognitionOptions())
    if "language_detection" in case.engine.features:
        case.engine.check(asked.options)
        assert (await case.engine.transcribe([asked]))[0].language
        return
    with pytest.raises(UnsupportedOption) as refused:
        case.engine.check(asked.options)
    assert refused.value.metadata["field"] == "language"


def test_an_unknown_language_is_refused(case: TranscribeCase) -> None:
    with pytest.raises(UnsupportedOption) as refused:
        case.engine.check(RecognitionOptions(language="xx"))
    assert refused.value.metadata["field"] == "language"
    assert refused.value.metadata["value"] == "xx"


async def test_leaving_frees_the_engine(case: TranscribeCase) -> None:
    windows = [window(case, wave) for wave in case.waves]
    for _ in range(2):
        task = asyncio.create_task(case.engine.transcribe(windows))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    async with asyncio.timeout(60):
        assert len(await case.engine.transcribe(windows)) == len(windows)


async def test_a_closed_engine_says_so(case: TranscribeCase) -> None:
    """En dernier : le moteur ne sert plus."""
    await case.engine.close()
    await case.engine.close()
    with pytest.raises(EngineFailed):
        await case.engine.transcribe([window(case, case.waves[0])])
