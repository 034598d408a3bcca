"""La machine : processeur, mémoire, disque du cache, GPU par NVML."""

import contextlib
import logging
from dataclasses import dataclass
from pathlib import Path

import psutil
import pynvml

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class GpuSample:
    """Un GPU à un instant."""

    index: int
    name: str
    total_bytes: int
    used_bytes: int
    utilization_percent: float
    temperature_celsius: float
    power_watts: float


@dataclass(frozen=True, slots=True)
class MachineSample:
    """La machine à un instant."""

    cpu_percent: float = 0.0
    cpu_count: int = 1
    memory_total_bytes: int = 0
    memory_used_bytes: int = 0
    disk_total_bytes: int = 0
    disk_free_bytes: int = 0
    gpus: tuple[GpuSample, ...] = ()


class MachineProbe:
    """Lit la machine ; peut bloquer quelques millisecondes."""

    def __init__(self, disk: Path) -> None:
        self._disk = disk
        try:
            pynvml.nvmlInit()
            self.gpu_count = int(pynvml.nvmlDeviceGetCount())
        except pynvml.NVMLError as error:
            logger.info("no_gpu_visible", extra={"error": str(error)})
            self.gpu_count = 0

    def sample(self) -> MachineSample:
        """Mesure tout."""
        memory = psutil.virtual_memory()
        disk = psutil.disk_usage(str(self._disk))
        return MachineSample(
            cpu_percent=psutil.cpu_percent(None),
            cpu_count=psutil.cpu_count() or 1,
            memory_total_bytes=memory.total,
            memory_used_bytes=memory.total - memory.available,
            disk_total_bytes=disk.total,
            disk_free_bytes=disk.free,
            gpus=tuple(gpu for index in range(self.gpu_count) if (gpu := _gpu(index)) is not None),
        )


def resident_bytes(pid: int) -> int:
    """Mémoire vive d'un processus ; 0 s'il a disparu."""
    with contextlib.suppress(psutil.Error):
        return int(psutil.Process(pid).memory_info().rss)
    return 0


def _gpu(index: int) -> GpuSample | None:
    try:
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
        name = pynvml.nvmlDeviceGetName(handle)
        return GpuSample(
            index=index,
            name=name.decode() if isinstance(name, bytes) else str(name),
            total_bytes=int(memory.total),
            used_bytes=int(memory.used),
            utilization_percent=float(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu),
            temperature_celsius=float(pynvml.nvmlDeviceGetTemperature(handle, pynvml.NVML_TEMPERATURE_GPU)),
            power_watts=pynvml.nvmlDeviceGetPowerUsage(handle) / 1000,
        )
    except pynvml.NVMLError as error:
        logger.warning("gpu_unreadable", extra={"gpu": index, "error": str(error)})
        return None
