"""L'interpréteur d'un exemplaire : celui de son moteur, jamais un autre à sa place."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from server.domain import ModelSpec
from server.errors import EngineUnavailable
from server.settings.config import load_config
from server.settings.environments import activate, interpreter
from server.settings.profile import load_profile
from tools.dgx import FAMILIES

SPECS = {spec.engine: spec for name in ("dgx", "embarque") for spec in load_profile(name).models}


def environment(folder: Path, family: str) -> str:
    python = folder / family / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    return str(python)


def spec_of(engine: str, python: str = "") -> ModelSpec:
    return replace(SPECS[engine], python=python)


@pytest.mark.parametrize(("engine", "family"), [("vllm", "vllm"), ("canary", "nemo"), ("pyannote", "pyannote")])
def test_each_production_engine_has_its_environment(engine: str, family: str, tmp_path: Path) -> None:
    assert family in FAMILIES
    with pytest.raises(EngineUnavailable) as refused:
        interpreter(spec_of(engine), tmp_path)
    assert str(tmp_path / family) in refused.value.message
    assert "make setup-dgx" in refused.value.message
    assert refused.value.metadata["environment"] == family
    python = environment(tmp_path, family)
    assert interpreter(spec_of(engine), tmp_path) == python


@pytest.mark.parametrize("engine", ["llamacpp", "whisper", "pyannote-camplus"])
def test_an_embedded_engine_lives_in_the_server_environment(engine: str, tmp_path: Path) -> None:
    assert interpreter(spec_of(engine), tmp_path) == sys.executable


def test_the_profile_has_the_last_word(tmp_path: Path) -> None:
    environment(tmp_path, "vllm")
    chosen = environment(tmp_path, "autre")
    assert interpreter(spec_of("vllm", python=chosen), tmp_path) == chosen
    with pytest.raises(EngineUnavailable, match="champ « python » de « qwen »"):
        interpreter(spec_of("vllm", python=str(tmp_path / "absent")), tmp_path)


def test_a_file_that_does_not_run_is_no_interpreter(tmp_path: Path) -> None:
    python = tmp_path / "vllm" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("")
    with pytest.raises(EngineUnavailable, match="ne s'exécute pas"):
        interpreter(spec_of("vllm"), tmp_path)


def test_environments_are_beside_the_code_unless_said(tmp_path: Path) -> None:
    profile = {"PASSERELLE_PROFILE": "embarque"}
    assert load_config(profile).envs_dir == Path(__file__).resolve().parents[2] / ".envs"
    assert load_config(profile | {"PASSERELLE_ENVS_DIR": str(tmp_path)}).envs_dir == tmp_path


def test_a_worker_finds_the_programs_of_its_environment_first() -> None:
    own = str(Path(sys.executable).parent)
    for before, after in (({"PATH": "/bin"}, f"{own}:/bin"), ({}, own)):
        environ = dict(before)
        activate(environ)
        assert environ["PATH"] == after
