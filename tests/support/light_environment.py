"""Un vrai environnement léger : rien que les paquets de `locks/serveur.txt`, pris dans l'environnement de travail."""

import importlib.metadata
import sys
import venv
from pathlib import Path

from tests.support.lock_files import pins
from tools.locks import LOCKS


def make_light_environment(folder: Path) -> Path:
    """Crée l'environnement et rend son interpréteur.

    Raises:
        AssertionError: un paquet du verrou n'est pas installé ici, ou pas à cette version.
    """
    venv.EnvBuilder(with_pip=False, symlinks=True).create(folder)
    [packages] = (folder / "lib").glob("python3.*/site-packages")
    for name, versions in pins(LOCKS / "serveur.txt").items():
        distribution = importlib.metadata.distribution(name)
        assert distribution.version in versions, f"{name} {distribution.version}, verrou {versions}"
        for top in {file.parts[0] for file in distribution.files or () if file.parts[0] not in ("..", "__pycache__")}:
            link = packages / top
            if not link.exists():
                link.symlink_to(Path(str(distribution.locate_file(top))))
    assert sys.version_info[:2] == tuple(map(int, packages.parent.name.removeprefix("python").split(".")))
    return folder / "bin" / "python"
