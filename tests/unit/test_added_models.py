"""Les modèles ajoutés au profil : un fichier à part, jugé comme lui, que la ligne de commande change sans rien perdre."""

import hashlib
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from server.__main__ import main
from server.cli.app import cli
from server.cli.checks import run_checks
from server.cli.findings import Level
from server.cli.machine_checks import Machine
from server.cli.model_checks import environment, placement
from server.control.gpu.allowed import GpuDevice
from server.control.record.state_dir import StateDir
from server.settings.config import load_config
from server.settings.overlay import Draft, only_writer, write
from server.settings.profile import ConfigError, load_profile, read_layers

PROFILE = """
[[models]]
key = "qwen"
display_name = "Un"
capability = "chat"
engine = "llamacpp"
requires_gpu = false
aliases = ["un"]
source = { kind = "hub", repository = "a/un", revision = "main" }

[[models]]
key = "autre"
display_name = "Deux"
capability = "chat"
engine = "llamacpp"
requires_gpu = false
source = { kind = "hub", repository = "a/deux", revision = "main" }
"""


def model(key: str, more: str = "", engine: str = "llamacpp") -> str:
    """Un bloc `[[models]]`."""
    return f"""
[[models]]
key = "{key}"
display_name = "Ajout"
capability = "chat"
engine = "{engine}"
requires_gpu = false
{more}
source = {{ kind = "hub", repository = "a/ajout", revision = "main" }}
"""


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """Un serveur qui ne tourne pas : son profil, son état, aucun autre."""
    (tmp_path / "essai.toml").write_text(PROFILE, encoding="utf-8")
    return {
        "PASSERELLE_PROFILE": str(tmp_path / "essai.toml"),
        "MODEL_CACHE_DIR": str(tmp_path / "poids"),
        "PASSERELLE_STATE_DIR": str(tmp_path / "etat"),
        "PASSERELLE_RUN_BASE": str(tmp_path),
    }


@pytest.fixture
def added(env: dict[str, str]) -> Path:
    """Le fichier des ajouts, dans un dossier d'état qui existe."""
    folder = Path(env["PASSERELLE_STATE_DIR"])
    folder.mkdir()
    return folder / "models.toml"


def served(env: dict[str, str]) -> list[tuple[str, str]]:
    return [(one.key, one.display_name) for one in load_config(env).profile.models]


def run(env: dict[str, str], *arguments: str) -> tuple[int, str, str]:
    found = CliRunner().invoke(cli, ["models", *arguments], env=env)
    return found.exit_code, found.stdout, found.stderr


def given(key: str, *more: str) -> tuple[str, ...]:
    return (
        "add",
        key,
        "--capability",
        "chat",
        "--engine",
        "llamacpp",
        "--cpu",
        "--hub",
        "a/x",
        "--revision",
        "main",
        *more,
    )


def test_what_is_added_replaced_and_removed(env: dict[str, str], added: Path) -> None:
    assert served(env) == [("qwen", "Un"), ("autre", "Deux")]
    added.write_text(model("neuf", 'aliases = ["nouveau"]') + model("qwen"), encoding="utf-8")
    assert served(env) == [("qwen", "Ajout"), ("autre", "Deux"), ("neuf", "Ajout")]
    found = load_config(env).profile.model("nouveau")
    assert found is not None and found.key == "neuf"
    added.write_text('removed = ["autre", "plus au profil"]\n' + model("neuf"), encoding="utf-8")
    assert served(env) == [("qwen", "Un"), ("neuf", "Ajout")]
    assert load_config({**env, "PASSERELLE_ADDED_MODELS": "/dev/null"}).profile == load_profile(
        env["PASSERELLE_PROFILE"]
    )


