"""La ligne de commande sans serveur : l'adresse, les erreurs, le diagnostic."""

import hashlib
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import grpc
import pytest
from click.testing import CliRunner
from passerelle.v1 import operation_pb2

from server.cli import admin, show
from server.cli.app import cli
from server.cli.checks import run_checks
from server.cli.connection import CommandError, ServerAccess, find_server
from server.cli.findings import Finding, Level
from server.cli.local import LocalServer, local_server
from server.cli.machine_checks import Machine
from server.control.gpu.allowed import GpuDevice
from server.control.weights.cache import write_manifest
from tests.support.certificates import Authority
from tests.support.product import ROOT

GPUS = tuple(GpuDevice(index, f"GPU-{index}", "NVIDIA H200") for index in range(8))
H200 = Machine("580.95.05", "13.0", GPUS)
NOTHING = Machine("", "", ())
NO_SERVER = {"PASSERELLE_RUN_BASE": "/absent"}


@pytest.mark.parametrize(
    ("address", "wanted"),
    [
        ("gpu", ServerAccess("gpu:8000")),
        ("gpu:9000", ServerAccess("gpu:9000")),
        ("http://gpu.exemple:9000/", ServerAccess("gpu.exemple:9000")),
        ("https://gpu.exemple", ServerAccess("gpu.exemple:8000", tls=True)),
        ("[2001:db8::1]:9000", ServerAccess("[2001:db8::1]:9000")),
        ("", ServerAccess("127.0.0.1:8000")),
    ],
)
def test_addresses(address: str, wanted: ServerAccess) -> None:
    assert find_server(address, "", environ=NO_SERVER) == wanted


@pytest.mark.parametrize("address", ["ftp://gpu", "gpu:port", "http://", ":8000"])
def test_a_bad_address_is_named(address: str) -> None:
    with pytest.raises(CommandError, match="--address"):
        find_server(address, "", environ=NO_SERVER)


def test_keys_come_from_the_option_then_the_environment() -> None:
    environ = {**NO_SERVER, "OPENAI_KEYS": "a, b", "ADMIN_KEYS": "c", "HOST_PORT": "9000"}
    found = find_server("", "", environ=environ)
    assert (found.address, found.api_key, found.admin_key) == ("127.0.0.1:9000", "a", "c")
    assert found.metadata(admin=True) == (("authorization", "Bearer c"),)
    given = find_server("", "d", environ=environ)
    assert (given.api_key, given.admin_key) == ("d", "d")
    assert find_server("", "", environ=NO_SERVER).metadata() == ()


def test_a_key_may_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "cle"
    path.write_text("a\nb\n", encoding="utf-8")
    found = find_server("", "", environ={**NO_SERVER, "ADMIN_KEYS_FILE": str(path), "OPENAI_KEYS": "c"})
    assert (found.api_key, found.admin_key) == ("c", "a")
    path.write_text("d\n", encoding="utf-8")
    found = find_server("", "", environ={**NO_SERVER, "PASSERELLE_API_KEY_FILE": str(path), "OPENAI_KEYS": "c"})
    assert (found.api_key, found.admin_key) == ("d", "d")
    path.unlink()
    with pytest.raises(CommandError, match=r"PASSERELLE_API_KEY_FILE : .* ne se lit pas"):
        find_server("", "", environ={**NO_SERVER, "PASSERELLE_API_KEY_FILE": str(path)})


def test_the_local_socket_is_found_when_it_answers(tmp_path: Path) -> None:
    folder = tmp_path / "passerelle-essai"
    folder.mkdir(0o700)
    path = folder / "envoy-local.sock"
    environ = {"PASSERELLE_RUN_BASE": str(tmp_path)}
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        assert find_server("", "", environ=environ).address == f"unix:{path}"
    assert find_server("", "", environ=environ).address == "127.0.0.1:8000"


