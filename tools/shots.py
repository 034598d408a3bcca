"""Prend les images de `docs/images/` : de vrais produits, dans un vrai Chromium (`make shots`, environ trois minutes).

Le profil embarqué pour les modèles, la conversation, l'audio et les adresses ; huit GPU d'essai pour la machine, le
mur, le choix des GPU et l'activité.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

from tests.e2e.test_dashboard import walk
from tests.fakes.gpu_machine.machine import GIB, FakeGpu
from tests.support import audio_files
from tests.support.gpu_product import product_with_gpus
from tests.support.product import ROOT, running_product

IMAGES = ROOT / "docs" / "images"
PORT = 8000
"""Celui de la documentation : les adresses montrées sont celles qu'on y lit."""
GPUS = (*(FakeGpu(),) * 3, FakeGpu(foreign={4_000_001: 30 * GIB}), *(FakeGpu(),) * 4)
REPLICA_BYTES = 18 * GIB
ELSEWHERE = {"PASSERELLE_ENVS_DIR": "/opt/passerelle/envs"}
"""Ce que nomme l'échec montré : aucun chemin de la machine qui prend les images."""


def main() -> None:
    """Rejoue les deux parcours, et écrit leurs images par-dessus les précédentes."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium:
        sys.exit("Chromium introuvable : installez-le ou exportez CHROMIUM=/chemin.")
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="images-") as folder:
        _embedded(Path(folder), chromium)
    with tempfile.TemporaryDirectory(prefix="images-") as folder:
        _gpus(Path(folder), chromium)


def _embedded(folder: Path, chromium: str) -> None:
    dialogue = folder / "dialogue.wav"
    dialogue.write_bytes(audio_files.wav(audio_files.speech_of(audio_files.dialogue()[0])))
    with running_product(folder, port=PORT) as product:
        walk("page_shots.mjs", product, chromium, str(IMAGES), "embarque", str(dialogue))


def _gpus(folder: Path, chromium: str) -> None:
    with product_with_gpus(folder, GPUS, held={"petit": REPLICA_BYTES}, env=ELSEWHERE) as bench:
        bench.product.admin("load", "petit", gpus=[0, 1, 2], replicas=3, wait=True).raise_for_status()
        # Sans GPU, NeMo ne s'ouvre pas : l'échec est vrai.
        bench.product.admin("load", "canary", gpus=[4], wait=True)
        walk("page_shots.mjs", bench.product, chromium, str(IMAGES), "gpu", str(bench.machine.path))


if __name__ == "__main__":
    main()
