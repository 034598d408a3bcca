"""La roue de `passerelle-client` : ce qu'elle porte, et les types qu'un programme y trouve."""

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.support.python_client import ROOT, build, environ, install

PROGRAM = ROOT / "tests" / "support" / "client_program.py"
MESSAGES = ROOT / "gen" / "python" / "passerelle" / "v1"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("roue"))


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(wheel, tmp_path_factory.mktemp("neuf"))


def test_the_wheel_has_the_public_messages_and_their_types(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as found:
        names = {name for name in found.namelist() if ".dist-info/" not in name}
        for path in MESSAGES.glob("*.py*"):
            assert found.read(f"passerelle/v1/{path.name}") == path.read_bytes()
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert wheel.name == f"passerelle_client-{version}-py3-none-any.whl"
    assert {"passerelle_client/py.typed", "passerelle/v1/py.typed", "passerelle_client/LICENSE"} <= names
    assert {name.split("/")[0] for name in names} == {"passerelle", "passerelle_client"}
    assert {name.split("/")[1] for name in names if name.startswith("passerelle/")} == {"v1"}


def test_a_program_that_uses_it_is_typed(python: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "faux.py"
    wrong.write_text(
        'from passerelle_client import Client\nClient("gpu").chat("Bonjour")\nreveal_type(Client("gpu").chat)\n',
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "mypy", "--strict", "--python-executable", str(python), "--config-file", ""]
    command += ["--cache-dir", str(tmp_path / "cache"), PROGRAM.name, str(wrong)]
    done = subprocess.run(
        command, cwd=PROGRAM.parent, capture_output=True, text=True, check=False, timeout=250, env=environ()
    )
    errors = [line for line in done.stdout.splitlines() if "error:" in line]
    assert len(errors) == 1 and "faux.py:2" in errors[0] and "[arg-type]" in errors[0], done.stdout + done.stderr
    assert "request: passerelle.v1.chat_pb2.ChatRequest" in done.stdout
