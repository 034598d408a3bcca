"""Ce que l'image promet, lu dans son Dockerfile et joué par ses scripts ; hadolint en vérifie la syntaxe."""

import hashlib
import http.server
import os
import re
import socketserver
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from server.settings.config import load_config
from tools.dgx import FAMILIES, VARIANTS

ROOT = Path(__file__).resolve().parents[2]
HEALTHCHECK = ROOT / "deploy" / "healthcheck.py"


@dataclass(frozen=True)
class Step:
    stage: str
    verb: str
    rest: str


def steps() -> list[Step]:
    """Instructions du Dockerfile, chacune avec son étape."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    found, stage = [], ""
    for line in text.splitlines():
        verb, _, rest = line.partition(" ")
        if not verb or verb == "#":
            continue
        if verb == "FROM":
            stage = rest.rpartition(" AS ")[2]
        found.append(Step(stage, verb, " ".join(rest.split())))
    return found


def final(verb: str) -> list[str]:
    return [step.rest for step in steps() if step.stage == "runtime" and step.verb == verb]


def admitted(path: str) -> bool:
    """Vrai si .dockerignore laisse passer ce chemin."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    inside = [rule for rule in rules[1:] if path == rule.lstrip("!") or path.startswith(f"{rule.lstrip('!')}/")]
    return bool(inside) and inside[-1].startswith("!")


def test_every_run_is_a_script_that_can_be_tried() -> None:
    runs = [step.rest.split() for step in steps() if step.verb == "RUN"]
    assert len(runs) >= 8
    for command, *_ in runs:
        script = ROOT / command.removeprefix("/opt/passerelle/")
        assert script.parent == ROOT / "deploy" / "image" and os.access(script, os.X_OK), command


@pytest.mark.parametrize("cuda", list(VARIANTS))
def test_every_copy_finds_its_source(cuda: str) -> None:
    sources = [
        source
        for step in steps()
        if step.verb == "COPY" and not step.rest.startswith("--from")
        for source in step.rest.split()[:-1]
    ]
    for source in (name.replace("${PASSERELLE_CUDA}", cuda) for name in sources):
        assert (ROOT / source).exists() and admitted(source), source
    assert not admitted("dashboard/node_modules") and not admitted("model_cache") and not admitted(".git")


def test_the_two_cuda_images_are_those_of_the_locks() -> None:
    bases = {step.stage: step.rest for step in steps() if step.verb == "FROM"}
    for variant in VARIANTS:
        major = variant.removeprefix("cuda")
        assert re.match(rf"nvidia/cuda:{major}\.[0-9.]+-devel-ubuntu24\.04 ", bases[variant])
    assert bases["system"].startswith("${PASSERELLE_CUDA} ") and bases["dashboard"].startswith("node:20-")
    assert {step.stage for step in steps() if "/locks/" in f"/{step.rest}"} == {*FAMILIES, "serveur"}
    common = (ROOT / "deploy" / "docker-common.sh").read_text(encoding="utf-8")
    assert f"CUDA13_DRIVER={VARIANTS['cuda13']}\n" in common and f"OLDEST_DRIVER={VARIANTS['cuda12']}\n" in common


def test_the_image_does_not_run_as_root() -> None:
    [user] = final("USER")
    assert user == "10001:10001"
    assert "IMAGE_UID=10001\n" in (ROOT / "deploy" / "docker-run.sh").read_text(encoding="utf-8")
    system = (ROOT / "deploy" / "image" / "system.sh").read_text(encoding="utf-8")
    assert "useradd --uid 10001 --gid 10001" in system
    order = [step.verb for step in steps() if step.stage == "runtime"]
    assert order.index("USER") > max(i for i, verb in enumerate(order) if verb in ("RUN", "COPY"))


def test_apt_utils_comes_first() -> None:
    system = (ROOT / "deploy" / "image" / "system.sh").read_text(encoding="utf-8")
    installs = [line for line in system.splitlines() if line.startswith("apt-get install")]
    assert installs[0].split()[-1] == "apt-utils"


