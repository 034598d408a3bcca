"""docs/profil.md dit chaque champ d'un profil, et son vrai défaut."""

import re
import tomllib
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

import pytest

from server.domain import HubRepository, MemorySpec, ModelSource, ModelSpec, SourceFile
from server.engines.llamacpp.options import LlamaCppSettings
from server.engines.nemo.options import NemoSettings
from server.engines.pyannote.options import CamPlusSettings, PyannoteSettings
from server.engines.registry import available_engines
from server.engines.whisper.options import WhisperSettings
from server.settings.profile import ConfigError, load_profile

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "profil.md").read_text(encoding="utf-8")

TABLES: dict[str, type[Any]] = {
    "## `[[models]]`": ModelSpec,
    "## `[models.source]`": ModelSource,
    "`[[models.source.extra]]`, un": HubRepository,
    "`[[models.source.files]]`, un": SourceFile,
    "## `[models.memory]`": MemorySpec,
    "Options de `llamacpp`": LlamaCppSettings,
    "Options de `whisper`": WhisperSettings,
    "Options de `pyannote-camplus`": CamPlusSettings,
}
"""Ce qui précède un tableau de la page, et la classe que ses lignes décrivent."""

REQUIRED = "**obligatoire**"

SMALLEST = """
[[models]]
key = "essai"
capability = "chat"
engine = "vllm"
display_name = "Essai"
[models.source]
kind = "package"
repository = "paquet"
revision = "1"
[[models.source.files]]
name = "poids"
parts = ["paquet/poids"]
sha256 = "0"
"""
HUB = """
[[models]]
key = "essai"
capability = "chat"
engine = "vllm"
display_name = "Essai"
[models.source]
kind = "hub"
repository = "organisation/nom"
revision = "main"
[[models.source.extra]]
repository = "organisation/autre"
revision = "v1"
"""


def documented(before: str) -> dict[str, str]:
    """Champs du premier tableau qui suit, avec leur défaut."""
    start = PAGE.index("\n| champ | type |", PAGE.index(before))
    table = PAGE[start : PAGE.index("\n\n", start)]
    return {name: default for name, _, default in re.findall(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \|", table, re.M)}


def shown(field: Field[Any]) -> str:
    """Défaut tel que la page doit l'écrire."""
    made = field.default_factory is not MISSING
    if field.default is MISSING and not made:
        return REQUIRED
    value = field.default_factory() if field.default_factory is not MISSING else field.default
    match value:
        case bool():
            return "vrai" if value else "faux"
        case "" | ():
            return "vide"
        case int() | float():
            return f"{value:g}".replace(".", ",")
        case str():
            return f"`{value}`"
        case MemorySpec():
            return "celle de `[models.memory]`"
        case _:
            assert value == {}, field.name
            return "vide"


@pytest.mark.parametrize("before", TABLES)
def test_every_field_is_documented_with_its_default(before: str) -> None:
    expected = {field.name: shown(field) for field in fields(TABLES[before])}
    if TABLES[before] is SourceFile:
        # Le profil exige l'empreinte que la classe laisse facultative.
        expected["sha256"] = REQUIRED
    assert documented(before) == expected


@pytest.mark.parametrize("text", [SMALLEST, HUB])
def test_what_is_not_marked_may_be_left_out_and_what_is_may_not(text: str, tmp_path: Path) -> None:
    path = tmp_path / "essai.toml"
    path.write_text(text, encoding="utf-8")
    (model,) = load_profile(str(path)).models
    assert model.memory == MemorySpec()
    given = [line for line in text.splitlines() if " = " in line]
    marked = {name for before in TABLES for name, default in documented(before).items() if default == REQUIRED}
    assert {line.split()[0] for line in given} <= marked
    for line in given:
        path.write_text(text.replace(line + "\n", "", 1), encoding="utf-8")
        with pytest.raises(ConfigError, match="champ manquant " + line.split()[0]):
            load_profile(str(path))


def test_every_engine_is_documented() -> None:
    table = PAGE[PAGE.index("| moteur | capacité |") :]
    assert set(re.findall(r"^\| `([\w-]+)` \| `(?:chat|transcribe|diarize)`", table, re.M)) == available_engines()


@pytest.mark.parametrize(("section", "kind"), [("## NeMo", NemoSettings), ("## pyannote", PyannoteSettings)])
def test_every_option_of_a_production_engine_is_documented(section: str, kind: type[Any]) -> None:
    page = (DOCS / "moteurs.md").read_text(encoding="utf-8")
    start = page.index("\n| option | défaut |", page.index(section))
    names = re.findall(r"^\| ([^|]+) \|", page[start : page.index("\n\n", start)], re.M)
    assert {name for cell in names for name in re.findall(r"`(\w+)`", cell)} == {field.name for field in fields(kind)}


def test_the_example_is_a_profile(tmp_path: Path) -> None:
    example = PAGE[PAGE.index("```toml\n") + len("```toml\n") :]
    example = example[: example.index("```")]
    path = tmp_path / "equipe.toml"
    path.write_text(example, encoding="utf-8")
    profile = load_profile(str(path))
    assert [model.key for model in profile.models] == [entry["key"] for entry in tomllib.loads(example)["models"]]
