"""Ce que partagent les installations : un environnement Python, ses étapes, la commande qui y installe un verrou.

N'emploie que la bibliothèque standard : rien n'est encore installé.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from tools import quiet

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ROOT / "locks"

TORCH = "2.13.0"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"


class SetupError(Exception):
    """L'installation ne peut pas continuer ; le message dit que faire."""


@dataclass(frozen=True)
class Environment:
    """Un environnement Python, ses étapes faites, et ce qui s'y installe."""

    folder: Path

    @property
    def python(self) -> Path:
        """Interpréteur."""
        return self.folder / "bin" / "python"

    @property
    def packages(self) -> Path:
        """Dossier des paquets installés."""
        [found] = (self.folder / "lib").glob("python3.*/site-packages")
        return found

    def create(self, title: str, *, importable: bool = False) -> None:
        """Crée l'environnement s'il manque ; `importable` y rend visibles `server` et `passerelle`."""

        def work() -> None:
            if not self.python.exists():
                venv.EnvBuilder(with_pip=True).create(self.folder)
            if importable:
                # Ni installation éditable ni PYTHONPATH : ces deux dossiers suffisent.
                (self.packages / "passerelle.pth").write_text(f"{ROOT}\n{ROOT / 'gen' / 'python'}\n")

        self.step("venv", [], title, work)

    def step(
        self,
        name: str,
        inputs: Iterable[Path | str],
        title: str,
        work: Callable[[], None],
        then: Iterable[Path | str] | None = None,
    ) -> None:
        """Fait une étape si ce dont elle dépend a changé ; `then` vaut pour l'empreinte d'après."""
        stamp = self.folder / ".stamps" / name
        if stamp.is_file() and stamp.read_text() == _digest(inputs):
            return
        with quiet.line(title):
            work()
        stamp.parent.mkdir(parents=True, exist_ok=True)
        stamp.write_text(_digest(inputs if then is None else then))

    def lock(self, name: str, title: str, *, uv: bool = False) -> None:
        """Installe un verrou, à ses empreintes et rien d'autre ; avec `uv`, par uv s'il est là (plusieurs Go)."""
        lock = LOCKS / f"{name}.txt"
        arguments = ("--require-hashes", "--no-deps", "-r", str(lock))
        program = shutil.which("uv") if uv else None

        def work() -> None:
            if program is not None:
                command = [program, "pip", "install", "--python", str(self.python), *arguments]
            else:
                command = self.pip_command("install", "--progress-bar", "off", *arguments)
            quiet.run(command, total=quiet.pinned(lock))

        self.step(name, [lock], title, work)

    def pip(self, *arguments: str) -> None:
        """Installe par pip."""
        run(*self.pip_command("install", "--progress-bar", "off", *arguments))

    def pip_command(self, *arguments: str) -> list[str]:
        """Commande de pip dans cet environnement."""
        return [str(self.python), "-m", "pip", "--disable-pip-version-check", *arguments]

    def cpu_torch(self) -> None:
        """torch pour processeur, d'abord et à part : une fois là, plus rien n'en demande un autre."""
        title = f"torch {TORCH} pour processeur (environ 200 Mo)"
        self.step("torch", [f"torch=={TORCH}"], title, self._install_cpu_torch)

    def _install_cpu_torch(self) -> None:
        # Par pip toujours : uv ne lit ni la configuration de pip, ni les dossiers de roues qu'elle nomme.
        index = os.environ.get("TORCH_INDEX_URL", "")
        options = ["--index-url", index] if index else []
        wanted = f"torch=={TORCH}"
        dry_run = ("install", "--dry-run", "--quiet", "--ignore-installed", "--no-deps", "--report", "-")
        report = subprocess.run(
            self.pip_command(*dry_run, *options, wanted), check=True, capture_output=True, text=True
        )
        metadata = json.loads(report.stdout)["install"][0]["metadata"]
        cuda = "+cpu" not in metadata["version"] and any("nvidia" in need for need in metadata.get("requires_dist", ()))
        if cuda and not index:
            raise SetupError(
                f"pip ne propose ici que torch {metadata['version']} pour CUDA (plusieurs Go). Pour la version "
                f"processeur, relancez avec TORCH_INDEX_URL={CPU_INDEX} ; pour garder CUDA, donnez-lui votre index "
                "habituel."
            )
        self.pip("--no-deps", *options, wanted)


def check_python() -> None:
    """Refuse une version de Python que les verrous ne couvrent pas."""
    if not (3, 11) <= sys.version_info < (3, 13):
        found = ".".join(map(str, sys.version_info[:2]))
        raise SetupError(f"Python 3.11 ou 3.12 est nécessaire ({found} trouvé) ; précisez-le par « make PYTHON=… ».")


def guarded(work: Callable[[], None]) -> int:
    """Fait un travail ; rend le code de sortie, l'échec étant dit en une ligne."""
    try:
        work()
    except SetupError as error:
        print(f"\nInterrompu : {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        said = f"{error.output or ''}{error.stderr or ''}".rstrip()
        print(f"\n{said}\nInterrompu : « {' '.join(map(str, error.cmd))} » a échoué.", file=sys.stderr)
        if quiet.LOG.exists():
            print(f"Journal : {quiet.LOG}", file=sys.stderr)
        return 1
    return 0


def run(*command: str, cwd: Path = ROOT) -> None:
    """Exécute, sans rien montrer que l'avancement ; un échec arrête tout."""
    quiet.run(command, cwd)


def _digest(inputs: Iterable[Path | str]) -> str:
    digest = hashlib.sha256(sys.version.encode())
    for item in inputs:
        digest.update(item.encode() if isinstance(item, str) else item.read_bytes())
    return digest.hexdigest()
