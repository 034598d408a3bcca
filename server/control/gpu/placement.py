"""Le placement : quels GPU pour chaque exemplaire, et s'ils ont la place, avant de rien lancer."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from server.control.gpu.board import GpuBoard
from server.control.gpu.leases import Lease
from server.control.gpu.needs import GIB, Need, gpus_per_replica, need_on
from server.domain import ModelSpec
from server.errors import GpuBusy, GpuDirty, GpuMemoryInsufficient, InvalidRequest, NoGpuVisible, PasserelleError


@dataclass(frozen=True, slots=True)
class GpuVerdict:
    """Verdict d'un exemplaire sur un de ses GPU."""

    gpu: int
    replica: str
    total_bytes: int
    free_bytes: int
    """Libres selon NVML."""
    available_bytes: int
    """Libres une fois comptés les baux qui n'ont pas encore tout pris."""
    need: Need
    holders: tuple[str, ...]
    """Exemplaires qui ont un bail sur ce GPU."""
    error: PasserelleError | None = None
    """Pourquoi l'exemplaire n'y tient pas ; `None` s'il y tient."""


@dataclass(frozen=True, slots=True)
class Seat:
    """Place d'un exemplaire à lancer."""

    replica: str
    """Exemplaire (`qwen-0`)."""
    gpus: tuple[int, ...]
    lease: Lease | None
    """Bail à prendre ; `None` sans GPU."""

    @property
    def index(self) -> int:
        """Rang de l'exemplaire."""
        return int(self.replica.rpartition("-")[2])


@dataclass(frozen=True, slots=True)
class Plan:
    """Places des exemplaires à lancer, et leur verdict."""

    seats: tuple[Seat, ...]
    verdicts: tuple[GpuVerdict, ...] = ()

    @property
    def error(self) -> PasserelleError | None:
        """Premier refus ; `None` si tout tient."""
        return next((verdict.error for verdict in self.verdicts if verdict.error is not None), None)

    def check(self) -> None:
        """Vérifie que tout tient.

        Raises:
            GpuDirty: un GPU n'a pas rendu la mémoire d'un départ.
            GpuBusy: un GPU est tenu par d'autres modèles.
            GpuMemoryInsufficient: la mémoire manque.
        """
        if self.error is not None:
            raise self.error


@dataclass(frozen=True, slots=True)
class Demand:
    """Ce qu'on veut placer."""

    spec: ModelSpec
    """Modèle, options du moment comprises."""
    weights_bytes: int
    """Octets des poids ; 0 s'ils sont inconnus."""
    indexes: tuple[int, ...]
    """Rangs des exemplaires à lancer."""
    asked: tuple[int, ...] = ()
    """GPU demandés ; vide pour laisser choisir."""
    preferred: tuple[int, ...] = ()
    """GPU retenus auparavant, ou ceux du profil."""
    kept: Collection[int] = ()
    """GPU que tiennent déjà les exemplaires du modèle qui restent."""


def plan(board: GpuBoard, demand: Demand, *, without: Collection[str] = ()) -> Plan:
    """Places et verdict, si les exemplaires `without` n'étaient plus là.

    Raises:
        InvalidRequest: le nombre de GPU demandés ne convient pas.
        NoGpuVisible: l'un d'eux n'est plus visible.
    """
    spec, per = demand.spec, gpus_per_replica(demand.spec)
    if per == 0:
        return Plan(tuple(Seat(f"{spec.key}-{index}", (), None) for index in demand.indexes))
    if not demand.indexes:
        return Plan(())
    chosen = _choose(board, demand, per * len(demand.indexes), without)
    seats, verdicts = [], []
    for rank, index in enumerate(demand.indexes):
        name, gpus = f"{spec.key}-{index}", chosen[rank * per : (rank + 1) * per]
        judged = [_judge(board, demand, name, gpu, without) for gpu in gpus]
        lease = Lease(name, {verdict.gpu: verdict.need.total for verdict in judged}, spec.exclusive)
        seats.append(Seat(name, gpus, lease))
        verdicts += judged
    return Plan(tuple(seats), tuple(verdicts))


def check_count(gpus: Sequence[int], replicas: int, per: int) -> None:
    """Vérifie qu'il y a autant de GPU que d'exemplaires en demandent.

    Raises:
        InvalidRequest: il y en a plus, ou moins.
    """
    if len(gpus) != replicas * per:
        raise InvalidRequest(
            f"gpus : {len(gpus)} GPU pour {replicas} exemplaire{'s' * (replicas > 1)} de {per} ; "
            f"il en faut {replicas * per}.",
            metadata={"field": "gpus", "limit": str(replicas * per), "value": str(len(gpus))},
        )


