"""run_docker.sh et docker-compose.yml, devant de faux programmes."""

import json
import os
import platform
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from server.cli.app import cli
from tests.support.docker_stubs import ROOT, Play, Result, make_play

RUN = "type=volume,source=passerelle-run,target=/run/passerelle"
WRITABLE = {"/models", "/state", "/run/passerelle", "/tmp"}
"""Tout ce qui s'écrit dans le conteneur, avec /dev/shm, que Docker y met."""


@pytest.fixture
def play(tmp_path: Path) -> Play:
    return make_play(tmp_path)


def started(play: Play, **env: str) -> Result:
    """« run_docker.sh » qui réussit."""
    found = play("run_docker.sh", "img:1", **{"HUGGINGFACE_TOKEN": "hf_secret", "OPENAI_KEYS": "cle-a", **env})
    assert found.code == 0, found.err
    return found


def refused(play: Play, *words: str, code: int = 1, arguments: tuple[str, ...] = ("img:1",), **env: Any) -> Result:
    """« run_docker.sh » qui refuse, en nommant ces mots."""
    found = play("run_docker.sh", *arguments, **env)
    assert found.code == code, (found.out, found.err)
    for word in words:
        assert word in found.err, (word, found.err)
    return found


def test_a_shipped_profile_goes_by_its_name(play: Play) -> None:
    assert "PASSERELLE_PROFILE" in started(play, PASSERELLE_PROFILE="dgx").values("--env")


def test_the_plain_start(play: Play, tmp_path: Path) -> None:
    found = started(play)
    assert found.values("--publish") == ["8000:8000"]
    assert found.values("--gpus") == ["all"] and found.values("--shm-size") == ["16g"]
    assert found.values("--ulimit") == ["memlock=-1", "stack=67108864", "nofile=1048576:1048576"]
    assert found.values("--mount") == [f'type=bind,"source={tmp_path}/model_cache",target=/models', RUN]
    assert found.values("--user") == ["1000:1000"] and (tmp_path / "model_cache").is_dir()
    assert found.run[-1] == "img:1"
    assert "http://10.200.50.46:8000/" in found.out and "localhost" not in found.out and "127.0.0.1" not in found.out


def test_what_a_container_may_do_is_bounded(play: Play) -> None:
    found = started(play, PASSERELLE_STATE_DIR="etat")
    assert "--read-only" in found.run and found.values("--cap-drop") == ["ALL"]
    assert found.values("--security-opt") == ["no-new-privileges:true"] and "--privileged" not in found.run
    assert found.values("--pids-limit") == ["32768"]
    assert found.values("--tmpfs") == ["/tmp:rw,exec,nosuid,nodev,mode=1777,size=16g"]
    assert found.values("--log-driver") == ["local"]
    assert found.values("--log-opt") == ["max-size=64m", "max-file=4"]
    mounted = {value.rpartition("target=")[2] for value in found.values("--mount")}
    assert mounted | {value.partition(":")[0] for value in found.values("--tmpfs")} == WRITABLE


def test_what_bounds_a_container_is_chosen(play: Play) -> None:
    found = started(
        play, PIDS_LIMIT="4096", TMP_SIZE="512m", LOG_DRIVER="journald", READ_ONLY_ROOT="false", CONTAINER_NAME="b"
    )
    assert "--read-only" not in found.run and found.values("--pids-limit") == ["4096"]
    assert found.values("--tmpfs")[0].endswith("size=512m")
    assert found.values("--log-driver") == ["journald"] and found.values("--log-opt") == []
    assert found.values("--mount")[-1] == RUN.replace("passerelle-run", "b-run")


def test_what_the_image_writes_is_where_it_may_write() -> None:
    [env] = re.findall(r"^ENV (PASSERELLE_PROFILE.+?[^\\])$", (ROOT / "Dockerfile").read_text(), re.M | re.S)
    values = dict(pair.split("=", 1) for pair in env.replace("\\\n", " ").split())
    for name in ("PASSERELLE_RUN_BASE", "MODEL_CACHE_DIR", "HOME"):
        assert any(Path(values[name]).is_relative_to(folder) for folder in WRITABLE), name


