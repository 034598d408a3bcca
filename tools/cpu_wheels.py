"""Rend importables, à côté d'un torch pour processeur, les roues de sa famille que PyPI ne livre que pour CUDA.

Sans effet à côté d'un torch pour CUDA. torchaudio et torchvision servent ici par leur partie en Python, sur les
opérations de torch ; torchcodec, qui ne se charge pas sans CUDA, est facultatif pour qui s'en sert.
"""

import re
import shutil
import subprocess
from pathlib import Path

from tools.steps import Environment

_MARK = "\n# Passerelle : opérations déclarées pour l'import, jamais appelées.\n"


def settle(environment: Environment) -> None:
    """Met de côté ce qui ne se charge pas, puis importe ce qui reste."""
    script = "import torch; print(torch.version.cuda or 'cpu')"
    command = [str(environment.python), "-c", script]
    if subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip() == "cpu":
        settle_packages(environment.packages)
    checks = ["import torch"]
    if (environment.packages / "torchaudio").is_dir():
        checks.append("import torchaudio; torchaudio.functional.resample(torch.zeros(1, 800), 8000, 16000)")
    if (environment.packages / "torchvision").is_dir():
        checks.append("import torchvision.transforms.v2")
    subprocess.run([str(environment.python), "-c", "\n".join(checks)], check=True)


def settle_packages(packages: Path) -> None:
    """Met de côté, dans un dossier de paquets, ce qui demande CUDA."""
    for library in (packages / "torchaudio" / "lib").glob("*.so"):
        library.replace(library.with_name(f"{library.name}.cuda"))
    for folder in (packages / "torchcodec", *packages.glob("torchcodec-*.dist-info")):
        shutil.rmtree(folder, ignore_errors=True)
    extension = packages / "torchvision" / "extension.py"
    if extension.is_file():
        _declare_operators(extension, packages / "torchvision" / "_meta_registrations.py")


def _declare_operators(extension: Path, registrations: Path) -> None:
    """Déclare les opérations que torchvision complète à son import : il échoue si elles n'existent pas."""
    code = registrations.read_text(encoding="utf-8")
    names = sorted(set(re.findall(r'register_(?:meta\("|fake\("torchvision::)(\w+)"', code)))
    original = extension.read_text(encoding="utf-8").split(_MARK)[0]
    declared = f"""\
if not _has_ops():
    _passerelle = torch.library.Library("torchvision", "FRAGMENT")
    for _name in {names!r}:
        _passerelle.define(_name + "(Tensor x) -> Tensor")
"""
    # Un fichier neuf : celui d'uv est un lien vers son cache, qu'écrire sur place abîmerait pour tous.
    written = extension.with_suffix(".partial")
    written.write_text(original + _MARK + declared, encoding="utf-8")
    written.replace(extension)
