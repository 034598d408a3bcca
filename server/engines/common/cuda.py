"""CUDA ou rien : ce qu'un moteur de production vérifie avant de s'ouvrir, sans toucher au GPU.

`docs/adr/0003-processus.md` dit pourquoi rien ne se replie sur le processeur.
"""

import os
from dataclasses import dataclass

from server.errors import CudaUnusable, NoGpuVisible

CUDA = "cuda"
"""Seul périphérique d'un moteur de production."""


@dataclass(frozen=True, slots=True)
class CudaFacts:
    """Ce que la machine et l'environnement offrent."""

    visible_devices: str | None
    """`CUDA_VISIBLE_DEVICES` ; `None` si la variable est absente."""
    gpu_count: int
    """GPU que le pilote annonce."""
    driver: str
    """Version du pilote ; vide sans pilote."""
    driver_cuda: tuple[int, int]
    """Version de CUDA que le pilote sait servir."""
    wheel: str
    """Version de la roue de torch."""
    wheel_cuda: tuple[int, int] | None
    """Version de CUDA de cette roue ; `None` si elle est pour processeur."""


def require_cuda() -> None:
    """Vérifie que torch peut se servir d'un GPU ici.

    Raises:
        NoGpuVisible: ni pilote, ni GPU, ou aucun de rendu visible à ce processus.
        CudaUnusable: roue pour processeur, ou trop récente pour le pilote.
    """
    check(read())


def check(facts: CudaFacts) -> None:
    """Juge ces faits ; lève comme `require_cuda`."""
    if not facts.driver or facts.gpu_count == 0:
        found = f"pilote {facts.driver}" if facts.driver else "aucun pilote NVIDIA"
        raise NoGpuVisible(
            f"Aucun GPU visible ({found}) : ce moteur ne sert que sur GPU. Vérifiez « nvidia-smi » et, dans un "
            "conteneur, l'accès aux GPU.",
            metadata={"driver": facts.driver, "gpus": str(facts.gpu_count)},
        )
    if facts.visible_devices is not None and not facts.visible_devices.strip(" ,"):
        raise NoGpuVisible(
            f"CUDA_VISIBLE_DEVICES est vide : aucun des {facts.gpu_count} GPU n'est visible de ce moteur.",
            metadata={"field": "CUDA_VISIBLE_DEVICES", "value": facts.visible_devices},
        )
    if facts.wheel_cuda is None:
        raise CudaUnusable(
            f"La roue de torch installée ({facts.wheel}) est pour processeur : installez le verrou GPU de ce moteur.",
            metadata={"torch": facts.wheel},
        )
    # Dans une même version majeure, un pilote plus ancien sert une roue plus récente (compatibilité mineure de CUDA).
    if facts.wheel_cuda[0] > facts.driver_cuda[0]:
        wheel, driver = _dotted(facts.wheel_cuda), _dotted(facts.driver_cuda)
        raise CudaUnusable(
            f"Le pilote NVIDIA {facts.driver} sert CUDA {driver}, la roue de torch {facts.wheel} demande CUDA {wheel}. "
            f"Mettez le pilote à jour, ou installez le verrou CUDA {facts.driver_cuda[0]}.",
            metadata={"driver": facts.driver, "limit": driver, "value": wheel},
        )


def read() -> CudaFacts:
    """Lit le pilote par NVML et la version de torch, sans créer de contexte CUDA."""
    import pynvml
    import torch

    driver, driver_cuda, count = "", (0, 0), 0
    try:
        pynvml.nvmlInit()
        found = pynvml.nvmlSystemGetDriverVersion()
        driver = found.decode() if isinstance(found, bytes) else str(found)
        version = int(pynvml.nvmlSystemGetCudaDriverVersion())
        driver_cuda = version // 1000, version % 1000 // 10
        count = int(pynvml.nvmlDeviceGetCount())
        pynvml.nvmlShutdown()
    except pynvml.NVMLError:
        pass
    cuda = torch.version.cuda
    return CudaFacts(
        visible_devices=os.environ.get("CUDA_VISIBLE_DEVICES"),
        gpu_count=count,
        driver=driver,
        driver_cuda=driver_cuda,
        wheel=str(torch.__version__),
        wheel_cuda=_parsed(cuda) if cuda else None,
    )


def _parsed(version: str) -> tuple[int, int]:
    major, _, minor = version.partition(".")
    return int(major), int(minor.partition(".")[0] or 0)


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