def test_no_secret_in_any_command_line(play: Play) -> None:
    found = started(play, ADMIN_KEYS="cle-admin", PASSERELLE_MAX_N="4", HF_TOKEN="")
    shown = json.dumps(found.calls) + found.out + found.err
    for secret in ("hf_secret", "cle-a", "cle-admin"):
        assert secret not in shown
    names = [value for value in found.values("--env") if "=" not in value]
    assert names == ["HUGGINGFACE_TOKEN", "OPENAI_KEYS", "ADMIN_KEYS", "PASSERELLE_MAX_N"]
    assert {name: found.environ[name] for name in names} == {
        "HUGGINGFACE_TOKEN": "hf_secret",
        "OPENAI_KEYS": "cle-a",
        "ADMIN_KEYS": "cle-admin",
        "PASSERELLE_MAX_N": "4",
    }


@pytest.mark.parametrize(("grace", "stop"), [("", "90"), ("120", "180"), ("0.5", "60"), ("bientôt", "90")])
def test_docker_waits_longer_than_the_server(play: Play, grace: str, stop: str) -> None:
    assert started(play, PASSERELLE_STOP_GRACE=grace).values("--stop-timeout") == [stop]


def test_what_the_image_fixes_is_not_passed(play: Play) -> None:
    found = started(play, PASSERELLE_PORT="9", PASSERELLE_BIND="1.2.3.4", PASSERELLE_RUN_BASE="/x", HOST_PORT=" 09000 ")
    assert found.values("--publish") == ["9000:8000"]
    assert found.values("--env")[-2:] == ["HOST_PORT=9000", "ADVERTISED_HOSTS=10.200.50.46"]


@pytest.mark.parametrize(
    ("chosen", "passed"), [("", f"PASSERELLE_ALLOWED_HOSTS={platform.node()}"), ("gpu", "PASSERELLE_ALLOWED_HOSTS")]
)
def test_a_container_is_told_the_names_of_its_machine(play: Play, chosen: str, passed: str) -> None:
    found = started(play, PASSERELLE_ALLOWED_HOSTS=chosen).values("--env")
    assert [one for one in found if "ALLOWED_HOSTS" in one] == [passed]


@pytest.mark.parametrize(
    ("bind", "publish", "url", "probed"),
    [
        ("10.200.50.46", "10.200.50.46:8000:8000", "http://10.200.50.46:8000/", "http://10.200.50.46:8000/readyz"),
        ("2001:db8::7", "[2001:db8::7]:8000:8000", "http://[2001:db8::7]:8000/", "http://[2001:db8::7]:8000/readyz"),
        (" [::] ", "[::]:8000:8000", "http://10.200.50.46:8000/", "http://[::1]:8000/readyz"),
        ("0.0.0.0", "0.0.0.0:8000:8000", "http://10.200.50.46:8000/", "http://127.0.0.1:8000/readyz"),
        ("  ", "8000:8000", "http://10.200.50.46:8000/", "http://127.0.0.1:8000/readyz"),
    ],
)
def test_bind_addresses(play: Play, bind: str, publish: str, url: str, probed: str) -> None:
    found = started(play, HOST_BIND_ADDRESS=bind)
    assert found.values("--publish") == [publish]
    assert f"  {url}\n" in found.out
    assert [call[-1] for call in found.calls if call[0] == "curl"] == [probed]


def test_a_loopback_bind_is_said(play: Play) -> None:
    found = started(play, HOST_BIND_ADDRESS="127.0.0.1")
    assert "que de cette machine" in found.err