@pytest.mark.parametrize("trap", ["mode", "group", "owner", "socket-owner", "link"])
def test_the_socket_of_another_account_is_never_called(
    tmp_path: Path, trap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "passerelle-essai"
    folder.mkdir(0o700)
    path = folder / "envoy-local.sock"
    environ = {"PASSERELLE_RUN_BASE": str(tmp_path), "ADMIN_KEYS": "cle-admin"}
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        listening.settimeout(0.2)
        if trap in ("mode", "group"):
            folder.chmod({"mode": 0o777, "group": 0o770}[trap])
        elif trap == "link":
            folder.rename(tmp_path / "ailleurs")
            folder.symlink_to(tmp_path / "ailleurs")
        else:
            other = folder if trap == "owner" else path
            real = Path.lstat
            # Un autre compte ne se prend pas sans privilège : seul le possesseur dit est changé.
            monkeypatch.setattr(Path, "lstat", lambda one: owned(real(one), os.geteuid() + (one == other)))
        assert find_server("", "", environ=environ).address == "127.0.0.1:8000"
        with pytest.raises(TimeoutError):
            listening.accept()


LISTENING = """
import socket, sys, time
held = [socket.socket(socket.AF_UNIX) for _ in sys.argv[1:]]
for one, path in zip(held, sys.argv[1:]):
    one.bind(path)
    one.listen()
print("debout", flush=True)
time.sleep(600)
"""


@pytest.fixture
def base() -> Iterator[Path]:
    """Dossier dont le chemin est assez court pour des prises."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder)


@contextmanager
def serving(base: Path, **env: str) -> Iterator[LocalServer]:
    """Un processus qui tient les prises d'un serveur, sous cet environnement."""
    folder = base / f"passerelle-{env.get('HOST_PORT', '8000')}"
    folder.mkdir(0o700)
    paths = [str(folder / name) for name in ("envoy-local.sock", "supervisor.sock")]
    command = [sys.executable, "-c", LISTENING, *paths]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, cwd=base) as process:
        assert process.stdout and process.stdout.readline() == b"debout\n"
        try:
            yield LocalServer(folder, process.pid)
        finally:
            process.kill()


def test_one_server_of_this_machine_is_told_from_another(base: Path) -> None:
    here = {"PASSERELLE_RUN_BASE": str(base)}
    with serving(base, HOST_PORT="8701") as one, serving(base, HOST_PORT="8702", PASSERELLE_PORT="8000") as two:
        assert local_server(here) is None
        assert local_server({**here, "HOST_PORT": "8701"}) == one
        assert local_server({**here, "PASSERELLE_PORT": "8000", "HOST_PORT": "8702"}) == two
        assert find_server("", "", environ={**here, "HOST_PORT": "8703"}).address == "127.0.0.1:8703"
        assert one.environ["HOST_PORT"] == "8701" and one.directory == base
    assert LocalServer(base, one.pid).environ == {}


def test_the_settings_file_is_read_as_by_the_server(base: Path, tmp_path: Path) -> None:
    settings = tmp_path / "passerelle.env"
    settings.write_text(
        f"HOST_PORT=8701\nPASSERELLE_RUN_BASE={base}\nOPENAI_KEYS=a,b\nADMIN_KEYS='c'\n", encoding="utf-8"
    )
    named = {"PASSERELLE_SETTINGS_FILE": str(settings)}
    with serving(base, HOST_PORT="8701") as one, serving(base, HOST_PORT="8702") as two:
        assert local_server(named) == one and local_server({**named, "HOST_PORT": "8702"}) == two
        found = find_server("", "", environ=named)
        assert found == ServerAccess(f"unix:{one.envoy}", api_key="a", admin_key="c")
        assert find_server("", "", environ={**named, "ADMIN_KEYS": "d"}).admin_key == "d"
        assert find_server("gpu:9", "", environ=named).admin_key == "c"
        # Celui qui est mal écrit n'empêche de trouver que ce qu'il aurait dit.
        settings.write_text("HOST_PORT\n", encoding="utf-8")
        assert local_server({**named, "PASSERELLE_RUN_BASE": str(base), "HOST_PORT": "8701"}) == one
        with pytest.raises(CommandError, match="ligne 1 : « NOM=valeur » est attendu"):
            find_server("", "", environ=named)
    assert (
        find_server("", "", environ={**NO_SERVER, **written(settings, "HOST_PORT=9000\n")}).address == "127.0.0.1:9000"
    )