REFUSED = [
    ("[[models", " : TOML illisible (", "at end of document"),
    ("\n\nmodels = = 1\n", " : TOML illisible (", "at line 3, column 10"),
    ("autre = 1\n", ".autre : champ inconnu", "models, removed"),
    ("models = 3\n", ".models : une liste de tables est attendue", "reçu : 3"),
    ("removed = [1]\n", ".removed : une liste de textes est attendue", "reçu : [1]"),
    ('[[models]]\nkey = "a"\n', ".models[0] : champ manquant", "capability, display_name, engine, source"),
    (model("a") + model("b", engine="inconnu"), ".models[1].engine : « inconnu » inconnu", "attendu : canary"),
    (model("a", "replicas = 0"), ".models[0].replicas : un entier, 1 ou plus, est attendu", "reçu : 0 (int)"),
    (model("a", "options = { parallel = 0 }"), ".models[0].options.parallel : un entier, 1 ou plus,", "reçu : 0"),
    (model("a b"), ".models[0].key : un nom fait de lettres", "reçu : 'a b'"),
    (model("a") + model("a"), " : clé ou alias employé deux fois : a", ""),
    (model("a", 'aliases = ["un"]'), ", avec essai.toml : clé ou alias employé deux fois : un", ""),
    (model("a", 'aliases = ["autre"]'), ", avec essai.toml : clé ou alias employé deux fois : autre", ""),
    ('removed = ["qwen"]\n', ".removed : « qwen » est une clé de départ (qwen, canary, pyannote), et reste", ""),
    ('removed = ["canary"]\n', ".removed : « canary » est une clé de départ", ""),
]


@pytest.mark.parametrize(("content", "start", "words"), REFUSED)
def test_what_is_wrong_stops_everything_in_the_same_words(
    env: dict[str, str],
    added: Path,
    content: str,
    start: str,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    added.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load_config(env)
    said = str(refused.value)
    assert said.startswith(f"{added}{start}") and words in said
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert main(["serve"]) == 2
    assert capsys.readouterr().err == f"Configuration refusée : {said}\n"
    [finding] = [one for one in run_checks() if one.name == "configuration"]
    assert (finding.level, finding.found) == (Level.FAILURE, said)
    assert run(env)[2] == f"Erreur (INVALID_REQUEST) : {said}\n"


def test_a_profile_keeps_a_model(tmp_path: Path) -> None:
    (tmp_path / "seul.toml").write_text(PROFILE.split("\n\n")[1], encoding="utf-8")
    layers = read_layers(str(tmp_path / "seul.toml"), None)
    with pytest.raises(ConfigError, match=r"models\.toml : removed ne laisse aucun modèle à seul\.toml"):
        layers.with_overlay(tmp_path / "models.toml", b'removed = ["autre"]')


def test_what_a_hand_wrote_stays() -> None:
    draft = Draft("x", b'# Pourquoi.\n[[models]] # un\nkey = "a"\n\n[[models]]\nkey = "b"\n')
    draft.put({"key": "c", "options": {"n": 1, "t": 'é"\n'}, "source": {"files": [{"name": "f", "parts": ["p"]}]}})
    draft.removed.append("z")
    assert draft.drop("a") and not draft.drop("a")
    text = draft.render().decode()
    assert text.startswith("# Pourquoi.\n")
    again = Draft("x", text.encode())
    assert (again.keys, again.removed) == (["b", "c"], ["z"])
    again.removed.clear()
    assert again.drop("b") and again.drop("c") and again.render() == b"# Pourquoi.\n"
    inline = Draft("x", b'removed = ["z"]\nmodels = [{ key = "a" }]\n')
    inline.put({"key": "b"})
    assert Draft("x", inline.render()).keys == ["a", "b"]
    alone = Draft("x", b'[[models]]\nkey = "a"\n')
    alone.drop("a")
    assert alone.render() == b""


def test_nobody_loses_what_another_wrote(tmp_path: Path) -> None:
    path = tmp_path / "etat" / "models.toml"

    def add(index: int) -> None:
        with only_writer(path):
            draft = Draft("x", path.read_bytes() if path.exists() else b"")
            draft.put({"key": f"m{index}"})
            write(path, draft.render())

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(24)))
    assert sorted(Draft("x", path.read_bytes()).keys) == sorted(f"m{index}" for index in range(24))
    assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700
    write(path, b"")
    assert not path.exists()