@pytest.mark.parametrize("hosts", ["gpu.exemple, 10.0.0.5", " gpu.exemple\t10.0.0.5 ", "gpu.exemple,,10.0.0.5,"])
def test_advertised_hosts_win(play: Play, hosts: str) -> None:
    found = started(play, ADVERTISED_HOSTS=hosts, HOST_PORT="9000")
    assert "http://gpu.exemple:9000/" in found.out and "http://10.0.0.5:9000/v1" in found.out
    assert "10.200.50.46" not in found.out
    assert "ADVERTISED_HOSTS=gpu.exemple 10.0.0.5" in found.run
    assert not [call for call in found.calls if call[0] == "ip"]


def test_advertised_ipv6_gets_its_brackets(play: Play) -> None:
    found = started(play, ADVERTISED_HOSTS="2001:db8::1 [2001:db8::2]")
    assert "http://[2001:db8::1]:8000/" in found.out and "http://[2001:db8::2]:8000/" in found.out


@pytest.mark.parametrize("source", ["172.17.0.1", "127.0.0.1", ""])
def test_docker_and_the_machine_itself_are_never_announced(play: Play, source: str) -> None:
    route = f"192.0.2.1 dev docker0 src {source} uid 0" if source else ""
    found = started(play, STUB_ROUTE=route)
    assert "172.17" not in found.out and "127.0.0.1" not in found.out
    assert "ADVERTISED_HOSTS=mon-serveur" in found.err and "ADVERTISED_HOSTS=" in found.values("--env")[-1]


def test_without_ipv4_route_the_ipv6_one_serves(play: Play) -> None:
    found = started(
        play, STUB_ROUTE="", STUB_ROUTE6="2001:db8::1 from :: via fe80::1 dev eth0 src 2001:db8::9 metric 1"
    )
    assert "http://[2001:db8::9]:8000/" in found.out


def test_without_ip_the_remedy_is_given(play: Play) -> None:
    found = play("run_docker.sh", "img:1", without=("ip",))
    assert found.code == 0 and "ADVERTISED_HOSTS=mon-serveur" in found.err


def test_a_cache_with_odd_characters(play: Play, tmp_path: Path) -> None:
    odd = tmp_path / 'mes modèles, "à" : moi'
    found = started(play, MODEL_CACHE_DIR=f"  {odd} ")
    assert odd.is_dir()
    source = str(odd).replace('"', '""')
    assert found.values("--mount") == [f'type=bind,"source={source}",target=/models', RUN]


def test_root_gives_the_cache_to_the_image_user(play: Play, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        assert started(play, STUB_UID="0").values("--user") == ["10001:10001"]
        assert (tmp_path / "model_cache").stat().st_uid == 10001
        kept = tmp_path / "kept"
        kept.mkdir()
        refused(play, "chown -R 10001", STUB_UID="0", MODEL_CACHE_DIR=str(kept))
    else:
        owner = f"{os.geteuid()}:{os.getegid()}"
        (tmp_path / "model_cache").mkdir()
        assert started(play, STUB_UID="0").values("--user") == [owner]


STATE_APART = ["PASSERELLE_STATE_DIR=/state", "HOME=/state/.home"]


def test_the_state_has_its_own_folder(play: Play, tmp_path: Path) -> None:
    found = started(play, PASSERELLE_STATE_DIR=" etat ")
    assert found.values("--mount") == [
        f'type=bind,"source={tmp_path}/model_cache",target=/models',
        f'type=bind,"source={tmp_path}/etat",target=/state',
        RUN,
    ]
    assert found.values("--env")[:2] == STATE_APART and "PASSERELLE_STATE_DIR" not in found.values("--env")
    assert (tmp_path / "etat").is_dir()


def test_weights_one_may_only_read_are_shared_for_reading(play: Play, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        assert started(play, STUB_UID="0", PASSERELLE_STATE_DIR="etat").values("--user") == ["10001:10001"]
        assert (tmp_path / "model_cache").stat().st_uid == 10001
    else:
        (tmp_path / "model_cache").mkdir(mode=0o555)
        cache, *_ = started(play, PASSERELLE_STATE_DIR="etat").values("--mount")
        assert cache.endswith("target=/models,readonly")


def test_a_state_folder_that_is_a_file(play: Play, tmp_path: Path) -> None:
    (tmp_path / "fichier").touch()
    refused(play, "PASSERELLE_STATE_DIR : ", "ne peut pas être créé", PASSERELLE_STATE_DIR="fichier")


def test_a_cache_that_is_a_file(play: Play, tmp_path: Path) -> None:
    (tmp_path / "fichier").touch()
    refused(play, "MODEL_CACHE_DIR", "ne peut pas être créé", MODEL_CACHE_DIR="fichier")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HOST_PORT", "huit"),
        ("HOST_PORT", "0"),
        ("HOST_PORT", "65536"),
        ("HOST_PORT", "80 80"),
        ("HOST_PORT", "-1"),
        ("HOST_BIND_ADDRESS", "mon-serveur"),
        ("HOST_BIND_ADDRESS", "::zz"),
        ("HOST_BIND_ADDRESS", "10.0.0.300"),
        ("CONTAINER_NAME", "un nom"),
        ("SHM_SIZE", "beaucoup"),
        ("TMP_SIZE", "-1"),
        ("PIDS_LIMIT", "0"),
        ("LOG_DRIVER", "a b"),
        ("READ_ONLY_ROOT", "peut-être"),
        ("READY_TIMEOUT", "1.5"),
    ],
)
def test_a_bad_value_is_named(play: Play, name: str, value: Any) -> None:
    found = refused(play, f"{name} : « {value} »", code=2, **{name: value})
    assert found.calls == []


