"""Joue les vérifications, en files côte à côte, et s'arrête à la première qui échoue.

`python -m tools.check` : tout ce que le produit promet ; `quick` : ce qui se rejoue à chaque changement ; `peers` : les
clients du dehors, le coût du chemin des données et les longues charges.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BIN = ROOT / ".venv" / "bin"
DASHBOARD = ROOT / "dashboard"
CODE = ("server", "tests", "tools", "bench", "examples", "deploy", "clients")
SCRIPTS = (".ci/run", "build_docker.sh", "run_docker.sh", "passerelle")

WORKERS = "2"
"""Essais rapides à la fois. Un processus de plus relirait tous les essais et les moteurs, sur des cœurs déjà pris."""
AT_ONCE = 4
"""Files jouées à la fois ; la suivante commence dès que l'une finit."""
WALKS = ("test_dashboard*.py", "test_gpu_product.py", "test_grpc_web.py", "test_restart.py")
"""Ce qui demande Chromium, que leur file installe s'il manque : ce qu'une personne fait de la page, et gRPC-Web."""
FALLS = ("test_control_lost.py", "test_faults.py", "test_reload.py", "test_replicas.py", "test_stop*.py")
"""Pannes, arrêts et remplacements : surtout de l'attente, devant des produits à eux."""


@dataclass(frozen=True)
class Check:
    """Une vérification : son nom, sa commande, son dossier."""

    name: str
    command: tuple[str, ...]
    cwd: Path = ROOT
    live: bool = False
    """Dit ce qu'elle a à dire au fil de l'eau : elle dure trop pour se taire."""


class Failed(Exception):
    """Une vérification a échoué."""


def python(name: str, *arguments: str) -> Check:
    """Module Python de l'environnement."""
    return Check(name, (str(BIN / "python"), "-m", *arguments))


def tool(name: str, program: str, *arguments: str) -> Check:
    """Programme de l'environnement."""
    return Check(name, (str(BIN / program), *arguments))


def npm(name: str, script: str) -> Check:
    """Commande du tableau de bord."""
    return Check(name, ("npm", "run", "--silent", script), DASHBOARD)


def tests(name: str, *arguments: str) -> Check:
    """Essais, avec les plus longs."""
    return python(name, "pytest", "-q", "--durations=25", *arguments)


def lanes(*folders: str) -> dict[str, list[Check]]:
    """Files qui n'ont rien à attendre l'une de l'autre, chacune de la plus rapide à la plus lente."""
    return {
        "Python": [
            tool("mise en forme", "ruff", "format", "--check", "--quiet", *CODE),
            tool("règles", "ruff", "check", "--quiet", *CODE),
            tool("règle d'import", "lint-imports"),
            tests("essais", "-n", WORKERS, "--dist", "loadscope", *folders),
        ],
        "page": [
            npm("règles", "lint"),
            npm("types", "typecheck"),
            npm("essais", "test"),
        ],
        "types et protos": [
            tool("protos : règles", "buf", "lint"),
            tool("protos : mise en forme", "buf", "format", "--diff", "--exit-code", "--path", "protos/passerelle"),
            tool("protos : compatibilité", "buf", "breaking", "--against", "protos/published.binpb"),
            tool("scripts", "shellcheck", "-x", *SCRIPTS, *map(str, sorted(ROOT.glob("deploy/image/*.sh")))),
            tool("Dockerfile", "hadolint", "Dockerfile"),
            python("syntaxe, sans aucun moteur", "compileall", "-q", "server"),
            tool("types Python", "mypy", *CODE),
            python("code produit", "tools.gen", "--check"),
        ],
    }


