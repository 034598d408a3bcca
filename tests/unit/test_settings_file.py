"""Le fichier de réglages, et ce qu'un rechargement peut changer."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from server.settings.changes import Change, change
from server.settings.config import load_config, load_settled
from server.settings.file import VARIABLE, settle
from server.tables import ConfigError

BASE = {"PASSERELLE_PROFILE": "embarque", "OPENAI_KEYS": "cle"}


def written(folder: Path, text: str) -> dict[str, str]:
    """Environnement qui nomme ce fichier."""
    path = folder / "passerelle.env"
    path.write_text(text, encoding="utf-8")
    return {"PASSERELLE_PROFILE": "embarque", "PASSERELLE_SETTINGS_FILE": str(path)}


def test_the_file_gives_what_the_environment_does_not(tmp_path: Path) -> None:
    env = written(
        tmp_path,
        "# Un commentaire\n\nOPENAI_KEYS = 'un, deux'\nexport ADMIN_KEYS=\"trois\"\nPASSERELLE_MAX_N=7\nVIDE=\nAUTRE=a=b # c\n",
    )
    config = load_config({**env, "PASSERELLE_MAX_N": "3"})
    assert (config.openai_keys, config.admin_keys, config.limits.max_n) == (("un", "deux"), ("trois",), 3)
    assert settle(env).values["VIDE"] == "" and settle(env).values["AUTRE"] == "a=b # c"
    assert config.unknown == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A=1\nsans égal\n", "ligne 2 : « NOM=valeur » est attendu"),
        ("A=1\n2B=1\n", "ligne 2 : « NOM=valeur » est attendu"),
        ("A=1\n\nA=2\n", "ligne 3 : A est déjà donné ligne 1"),
        ("A='1\n", "ligne 1 : A, guillemet qui ne se ferme pas"),
        ("PASSERELLE_SETTINGS_FILE=x\n", "ligne 1 : PASSERELLE_SETTINGS_FILE ne se donne que dans l'environnement"),
        ("A=1\nHOST_PORT=99999\n", "ligne 2 : HOST_PORT : 99999 est hors des limites"),
        ("\nPASSERELLE_MAX_N=beaucoup\n", "ligne 2 : PASSERELLE_MAX_N : « beaucoup » n'est pas un entier"),
        ("LAZY_LOAD_MODELS=peut-être\n", "ligne 1 : LAZY_LOAD_MODELS : « peut-être »"),
    ],
)
def test_what_is_refused_says_its_line(tmp_path: Path, text: str, words: str) -> None:
    env = written(tmp_path, text)
    with pytest.raises(ConfigError) as refused:
        load_config(env)
    assert str(refused.value).startswith(f"{env['PASSERELLE_SETTINGS_FILE']}, {words}")


def test_a_line_the_environment_overrides_is_not_accused(tmp_path: Path) -> None:
    env = written(tmp_path, "HOST_PORT=1\n")
    with pytest.raises(ConfigError, match=r"^HOST_PORT : 99999"):
        load_config({**env, "HOST_PORT": "99999"})


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "absent.env"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"^PASSERELLE_SETTINGS_FILE : « .*absent\.env » ne se lit pas"):
        load_config({"PASSERELLE_SETTINGS_FILE": str(path)})


@pytest.mark.parametrize(
    ("after", "wanted"),
    [
        ({}, Change(fronts=False, dashboard=False)),
        ({"ADVERTISED_HOSTS": "gpu.exemple"}, Change(fronts=False, dashboard=False)),
        ({"LAZY_LOAD_MODELS": "false"}, Change(fronts=False, dashboard=False)),
        ({"OPENAI_KEYS": "cle,autre"}, Change(fronts=True, dashboard=True)),
        ({"ADMIN_KEYS": "chef"}, Change(fronts=True, dashboard=True)),
        ({"PASSERELLE_MAX_N": "3"}, Change(fronts=True, dashboard=True)),
    ],
)
def test_only_those_who_hold_a_change_are_replaced(after: Mapping[str, str], wanted: Change) -> None:
    assert change(load_config(BASE), load_config({**BASE, **after})) == wanted


@pytest.mark.parametrize(
    ("after", "named"),
    [
        ({"HOST_PORT": "9001"}, "HOST_PORT"),
        ({"MODEL_CACHE_DIR": "/ailleurs"}, "MODEL_CACHE_DIR"),
        ({"PASSERELLE_GPUS": "1"}, "PASSERELLE_GPUS"),
        ({"PASSERELLE_FRONTS": "3"}, "PASSERELLE_FRONTS"),
        ({"PASSERELLE_MAX_UPLOAD_BYTES": "10"}, "PASSERELLE_MAX_UPLOAD_BYTES"),
        ({"PASSERELLE_ALLOWED_ORIGINS": "*"}, "PASSERELLE_ALLOWED_ORIGINS"),
        ({"OPENAI_KEYS": ""}, "OPENAI_KEYS"),
    ],
)
def test_what_only_a_restart_changes_is_refused_by_name(after: Mapping[str, str], named: str) -> None:
    with pytest.raises(ConfigError, match=rf"{named}.* : ne change qu'à un redémarrage"):
        change(load_config(BASE), load_config({**BASE, **after}))


def test_without_a_key_envoy_holds_the_hosts() -> None:
    keyless = {"PASSERELLE_PROFILE": "embarque"}
    with pytest.raises(ConfigError, match="ADVERTISED_HOSTS"):
        change(load_config(keyless), load_config({**keyless, "ADVERTISED_HOSTS": "gpu.exemple"}))


def test_a_secret_comes_from_its_file_and_a_reload_reads_it_again(tmp_path: Path) -> None:
    keys, token = tmp_path / "cles", tmp_path / "jeton"
    keys.write_text("un\ndeux, trois\n", encoding="utf-8")
    token.write_text("  hf_secret\n", encoding="utf-8")
    named = {"OPENAI_KEYS_FILE": str(keys), "HF_TOKEN_FILE": str(token), "ADMIN_KEYS_FILE": " "}
    settled = settle({"PASSERELLE_PROFILE": "embarque", **named})
    config = load_settled(settled)
    assert (config.openai_keys, config.admin_keys, config.hf_token) == (("un", "deux", "trois"), (), "hf_secret")
    assert not config.unknown
    # Les enfants reçoivent le secret, non le chemin : le fichier peut changer sans qu'eux changent.
    assert not [name for name in settled.values if name.endswith("_FILE")]
    keys.write_text("quatre", encoding="utf-8")
    assert load_config({"PASSERELLE_PROFILE": "embarque", **named}).openai_keys == ("quatre",)


def test_a_file_of_settings_may_name_the_file_of_a_secret(tmp_path: Path) -> None:
    keys = tmp_path / "cles"
    keys.write_text("un", encoding="utf-8")
    settings = tmp_path / "reglages"
    settings.write_text(f"ADMIN_KEYS_FILE={keys}\n", encoding="utf-8")
    environ = {"PASSERELLE_PROFILE": "embarque", VARIABLE: str(settings)}
    assert load_config(environ).admin_keys == ("un",)
    keys.unlink()
    with pytest.raises(ConfigError, match=rf"{settings}, ligne 1 : ADMIN_KEYS_FILE : « {keys} » ne se lit pas"):
        load_config(environ)


@pytest.mark.parametrize("name", ["OPENAI_KEYS", "ADMIN_KEYS", "HUGGINGFACE_TOKEN", "HF_TOKEN"])
@pytest.mark.parametrize(
    ("content", "given", "why"),
    [
        (b"un", "autre", "est donné aussi"),
        (b"", "", "est vide"),
        (b" \n", "", "est vide"),
        (b"u\0n", "", "octet nul"),
        (b"\xff", "", "UTF-8"),
        (None, "", "ne se lit pas"),
    ],
)
def test_a_secret_file_that_cannot_serve_is_refused(
    tmp_path: Path, name: str, content: bytes | None, given: str, why: str
) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=rf"^{name}_FILE : .*{why}"):
        load_config({"PASSERELLE_PROFILE": "embarque", f"{name}_FILE": str(path), name: given})
