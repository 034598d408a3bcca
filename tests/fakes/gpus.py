"""Des GPU sans matériel : la mémoire que chaque processus y tient, et ce qu'un mort y laisse."""

from dataclasses import dataclass, field

from server.control.gpu.allowed import AllowedGpus
from server.control.gpu.board import BoardSettings, GpuBoard
from server.control.gpu.probe import GpuProcess, GpuReading

GIB = 1024**3
MIB = 1024**2


class FakeClock:
    """Horloge monotone qu'une attente fait avancer, sans attendre."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Instant."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Avance."""
        self.now += seconds


@dataclass
class FakeGpus:
    """Suit le Protocol `GpuProbe`."""

    count: int
    total: int = 80 * GIB
    named: bool = True
    """Vrai si NVML nomme les processus, faux comme dans un conteneur."""
    held: dict[int, dict[int, int]] = field(default_factory=dict)
    """Octets par GPU, puis par processus."""
    left: dict[int, int] = field(default_factory=dict)
    """Octets qu'aucun processus n'explique, par GPU."""
    reason: str = ""
    """Refus d'une liste de GPU."""
    reads: int = 0

    @property
    def allowed(self) -> AllowedGpus:
        """Tous."""
        return AllowedGpus({index: index for index in range(self.count)}, self.reason, refused=bool(self.reason))

    def take(self, gpu: int, pid: int, size: int) -> None:
        """Un processus prend de la mémoire."""
        self.held.setdefault(gpu, {})[pid] = size

    def free(self, pid: int) -> None:
        """Un processus disparaît."""
        for processes in self.held.values():
            processes.pop(pid, None)

    def read(self) -> tuple[GpuReading, ...]:
        """Mesure."""
        self.reads += 1
        return tuple(self._reading(index) for index in range(self.count))

    def _reading(self, index: int) -> GpuReading:
        processes = self.held.get(index, {})
        used = sum(processes.values()) + self.left.get(index, 0)
        return GpuReading(
            index=index,
            physical_index=index,
            uuid=f"GPU-{index}",
            name="H100 d'essai",
            total_bytes=self.total,
            used_bytes=used,
            free_bytes=self.total - used,
            processes=tuple(GpuProcess(pid, size) for pid, size in sorted(processes.items())) if self.named else (),
        )


def board_of(gpus: FakeGpus, clock: FakeClock, pids: dict[str, int] | None = None) -> GpuBoard:
    """Tableau de ces GPU ; `pids` associe un exemplaire à son processus."""
    known = {} if pids is None else pids
    return GpuBoard(
        gpus,
        pid_of=known.get,
        group_of=lambda pid: frozenset({pid}),
        clock=clock,
        sleep=clock.sleep,
        settings=BoardSettings(release_wait=5.0),
    )
