"""Des GPU et des verdicts aux messages du contrat."""

from passerelle.v1 import machine_pb2, model_verbs_pb2

from server.control.gpu.board import GpuBoard
from server.control.gpu.placement import GpuVerdict
from server.control.gpu.probe import GpuReading


def to_gpus(board: GpuBoard) -> list[machine_pb2.Gpu]:
    """GPU visibles, ce qui les tient, ce qui les salit."""
    return [_gpu(board, reading) for _, reading in sorted(board.readings.items())]


def to_verdict(verdict: GpuVerdict) -> model_verbs_pb2.GpuVerdict:
    """Verdict d'un exemplaire sur un GPU."""
    return model_verbs_pb2.GpuVerdict(
        index=verdict.gpu,
        replica=verdict.replica,
        fits=verdict.error is None,
        reason=verdict.error.message if verdict.error is not None else "",
        total_bytes=verdict.total_bytes,
        free_bytes=verdict.free_bytes,
        available_bytes=verdict.available_bytes,
        needed_bytes=verdict.need.total,
        weights_bytes=verdict.need.weights,
        working_bytes=verdict.need.working,
        reserve_bytes=verdict.need.reserve,
        holders=verdict.holders,
    )


def _gpu(board: GpuBoard, reading: GpuReading) -> machine_pb2.Gpu:
    index = reading.index
    leases, stain = board.leases.on(index), board.stains.get(index)
    return machine_pb2.Gpu(
        index=index,
        physical_index=reading.physical_index,
        name=reading.name,
        total_bytes=reading.total_bytes,
        used_bytes=reading.used_bytes,
        utilization_percent=reading.utilization_percent,
        temperature_celsius=reading.temperature_celsius,
        power_watts=reading.power_watts,
        replicas=[lease.replica for lease in leases],
        uuid=reading.uuid,
        free_bytes=reading.free_bytes,
        available_bytes=board.available_bytes(index),
        leases=[
            machine_pb2.GpuLease(replica=lease.replica, reserved_bytes=lease.bytes[index], exclusive=lease.exclusive)
            for lease in leases
        ],
        foreign_bytes=board.foreign_bytes(index),
        processes=[
            machine_pb2.GpuProcess(pid=process.pid, used_bytes=process.used_bytes, replica=board.owner(process.pid))
            for process in reading.processes
        ],
        dirty=stain is not None,
        dirty_reason=stain.reason if stain is not None else "",
    )