def test_what_changes_most_comes_last() -> None:
    copies = final("COPY")
    order = ["--from=vllm", "--from=serveur", "gen gen", "server server"]
    ranks = [next(i for i, copy in enumerate(copies) if copy.startswith(start)) for start in order]
    assert ranks == sorted(ranks)


def test_one_entry_point_a_health_check_and_a_cache() -> None:
    assert final("ENTRYPOINT") == ['["/usr/bin/tini", "--", "/opt/passerelle/passerelle"]']
    assert final("CMD") == ['["serve"]'] and final("VOLUME") == ["/models"] and final("EXPOSE") == ["8000"]
    [check] = final("HEALTHCHECK")
    assert check.endswith('CMD ["/usr/bin/python3", "/opt/passerelle/deploy/healthcheck.py"]')


def test_the_environment_is_one_the_server_accepts() -> None:
    [env] = final("ENV")
    config = load_config(dict(pair.split("=", 1) for pair in env.split()))
    assert (config.bind, config.port, str(config.cache_dir)) == ("0.0.0.0", 8000, "/models")
    assert config.profile.name == "dgx" and config.log_forward


@contextmanager
def answering(base: Path, status: int) -> Iterator[None]:
    """Serveur HTTP sur la prise où Envoy serait."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/readyz" else 404)
            self.end_headers()
            self.wfile.write(b'{"reasons":["essai"]}')

        def log_message(self, *_arguments: object) -> None:
            """Rien : `client_address` n'a pas de sens sur une prise Unix."""

    run_dir = base / "passerelle-essai"
    run_dir.mkdir()
    with socketserver.UnixStreamServer(str(run_dir / "envoy-local.sock"), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield
        server.shutdown()
        thread.join()


def health(base: Path, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, str(HEALTHCHECK), *arguments],
        env={"PASSERELLE_RUN_BASE": str(base)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_the_health_check_follows_readiness(tmp_path: Path, status: int, code: int) -> None:
    with answering(tmp_path, status):
        found, said = health(tmp_path)
        # Le chemin donné, et lui seul : celui que suit une sonde de Kubernetes.
        assert health(tmp_path, "/readyz") == (found, said) and health(tmp_path, "/healthz")[0] == 1
    assert found == code and "essai" in said


def test_the_health_check_fails_without_a_server(tmp_path: Path) -> None:
    assert health(tmp_path)[0] == 1
    with answering(tmp_path, 200):
        pass
    # La prise reste, plus personne n'écoute.
    code, said = health(tmp_path)
    assert code == 1 and "envoy-local.sock" in said


def test_an_environment_takes_its_lock_and_nothing_else(tmp_path: Path) -> None:
    wheel = tmp_path / "essai_verrou-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("essai_verrou.py", "VALEUR = 7\n")
        archive.writestr(
            "essai_verrou-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: essai-verrou\nVersion: 1.0\n"
        )
        archive.writestr(
            "essai_verrou-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("essai_verrou-1.0.dist-info/RECORD", "")
    lock = tmp_path / "verrou.txt"

    def install(digest: str) -> subprocess.CompletedProcess[str]:
        lock.write_text(f"essai-verrou==1.0 --hash=sha256:{digest}\n")
        return subprocess.run(
            [str(ROOT / "deploy" / "image" / "environment.sh"), str(tmp_path / "env"), str(lock)],
            env={
                "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
                "PIP_NO_INDEX": "1",
                "PIP_FIND_LINKS": str(tmp_path),
                "PIP_CONFIG_FILE": os.devnull,
            },
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )

    refused = install("0" * 64)
    assert refused.returncode != 0 and "HASHES" in refused.stderr, refused.stderr
    done = install(hashlib.sha256(wheel.read_bytes()).hexdigest())
    assert done.returncode == 0, done.stderr
    asked = [str(tmp_path / "env" / "bin" / "python"), "-c", "import essai_verrou; print(essai_verrou.VALEUR)"]
    assert subprocess.run(asked, capture_output=True, text=True, check=True, timeout=60).stdout == "7\n"
    missing = subprocess.run(
        [str(ROOT / "deploy" / "image" / "environment.sh"), str(tmp_path / "autre"), str(tmp_path / "absent.txt")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert missing.returncode == 1 and "n'existe pas" in missing.stderr and not (tmp_path / "autre").exists()
