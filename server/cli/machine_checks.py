"""Les GPU vus de `doctor` : le pilote, et ce que ce serveur a le droit d'employer."""

from collections.abc import Mapping
from dataclasses import dataclass

from server.cli.findings import Finding, Level
from server.control.gpu.allowed import GpuDevice, allowed_gpus

OLDEST_DRIVER, CUDA13_DRIVER = 550, 580
"""Premiers pilotes à servir CUDA 12.4 et CUDA 13 ; les verrous en dépendent (`tools/dgx.py`)."""


@dataclass(frozen=True, slots=True)
class Machine:
    """GPU de la machine, dits par le pilote."""

    driver: str
    """Version du pilote ; vide sans pilote."""
    cuda: str
    """Version de CUDA qu'il sait servir."""
    gpus: tuple[GpuDevice, ...]
    """Tous ses GPU, permis ou non."""


def read_machine() -> Machine:
    """Interroge le pilote par NVML, sans contexte CUDA."""
    import pynvml

    from server.control.gpu.nvml import NvmlDriver

    try:
        pynvml.nvmlInit()
        driver = pynvml.nvmlSystemGetDriverVersion()
        cuda = int(pynvml.nvmlSystemGetCudaDriverVersion())
        devices = NvmlDriver().devices()
        pynvml.nvmlShutdown()
    except pynvml.NVMLError:
        return Machine("", "", ())
    return Machine(str(driver), f"{cuda // 1000}.{cuda % 1000 // 10}", devices)


def gpus(machine: Machine, lists: Mapping[str, str], needed: bool) -> Finding:
    """Le pilote et les GPU permis ; `needed` : un modèle en demande."""
    if not machine.driver or not machine.gpus:
        found = f"pilote {machine.driver}, aucun GPU" if machine.driver else "aucun pilote NVIDIA"
        if not needed:
            return Finding("GPU", Level.OK, f"{found} ; ce profil n'en a pas besoin")
        advice = (
            "Réparez le pilote (« nvidia-smi » doit répondre) ; dans un conteneur, lancez-le avec « --gpus all » et "
            "nvidia-container-toolkit."
        )
        return Finding("GPU", Level.FAILURE, found, advice)
    allowed = allowed_gpus(machine.gpus, lists)
    by_index = {device.index: device.name for device in machine.gpus}
    names = [by_index[index] for index in allowed.physical.values()]
    shown = ", ".join(f"{names.count(name)} × {name}" for name in dict.fromkeys(names)) or "aucun GPU permis"
    found = f"pilote {machine.driver} (CUDA {machine.cuda}), {shown}"
    if lists:
        found += f", sur {len(machine.gpus)} ({', '.join(lists)})"
    major = int(machine.driver.partition(".")[0])
    if allowed.reason:
        advice = f"{allowed.reason} « nvidia-smi -L » donne les numéros et les UUID."
        worst = Level.FAILURE if needed else Level.WARNING
        return Finding("GPU", Level.WARNING if names else worst, found, advice)
    if major < OLDEST_DRIVER:
        return Finding("GPU", Level.FAILURE, found, f"Mettez le pilote à jour : {OLDEST_DRIVER} au moins (CUDA 12.4).")
    return Finding("GPU", Level.OK, f"{found} : verrous {'cuda13' if major >= CUDA13_DRIVER else 'cuda12'}")
