"""La roue de `passerelle-client`, et un environnement qui n'a qu'elle."""

import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "clients" / "python"


def build(folder: Path) -> Path:
    """Construit la roue."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=SOURCE, check=True, capture_output=True)
    [wheel] = folder.glob("passerelle_client-*.whl")
    return wheel


def install(wheel: Path, folder: Path) -> Path:
    """Installe la roue dans un environnement neuf ; rend son Python.

    Ce dont elle dépend y vient de l'environnement des vérifications, où ni elle ni `gen/` ne sont.
    """
    venv.create(folder)
    python = folder / "bin" / "python"
    site = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder), "installed_base": str(folder)}))
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*command, str(wheel)], check=True, capture_output=True)
    (site / "dependances.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    return python


def environ() -> Mapping[str, str]:
    """Environnement d'un programme qui ne voit pas le dépôt."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "MYPY"))}