def test_two_shells_add_at_once(env: dict[str, str]) -> None:
    command = [sys.executable, "-m", "server.cli", "models"]
    shells = [
        subprocess.Popen(
            [*command, *given(key)], env={**env, "PATH": ""}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        for key in ("a", "b")
    ]
    ends = [(shell.communicate(timeout=200)[0], shell.returncode) for shell in shells]
    assert [code for _, code in ends] == [0, 0], ends
    assert {key for key, _ in served(env)} == {"qwen", "autre", "a", "b"}


def test_add_list_remove(env: dict[str, str]) -> None:
    path = Path(env["PASSERELLE_STATE_DIR"]) / "models.toml"
    profile = Path(env["PASSERELLE_PROFILE"]).read_bytes()
    code, out, err = run(
        env,
        *given(
            "neuf", "--alias", "nouveau", "--name", "Tout neuf", "--option", "parallel=2", "--option", "file=a.gguf"
        ),
        *("--set", "memory.working_gib=4", "--set", "pinned=true", "--set", 'features=["n"]', "--set", "owned_by=nous"),
    )
    assert (code, err) == (0, "") and "poids de neuf : à télécharger" in out and f"{path} écrit" in out
    spec = load_config(env).profile.model("nouveau")
    assert spec is not None and (spec.display_name, spec.options) == ("Tout neuf", {"parallel": 2, "file": "a.gguf"})
    assert (spec.memory.working_gib, spec.pinned, spec.features, spec.owned_by) == (4.0, True, ("n",), "nous")
    code, out, err = run(env, *given("neuf"))
    assert code == 1 and "« neuf » existe déjà ; --replace le remplace" in err
    assert run(env, *given("neuf", "--replace", "--name", "Autre"))[0] == 0
    assert run(env, *given("qwen", "--replace", "--name", "Remplacé"))[0] == 0
    assert run(env, "remove", "autre")[0] == 0
    origins = {one["key"]: one["origin"] for one in json.loads(run(env, "--json")[1])}
    assert origins == {"qwen": "replaced", "neuf": "added", "autre": "removed"}
    assert run(env, "list", "--json") == run(env, "--json")
    assert served(env) == [("qwen", "Remplacé"), ("neuf", "Autre")]
    code, out, _err = run(env, "remove", "qwen", "--json")
    assert code == 0 and json.loads(out) == {"removed": "qwen", "checks": [], "reload": None}
    assert run(env, "add", "autre")[0] == 0 and run(env, "remove", "neuf")[0] == 0
    assert served(env) == [("qwen", "Un"), ("autre", "Deux")] and not path.exists()
    assert Path(env["PASSERELLE_PROFILE"]).read_bytes() == profile


def test_a_file_of_weights_that_is_not_there_is_named_in_french(env: dict[str, str], tmp_path: Path) -> None:
    for asked, said in ((tmp_path / "absent", "n'existe pas"), (tmp_path, "c'est un dossier")):
        code, _, err = run(env, "add", "neuf", "--package", "p", "--file", f"a={asked}", "--json")
        message = json.loads(err)["error"]["message"]
        assert code == 1 and str(asked) in message and said in message


@pytest.mark.parametrize(
    ("arguments", "reason", "words"),
    [
        (("remove", "qwen"), "INVALID_REQUEST", "« qwen » est une clé de départ"),
        (("remove", "inconnu"), "MODEL_NOT_FOUND", "n'est pas la clé d'un modèle de cette machine (qwen, autre)"),
        (("remove", "un"), "MODEL_NOT_FOUND", "« un » n'est pas la clé"),
        (("add", "neuf"), "MODEL_NOT_FOUND", "« neuf » n'est pas la clé"),
        (given("qwen"), "INVALID_STATE", "« qwen » existe déjà"),
        (given("a b"), "INVALID_REQUEST", "a b.key : un nom fait de lettres"),
        (given("neuf", "--alias", "un"), "INVALID_REQUEST", "clé ou alias employé deux fois : un"),
        (
            given("neuf", "--engine", "inconnu"),
            "INVALID_REQUEST",
            "neuf.engine : « inconnu » inconnu (attendu : canary",
        ),
        (given("neuf", "--option", "inconnue=1"), "INVALID_REQUEST", "neuf.options.inconnue : champ inconnu"),
        (
            given("neuf", "--option", "parallel=deux"),
            "INVALID_REQUEST",
            "neuf.options.parallel : un entier est attendu",
        ),
        (given("neuf", "--set", "memory.working_gib=-1"), "INVALID_REQUEST", "neuf.memory.working_gib : un nombre"),
        (given("neuf", "--revision", "../x"), "INVALID_REQUEST", "neuf.source.revision : un nom du hub est attendu"),
        (("add", "neuf", "--engine", "llamacpp"), "INVALID_REQUEST", "neuf : champ manquant capability, source"),
        (given("neuf", "--engine", "maison.absente:f"), "INVALID_STATE", "n'a pas le module maison.absente"),
        (given("neuf", "--set", "python=/absent/python"), "INVALID_STATE", "/absent/python n'existe pas"),
    ],
)
def test_what_is_refused_changes_nothing(
    env: dict[str, str], arguments: tuple[str, ...], reason: str, words: str
) -> None:
    code, out, err = run(env, *arguments, "--json")
    error: dict[str, Any] = json.loads(err)["error"]
    assert (code, out, error["reason"]) == (1, "", reason) and words in error["message"], error
    assert served(env) == [("qwen", "Un"), ("autre", "Deux")]
    assert not (Path(env["PASSERELLE_STATE_DIR"]) / "models.toml").exists()


def test_force_and_dry_run(env: dict[str, str]) -> None:
    code, out, _err = run(env, *given("neuf", "--engine", "maison.absente:f", "--dry-run"))
    assert code == 0 and "✗ environnement de neuf" in out and not Path(env["PASSERELLE_STATE_DIR"]).exists()
    code, out, _err = run(env, *given("neuf", "--engine", "maison.absente:f", "--force", "--json"))
    [failed] = [one for one in json.loads(out)["checks"] if one["level"] == "failure"]
    assert code == 0 and failed["name"] == "environnement de neuf" and ("neuf", "neuf") in served(env)


@pytest.mark.parametrize(
    "arguments",
    [
        ("add",),
        given("neuf", "--package", "p"),
        given("neuf", "--file", "a=b"),
        given("neuf", "--option", "parallel"),
        given("neuf", "--set", "=1"),
        given("neuf", "--set", "key.x=1"),
        given("neuf", "--from", __file__),
    ],
)
def test_options_that_do_not_go_together(env: dict[str, str], arguments: tuple[str, ...]) -> None:
    assert run(env, *arguments)[0] == 2


def test_a_file_of_models(env: dict[str, str], tmp_path: Path) -> None:
    more = tmp_path / "plus.toml"
    more.write_text(model("a") + model("b") + model("c"), encoding="utf-8")
    assert run(env, "add", "b", "--from", str(more))[0] == 0
    code, _out, err = run(env, "add", "--from", str(more))
    assert code == 1 and "« b » existe déjà" in err
    assert run(env, "add", "--from", str(more), "--replace")[0] == 0
    assert [key for key, _ in served(env)] == ["qwen", "autre", "a", "b", "c"]
    more.write_text(model("d") + model("e", "replicas = 0"), encoding="utf-8")
    assert "plus.toml.models[1].replicas : un entier" in run(env, "add", "--from", str(more))[2]
    more.write_text(model("d") + model("d", "replicas = 2"), encoding="utf-8")
    assert "plus.toml : clé ou alias employé deux fois : d" in run(env, "add", "--from", str(more))[2]
    more.write_text("models = 1\n", encoding="utf-8")
    assert "plus.toml.models : une liste de tables" in run(env, "add", "--from", str(more))[2]
    more.write_text("", encoding="utf-8")
    assert (
        "plus.toml.models : un modèle de clé « z » est attendu, trouvés : aucun"
        in run(env, "add", "z", "--from", str(more))[2]
    )


def test_weights_of_this_machine(env: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "ici"
    (folder / "sous").mkdir(parents=True)
    (folder / "a.gguf").write_bytes(b"un")
    (folder / "sous" / "b").write_bytes(b"deux")
    local = ("add", "neuf", "--capability", "chat", "--engine", "llamacpp", "--cpu", "--path")
    assert run(env, *local, str(folder))[0] == 0
    spec = load_config(env).profile.model("neuf")
    assert spec is not None and [file.name for file in spec.source.files] == ["a.gguf", "sous/b"]
    assert spec.source.files[0].sha256 == hashlib.sha256(b"un").hexdigest() and len(spec.source.revision) == 12
    assert run(env, *local, str(folder / "a.gguf"), "--replace", "--revision", "1")[0] == 0
    spec = load_config(env).profile.model("neuf")
    assert spec is not None and (spec.source.repository, spec.source.revision) == ("a.gguf", "1")
    (folder / "a.gguf").unlink()
    code, _out, err = run(
        env, "add", "neuf", "--from", str(Path(env["PASSERELLE_STATE_DIR"]) / "models.toml"), "--replace"
    )
    assert code == 1 and f"{folder / 'a.gguf'} manque" in err


def test_what_is_refused_can_be_removed(env: dict[str, str], added: Path) -> None:
    added.write_text(model("bon") + model("mauvais", engine="disparu"), encoding="utf-8")
    assert "models[1].engine" in run(env, *given("autre2"))[2]
    assert run(env, "remove", "mauvais")[0] == 0
    assert [key for key, _ in served(env)] == ["qwen", "autre", "bon"]


@pytest.mark.parametrize("by", ["serve", "add"])
def test_a_new_state_folder_takes_them_along(env: dict[str, str], by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ils y vont avec le journal, et sont servis dès ce démarrage."""
    former = {name: value for name, value in env.items() if name != "PASSERELLE_STATE_DIR"}
    assert run(former, *given("ancien"))[0] == 0
    monkeypatch.delenv("PASSERELLE_STATE_DIR", raising=False)
    if by == "add":
        assert run(env, *given("neuf"))[0] == 0
        assert [key for key, _ in served(env)] == ["qwen", "autre", "ancien", "neuf"]
    else:
        started: list[str] = []

        def supervise(installed: Any, _warnings: list[str]) -> int:
            started.extend(one.key for one in installed.config.profile.models)
            return 0

        monkeypatch.setattr("server.roles.serve._supervise", supervise)
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        assert main(["serve"]) == 0
        assert started == ["qwen", "autre", "ancien"]
    assert [key for key, _ in served(former)] == ["qwen", "autre"]


def test_the_state_of_another_server_is_not_written(env: dict[str, str]) -> None:
    folder = Path(env["PASSERELLE_STATE_DIR"])
    with StateDir(folder, folder):
        code, _out, err = run(env, *given("neuf"))
    assert code == 1 and "est tenu par un autre serveur" in err and not (folder / "models.toml").exists()


def test_a_model_is_measured_against_the_gpus(tmp_path: Path) -> None:
    profile = load_profile("dgx")
    config = load_config({"PASSERELLE_PROFILE": "dgx", "PASSERELLE_ENVS_DIR": str(tmp_path)})
    two = Machine("580.95.05", "13.0", tuple(GpuDevice(index, f"GPU-{index}", "NVIDIA H200") for index in range(2)))
    wide = replace(profile.models[0], options={"tensor_parallel_size": 2, "pipeline_parallel_size": 2}, gpus=())
    [found] = placement(wide, config, two)
    assert found.level is Level.FAILURE and "demande 4 GPU, 2 sont permis" in found.found
    [found] = placement(replace(profile.models[0], gpus=(1, 5)), config, two)
    assert found.level is Level.WARNING and "5 absents (positions de 0 à 1)" in found.found
    assert not list(placement(replace(profile.models[0], gpus=(1,)), config, two))
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    [found] = environment(replace(profile.models[1], python=str(python)), config, two)
    assert found.level is Level.FAILURE and found.found == f"{python} n'a pas le module nemo"