@pytest.mark.parametrize("arguments", [(), ("",), ("a", "b")])
def test_usage(play: Play, arguments: tuple[str, ...]) -> None:
    refused(play, "Usage : ./run_docker.sh IMAGE:TAG", code=2, arguments=arguments)


@pytest.mark.parametrize("image", ["--privileged", "Une Image", "a b"])
def test_an_image_name_is_not_an_option(play: Play, image: str) -> None:
    assert refused(play, "n'est pas un nom d'image", code=2, arguments=(image,)).calls == []


def test_docker_absent(play: Play) -> None:
    refused(play, "docker est introuvable", "docs/installation.md", without=("docker",))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("permission denied while trying to connect", ("usermod -aG docker",)),
        ("Cannot connect to the Docker daemon", ("systemctl start docker", "Cannot connect")),
    ],
)
def test_docker_out_of_reach(play: Play, answer: str, words: tuple[str, ...]) -> None:
    refused(play, *words, STUB_INFO=answer, STUB_INFO_CODE="1")


def test_a_missing_image(play: Play) -> None:
    refused(play, "./build_docker.sh img:1", "docker pull img:1", STUB_IMAGE_CODE="1")


@pytest.mark.parametrize("env", [{"without": ("nvidia-smi",)}, {"STUB_SMI_CODE": "9"}, {"STUB_DRIVER": ""}])
def test_no_gpu(play: Play, env: dict[str, Any]) -> None:
    refused(play, "aucun GPU utilisable", "550", **env)


EIGHT = "".join(f"{index}, GPU-{index}a{index}, {'Enabled' if index == 6 else '[N/A]'}\n" for index in range(8))


@pytest.mark.parametrize(
    ("lists", "given"),
    [
        ({"CUDA_VISIBLE_DEVICES": " 5, 2"}, "GPU-5a5,GPU-2a2"),
        ({"PASSERELLE_GPUS": "GPU-5a5,GPU-2,0"}, "GPU-5a5,GPU-2a2,GPU-0a0"),
        ({"CUDA_VISIBLE_DEVICES": "5,2,7", "PASSERELLE_GPUS": "7,GPU-5"}, "GPU-7a7,GPU-5a5"),
    ],
)
def test_only_the_gpus_that_were_given(play: Play, lists: dict[str, str], given: str) -> None:
    found = started(play, STUB_GPUS=EIGHT, **lists)
    assert found.values("--gpus") == [f'"device={given}"']
    # Les numéros de l'hôte ne valent rien dans le conteneur : les UUID seuls y entrent, dans l'ordre de la liste.
    named = [value for value in found.values("--env") if "CUDA_VISIBLE" in value or "PASSERELLE_GPUS" in value]
    assert named == [f"PASSERELLE_GPUS={given}"]


