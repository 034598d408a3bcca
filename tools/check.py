"""Joue toutes les vérifications, de la plus rapide à la plus lente, et s'arrête à la première qui échoue."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BIN = ROOT / ".venv" / "bin"
DASHBOARD = ROOT / "dashboard"
CODE = ("server", "tests", "tools", "bench", "examples", "deploy")
SCRIPTS = (".ci/run", "build_docker.sh", "run_docker.sh", "passerelle")

Check = tuple[str, Callable[[], None]]


def python(*arguments: str) -> Callable[[], None]:
    """Module Python de l'environnement."""
    return lambda: run(str(BIN / "python"), "-m", *arguments)


def tool(name: str, *arguments: str) -> Callable[[], None]:
    """Programme de l'environnement."""
    return lambda: run(str(BIN / name), *arguments)


def npm(script: str) -> Callable[[], None]:
    """Commande du tableau de bord."""
    return lambda: run("npm", "run", "--silent", script, cwd=DASHBOARD)


def checks() -> list[Check]:
    """Vérifications, dans l'ordre."""
    return [
        ("mise en forme", tool("ruff", "format", "--check", "--quiet", *CODE)),
        ("règles Python", tool("ruff", "check", "--quiet", *CODE)),
        ("types", tool("mypy", *CODE)),
        ("syntaxe, sans aucun moteur", python("compileall", "-q", "server")),
        ("règle d'import", tool("lint-imports")),
        ("protos : règles", tool("buf", "lint")),
        ("protos : mise en forme", tool("buf", "format", "--diff", "--exit-code", "--path", "protos/passerelle")),
        ("protos : compatibilité", tool("buf", "breaking", "--against", "protos/published.binpb")),
        ("scripts", tool("shellcheck", "-x", *SCRIPTS, *map(str, sorted(ROOT.glob("deploy/image/*.sh"))))),
        ("Dockerfile", tool("hadolint", "Dockerfile")),
        ("code produit", python("tools.gen", "--check")),
        ("essais rapides", python("pytest", "-q", "tests/unit", "tests/contract", "tests/rpc")),
        ("tableau de bord", npm("check")),
        ("Chromium", ensure_chromium),
        ("bout en bout", python("pytest", "-q", "tests/e2e")),
    ]


def ensure_chromium() -> None:
    """Trouve Chromium, l'installe si c'est permis, sinon dit que taper."""
    if os.environ.get("CHROMIUM") or any(
        shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")
    ):
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print("Chromium manque : installation par apt-get (environ 400 Mo).", flush=True)
        os.environ["DEBIAN_FRONTEND"] = "noninteractive"
        run("apt-get", "update", "-qq")
        run("apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium")
        return
    raise SystemExit("Chromium est introuvable : « sudo apt-get install chromium », ou CHROMIUM=/chemin make test.")


def run(*command: str, cwd: Path = ROOT) -> None:
    """Exécute ; l'échec arrête tout."""
    code = subprocess.run(command, cwd=cwd, check=False).returncode
    if code:
        raise SystemExit(f"« {' '.join(command)} » a échoué (code {code}).")


def main() -> None:
    """Joue tout, avec la durée de chaque vérification."""
    started = time.monotonic()
    for name, check in checks():
        print(f"── {name}", flush=True)
        begun = time.monotonic()
        check()
        print(f"   {time.monotonic() - begun:.1f} s", flush=True)
    print(f"Tout est vert en {time.monotonic() - started:.0f} s.")


if __name__ == "__main__":
    main()
