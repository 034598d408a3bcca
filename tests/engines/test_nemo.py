"""Le vrai NeMo, sur le processeur, avec de petits modèles faits sur place (`docs/moteurs.md` dit comment le lancer).

La suite de contrat d'abord, puis ce que Canary et Parakeet ont de propre.
"""

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("PASSERELLE_TEST_ENGINE", "canary")

from server.engines.base import LoadPhase
from server.engines.base_audio import Recognition, RecognitionOptions, RecognitionWindow
from server.errors import ModelLoadFailed, UnsupportedOption
from tests.contract.test_transcribe_engine import *  # noqa: F403
from tests.support import tiny_canary
from tests.support.speech_engines import TranscribeCase, opened, production

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Un dossier de modèle avec plusieurs points de contrôle."""
    found = tmp_path_factory.mktemp("nemo")
    tiny_canary.canary(found / "flash.nemo")
    tiny_canary.canary(found / "v2.nemo", aligner=True, times=False)
    tiny_canary.canary(found / "nu.nemo", times=False)
    tiny_canary.parakeet(found / "parakeet.nemo")
    tiny_canary.ctc(found / "ctc.nemo")
    return found


@pytest.fixture(
    scope="module",
    params=[
        {"file": "flash.nemo"},
        {"file": "v2.nemo"},
        {"file": "flash.nemo", "dtype": "bf16"},
        {"file": "v2.nemo", "strategy": "beam", "beam_size": 2},
    ],
    ids=lambda options: "-".join(map(str, options.values())),
)
def canary(request: pytest.FixtureRequest, folder: Path) -> Iterator[Any]:
    with opened(production("canary", folder, **request.param), []) as engine:
        yield engine


@asynccontextmanager
async def opened_here(folder: Path, **options: Any) -> AsyncIterator[Any]:
    """Moteur ouvert le temps d'un bloc."""
    engine: Any = production("canary", folder, **options)
    await engine.open()
    try:
        await engine.warm_up()
        yield engine
    finally:
        await engine.close()


def test_restoring_a_checkpoint_is_told_step_by_step(case: TranscribeCase) -> None:
    restoring = [LoadPhase.EXTRACTING, LoadPhase.BUILDING, LoadPhase.LOADING_WEIGHTS]
    assert case.phases == [LoadPhase.IMPORTING, *restoring]


def said(found: Recognition) -> str:
    return " ".join(segment.text for segment in found.segments)


def lesson_window(lesson: tiny_canary.Lesson, *, words: bool = False) -> RecognitionWindow:
    options = RecognitionOptions(
        language=lesson.source,
        target_language="" if lesson.target == lesson.source else lesson.target,
        punctuation=lesson.punctuation,
        words=words,
    )
    return RecognitionWindow(tiny_canary.wave(lesson.wave), options)


async def test_one_batch_honours_every_language_translation_and_punctuation(canary: Any) -> None:
    lessons = [lesson for lesson in tiny_canary.lessons() if not lesson.times]
    found = await canary.transcribe([lesson_window(lesson) for lesson in lessons])
    assert [said(one) for one in found] == [lesson.text for lesson in lessons]
    assert [one.language for one in found] == [lesson.source for lesson in lessons]


async def test_words_split_into_sentences(canary: Any) -> None:
    lesson = tiny_canary.Lesson("bref", "en", "en", times=True)
    [found] = await canary.transcribe([lesson_window(lesson, words=True)])
    assert [segment.text for segment in found.segments] == ["One window speaks.", "Then it stops."]
    words = [word for segment in found.segments for word in segment.words]
    assert [word.text for word in words] == lesson.text.split()
    assert all(0.0 <= word.start <= word.end <= 3.0 for word in words)


async def test_time_tokens_become_seconds(folder: Path) -> None:
    """Le petit modèle a appris ces instants : trois trames de 80 ms par mot, une entre deux."""
    async with opened_here(folder, file="flash.nemo") as engine:
        lesson = tiny_canary.Lesson("bref", "fr", "fr", times=True)
        [found] = await engine.transcribe([lesson_window(lesson, words=True)])
    words = [word for segment in found.segments for word in segment.words]
    assert [word.text for word in words] == lesson.text.split()
    assert [word.start for word in words] == pytest.approx([index * 0.32 for index in range(len(words))])
    assert [word.end for word in words] == pytest.approx([index * 0.32 + 0.24 for index in range(len(words))])
    assert all(word.confidence is not None and word.confidence > 0.5 for word in words)


async def test_a_default_language_is_used_and_told(folder: Path) -> None:
    async with opened_here(folder, file="flash.nemo", default_language="fr") as engine:
        engine.check(RecognitionOptions())
        [found] = await engine.transcribe([RecognitionWindow(tiny_canary.wave("long"), RecognitionOptions())])
    assert found.language == "fr"
    assert said(found) == tiny_canary.Lesson("long", "fr", "fr").text