def written(path: Path, text: str) -> dict[str, str]:
    path.write_text(text, encoding="utf-8")
    return {"PASSERELLE_SETTINGS_FILE": str(path)}


def test_a_server_whose_port_is_in_its_file_is_known_by_its_children(base: Path) -> None:
    here = {"PASSERELLE_RUN_BASE": str(base)}
    with serving(base, PASSERELLE_SETTINGS_FILE="absent.env") as one, serving(base, HOST_PORT="8702") as two:
        # Les enfants reçoivent les variables réunies ; ils ne relisent pas le fichier.
        command = [sys.executable, "-c", LISTENING, str(one.folder / "control.sock")]
        with subprocess.Popen(command, env={"HOST_PORT": "8701"}, stdout=subprocess.PIPE) as child:
            assert child.stdout and child.stdout.readline() == b"debout\n"
            assert local_server({**here, "HOST_PORT": "8701"}) == one
            assert local_server({**here, "HOST_PORT": "8702"}) == two
            child.kill()


def test_the_diagnosis_is_that_of_the_running_server(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PASSERELLE_PROFILE", raising=False)
    env = {"PASSERELLE_PROFILE": "embarque", "HOST_PORT": "8701", "MODEL_CACHE_DIR": "ici"}
    with serving(base, **env) as server:
        found = CliRunner().invoke(cli, ["doctor", "--json"], env={"PASSERELLE_RUN_BASE": str(base)})
        assert found.exit_code == 0, found.output
        said = {one["name"]: one for one in json.loads(found.stdout)}
        assert said["configuration"]["found"].startswith("profil embarque, celui du serveur en marche")
        assert str(server.pid) in said["configuration"]["found"] and "tenu par" in said["port"]["found"]
        assert said["cache"]["found"].startswith(str(base / "ici"))
        other = CliRunner().invoke(
            cli, ["--json", "doctor"], env={"PASSERELLE_RUN_BASE": str(base), "PASSERELLE_PROFILE": "dgx"}
        )
        assert other.exit_code == 1 and "profil dgx, et non embarque" in other.stdout


def owned(found: os.stat_result, uid: int) -> os.stat_result:
    return os.stat_result((*found[:4], uid, *found[5:10]))


def run(*arguments: str, **env: str) -> tuple[int, str, str]:
    found = CliRunner().invoke(cli, arguments, env={**NO_SERVER, "PASSERELLE_PROFILE": "embarque", **env})
    return found.exit_code, found.stdout, found.stderr


def test_a_followed_operation_survives_its_control_plane(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin, "_POLL_SECONDS", 0.0)
    running = operation_pb2.Operation(id="o", model="qwen", state=operation_pb2.OPERATION_STATE_RUNNING)
    done = operation_pb2.Operation(id="o", model="qwen", state=operation_pb2.OPERATION_STATE_SUCCEEDED)

    class Lost(grpc.RpcError):
        def code(self) -> grpc.StatusCode:
            return grpc.StatusCode.UNAVAILABLE

    class Control:
        answers: ClassVar[list[Any]] = [[running], Lost(), Lost(), [done]]

        def ListOperations(self, _request: Any, timeout: float) -> Any:
            answer = self.answers.pop(0)
            if isinstance(answer, Lost):
                raise answer
            return operation_pb2.ListOperationsResponse(operations=answer)

    assert admin._follow(Control(), running, quiet=True) == done
    Control.answers[:] = [[]]
    with pytest.raises(CommandError, match="n'est plus connue"):
        admin._follow(Control(), running, quiet=True)


def test_no_server_is_said_in_both_forms() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
        code, out, err = run("--address", address, "status")
        assert code == 1 and not out and f"aucun serveur ne répond à {address}" in err
        code, out, err = run("--address", address, "--json", "status")
    error = json.loads(err)["error"]
    assert code == 1 and not out and error["reason"] == "UNAVAILABLE"


def test_json_is_asked_before_or_after_the_verb() -> None:
    before, after = (run("--json", "status", HOST_PORT="1"), run("status", "--json", HOST_PORT="1"))
    assert before == after and json.loads(after[2])["error"]["reason"] == "UNAVAILABLE"
    for verb in cli.commands.keys() - {"serve", "completion"}:
        assert "--json" in run(verb, "--help")[1], verb


def test_the_fronts_of_another_machine_are_not_replaced() -> None:
    assert run("--address", "gpu:8000", "restart-fronts")[0] == 2
    code, out, err = run("restart-fronts", "--json")
    assert code == 1 and not out and "docker exec" in json.loads(err)["error"]["message"]


def test_options_that_go_together(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.touch()
    assert run("--cert", str(file), "status")[0] == 2
    assert run("transcribe", str(file), "--num-speakers", "2")[0] == 2
    assert run("live", str(file), "--rate", "8000")[0] == 2
    assert run("transcribe", str(tmp_path / "absent"))[0] == 2


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell: str) -> None:
    code, out, _err = run("completion", shell)
    assert code == 0 and "_PASSERELLE_COMPLETE" in out


def test_completion_knows_verbs_and_models() -> None:
    completing = {"_PASSERELLE_COMPLETE": "bash_complete"}
    verbs = CliRunner().invoke(
        cli,
        [],
        prog_name="passerelle",
        env={**NO_SERVER, **completing, "COMP_WORDS": "passerelle un", "COMP_CWORD": "1"},
    )
    assert "plain,unload" in verbs.output
    for typed in ("load c", "usage --model c"):
        words = f"passerelle {typed}"
        place = {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1), "PASSERELLE_PROFILE": "embarque"}
        models = CliRunner().invoke(cli, [], prog_name="passerelle", env={**NO_SERVER, **completing, **place})
        assert "plain,canary" in models.output, typed