class Lanes:
    """Files en cours ; la première qui échoue arrête les autres."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self._stopped = False

    def play(self, lanes: dict[str, list[Check]]) -> None:
        """Joue toutes les files ; ce que dit une vérification sort d'un bloc, quand elle finit.

        Raises:
            Failed: une vérification a échoué.
        """
        with ThreadPoolExecutor(AT_ONCE) as pool:
            playing = [pool.submit(self._lane, name, checks) for name, checks in lanes.items()]
            try:
                for lane in playing:
                    lane.result()
            except BaseException:
                self._stop()
                raise

    def _lane(self, lane: str, checks: list[Check]) -> None:
        for check in checks:
            begun = time.monotonic()
            with self._lock:
                if self._stopped:
                    return
                process = subprocess.Popen(
                    check.command,
                    cwd=check.cwd,
                    stdin=subprocess.DEVNULL,
                    stdout=None if check.live else subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    start_new_session=True,
                )
                self._running.add(process)
            said = process.communicate()[0] or ""
            with self._lock:
                self._running.discard(process)
                if self._stopped:
                    return
                print(f"── {lane} : {check.name} · {time.monotonic() - begun:.1f} s\n{said}", end="", flush=True)
                if process.returncode:
                    self._stopped = True
                    self._kill()
                    raise Failed(f"{lane} : {check.name} (« {' '.join(check.command)} », code {process.returncode})")

    def _stop(self) -> None:
        with self._lock:
            self._stopped = True
            self._kill()

    def _kill(self) -> None:
        for process in self._running:
            # Comme Ctrl-C : un essai de bout en bout arrête alors le produit qu'il a lancé.
            os.killpg(process.pid, signal.SIGINT)


def alone(check: Check) -> None:
    """Joue une vérification seule, ce qu'elle dit sortant au fil de l'eau.

    Raises:
        Failed: elle a échoué.
    """
    print(f"── {check.name}", flush=True)
    begun = time.monotonic()
    code = subprocess.run(check.command, cwd=check.cwd, check=False).returncode
    print(f"   {time.monotonic() - begun:.1f} s", flush=True)
    if code:
        raise Failed(f"{check.name} (« {' '.join(check.command)} », code {code})")


def chromium() -> list[Check]:
    """De quoi installer Chromium, s'il manque et si c'est permis.

    Raises:
        Failed: il manque, et c'est à une personne de l'installer.
    """
    if os.environ.get("CHROMIUM"):
        return []
    return missing("Chromium", ("chromium", "chromium-browser", "google-chrome"), "chromium", "environ 400 Mo")


def proxies() -> list[Check]:
    """De même de chaque mandataire dont docs/exploitation.md donne le réglage, et de Prometheus."""
    return [
        check
        for name, package in (("nginx", "nginx-light"), ("caddy", "caddy"), ("haproxy", "haproxy"))
        for check in missing(name, (name, f"/usr/sbin/{name}"), package, "quelques dizaines de Mo")
    ] + missing("Prometheus", ("promtool",), "prometheus", "environ 100 Mo")


def missing(what: str, commands: Sequence[str], package: str, size: str) -> list[Check]:
    """De quoi installer un paquet dont aucune de ces commandes n'est là."""
    if any(map(shutil.which, commands)):
        return []
    if os.geteuid() == 0 and shutil.which("apt-get"):
        # RUNLEVEL : un service installé n'est pas lancé.
        os.environ |= {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
        install = ("apt-get", "install", "-y", "-qq", "--no-install-recommends", package)
        return [
            Check(f"{what} : liste des paquets", ("apt-get", "update", "-qq")),
            Check(f"{what} : installation par apt-get ({size})", install),
        ]
    raise Failed(f"{what} est introuvable : « sudo apt-get install {package} », ou CHROMIUM=/chemin pour Chromium")


def quick() -> None:
    """Tout ce qui n'a besoin ni d'Envoy ni du produit en marche."""
    Lanes().play(lanes("tests/unit", "tests/contract"))


def everything() -> None:
    """Tout ce que le produit promet ; de bout en bout, il attend plus qu'il ne calcule, et le reste se joue à côté.

    Le bout en bout fait trois files, la plus longue d'abord : les deux autres suivent les premières qui finissent, et
    aucune ne reste longtemps seule.
    """
    walks = end_to_end(*WALKS)
    falls = sorted({*end_to_end(*FALLS)} - {*walks})
    product = tests("bout en bout", "tests/e2e", *(f"--ignore={file}" for file in (*walks, *falls)))
    first = {"produit": [replace(product, live=True)]}
    last = {
        "pannes": [tests("pannes et arrêts", *falls)],
        "parcours": [*chromium(), tests("la page dans Chromium", *walks)],
    }
    Lanes().play(first | lanes("tests/unit", "tests/contract", "tests/rpc") | last)


def end_to_end(*patterns: str) -> list[str]:
    """Fichiers de bout en bout à ces noms."""
    return [str(file) for one in patterns for file in sorted((ROOT / "tests" / "e2e").glob(one))]


def peers() -> None:
    """Clients du dehors et longues charges, chacun devant un produit à lui, au cache vide, dans un processus à lui."""
    for check in (*chromium(), *proxies()):
        alone(check)
    for file in sorted((ROOT / "tests" / "peers").glob("test_*.py")):
        alone(tests(file.stem.removeprefix("test_"), str(file)))
    alone(python("chemin des données", "bench.data_path", "--short", "--rounds", "6"))
    alone(python("fiabilité", "bench.reliability", "--minutes", "15", "--period", "20"))


WHICH = {"quick": quick, "": everything, "peers": peers}


def main(arguments: list[str]) -> int:
    """Joue ce qui est demandé ; rend le code de sortie."""
    started = time.monotonic()
    try:
        WHICH[" ".join(arguments)]()
    except Failed as error:
        print(f"Échec : {error}.", file=sys.stderr)
        return 1
    print(f"Tout est vert en {time.monotonic() - started:.0f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
