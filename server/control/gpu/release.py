"""Le départ d'exemplaires : les arrêter, et prouver que leur mémoire est rendue."""

import logging
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

from server.control.gpu.board import MIB, GpuBoard, Stain
from server.errors import GpuDirty

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Freed:
    """Mémoire rendue."""

    bytes: int = 0
    seconds: float = 0.0
    """De l'ordre d'arrêt à la preuve."""
    stains: tuple[Stain, ...] = ()
    """Ce qui n'est pas revenu ; vide, tout est prouvé."""

    def check(self) -> None:
        """Vérifie que tout est revenu.

        Raises:
            GpuDirty: un GPU au moins est sali.
        """
        if self.stains:
            raise GpuDirty(
                " ".join(stain.reason for stain in self.stains)
                + " Ces GPU sont refusés tant qu'ils ne sont pas propres.",
                metadata={"bytes": str(sum(stain.bytes for stain in self.stains))},
            )


async def vacate(board: GpuBoard, replicas: Collection[str], stop: Callable[[], Awaitable[None]]) -> Freed:
    """Arrête des exemplaires et attend la preuve, au plus `release_wait` secondes ; leurs baux restent.

    `stop` arrête les exemplaires, et s'achève quand leurs groupes de processus ont disparu.
    """
    gpus = sorted({gpu for name in replicas if (lease := board.leases.of(name)) for gpu in lease.bytes})
    began = board.clock()
    if not gpus:
        await stop()
        return Freed(0, board.clock() - began)
    await board.refresh()
    before = {gpu: board.readings[gpu].used_bytes for gpu in gpus if gpu in board.readings}
    held = {gpu: _held(board, gpu, replicas) for gpu in before}
    await stop()
    stains = await _prove(board, before, replicas)
    seconds = board.clock() - began
    freed = 0
    for gpu, used in before.items():
        own = held[gpu]
        if own is not None:
            freed += own - (stains[gpu].bytes if gpu in stains else 0)
        elif gpu in board.readings:
            freed += used - board.readings[gpu].used_bytes
    for gpu, stain in stains.items():
        logger.error("gpu_dirty", extra={"gpu": gpu, "replica": stain.replica, "bytes": stain.bytes})
        board.stains[gpu] = stain
    logger.info("gpu_memory_freed", extra={"replicas": list(replicas), "bytes": freed, "seconds": round(seconds, 3)})
    return Freed(max(0, freed), seconds, tuple(stains.values()))


def _held(board: GpuBoard, gpu: int, replicas: Collection[str]) -> int | None:
    own, others = board.own_bytes(gpu), board.own_bytes(gpu, without=replicas)
    return None if own is None or others is None else own - others


async def _prove(board: GpuBoard, gpus: Collection[int], replicas: Collection[str]) -> dict[int, Stain]:
    settings = board.settings
    pids = frozenset(pid for name in replicas for pid in board.groups.get(name, ()))
    deadline = board.clock() + settings.release_wait
    while True:
        await board.refresh()
        left = {
            gpu: residue
            for gpu in gpus
            if gpu in board.readings
            and (residue := board.residue_bytes(gpu, pids, replicas)) > settings.tolerance_bytes
        }
        if not left:
            return {}
        if board.clock() >= deadline:
            return {gpu: _stain(board, gpu, residue, pids, replicas) for gpu, residue in left.items()}
        await board.sleep(settings.poll_seconds)


def _stain(board: GpuBoard, gpu: int, residue: int, pids: frozenset[int], replicas: Collection[str]) -> Stain:
    alive = sorted(process.pid for process in board.readings[gpu].processes if process.pid in pids)
    names = ", ".join(sorted(lease.replica for lease in board.leases.on(gpu) if lease.replica in replicas))
    who = f"processus {', '.join(map(str, alive))} encore là" if alive else "aucun processus vivant ne les explique"
    waited = f"{board.settings.release_wait:g} s"
    reason = f"GPU {gpu} : {residue / MIB:.0f} Mio restent {waited} après l'arrêt de {names} ({who})."
    return Stain(names, pids, residue, reason)
