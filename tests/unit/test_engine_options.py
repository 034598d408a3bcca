"""Les options des moteurs livrés : un tort est dit de la même façon par chacun, avant d'importer quoi que ce soit.

Le démarrage et `doctor` le disent avant eux.
"""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from server.engines.base import EngineSpec
from server.engines.registry import available_engines, check_options, engine_factory
from server.errors import ModelLoadFailed
from server.settings.profile import load_profile
from server.tables import ConfigError
from tests.support.refused_profiles import refusal_of

HEAVY = {"torch", "xllamacpp", "faster_whisper", "pyannote.audio", "nemo"}

WRONG = [
    ("llamacpp", {"file": 3}, "file : un texte est attendu, reçu : 3 (int)"),
    ("llamacpp", {"parallel": 0}, "parallel : un entier, 1 ou plus, est attendu, reçu : 0 (int)"),
    ("llamacpp", {"parallel": "quatre"}, "parallel : un entier est attendu, reçu : 'quatre' (str)"),
    ("llamacpp", {"parallel": True}, "parallel : un entier est attendu, reçu : True (bool)"),
    ("llamacpp", {"context_tokens_per_request": -1}, "context_tokens_per_request : un entier, 1 ou plus,"),
    ("llamacpp", {"context_tokens_per_request": 512.5}, "context_tokens_per_request : un entier est attendu"),
    ("whisper", {"beam_size": 0}, "beam_size : un entier, 1 ou plus, est attendu"),
    ("whisper", {"beam_size": "1"}, "beam_size : un entier est attendu"),
    ("whisper", {"parallel": -4}, "parallel : un entier, 1 ou plus, est attendu"),
    ("pyannote-camplus", {"batch_size": 0}, "batch_size : un entier, 1 ou plus, est attendu"),
    ("pyannote-camplus", {"batch_size": 8.0}, "batch_size : un entier est attendu"),
    ("pyannote-camplus", {"segmentation_step": 0}, "segmentation_step : un nombre, plus de 0, 1 au plus, est attendu"),
    ("pyannote-camplus", {"segmentation_step": 1.1}, "segmentation_step : un nombre, plus de 0, 1 au plus,"),
    ("pyannote-camplus", {"clustering_threshold": "0.7"}, "clustering_threshold : un nombre est attendu"),
    ("pyannote-camplus", {"clustering_threshold": -0.1}, "clustering_threshold : un nombre, 0 ou plus,"),
    ("pyannote", {"parallel": 0}, "parallel : un entier, 1 ou plus,"),
    ("pyannote", {"segmentation_batch_size": 0}, "segmentation_batch_size : un entier, 1 ou plus,"),
    ("pyannote", {"segmentation_step": 2}, "segmentation_step : un nombre, 0 ou plus, 1 au plus,"),
    ("canary", {"beam_size": 0}, "beam_size : un entier, 1 ou plus,"),
    ("canary", {"max_window_seconds": 41}, "max_window_seconds : un nombre, 1 ou plus, 40 au plus,"),
    ("canary", {"dtype": "fp8"}, "dtype : « fp8 » inconnu (attendu : bf16, fp32)"),
    ("canary", {"max_generation_delta": 15}, "max_generation_delta : un entier, 16 ou plus,"),
    ("canary", {"languages": ["en"], "default_language": "fr"}, "default_language : langue absente de languages"),
]
"""Moteur, options, et ce qui en est dit."""


@pytest.mark.parametrize(("engine", "options", "said"), WRONG)
async def test_a_wrong_option_stops_the_opening(
    engine: str, options: dict[str, Any], said: str, tmp_path: Path
) -> None:
    before = HEAVY & set(sys.modules)
    made = engine_factory(engine)(EngineSpec("m", tmp_path, options=options, device="cpu"))
    with pytest.raises(ModelLoadFailed) as refused:
        await made.open()
    await made.close()
    assert refused.value.message.startswith(f"options.{said}")
    assert refused.value.metadata["field"] == f"options.{said.partition(' :')[0]}"
    assert refused.value.metadata["limit"] and refused.value.metadata["value"]
    assert HEAVY & set(sys.modules) == before


@pytest.mark.parametrize("engine", ["llamacpp", "whisper", "pyannote-camplus", "pyannote", "canary"])
async def test_an_unknown_option_is_named_with_those_that_exist(engine: str, tmp_path: Path) -> None:
    made = engine_factory(engine)(EngineSpec("m", tmp_path, options={"vitesse": 2}, device="cpu"))
    with pytest.raises(ModelLoadFailed, match=r"^options\.vitesse : champ inconnu \(connus : \w+") as refused:
        await made.open()
    await made.close()
    assert refused.value.metadata["field"] == "options.vitesse"


PROFILE = """
[[models]]
key = "essai"
capability = "chat"
engine = "{engine}"
display_name = "Essai"
source = {{ kind = "hub", repository = "o/n", revision = "v" }}
options = {options}
"""


def written(folder: Path, engine: str, options: dict[str, Any]) -> Path:
    """Profil d'un modèle à ces options ; JSON et TOML écrivent de même ces valeurs."""
    path = folder / "essai.toml"
    pairs = ", ".join(f"{name} = {json.dumps(value)}" for name, value in options.items())
    path.write_text(PROFILE.format(engine=engine, options=f"{{ {pairs} }}"), encoding="utf-8")
    return path


PLACEMENT: list[tuple[str, dict[str, Any], str]] = [
    ("vllm", {"tensor_parallel_size": "2"}, "tensor_parallel_size : un entier est attendu, reçu : '2' (str)"),
    ("vllm", {"pipeline_parallel_size": 0}, "pipeline_parallel_size : un entier, 1 ou plus, 64 au plus,"),
    ("vllm", {"gpu_memory_utilization": 1.2}, "gpu_memory_utilization : un nombre, plus de 0, 1 au plus,"),
    ("vllm", {"enable_log_requests": True}, "enable_log_requests : option réservée : le texte des requêtes"),
    ("canary", {"beams": 2}, "beams : champ inconnu (connus : batch_wait,"),
]
"""Ce que le démarrage juge sans vLLM, et une option qui n'existe pas."""


@pytest.mark.parametrize(("engine", "options", "said"), [*WRONG, *PLACEMENT])
def test_a_profile_with_a_wrong_option_does_not_start(
    engine: str, options: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as refused:
        load_profile(str(written(tmp_path, engine, options)))
    assert str(refused.value).startswith(f"essai.toml.models[0].options.{said}")


def test_serve_and_doctor_say_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = "essai.toml.models[0].options.parallel : un entier, 1 ou plus, est attendu, reçu : 0 (int)."
    assert refusal_of(written(tmp_path, "llamacpp", {"parallel": 0}), monkeypatch, capsys) == said


def test_the_options_of_an_engine_of_one_s_own_are_its_own(tmp_path: Path) -> None:
    profile = load_profile(str(written(tmp_path, "maison.moteur:fabrique", {"vitesse": "vite", "parallel": 0})))
    assert profile.models[0].options == {"vitesse": "vite", "parallel": 0}


def test_every_engine_delivered_says_its_options() -> None:
    """vLLM lit lui-même les siennes ; tout autre moteur livré refuse une option qu'il n'a pas."""
    for engine in available_engines() - {"vllm"}:
        with pytest.raises(ConfigError, match=r"^o\.vitesse : champ inconnu"):
            check_options("o", engine, {"vitesse": 1})
