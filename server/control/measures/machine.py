"""La machine telle que Prometheus la lit : GPU, mémoire, disques, processus du serveur."""

import contextlib
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import psutil
from prometheus_client.core import Metric

from server.control.gpu.board import GpuBoard
from server.control.machine import MachineSample
from server.control.measures.families import Family, Sheet

GPUS = (
    Family("passerelle_gpu_info", "A GPU the server may use.", ("gpu", "uuid", "name")),
    Family("passerelle_gpu_utilization_ratio", "Share of the time a kernel ran, as NVML says.", ("gpu",)),
    Family("passerelle_gpu_memory_size_bytes", "Memory of a GPU.", ("gpu",)),
    Family("passerelle_gpu_memory_used_bytes", "Memory taken, by anyone.", ("gpu",)),
    Family("passerelle_gpu_memory_reserved_bytes", "Memory a replica has a lease on.", ("gpu", "replica")),
    Family("passerelle_gpu_memory_replica_bytes", "Memory a replica holds, when NVML names it.", ("gpu", "replica")),
    Family("passerelle_gpu_memory_others_bytes", "Memory other programs hold.", ("gpu",)),
    Family("passerelle_gpu_power_watts", "Power drawn.", ("gpu",)),
    Family("passerelle_gpu_temperature_celsius", "Temperature.", ("gpu",)),
    Family("passerelle_gpu_dirty", "1 if memory did not come back after an unload.", ("gpu",)),
)
HOST = (
    Family("passerelle_host_cpu_ratio", "Share of the processor in use.", ()),
    Family("passerelle_host_memory_size_bytes", "Memory of the machine.", ()),
    Family("passerelle_host_memory_used_bytes", "Memory in use.", ()),
    Family("passerelle_filesystem_size_bytes", "Size of the file system of a folder.", ("folder",)),
    Family("passerelle_filesystem_free_bytes", "Bytes left to the server in a folder.", ("folder",)),
)
_PROCESS = ("process",)
PROCESSES = (
    Family("passerelle_process_up", "1 if a process of the server runs.", _PROCESS),
    Family("passerelle_process_restarts_total", "Times the supervisor restarted a process.", _PROCESS),
    Family("passerelle_process_cpu_seconds_total", "Processor time, children included.", _PROCESS),
    Family("passerelle_process_resident_memory_bytes", "Resident memory, children included.", _PROCESS),
    Family("passerelle_process_open_fds", "Open file descriptors.", _PROCESS),
    Family("passerelle_process_max_fds", "File descriptors at most.", _PROCESS),
    Family("passerelle_process_start_time_seconds", "Start, in seconds since 1970.", _PROCESS),
)


class Usage(NamedTuple):
    """Ce qu'un processus et ses enfants emploient."""

    cpu: float
    resident: int
    descriptors: int
    most: int
    started: float


def gpus(board: GpuBoard) -> Iterable[Metric]:
    """Familles des GPU, de leur dernière mesure."""
    sheet = Sheet(GPUS)
    for index, reading in sorted(board.readings.items()):
        gpu = str(index)
        sheet.put("passerelle_gpu_info", 1, gpu, reading.uuid, reading.name)
        sheet.put("passerelle_gpu_utilization_ratio", reading.utilization_percent / 100, gpu)
        sheet.put("passerelle_gpu_memory_size_bytes", reading.total_bytes, gpu)
        sheet.put("passerelle_gpu_memory_used_bytes", reading.used_bytes, gpu)
        sheet.put("passerelle_gpu_memory_others_bytes", board.foreign_bytes(index), gpu)
        sheet.put("passerelle_gpu_power_watts", reading.power_watts, gpu)
        sheet.put("passerelle_gpu_temperature_celsius", reading.temperature_celsius, gpu)
        sheet.put("passerelle_gpu_dirty", index in board.stains, gpu)
        held: dict[str, int] = {}
        for process in reading.processes:
            owner = board.owner(process.pid)
            if owner and process.used_bytes is not None:
                held[owner] = held.get(owner, 0) + process.used_bytes
        for replica, size in held.items():
            sheet.put("passerelle_gpu_memory_replica_bytes", size, gpu, replica)
        for lease in board.leases.on(index):
            sheet.put("passerelle_gpu_memory_reserved_bytes", lease.bytes[index], gpu, lease.replica)
    return sheet


def host(sample: MachineSample, folders: Mapping[str, Path]) -> Iterable[Metric]:
    """Familles de la machine ; peut bloquer quelques millisecondes."""
    sheet = Sheet(HOST)
    sheet.put("passerelle_host_cpu_ratio", sample.cpu_percent / 100)
    sheet.put("passerelle_host_memory_size_bytes", sample.memory_total_bytes)
    sheet.put("passerelle_host_memory_used_bytes", sample.memory_used_bytes)
    for name, path in folders.items():
        with contextlib.suppress(OSError):
            usage = shutil.disk_usage(path)
            sheet.put("passerelle_filesystem_size_bytes", usage.total, name)
            sheet.put("passerelle_filesystem_free_bytes", usage.free, name)
    return sheet


def processes(listed: Sequence[Mapping[str, Any]]) -> Iterable[Metric]:
    """Familles des processus que le superviseur tient, lui compris ; peut bloquer quelques millisecondes."""
    sheet = Sheet(PROCESSES)
    ours = {"name": "supervisor", "pid": os.getppid(), "restarts": 0}
    for process in (ours, *listed):
        name, pid = process["name"], process["pid"]
        # L'espace libre d'un remplacement de front n'est pas un processus qui manque.
        sheet.put("passerelle_process_restarts_total", process["restarts"], name)
        usage = _usage(pid, alone=process is ours) if pid else None
        sheet.put("passerelle_process_up", usage is not None, name)
        if usage is None:
            continue
        sheet.put("passerelle_process_cpu_seconds_total", usage.cpu, name)
        sheet.put("passerelle_process_resident_memory_bytes", usage.resident, name)
        sheet.put("passerelle_process_open_fds", usage.descriptors, name)
        sheet.put("passerelle_process_max_fds", usage.most, name)
        sheet.put("passerelle_process_start_time_seconds", usage.started, name)
    return sheet


def _usage(pid: int, *, alone: bool) -> Usage | None:
    """`alone` : sans les enfants, qui ont chacun leur ligne ; `None` si le processus a disparu."""
    try:
        head = psutil.Process(pid)
        with head.oneshot():
            cpu, resident = _spent(head), head.memory_info().rss
            found = head.num_fds(), head.rlimit(psutil.RLIMIT_NOFILE)[0], head.create_time()
        for child in () if alone else head.children(recursive=True):
            with contextlib.suppress(psutil.Error):
                cpu, resident = cpu + _spent(child), resident + child.memory_info().rss
    except psutil.Error:
        return None
    return Usage(cpu, resident, *found)


def _spent(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
