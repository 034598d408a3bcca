"""L'unité systemd : ce qu'elle lance existe, et ses délais sont ceux du produit."""

import configparser
import re
import shutil
import subprocess
from pathlib import Path

from server.cli.app import cli
from server.settings.config import load_config
from server.supervisor.main import EXIT_REFUSED, OPEN_FILES
from tests.support.product import ROOT

UNIT = ROOT / "deploy" / "passerelle.service"


def read(path: Path) -> dict[str, str]:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(path, encoding="utf-8")
    return dict(unit["Service"])


def test_the_unit_agrees_with_the_product() -> None:
    service = read(UNIT)
    for name in ("ExecStart", "ExecReload"):
        program, verb = service[name].split()
        assert (ROOT / Path(program).name).is_file() and verb in cli.commands
        assert Path(program).parent == Path(service["WorkingDirectory"])
    assert int(service["TimeoutStopSec"]) > load_config({"PASSERELLE_PROFILE": "embarque"}).stop_grace + 30
    assert (int(service["RestartPreventExitStatus"]), int(service["LimitNOFILE"])) == (EXIT_REFUSED, OPEN_FILES)
    read_names = re.findall(r"(\w+)=/|(PASSERELLE_\w+)=", UNIT.read_text(encoding="utf-8").split("ExecStart")[0])
    given = dict.fromkeys((name for pair in read_names for name in pair if name.isupper()), "/x")
    assert load_config({**given, "PASSERELLE_LOG_FORWARD": "true", "PASSERELLE_PROFILE": "embarque"}).unknown == ()


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    """Là où systemd est ; ailleurs, l'autre essai suffit."""
    verify = shutil.which("systemd-analyze")
    if verify is None:
        return
    text = UNIT.read_text(encoding="utf-8").replace("/opt/passerelle/passerelle", "/bin/true")
    (tmp_path / UNIT.name).write_text(text, encoding="utf-8")
    done = subprocess.run([verify, "verify", tmp_path / UNIT.name], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
