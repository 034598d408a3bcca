"""Le vrai SALM de NeMo, sur le processeur, avec un petit modèle rangé comme celui de canary-qwen sur le hub.

La suite de contrat d'abord, sans les mots datés, qu'un SALM n'a pas ; puis ce qu'il a de propre.
"""

import json
import os
import shutil
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("PASSERELLE_TEST_ENGINE", "canary")

from server.engines.base import LoadPhase
from server.engines.base_audio import Recognition, RecognitionOptions, RecognitionWindow, Wave
from server.errors import ModelLoadFailed
from tests.contract.test_transcribe_engine import *  # noqa: F403
from tests.support import tiny_canary, tiny_salm
from tests.support.speech_engines import TranscribeCase, opened, production

# Son refus est dans la suite : `test_what_is_announced_is_accepted_and_the_rest_refused`.
del test_words_are_in_order_and_inside_their_window  # noqa: F821
del case  # noqa: F821 ; le sien suit

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_salm.salm(tmp_path_factory.mktemp("salm"))


@pytest.fixture(name="case", scope="module")
def salm_case(folder: Path) -> Iterator[TranscribeCase]:
    """Le moteur soumis à la suite de contrat."""
    phases: list[LoadPhase] = []
    waves = (tiny_canary.wave("bref"), tiny_canary.wave("long"), tiny_canary.wave("bref")[:24000])
    with opened(production("canary", folder), phases) as engine:
        yield TranscribeCase(engine, waves, "en", phases)


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


def english(wave: Wave) -> RecognitionWindow:
    return RecognitionWindow(wave, RecognitionOptions(language="en"))


def said(found: Recognition) -> str:
    return " ".join(segment.text for segment in found.segments)


def test_building_a_salm_is_told_step_by_step(case: TranscribeCase) -> None:
    assert case.phases == [LoadPhase.IMPORTING, LoadPhase.BUILDING, LoadPhase.LOADING_WEIGHTS]


@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
async def test_every_weight_is_read_back(folder: Path, dtype: str) -> None:
    """Les phrases ont été apprises de tous les poids : en perdre un rendrait autre chose."""
    async with opened_here(folder, dtype=dtype) as engine:
        assert engine.features == {"temperature"}
        found = await engine.transcribe([english(tiny_canary.wave(name)) for name in tiny_salm.PHRASES])
    assert [said(one) for one in found] == list(tiny_salm.PHRASES.values())
    for one in found:
        [segment] = one.segments
        assert (segment.start, segment.end, segment.words, segment.confidence) == (0.0, 3.0, (), None)


async def test_opening_and_speaking_need_no_network(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def refused(*arguments: Any, **_: Any) -> Any:
        asked.append(arguments)
        raise OSError("pas de réseau")

    for name in ("getaddrinfo", "create_connection"):
        monkeypatch.setattr(socket, name, refused)
    monkeypatch.setattr(socket.socket, "connect", refused)
    async with opened_here(folder) as engine:
        [found] = await engine.transcribe([english(tiny_canary.wave("bref"))])
    assert said(found) == tiny_salm.PHRASES["bref"]
    assert asked == []


async def test_the_length_allowed_is_that_of_the_window_not_of_its_batch(folder: Path) -> None:
    """Un quart de seconde, que le petit modèle n'a pas appris à finir, près d'une fenêtre douze fois plus longue."""
    short = tiny_canary.wave("bref")[:4000]
    async with opened_here(folder, max_generation_delta=16, max_padding=1.0) as engine:
        [alone] = await engine.transcribe([english(short)])
        together, _ = await engine.transcribe([english(short), english(tiny_canary.wave("long"))])
    assert said(alone)
    assert said(together) == said(alone)


async def test_a_default_language_is_used_and_told(folder: Path) -> None:
    async with opened_here(folder, default_language="en") as engine:
        engine.check(RecognitionOptions())
        [found] = await engine.transcribe([RecognitionWindow(tiny_canary.wave("long"), RecognitionOptions())])
    assert (found.language, said(found)) == ("en", tiny_salm.PHRASES["long"])


def without_an_adapter(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    save_file({name: value for name, value in weights.items() if "lora_B" not in name}, folder / "model.safetensors")


def without_its_tokenizer(folder: Path) -> None:
    (folder / tiny_salm.LLM / "tokenizer.json").unlink()


def with_a_broken_file(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"rien de lisible")


def with_an_unknown_prompt(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(config | {"prompt_format": "inconnu"}), encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "options", "named"),
    [
        (without_an_adapter, {}, "il y manque 4 poids .*lora_B"),
        (without_its_tokenizer, {}, "model.safetensors"),
        (with_a_broken_file, {}, "model.safetensors"),
        (with_an_unknown_prompt, {}, "prompt_format"),
        (None, {"default_language": "fr"}, "options.default_language"),
        (None, {"strategy": "beam"}, "options.strategy"),
        (None, {"max_generation_delta": 2}, "options.max_generation_delta"),
        (None, {"file": "absent.nemo"}, "absent.nemo"),
    ],
)
async def test_what_cannot_be_loaded_is_named(
    folder: Path, tmp_path: Path, spoil: Any, options: dict[str, Any], named: str
) -> None:
    copy = tmp_path / "modèle"
    shutil.copytree(folder, copy)
    if spoil is not None:
        spoil(copy)
    engine = production("canary", copy, **options)
    with pytest.raises(ModelLoadFailed, match=named):
        await engine.open()
    await engine.close()