@pytest.mark.parametrize(
    ("lists", "said", "code"),
    [
        ({"CUDA_VISIBLE_DEVICES": "8"}, "CUDA_VISIBLE_DEVICES : « 8 » n'est aucun GPU", 2),
        ({"PASSERELLE_GPUS": "all"}, "PASSERELLE_GPUS : « all » n'est aucun GPU", 2),
        ({"PASSERELLE_GPUS": "0,"}, "PASSERELLE_GPUS : «  » n'est aucun GPU", 2),
        ({"PASSERELLE_GPUS": "GPU-"}, "« GPU- » n'est aucun GPU", 2),
        ({"PASSERELLE_GPUS": "*"}, "« * » n'est aucun GPU", 2),
        ({"PASSERELLE_GPUS": "1,GPU-1a"}, "« GPU-1a » nomme une seconde fois le GPU GPU-1a1", 2),
        (
            {"CUDA_VISIBLE_DEVICES": "0", "PASSERELLE_GPUS": "0,1"},
            "PASSERELLE_GPUS : le GPU GPU-1a1 n'est pas parmi",
            2,
        ),
        ({"PASSERELLE_GPUS": "MIG-1a"}, "« MIG-1a » est une partition MIG", 2),
        ({"PASSERELLE_GPUS": "6"}, "« 6 » est un GPU en mode MIG", 2),
        ({"CUDA_VISIBLE_DEVICES": ""}, "CUDA_VISIBLE_DEVICES ne laisse aucun GPU", 1),
        ({"PASSERELLE_GPUS": "-1"}, "PASSERELLE_GPUS ne laisse aucun GPU", 1),
    ],
)
def test_a_wrong_list_of_gpus_starts_nothing(play: Play, lists: dict[str, Any], said: str, code: int) -> None:
    found = refused(play, said, code=code, STUB_GPUS=EIGHT, **lists)
    assert not [call for call in found.calls if call[1] == "run"]


def test_a_prefix_of_two_uuids_is_refused(play: Play) -> None:
    twins = "0, GPU-aa1, Disabled\n1, GPU-aa2, Disabled\n"
    refused(play, "plusieurs UUID (GPU-aa1 GPU-aa2)", code=2, STUB_GPUS=twins, PASSERELLE_GPUS="GPU-a")


def test_a_running_container_is_kept(play: Play) -> None:
    found = refused(play, "déjà en marche", "docker rm -f passerelle", STUB_EXISTING="running")
    assert not [call for call in found.calls if call[1] in ("run", "rm")]


def test_a_stopped_container_is_replaced(play: Play) -> None:
    found = started(play, STUB_EXISTING="exited", CONTAINER_NAME="autre")
    assert ["docker", "rm", "autre"] in found.calls and found.values("--name") == ["autre"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("Bind for 0.0.0.0:8000 failed: port is already allocated.", ("port 8000 est déjà pris", "HOST_PORT=9000")),
        ("listen tcp 0.0.0.0:8000: bind: address already in use", ("port 8000 est déjà pris",)),
        ("listen tcp4 10.9.9.9:8000: bind: cannot assign requested address", ("HOST_BIND_ADDRESS",)),
        ('could not select device driver "" with capabilities: [[gpu]]', ("nvidia-container-toolkit", "nvidia-ctk")),
        ("nvidia-container-cli: initialization error", ("nvidia-container-toolkit",)),
        ("no space left on device", ("n'a pas démarré", "no space left")),
    ],
)
def test_a_refused_start_says_what_to_do(play: Play, answer: str, words: tuple[str, ...]) -> None:
    found = refused(play, *words, STUB_RUN=answer, STUB_RUN_CODE="125")
    assert ["docker", "rm", "-f", "passerelle"] in found.calls


