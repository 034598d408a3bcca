"""La langue que la requête ne dit pas : entendue par un vrai modèle de NeMo, sinon supposée, et la réponse le dit."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("PASSERELLE_TEST_ENGINE", "canary")

from server.engines.base_audio import Recognition, RecognitionOptions, RecognitionWindow
from server.errors import ModelLoadFailed, UnsupportedOption
from tests.support import tiny_canary, tiny_langid
from tests.support.speech_engines import production

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("langues")
    tiny_canary.canary(found / "flash.nemo")
    tiny_canary.ctc(found / "ctc.nemo")
    tiny_langid.langid(found / "langues.nemo")
    tiny_langid.langid(found / "ailleurs.nemo", ("zh", "ar"))
    return found


@asynccontextmanager
async def opened_here(folder: Path, **options: Any) -> AsyncIterator[Any]:
    engine: Any = production("canary", folder, file="flash.nemo", **options)
    await engine.open()
    try:
        await engine.warm_up()
        yield engine
    finally:
        await engine.close()


def window(name: str, **options: Any) -> RecognitionWindow:
    return RecognitionWindow(tiny_canary.wave(name), RecognitionOptions(**options))


def said(found: Recognition) -> str:
    return " ".join(segment.text for segment in found.segments)


async def test_each_window_is_written_in_the_language_heard_in_it(folder: Path) -> None:
    """Un même lot mêle des langues entendues et dites ; la langue dite n'est jamais écoutée."""
    async with opened_here(folder, language_model="langues.nemo", default_language="de") as engine:
        assert "language_detection" in engine.features
        engine.check(RecognitionOptions())
        found = await engine.transcribe([window("bref"), window("long"), window("bref", language="en")])
    assert [one.language for one in found] == ["fr", "en", "en"]
    assert [one.language_assumed for one in found] == [False] * 3
    assert found[2].language_probability is None
    assert all(one.language_probability is not None and one.language_probability > 0.8 for one in found[:2])
    expected = [("bref", "fr"), ("long", "en"), ("bref", "en")]
    assert [said(one) for one in found] == [tiny_canary.Lesson(name, code, code).text for name, code in expected]


async def test_the_language_heard_is_one_the_model_knows_and_the_translation_allows(folder: Path) -> None:
    async with opened_here(folder, language_model=str(folder / "langues.nemo"), languages=["en", "de"]) as engine:
        [found] = await engine.transcribe([window("bref")])
        assert found.language in {"en", "de"}
        assert found.language_probability is not None and found.language_probability < 0.5
    async with opened_here(folder, language_model="langues.nemo") as engine:
        engine.check(RecognitionOptions(target_language="en"))
        engine.check(RecognitionOptions(target_language="de"))
        with pytest.raises(UnsupportedOption):
            engine.check(RecognitionOptions(target_language="zh"))
        found = await engine.transcribe([window("bref", target_language="en"), window("bref", target_language="de")])
    assert found[0].language == "fr" and found[1].language in {"en", "de"}
    assert said(found[0]) == tiny_canary.Lesson("bref", "fr", "en").text


async def test_without_a_language_model_the_default_is_assumed_and_said_so(folder: Path) -> None:
    async with opened_here(folder, default_language="fr") as engine:
        assert "language_detection" not in engine.features
        found = await engine.transcribe([window("bref"), window("bref", language="fr")])
    assert [one.language for one in found] == ["fr", "fr"]
    assert [one.language_assumed for one in found] == [True, False]
    assert [one.language_probability for one in found] == [None, None]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"language_model": "absent.nemo"}, "n'existe pas"),
        ({"language_model": "flash.nemo"}, "EncDecMultiTaskModel"),
        ({"language_model": "ailleurs.nemo"}, "zh, ar"),
        ({"language_model": "langues.nemo", "file": "ctc.nemo"}, "de lui-même"),
    ],
)
async def test_a_language_model_that_cannot_serve_stops_the_load(folder: Path, options: Any, named: str) -> None:
    engine = production("canary", folder, **{"file": "flash.nemo", **options})
    with pytest.raises(ModelLoadFailed, match=named) as refused:
        await engine.open()
    await engine.close()
    assert refused.value.metadata["field"] == "options.language_model"