def test_sizes_and_instants() -> None:
    assert [show.size(n) for n in (0, 1023, 1536, 3 * 1024**3)] == ["0 o", "1023 o", "1,5 Kio", "3,0 Gio"]
    assert show.clock(3723.44) == "1:02:03,4"


def checks(machine: Machine, **env: str) -> dict[str, Finding]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    found = run_checks({"PASSERELLE_PROFILE": "embarque", "HOST_PORT": port, **env}, machine)
    return {finding.name: finding for finding in found}


def failed(found: dict[str, Finding]) -> set[str]:
    return {name for name, finding in found.items() if finding.level is Level.FAILURE}


def test_a_machine_that_can_serve(tmp_path: Path) -> None:
    found = checks(NOTHING, MODEL_CACHE_DIR=str(tmp_path / "neuf"))
    assert failed(found) == set() and not (tmp_path / "neuf").exists()
    assert found["Envoy"].found == "1.40.0" and "pas besoin" in found["GPU"].found


def test_a_misspelt_variable_is_diagnosed(tmp_path: Path) -> None:
    found = checks(NOTHING, MODEL_CACHE_DIR=str(tmp_path), PASSERELLE_THREAD="2")["variable"]
    assert found.level is Level.WARNING and "PASSERELLE_THREADS" in found.found


def fake_environment(folder: Path, family: str, torch: str, cuda: str) -> None:
    """Interpréteur qui répond ce que répondrait celui de cet environnement."""
    python = folder / family / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\necho '{json.dumps([torch, cuda])}'\n")
    python.chmod(0o755)


