"""NVML : les GPU de la machine, sans contexte CUDA."""

import logging
from collections.abc import Callable, Sequence
from typing import Any

import pynvml

from server.control.gpu.allowed import GpuDevice
from server.control.gpu.probe import GpuProcess, GpuReading

logger = logging.getLogger(__name__)


class NvmlDriver:
    """Suit `GpuDriver` ; sans pilote, aucun GPU."""

    def __init__(self) -> None:
        self._count = 0
        try:
            pynvml.nvmlInit()
            self._count = int(pynvml.nvmlDeviceGetCount())
        except pynvml.NVMLError as error:
            logger.info("no_gpu_visible", extra={"error": str(error)})

    def devices(self) -> tuple[GpuDevice, ...]:
        """Tous ; un GPU en panne garde son numéro, sans UUID."""
        return tuple(_device(index) for index in range(self._count))

    def measure(self, indexes: Sequence[int]) -> tuple[GpuReading, ...]:
        """Ceux qui se lisent ; un GPU en panne manque, et le journal le dit."""
        return tuple(found for index in indexes if (found := _read(index)) is not None)


def _device(index: int) -> GpuDevice:
    try:
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        uuid, name = _text(pynvml.nvmlDeviceGetUUID(handle)), _text(pynvml.nvmlDeviceGetName(handle))
    except pynvml.NVMLError:
        return GpuDevice(index, "")
    return GpuDevice(index, uuid, name, _mig(handle))


def _mig(handle: Any) -> bool:
    try:
        current, _pending = pynvml.nvmlDeviceGetMigMode(handle)
    except pynvml.NVMLError:
        # La plupart des GPU ne savent pas être découpés.
        return False
    return bool(current == pynvml.NVML_DEVICE_MIG_ENABLE)


def _read(index: int) -> GpuReading | None:
    try:
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        memory = _memory(handle)
        return GpuReading(
            index=index,
            physical_index=index,
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
