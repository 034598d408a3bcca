"""Joue les essais des vrais moteurs sur processeur, chacun dans son environnement (`.engines/`), qu'il crée au besoin.

`python3 -m tools.engine_suites [vllm|nemo|pyannote]…` ; sans nom, les trois. docs/installation.md dit taille et durée.
"""

import os
import subprocess
import sys
import time
from dataclasses import dataclass

from tools import cpu_wheels
from tools.steps import LOCKS, ROOT, TORCH, Environment, SetupError, check_python, guarded


@dataclass(frozen=True)
class Suite:
    """Essais d'un moteur."""

    family: str
    """Nom de l'environnement, du verrou et des fichiers d'essais."""
    engine: str
    """Nom du moteur dans un profil."""

    @property
    def environment(self) -> Environment:
        """Environnement des essais."""
        return Environment(ROOT / ".engines" / self.family)

    @property
    def tests(self) -> list[str]:
        """Fichiers d'essais."""
        return [str(path) for path in sorted((ROOT / "tests" / "engines").glob(f"test_{self.family}*.py"))]


SUITES = (Suite("vllm", "vllm"), Suite("nemo", "canary"), Suite("pyannote", "pyannote"))


def install(suite: Suite) -> None:
    """Crée l'environnement d'un moteur, torch pour processeur d'abord."""
    environment, lock = suite.environment, f"essais-{suite.family}"
    environment.create(f"l'environnement d'essais de {suite.family} ({environment.folder.relative_to(ROOT)})")
    environment.cpu_torch()
    environment.lock(lock, f"{suite.family} pour processeur (un à trois Go)", uv=True)
    environment.step(
        "roues",
        [LOCKS / f"{lock}.txt", f"torch=={TORCH}"],
        "torch, torchaudio, torchvision : vérification",
        lambda: cpu_wheels.settle(environment),
    )


def play(suite: Suite) -> None:
    """Joue les essais d'un moteur ; un échec arrête tout."""
    if not suite.tests:
        raise SetupError(f"aucun essai de {suite.family} (tests/engines/test_{suite.family}*.py).")
    environ = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "gen" / "python")]),
        "PASSERELLE_TEST_ENGINE": suite.engine,
        "HF_HUB_OFFLINE": "1",
    }
    # Un avertissement d'une bibliothèque de moteur n'est pas une faute d'ici.
    command = (str(suite.environment.python), "-m", "pytest", "-q", "-o", "filterwarnings=default", *suite.tests)
    subprocess.run(command, cwd=ROOT, env=environ, check=True)


def main(names: list[str]) -> int:
    """Joue les essais des moteurs nommés ; rend le code de sortie."""

    def work() -> None:
        unknown = sorted(set(names) - {suite.family for suite in SUITES})
        if unknown:
            known = ", ".join(suite.family for suite in SUITES)
            raise SetupError(f"moteur inconnu : {', '.join(unknown)} (connus : {known}).")
        check_python()
        for suite in SUITES:
            if names and suite.family not in names:
                continue
            for title, job in (("environnement", install), ("essais", play)):
                print(f"── {suite.family} : {title}", flush=True)
                begun = time.monotonic()
                job(suite)
                print(f"   {time.monotonic() - begun:.0f} s", flush=True)

    return guarded(work)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
