"""L'interpréteur d'essai : celui d'ici, plus `sitecustomize.py`.

Le produit donne à ses processus l'interpréteur qui l'a lancé, et un PYTHONPATH à lui : c'est donc l'interpréteur qui
porte ce pilote, non une variable d'environnement.
"""

import sysconfig
import venv
from pathlib import Path


def make_python(folder: Path) -> Path:
    """Crée l'environnement, s'il n'y est pas déjà, et rend son interpréteur."""
    python = folder / "bin" / "python"
    if python.exists():
        return python
    venv.EnvBuilder(with_pip=False, symlinks=True).create(folder)
    [packages] = (folder / "lib").glob("python3.*/site-packages")
    here = sysconfig.get_path("purelib")
    (packages / "ici.pth").write_text(f"import site; site.addsitedir({here!r})\n", encoding="utf-8")
    (packages / "sitecustomize.py").symlink_to(Path(__file__).with_name("sitecustomize.py"))
    return python
