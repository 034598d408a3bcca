"""La mesure des GPU : un Protocol, et NVML qui le suit."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import pynvml

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class GpuProcess:
    """Processus qui tient de la mémoire d'un GPU."""

    pid: int
    """Identifiant, dans l'espace de noms de l'hôte : un conteneur n'y reconnaît pas toujours les siens."""
    used_bytes: int | None
    """Octets tenus ; `None` si NVML ne le dit pas."""


@dataclass(frozen=True, slots=True)
class GpuReading:
    """Un GPU à un instant."""

    index: int
    """Numéro de NVML : l'ordre du bus PCI."""
    uuid: str
    name: str
    total_bytes: int
    used_bytes: int
    """Octets pris, réserve du pilote non comprise."""
    free_bytes: int
    processes: tuple[GpuProcess, ...] = ()
    utilization_percent: float = 0.0
    temperature_celsius: float = 0.0
    power_watts: float = 0.0

    @property
    def unattributed_bytes(self) -> int:
        """Octets pris qu'aucun processus de la liste n'explique."""
        return max(0, self.used_bytes - sum(process.used_bytes or 0 for process in self.processes))


class GpuProbe(Protocol):
    """Ce qui mesure les GPU."""

    def read(self) -> tuple[GpuReading, ...]:
        """Tous les GPU visibles, par numéro ; peut bloquer quelques millisecondes."""


class NvmlProbe:
    """Mesure par NVML ; sans pilote, aucun GPU."""

    def __init__(self) -> None:
        self._count = 0
        try:
            pynvml.nvmlInit()
            self._count = int(pynvml.nvmlDeviceGetCount())
        except pynvml.NVMLError as error:
            logger.info("no_gpu_visible", extra={"error": str(error)})

    def read(self) -> tuple[GpuReading, ...]:
        """Tous les GPU lisibles ; un GPU en panne manque, et le journal le dit."""
        return tuple(found for index in range(self._count) if (found := _read(index)) is not None)


def _read(index: int) -> GpuReading | None:
    try:
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        memory = _memory(handle)
        return GpuReading(
            index=index,
            uuid=_text(pynvml.nvmlDeviceGetUUID(handle)),
            name=_text(pynvml.nvmlDeviceGetName(handle)),
            total_bytes=int(memory.total),
            used_bytes=int(memory.used),
            free_bytes=int(memory.free),
            processes=_processes(handle),
            utilization_percent=_number(lambda: pynvml.nvmlDeviceGetUtilizationRates(handle).gpu),
            temperature_celsius=_number(lambda: pynvml.nvmlDeviceGetTemperature(handle, pynvml.NVML_TEMPERATURE_GPU)),
            power_watts=_number(lambda: pynvml.nvmlDeviceGetPowerUsage(handle) / 1000),
        )
    except pynvml.NVMLError as error:
        logger.warning("gpu_unreadable", extra={"gpu": index, "error": str(error)})
        return None


def _memory(handle: Any) -> Any:
    try:
        # La version 2 compte à part la réserve du pilote, comme nvidia-smi.
        return pynvml.nvmlDeviceGetMemoryInfo(handle, version=pynvml.nvmlMemory_v2)
    except pynvml.NVMLError:
        return pynvml.nvmlDeviceGetMemoryInfo(handle)


def _processes(handle: Any) -> tuple[GpuProcess, ...]:
    found: dict[int, int | None] = {}
    for listed in (pynvml.nvmlDeviceGetComputeRunningProcesses, pynvml.nvmlDeviceGetGraphicsRunningProcesses):
        try:
            for process in listed(handle):
                # Un processus qui calcule et affiche figure dans les deux listes, avec le même total.
                found[int(process.pid)] = None if process.usedGpuMemory is None else int(process.usedGpuMemory)
        except pynvml.NVMLError:
            continue
    return tuple(GpuProcess(pid, used) for pid, used in sorted(found.items()))


def _number(read: Callable[[], Any]) -> float:
    try:
        return float(read())
    except pynvml.NVMLError:
        return 0.0


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
