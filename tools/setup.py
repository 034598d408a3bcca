"""Installe ce qu'il faut à Passerelle, pas à pas ; ce qui est déjà à jour n'est pas refait.

`python3 -m tools.setup [run|dgx|dev|dashboard|clients]…` : `run` pour le produit, profil embarqué ; `dgx` pour le
produit et les environnements de production ; `dev` pour les vérifications ; `dashboard` pour la page ; `clients` pour
ceux du dehors.
"""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from tools import clients, cpu_wheels
from tools.dgx import install_dgx
from tools.steps import LOCKS, ROOT, TORCH, Environment, SetupError, check_python, guarded, run

ENVIRONMENT = Environment(ROOT / ".venv")
DASHBOARD = ROOT / "dashboard"
PAGE = """
import sys
from tools import quiet, setup
quiet.LOG = quiet.LOG.with_stem("page")
sys.exit(setup.main(["dashboard"]))
"""
"""La page, installée par un processus à part, qui a son journal."""


def main(parts: list[str]) -> int:
    """Installe les parties demandées ; rend le code de sortie."""

    def work() -> None:
        unknown = sorted(set(parts) - set(PARTS))
        if unknown:
            raise SetupError(f"partie inconnue : {', '.join(unknown)} (connues : {', '.join(PARTS)}).")
        check_python()
        ENVIRONMENT.create("l'environnement Python (.venv)", importable=True)
        others = [part for part in parts if part != "dashboard"]
        if "dashboard" not in parts or not others:
            for part in parts or ["run"]:
                PARTS[part]()
            return
        with beside([sys.executable, "-c", PAGE]):
            for part in others:
                PARTS[part]()

    return guarded(work)


@contextmanager
def beside(command: Sequence[str]) -> Iterator[None]:
    """Joue une commande pendant le bloc, qui n'emploie guère qu'un cœur ; ce qu'elle a dit sort à la fin.

    Raises:
        SetupError: elle a échoué, et a dit pourquoi.
    """
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            yield
        except BaseException:
            process.terminate()
            raise
        print(process.communicate()[0], end="", flush=True)
    if process.returncode:
        raise SetupError("la page n'a pas été installée.")


def install_run() -> None:
    """Le produit, profil embarqué."""
    ENVIRONMENT.cpu_torch()
    ENVIRONMENT.lock("embarque", "Envoy, gRPC et les moteurs embarqués (environ 600 Mo)")
    weights = LOCKS / "embarque-poids.txt"
    ENVIRONMENT.step("poids", [weights], "les poids de démonstration (environ 300 Mo)", _install_weights)
    ENVIRONMENT.step(
        "torchaudio",
        [LOCKS / "embarque.txt", f"torch=={TORCH}"],
        "torchaudio : vérification",
        lambda: cpu_wheels.settle(ENVIRONMENT),
    )


def install_production() -> None:
    """Le produit sans torch, et un environnement par moteur de production."""
    ENVIRONMENT.lock("serveur", "Envoy, gRPC et le serveur, sans torch (environ 180 Mo)")
    install_dgx()


def install_dev() -> None:
    """Les outils de vérification."""
    ENVIRONMENT.lock("dev", "les outils de vérification (environ 200 Mo)")


def install_dashboard() -> None:
    """Les paquets de la page, puis la page elle-même."""
    lock = DASHBOARD / "package-lock.json"
    if shutil.which("npm") is None:
        raise SetupError("npm est introuvable ; installez Node 20.")
    modules = DASHBOARD / "node_modules"
    ENVIRONMENT.step(
        "npm",
        [lock, "présents" if modules.is_dir() else "absents"],
        "les paquets du tableau de bord (environ 150 Mo)",
        lambda: run("npm", "ci", "--no-audit", "--no-fund", cwd=DASHBOARD),
        then=[lock, "présents"],
    )
    sources = [
        *(path for path in sorted((DASHBOARD / "src").rglob("*")) if path.is_file()),
        *sorted((ROOT / "gen" / "ts").rglob("*.ts")),
        *sorted((DASHBOARD / "public").iterdir()),
        *(DASHBOARD / name for name in ("index.html", "vite.config.ts", "tsconfig.json", "package.json")),
    ]
    built = (DASHBOARD / "dist" / "index.html").is_file()
    ENVIRONMENT.step(
        "page",
        [lock, *sources, "faite" if built else "à faire"],
        "le tableau de bord : construction",
        lambda: run("npm", "run", "--silent", "build", cwd=DASHBOARD),
        then=[lock, *sources, "faite"],
    )


PARTS: dict[str, Callable[[], None]] = {
    "run": install_run,
    "dgx": install_production,
    "dev": install_dev,
    "dashboard": install_dashboard,
    "clients": clients.install,
}


def _install_weights() -> None:
    """Les paquets de poids sont lus comme des fichiers : hors de sys.path, ils ne s'importent jamais."""
    target = ENVIRONMENT.folder / "weights"
    if target.exists():
        shutil.rmtree(target)
    lock = str(LOCKS / "embarque-poids.txt")
    ENVIRONMENT.pip("--require-hashes", "--no-deps", "--target", str(target), "-r", lock)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