def _choose(board: GpuBoard, demand: Demand, count: int, without: Collection[str]) -> tuple[int, ...]:
    """GPU demandés ; sinon les retenus s'ils ont la place, complétés des plus libres qui l'ont.

    Si la place manque partout, les retenus, dont le refus est celui qu'on attend. Ceux d'un même exemplaire se suivent.
    """
    free = [gpu for gpu in demand.asked if gpu not in demand.kept]
    if demand.asked:
        gone = [gpu for gpu in free if gpu not in board.readings]
        if gone:
            raise NoGpuVisible(f"Le GPU {gone[0]} n'est plus visible.", metadata={"gpu": str(gone[0])})
        check_count(free, len(demand.indexes), count // len(demand.indexes))
        return tuple(free)
    candidates = [gpu for gpu in board.readings if gpu not in demand.kept]
    if len(candidates) < count:
        raise InvalidRequest(
            f"replicas : il faut {count} GPU de plus pour « {demand.spec.key} », il n'en reste que {len(candidates)}.",
            metadata={"field": "replicas", "limit": str(len(candidates)), "value": str(count)},
        )
    full = {gpu for gpu in candidates if _judge(board, demand, "", gpu, without).error is not None}
    preferred = tuple(gpu for gpu in demand.preferred if gpu in candidates)
    if len(preferred) == count and (full.isdisjoint(preferred) or len(candidates) - len(full) < count):
        return preferred

    def rank(gpu: int) -> tuple[bool, bool, bool, bool, int, int]:
        shared = bool(board.leases.on(gpu, without=without))
        available = board.available_bytes(gpu, without=without)
        return gpu in full, gpu in board.stains, gpu not in preferred, shared, -available, gpu

    return tuple(sorted(sorted(candidates, key=rank)[:count]))


def _judge(board: GpuBoard, demand: Demand, replica: str, gpu: int, without: Collection[str]) -> GpuVerdict:
    spec, reading = demand.spec, board.readings[gpu]
    need = need_on(spec, demand.weights_bytes, reading.total_bytes)
    leases = board.leases.on(gpu, without={*without, replica})
    holders = tuple(lease.replica for lease in leases)
    available = board.available_bytes(gpu, without={*without, replica})
    error: PasserelleError | None = None
    facts = {
        "gpu": str(gpu),
        "needed_bytes": str(need.total),
        "available_bytes": str(available),
        "weights_bytes": str(need.weights),
        "working_bytes": str(need.working),
        "reserve_bytes": str(need.reserve),
        "holders": ", ".join(holders),
    }
    if gpu in board.stains:
        error = GpuDirty(f"{board.stains[gpu].reason} Il est refusé tant qu'il n'est pas propre.", metadata=facts)
    elif leases and (spec.exclusive or any(lease.exclusive for lease in leases)):
        error = GpuBusy(
            f"gpus : le GPU {gpu} est déjà tenu par {', '.join(holders)}, et l'un des deux ne partage pas.",
            metadata=facts | {"field": "gpus"},
        )
    elif need.short_by:
        error = GpuMemoryInsufficient(
            f"GPU {gpu} : la part déclarée de {_gib(need.weights + need.working)} ne loge pas les poids "
            f"({_gib(need.weights)}) et leur mémoire de travail ; il manque {_gib(need.short_by)}.",
            metadata=facts,
        )
    elif need.total > available:
        foreign = board.foreign_bytes(gpu)
        details = (
            f"GPU {gpu} : « {replica} » demande {_gib(need.total)} (poids {_gib(need.weights)}, cache KV et "
            f"activations {_gib(need.working)}, réserve {_gib(need.reserve)}), et {_gib(available)} sont disponibles "
            f"sur {_gib(reading.total_bytes)}"
        )
        if foreign:
            details += f" ; {_gib(foreign)} sont pris par d'autres programmes"
        if holders:
            error = GpuBusy(f"{details} ; baux de {', '.join(holders)}.", metadata=facts | {"field": "gpus"})
        else:
            error = GpuMemoryInsufficient(f"{details}.", metadata=facts)
    return GpuVerdict(gpu, replica, reading.total_bytes, reading.free_bytes, available, need, holders, error)


def _gib(size: int) -> str:
    return f"{size / GIB:.1f} Gio".replace(".", ",")