async def test_without_a_way_to_time_words_none_are_promised(folder: Path) -> None:
    async with opened_here(folder, file="nu.nemo") as engine:
        assert "word_timestamps" not in engine.features
        with pytest.raises(UnsupportedOption, match="word_timestamps"):
            engine.check(RecognitionOptions(language="fr", words=True))
        assert len(await engine.transcribe([lesson_window(tiny_canary.Lesson("bref", "fr", "fr"))])) == 1


async def test_only_pairs_with_english_are_translated(folder: Path) -> None:
    async with opened_here(folder, file="flash.nemo") as engine:
        engine.check(RecognitionOptions(language="de", target_language="en"))
        with pytest.raises(UnsupportedOption) as refused:
            engine.check(RecognitionOptions(language="de", target_language="fr"))
    assert refused.value.metadata == {"field": "target_language", "value": "fr", "limit": "en"}


@pytest.mark.parametrize("file", ["parakeet.nemo", "ctc.nemo"])
async def test_parakeet_by_the_profile_alone(folder: Path, file: str) -> None:
    async with opened_here(folder, file=file, languages=["en", "fr"]) as engine:
        assert engine.features == {"word_timestamps"}
        with pytest.raises(UnsupportedOption) as unknown:
            engine.check(RecognitionOptions(phrases=("nom",)))
        assert unknown.value.metadata["field"] == "phrases"
        engine.check(RecognitionOptions(language="fr"))
        for refused in (
            RecognitionOptions(language="de"),
            RecognitionOptions(target_language="en"),
            RecognitionOptions(punctuation=False),
            RecognitionOptions(prompt="contexte"),
        ):
            with pytest.raises(UnsupportedOption):
                engine.check(refused)
        waves = [tiny_canary.wave("bref"), tiny_canary.wave("long")[:16000]]
        found = await engine.transcribe([RecognitionWindow(wave, RecognitionOptions(words=True)) for wave in waves])
    for wave, one in zip(waves, found, strict=True):
        words = [word for segment in one.segments for word in segment.words]
        assert words and all(0.0 <= word.start <= word.end <= len(wave) / 16000 for word in words)
        assert all(0.0 < word.confidence <= 1.0 for word in words)
        assert all(segment.confidence is not None for segment in one.segments)


async def test_a_transducer_prefers_the_phrases_of_its_request(folder: Path) -> None:
    phrase = "une fenêtre parle"
    options = {"file": "parakeet.nemo", "languages": ["fr"], "phrase_boosting": True}
    wave = tiny_canary.wave("bref")

    def window(phrases: tuple[str, ...] = (), boost: float | None = None) -> RecognitionWindow:
        return RecognitionWindow(wave, RecognitionOptions(words=True, phrases=phrases, phrase_boost=boost))

    def said(found: Recognition) -> str:
        return " ".join(segment.text for segment in found.segments)

    async with opened_here(folder, **options) as engine:
        assert {"phrases", "phrase_boost"} <= engine.features
        [plain] = await engine.transcribe([window()])
        # Chacun a les siennes dans un même lot, et rien n'en reste après lui.
        boosted, beside, none = await engine.transcribe([window((phrase,), 10.0), window(), window((phrase,), 0.0)])
        [after] = await engine.transcribe([window()])
    assert said(plain) == said(beside) == said(none) == said(after)
    assert said(boosted) != said(plain) and phrase in said(boosted), said(boosted)
    assert all(word.confidence is not None for segment in boosted.segments for word in segment.words)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({}, "plusieurs fichiers .nemo"),
        ({"file": "absent.nemo"}, "absent.nemo"),
        ({"file": "flash.nemo", "beams": 2}, "options.beams"),
        ({"file": "flash.nemo", "languages": ["fr", "xx"]}, "xx"),
        ({"file": "flash.nemo", "max_window_seconds": 60}, "options.max_window_seconds"),
        ({"file": "flash.nemo", "max_generation_delta": 2}, "options.max_generation_delta"),
        ({"file": "abîmé.nemo"}, "abîmé.nemo"),
    ],
)
async def test_what_cannot_be_loaded_is_named(folder: Path, tmp_path: Path, options: Any, named: str) -> None:
    shutil.copytree(folder, tmp_path / "modèle")
    (tmp_path / "modèle" / "abîmé.nemo").write_bytes(b"rien d'une archive")
    engine = production("canary", tmp_path / "modèle", **options)
    with pytest.raises(ModelLoadFailed, match=named):
        await engine.open()
    await engine.close()