def test_production_without_anything(tmp_path: Path) -> None:
    found = checks(NOTHING, PASSERELLE_PROFILE="dgx", PASSERELLE_ENVS_DIR=str(tmp_path))
    keys = ("qwen", "canary", "pyannote")
    assert failed(found) == {"GPU", *(f"environnement de {key}" for key in keys)}
    assert "nvidia-smi" in found["GPU"].advice and "make setup-dgx" in found["environnement de qwen"].found
    assert found["jeton"].level is Level.WARNING and "HUGGINGFACE_TOKEN" in found["jeton"].advice
    assert found["clés"].level is Level.WARNING


def test_each_environment_is_measured_against_the_driver(tmp_path: Path) -> None:
    fake_environment(tmp_path, "vllm", "2.11.0+cu130", "13.0")
    fake_environment(tmp_path, "nemo", "2.11.0+cpu", "")
    fake_environment(tmp_path, "pyannote", "2.10.0+cu128", "12.8")
    env = {"PASSERELLE_PROFILE": "dgx", "PASSERELLE_ENVS_DIR": str(tmp_path), "HF_TOKEN": "hf_x", "OPENAI_KEYS": "k"}
    found = checks(H200, **env)
    assert failed(found) == {"environnement de canary"} and "8 × NVIDIA H200" in found["GPU"].found
    assert "cuda13" in found["GPU"].found and "processeur" in found["environnement de canary"].found
    assert found["jeton"].level is found["clés"].level is Level.OK
    older = checks(Machine("570.1", "12.8", GPUS[:1]), **env)
    assert failed(older) == {"environnement de canary", "environnement de qwen"} and "cuda12" in older["GPU"].found
    assert "PASSERELLE_CUDA=cuda12" in older["environnement de qwen"].advice
    assert "550" in checks(Machine("535.1", "12.2", GPUS[:1]), **env)["GPU"].advice


@pytest.mark.parametrize(
    ("lists", "level", "found", "advice"),
    [
        ({"CUDA_VISIBLE_DEVICES": "5,2"}, Level.OK, "2 × NVIDIA H200, sur 8 (CUDA_VISIBLE_DEVICES) : verrous", ""),
        (
            {"CUDA_VISIBLE_DEVICES": "5,2", "PASSERELLE_GPUS": "2"},
            Level.OK,
            "1 × NVIDIA H200, sur 8 (CUDA_VISIBLE_DEVICES, PASSERELLE_GPUS)",
            "",
        ),
        ({"PASSERELLE_GPUS": "9"}, Level.FAILURE, "aucun GPU permis, sur 8", "PASSERELLE_GPUS : « 9 » n'est aucun GPU"),
        ({"PASSERELLE_GPUS": "1,1"}, Level.FAILURE, "aucun GPU permis", "une seconde fois"),
        ({"PASSERELLE_GPUS": "MIG-1"}, Level.FAILURE, "aucun GPU permis", "partition MIG"),
        ({"CUDA_VISIBLE_DEVICES": ""}, Level.FAILURE, "aucun GPU permis", "CUDA_VISIBLE_DEVICES ne laisse aucun GPU"),
    ],
)
def test_the_diagnosis_counts_the_gpus_that_were_given(
    lists: dict[str, str], level: Level, found: str, advice: str
) -> None:
    shown = checks(H200, PASSERELLE_PROFILE="dgx", **lists)["GPU"]
    assert shown.level is level and found in shown.found and advice in shown.advice
    # Sans modèle qui en demande, ce n'est pas un empêchement.
    assert checks(H200, **lists)["GPU"].level is not Level.FAILURE


