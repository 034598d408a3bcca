"""Les réglages d'une version d'avant : variables et profil ne font que s'étendre, comme le contrat."""

import dataclasses
import json
from pathlib import Path

import pytest

from server.domain import HubRepository, MemorySpec, ModelSource, ModelSpec, SourceFile
from server.engines import registry
from server.settings.config import load_config
from server.settings.profile import load_profile

DATA = Path(__file__).resolve().parents[1] / "data"
NOVEMBER = json.loads((DATA / "reglages-novembre.json").read_text(encoding="utf-8"))
"""Ce que lisait le dernier commit de novembre 2026 : variables, champs du profil, options et noms des moteurs."""


def names(table: type) -> set[str]:
    return {field.name for field in dataclasses.fields(table)}


def test_every_variable_is_still_read() -> None:
    environ = {**dict.fromkeys(NOVEMBER["variables"], ""), "PASSERELLE_PROFILE": "embarque"}
    assert load_config(environ).unknown == ()


@pytest.mark.parametrize("table", [ModelSpec, ModelSource, SourceFile, HubRepository, MemorySpec])
def test_every_field_of_a_profile_is_still_there(table: type) -> None:
    assert set(NOVEMBER["profile"][table.__name__]) <= names(table)


def test_every_engine_still_has_its_options() -> None:
    assert set(NOVEMBER["engines"]) <= registry.available_engines()
    for engine, options in NOVEMBER["options"].items():
        registry.check_option_names("options", engine, options)


def test_the_first_profile_still_loads() -> None:
    profile = load_profile(str(DATA / "profil-24-novembre.toml"))
    assert [model.key for model in profile.models] == ["qwen", "canary", "pyannote"]