def test_no_token_and_no_keys_are_warned(play: Play) -> None:
    found = play("run_docker.sh", "img:1", HUGGINGFACE_TOKEN="  ")
    assert found.code == 0 and "HUGGINGFACE_TOKEN n'est pas donné" in found.err and "OPENAI_KEYS" in found.err
    assert [value for value in found.values("--env") if "=" not in value] == []


def test_progress_is_shown_until_ready(play: Play) -> None:
    found = started(play, STUB_HTTP="000 503 503 200")
    assert "démarrage" in found.out and found.out.count("aucun front ne sert") == 1
    assert found.out.index("aucun front ne sert") < found.out.index("est prête en") < found.out.index("joignable")


def test_a_container_that_dies_shows_its_log(play: Play) -> None:
    found = refused(play, "dernières lignes", "s'est arrêté", STUB_HTTP="000", STUB_STATE="restarting 1")
    assert ["docker", "stop", "passerelle"] in found.calls and "joignable" not in found.out


def test_never_ready_leaves_it_running(play: Play) -> None:
    found = refused(play, "toujours pas prêt après 1 s (aucun front ne sert)", STUB_HTTP="503", READY_TIMEOUT="1")
    assert not [call for call in found.calls if call[1:2] in (["stop"], ["rm"])]


def test_without_curl_the_health_check_answers(play: Play) -> None:
    found = play("run_docker.sh", "img:1", without=("curl",))
    assert found.code == 0 and "joignable" in found.out


def test_tls_files_are_shared_by_their_folder(play: Play, tmp_path: Path) -> None:
    for name in ("c.pem", "k.pem", "ca.pem"):
        (tmp_path / name).touch()
    found = started(
        play, PASSERELLE_TLS_CERT="c.pem", PASSERELLE_TLS_KEY="k.pem", PASSERELLE_TLS_CLIENT_CA=str(tmp_path / "ca.pem")
    )
    assert f'type=bind,"source={tmp_path}",target=/run/passerelle-files/passerelle_tls_key,readonly' in found.run
    assert "PASSERELLE_TLS_CERT=/run/passerelle-files/passerelle_tls_cert/c.pem" in found.run
    assert "https://10.200.50.46:8000/" in found.out
    # Un certificat de client est exigé : seule la sonde du conteneur peut entrer.
    assert not [call for call in found.calls if call[0] == "curl"]


def test_a_missing_tls_file_is_named(play: Play) -> None:
    refused(play, "PASSERELLE_TLS_CERT : « absent.pem »", code=2, PASSERELLE_TLS_CERT="absent.pem")


def test_a_profile_file_is_shared(play: Play, tmp_path: Path) -> None:
    (tmp_path / "mien.toml").touch()
    found = started(play, PASSERELLE_PROFILE="mien.toml")
    assert "PASSERELLE_PROFILE=/run/passerelle-files/passerelle_profile/mien.toml" in found.run


IMAGE = {"PASSERELLE_BIND", "PASSERELLE_PORT", "PASSERELLE_RUN_BASE", "PASSERELLE_WEIGHTS_DIR", "PASSERELLE_ENVS_DIR"}
"""Ce que l'image fixe."""
ELSEWHERE = {
    "PASSERELLE_CUDA",
    "TORCH_INDEX_URL",
    "PASSERELLE_ADDRESS",
    "PASSERELLE_API_KEY",
    "PASSERELLE_API_KEY_FILE",
}
"""Ce qui ne sert qu'à l'installation, ou à la ligne de commande."""
OPTIONS = {"MODEL_CACHE_DIR": "--mount", "HOST_BIND_ADDRESS": "--publish", "CUDA_VISIBLE_DEVICES": "--gpus"}
"""Ce qui devient une option de « docker run »."""
FILES = {
    *("PASSERELLE_TLS_CERT", "PASSERELLE_TLS_KEY", "PASSERELLE_TLS_CLIENT_CA"),
    *("SSL_CERT_FILE", "PASSERELLE_SETTINGS_FILE", "PASSERELLE_JWT_JWKS_FILE", "PASSERELLE_JWT_CA"),
    "PASSERELLE_KEYS_FILE",
    *("OPENAI_KEYS_FILE", "ADMIN_KEYS_FILE", "HUGGINGFACE_TOKEN_FILE", "HF_TOKEN_FILE"),
}
FOLDERS = {"HF_HOME", "HF_HUB_CACHE"}