def test_a_gpu_in_mig_mode_is_diagnosed() -> None:
    machine = Machine("580.95.05", "13.0", (*GPUS[:2], GpuDevice(2, "GPU-2", "NVIDIA H200", mig=True)))
    shown = checks(machine, PASSERELLE_PROFILE="dgx")["GPU"]
    assert shown.level is Level.WARNING and "2 × NVIDIA H200" in shown.found
    assert "Le GPU 2 est en mode MIG" in shown.advice


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    file = tmp_path / "fichier"
    file.touch()
    authority = Authority(tmp_path)
    a, b = authority.issue("a"), authority.issue("b")
    tls = {"PASSERELLE_TLS_CERT": str(a.certificate), "PASSERELLE_TLS_KEY": str(b.key)}
    found = checks(NOTHING, MODEL_CACHE_DIR=str(file), PASSERELLE_RUN_BASE=str(tmp_path / ("x" * 100)), **tls)
    assert failed(found) == {"TLS", "cache", "état", "dossier des prises"}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = found = checks(NOTHING, HOST_PORT=str(taken.getsockname()[1]))
    assert port["port"].level is Level.WARNING and "HOST_PORT" in port["port"].advice
    assert failed(checks(NOTHING, HOST_PORT="huit")) == {"configuration"}


def test_weights_are_surveyed_and_a_moving_revision_is_said(tmp_path: Path) -> None:
    plain = checks(NOTHING, MODEL_CACHE_DIR=str(tmp_path))
    assert (plain["poids de qwen"].level, plain["poids de qwen"].found) == (Level.OK, "à télécharger")
    dgx = {"PASSERELLE_PROFILE": "dgx", "MODEL_CACHE_DIR": str(tmp_path)}
    moving = checks(H200, **dgx)["poids de qwen"]
    assert moving.level is Level.WARNING and "Qwen/Qwen3-VL-30B-A3B-Instruct @ main" in moving.found
    assert 'revision = "<commit>"' in moving.advice
    # Le commit pris est celui à écrire.
    folder = tmp_path / "qwen" / "main"
    folder.mkdir(parents=True)
    (folder / "a.bin").write_bytes(b"poids")
    digest, commit = hashlib.sha256(b"poids").hexdigest(), "a" * 40
    write_manifest(folder, "main", {"a.bin": digest}, commits={"Qwen/Qwen3-VL-30B-A3B-Instruct": commit})
    assert f'revision = "{commit}"' in checks(H200, **dgx)["poids de qwen"].advice
    pinned = tmp_path / "mien.toml"
    profile = (ROOT / "server" / "profiles" / "dgx.toml").read_text(encoding="utf-8")
    pinned.write_text(profile.replace('revision = "main"', f'revision = "{commit}"'), encoding="utf-8")
    assert checks(H200, **dgx | {"PASSERELLE_PROFILE": str(pinned)})["poids de qwen"].level is Level.OK


def test_a_deep_look_names_the_files_that_changed(tmp_path: Path) -> None:
    folder = tmp_path / "qwen" / "main"
    folder.mkdir(parents=True)
    (folder / "a.bin").write_bytes(b"poids")
    write_manifest(folder, "main", {"a.bin": hashlib.sha256(b"autre").hexdigest()})
    env = {"PASSERELLE_PROFILE": "dgx", "MODEL_CACHE_DIR": str(tmp_path)}
    assert "poids de qwen" not in failed(checks(H200, **env))
    found = {one.name: one for one in run_checks(env, H200, deep=True)}["poids de qwen"]
    assert (
        found.level is Level.FAILURE and found.found == "abîmés ou manquants : a.bin" and "fetch qwen" in found.advice
    )


def test_doctor_says_it_by_its_exit_code() -> None:
    code, out, _err = run("--json", "doctor", HOST_PORT="huit")
    assert code == 1 and {"name": "configuration", "level": "failure"}.items() <= json.loads(out)[-1].items()
    code, out, _err = run("doctor", PASSERELLE_BIND="127.0.0.1")
    assert code == 0 and "✓ Envoy" in out and f"Python {sys.version_info[0]}" in out
