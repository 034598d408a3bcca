"""Le dossier d'un SALM, jugé sans NeMo : où est lu le modèle de langue, et ce qui est refusé."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from server.engines.common.options import read_options
from server.engines.nemo.options import NemoSettings
from server.engines.nemo.salm_folder import is_salm, read_salm
from server.errors import ModelLoadFailed
from server.settings.profile import load_profile
from tests.fakes.hub import Hub, serving_hub
from tests.support.hub_downloads import content, download, folder_of, settings

LLM = "Qwen/Qwen3-1.7B"
CONFIG = {
    "pretrained_llm": LLM,
    "pretrained_weights": True,
    "trust_remote_code": True,
    "prompt_format": "qwen",
    "audio_locator_tag": "<|audioplaceholder|>",
    "init_from_checkpoint": "/une/autre/machine",
    "perception": {"preprocessor": {}, "encoder": {}, "modality_adapter": {}},
}
DOCS = Path(__file__).resolve().parents[2] / "docs"


def written(folder: Path, config: Any, *files: str) -> Path:
    """Écrit un dossier ; les fichiers autres que la configuration sont vides."""
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    (folder / "config.json").write_text(config if isinstance(config, str) else json.dumps(config), encoding="utf-8")
    return folder


WEIGHTS = "model.safetensors"
NAMED = (f"{LLM}/config.json", f"{LLM}/tokenizer_config.json")


def test_the_language_model_is_read_from_the_repository_it_names(tmp_path: Path) -> None:
    recipe = read_salm(written(tmp_path, CONFIG, WEIGHTS, *NAMED))
    assert recipe.weights == tmp_path / WEIGHTS
    assert recipe.config["pretrained_llm"] == recipe.config["tokenizer_path"] == str(tmp_path / LLM)
    assert recipe.config["pretrained_weights"] is False
    assert recipe.config["trust_remote_code"] is False
    assert "init_from_checkpoint" not in recipe.config
    assert recipe.config["perception"] == CONFIG["perception"]


def test_what_nemo_exports_beside_the_weights_comes_first(tmp_path: Path) -> None:
    recipe = read_salm(written(tmp_path, CONFIG, WEIGHTS, "llm_backbone/config.json", "tokenizer_config.json", *NAMED))
    assert recipe.config["pretrained_llm"] == str(tmp_path / "llm_backbone")
    assert recipe.config["tokenizer_path"] == str(tmp_path)


def test_a_nemo_file_is_no_salm(tmp_path: Path) -> None:
    assert not is_salm(tmp_path)
    assert is_salm(written(tmp_path, CONFIG))
    (tmp_path / "parakeet.nemo").touch()
    assert not is_salm(tmp_path)


def changed(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in (CONFIG | values).items() if value is not None}


@pytest.mark.parametrize(
    ("config", "files", "field", "named"),
    [
        ("{", (WEIGHTS, *NAMED), "config.json", "illisible"),
        ([], (WEIGHTS, *NAMED), "config.json", "une table est attendue"),
        (changed(pretrained_llm=None), (WEIGHTS, *NAMED), "pretrained_llm", "canary-qwen"),
        (changed(prompt_format=3), (WEIGHTS, *NAMED), "prompt_format", "reçu : 3"),
        (changed(perception={"encoder": {}}), (WEIGHTS, *NAMED), "perception", "preprocessor, modality_adapter"),
        (changed(use_nemo_automodel=True), (WEIGHTS, *NAMED), "use_nemo_automodel", "SALMAutomodel"),
        (CONFIG, NAMED, WEIGHTS, "manque"),
        (CONFIG, (WEIGHTS, NAMED[1]), "pretrained_llm", f"{LLM}/config.json"),
        (CONFIG, (WEIGHTS, NAMED[0]), "pretrained_llm", re.escape("[[models.source.extra]]")),
        (changed(pretrained_llm="../ailleurs"), (WEIGHTS,), "pretrained_llm", "un dépôt du hub"),
        (changed(pretrained_llm="/etc"), (WEIGHTS,), "pretrained_llm", "un dépôt du hub"),
    ],
)
def test_a_folder_that_cannot_be_loaded_is_named(
    tmp_path: Path, config: Any, files: tuple[str, ...], field: str, named: str
) -> None:
    folder = written(tmp_path, config, *files)
    with pytest.raises(ModelLoadFailed, match=named) as refused:
        read_salm(folder)
    assert refused.value.metadata["field"] == field


def test_the_documented_profile_alone_brings_what_the_engine_reads(tmp_path: Path) -> None:
    """Les deux dépôts, téléchargés du hub local selon l'exemple de docs/moteurs.md."""
    page = (DOCS / "moteurs.md").read_text(encoding="utf-8")
    [block] = [one for one in re.findall(r"```toml\n(.*?)```", page, flags=re.S) if "canary-qwen" in one]
    (tmp_path / "profil.toml").write_text(block, encoding="utf-8")
    [model] = load_profile(str(tmp_path / "profil.toml")).models
    assert (model.engine, model.languages) == ("canary", ("en",))
    read_options(NemoSettings, model.options)
    hub = Hub()
    hub.add("nvidia/canary-qwen-2.5b", {"config.json": json.dumps(CONFIG).encode(), WEIGHTS: b"1", "README.md": b"2"})
    names = ("config.json", "tokenizer.json", "tokenizer_config.json", "model-00001-of-00002.safetensors")
    hub.add(LLM, dict.fromkeys(names, b"3"))
    with serving_hub(hub):
        chosen = replace(settings(hub, tmp_path), spec=model)
        download(chosen)
    assert set(content(chosen)) == {"config.json", WEIGHTS, *(f"{LLM}/{name}" for name in names[:3])}
    assert is_salm(folder_of(chosen))
    assert read_salm(folder_of(chosen)).config["pretrained_llm"] == str(folder_of(chosen) / LLM)