def documented() -> set[str]:
    """Variables de docs/configuration.md et docs/limites.md."""
    pages = "".join((ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("configuration.md", "limites.md"))
    rows = re.findall(r"^\| (`[A-Z_`, ]+`) \|", pages, re.M)
    return {name for row in rows for name in re.findall(r"[A-Z_]+", row)}


def test_the_script_passes_every_documented_variable(play: Play, tmp_path: Path) -> None:
    wanted = documented() - IMAGE - ELSEWHERE - FILES - FOLDERS - OPTIONS.keys()
    assert len(wanted) > 90
    (tmp_path / "x.pem").touch()
    (tmp_path / "hub").mkdir()
    given = dict.fromkeys(wanted | IMAGE | ELSEWHERE | {"https_proxy"}, "1") | dict.fromkeys(FILES, "x.pem")
    given |= {
        "PASSERELLE_PROFILE": "dgx",
        "HF_HUB_CACHE": "hub",
        "PASSERELLE_GPUS": "0",
        "PASSERELLE_STATE_DIR": "etat",
    }
    found = started(play, STUB_GPUS=EIGHT, **given)
    passed = {value.partition("=")[0] for value in found.values("--env")}
    assert not wanted - passed, "deploy/docker-run.sh ne les transmet pas"
    assert passed >= FILES | {"HF_HUB_CACHE", "https_proxy"} and not passed & (IMAGE | ELSEWHERE)
    assert "SSL_CERT_FILE=/run/passerelle-files/ssl_cert_file/x.pem" in found.run
    hub = f'type=bind,"source={tmp_path}/hub",target=/run/passerelle-files/hf_hub_cache,readonly'
    assert hub in found.values("--mount")
    assert all(found.values(option) for option in OPTIONS.values())


def test_compose_passes_every_documented_variable() -> None:
    [service] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"].values()
    passed = {value.partition("=")[0] for value in service["environment"]}
    fixed = IMAGE | ELSEWHERE | FILES | FOLDERS | {"PASSERELLE_BUILD", "MODEL_CACHE_DIR", "HOST_BIND_ADDRESS"}
    assert not documented() - fixed - passed, "à ajouter à « environment » de docker-compose.yml"


@pytest.mark.parametrize("home", [True, False])
def test_the_cache_of_other_tools_is_read_where_it_is(play: Play, tmp_path: Path, home: bool) -> None:
    if home:
        (tmp_path / "hf" / "hub").mkdir(parents=True)
        assert "HF_HUB_CACHE=/run/passerelle-files/hf_hub_cache" in started(play, HF_HOME="hf").values("--env")
    else:
        assert not [one for one in started(play, HF_HOME="absent").values("--env") if one.startswith("HF_")]
        refused(play, "HF_HUB_CACHE : « absent » n'est pas un dossier lisible", code=2, HF_HUB_CACHE="absent")


@pytest.mark.parametrize(
    ("hosts", "urls"),
    [
        ("https://ia.exemple", ["https://ia.exemple/"]),
        ("ia.exemple:9000 http://ia.exemple:80/", ["http://ia.exemple:9000/", "http://ia.exemple/"]),
        ("[2001:db8::2]:9000,HTTPS://ia.exemple:8443", ["http://[2001:db8::2]:9000/", "https://ia.exemple:8443/"]),
    ],
)
def test_a_load_balancer_has_its_scheme_and_port(play: Play, hosts: str, urls: list[str]) -> None:
    found = started(play, ADVERTISED_HOSTS=hosts, HOST_PORT="8123")
    assert re.findall(r"^  (http\S+)$", found.out, re.M) == urls


@pytest.mark.parametrize(
    "entry", ["ftp://gpu", "gpu/v1", "gpu:0", "gpu:65536", "-gpu", "moi@gpu", "https://", "*", "a$b"]
)
def test_what_is_no_address_starts_nothing(play: Play, entry: str) -> None:
    assert refused(play, f"ADVERTISED_HOSTS : « {entry} »", code=2, ADVERTISED_HOSTS=f"gpu {entry}").calls == []


def test_compose_does_what_the_script_does(play: Play) -> None:
    [(name, service)] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"].items()
    found = started(play)
    assert found.values("--name") == [name] == [service["container_name"]]
    assert found.values("--restart") == [service["restart"]]
    assert found.values("--shm-size") == [service["shm_size"].removeprefix("${SHM_SIZE:-").removesuffix("}")]
    limits = service["ulimits"]
    assert (limits["memlock"], limits["stack"], limits["nofile"]) == (-1, 67108864, {"soft": 1048576, "hard": 1048576})
    assert found.values("--stop-timeout") == [service["stop_grace_period"].removesuffix("s")]
    [gpu] = service["deploy"]["resources"]["reservations"]["devices"]
    assert gpu == {"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}
    assert service["ports"] == ["${HOST_BIND_ADDRESS:-0.0.0.0}:${HOST_PORT:-8000}:8000"]
    *binds, run = service["volumes"]
    assert [(volume["source"], volume["target"]) for volume in binds] == [
        ("${MODEL_CACHE_DIR:-./model_cache}", "/models"),
        ("${PASSERELLE_STATE_DIR:-./model_state}", "/state"),
    ]
    assert set(STATE_APART) <= set(service["environment"])
    kept = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["volumes"][run["source"]]
    assert f"type={run['type']},source={kept['name']},target={run['target']}" == RUN == found.values("--mount")[-1]
    assert (service["read_only"], service["pids_limit"]) == ("${READ_ONLY_ROOT:-true}", "${PIDS_LIMIT:-32768}")
    assert found.values("--pids-limit") == ["32768"] and "--read-only" in found.run
    assert (service["cap_drop"], service["security_opt"]) == (
        found.values("--cap-drop"),
        found.values("--security-opt"),
    )
    assert [value.replace("${TMP_SIZE:-16g}", "16g") for value in service["tmpfs"]] == found.values("--tmpfs")
    assert [service["logging"]["driver"]] == found.values("--log-driver")
    assert [f"{name}={value}" for name, value in service["logging"]["options"].items()] == found.values("--log-opt")
    assert "ADVERTISED_HOSTS=${ADVERTISED_HOSTS:?" in str(service["environment"])
    # Les secrets par leur nom : compose les lit dans l'environnement, ou dans .env.
    assert {"HUGGINGFACE_TOKEN", "OPENAI_KEYS", "ADMIN_KEYS"} <= set(service["environment"])
    # Il ne sait pas ne donner que certains GPU d'une variable : c'est le serveur qui s'y tient.
    assert {"CUDA_VISIBLE_DEVICES", "PASSERELLE_GPUS"} <= set(service["environment"])


def test_the_weights_come_first_in_the_same_folders() -> None:
    server = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["passerelle"]
    services = yaml.safe_load((ROOT / "deploy" / "compose.fetch.yml").read_text())["services"]
    first = services["weights"]
    assert services["passerelle"] == {"depends_on": {"weights": {"condition": "service_completed_successfully"}}}
    for name in ("image", "user", "read_only", "cap_drop", "security_opt"):
        assert first[name] == server[name], name
    assert first["volumes"] == server["volumes"][:1] and set(first["environment"]) <= set(server["environment"])
    verb, *arguments = first["command"]
    done = CliRunner().invoke(cli, [verb, *arguments, "--help"])
    assert done.exit_code == 0 and f"cli {verb}" in done.stdout
