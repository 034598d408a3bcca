"""Le pilote : les GPU du fichier, plus la mémoire des exemplaires que le superviseur fait vraiment tourner."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from server.control.gpu.allowed import GpuDevice
from server.control.gpu.probe import GpuProcess, GpuReading
from tests.fakes.gpu_machine.machine import FakeGpu, read_machine

VARIABLE = "GPU_MACHINE_FILE"
"""Variable d'environnement de l'essai : chemin du fichier."""

Workers = Callable[[], list[tuple[int, str, frozenset[int]]]]
"""Exemplaires en marche : processus, clé du modèle, numéros physiques de ses GPU."""


class FileDriver:
    """Suit le Protocol `GpuDriver`."""

    def __init__(self, path: Path | None = None, workers: Workers | None = None) -> None:
        """Sans `path`, le fichier est celui de `GPU_MACHINE_FILE` ; sans `workers`, ceux du superviseur, notre parent."""
        self._path = path or Path(os.environ[VARIABLE])
        self._workers = workers or running_workers

    def devices(self) -> tuple[GpuDevice, ...]:
        """Tous ceux du fichier."""
        gpus, _held = read_machine(self._path)
        return tuple(GpuDevice(index, uuid_of(index), gpu.name, gpu.mig) for index, gpu in enumerate(gpus))

    def measure(self, indexes: Sequence[int]) -> tuple[GpuReading, ...]:
        """Mesure."""
        gpus, held = read_machine(self._path)
        workers = [(pid, held.get(key, 0), on) for pid, key, on in self._workers()]
        return tuple(
            _reading(index, gpus[index], {pid: size for pid, size, on in workers if index in on and size})
            for index in indexes
        )


def uuid_of(index: int) -> str:
    """UUID d'un GPU d'essai."""
    return f"GPU-essai-{index}"


def running_workers() -> list[tuple[int, str, frozenset[int]]]:
    """Exemplaires lancés par le superviseur, et les GPU qu'il leur laisse voir."""
    found = []
    for child in psutil.Process(os.getppid()).children():
        try:
            command = child.cmdline()
            if command[1:4] == ["-m", "server", "worker"]:
                visible = child.environ().get("CUDA_VISIBLE_DEVICES", "")
                gpus = frozenset(int(one) for one in visible.split(",") if one)
                found.append((child.pid, command[command.index("--key") + 1], gpus))
        except psutil.Error:
            continue  # il vient de finir
    return found


def _reading(index: int, gpu: FakeGpu, ours: dict[int, int]) -> GpuReading:
    processes = {**gpu.foreign, **ours}
    used = min(gpu.total_bytes, sum(processes.values()) + gpu.unexplained_bytes)
    return GpuReading(
        index=index,
        physical_index=index,
        uuid=uuid_of(index),
        name=gpu.name,
        total_bytes=gpu.total_bytes,
        used_bytes=used,
        free_bytes=gpu.total_bytes - used,
        processes=tuple(GpuProcess(pid, size) for pid, size in sorted(processes.items())),
        utilization_percent=gpu.utilization_percent,
        temperature_celsius=gpu.temperature_celsius,
        power_watts=gpu.power_watts,
    )
