"""Les baux : combien de mémoire chaque exemplaire réserve sur chacun de ses GPU.

Un bail réserve des octets, non le GPU : plusieurs modèles partagent un GPU tant que la somme y tient. Un bail exclusif
n'en partage aucun.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Lease:
    """Réservation d'un exemplaire."""

    replica: str
    """Exemplaire (`qwen-0`)."""
    bytes: Mapping[int, int]
    """Octets réservés, par numéro de GPU."""
    exclusive: bool = False
    """Vrai s'il refuse tout voisin."""

    def to_meta(self) -> dict[str, Any]:
        """Forme confiée au superviseur, pour qu'un plan de contrôle relancé retrouve le bail."""
        return {"bytes": {str(gpu): size for gpu, size in self.bytes.items()}, "exclusive": self.exclusive}

    @classmethod
    def of_meta(cls, replica: str, meta: Mapping[str, Any]) -> "Lease":
        """Bail d'un exemplaire retrouvé."""
        return cls(replica, {int(gpu): int(size) for gpu, size in meta["bytes"].items()}, bool(meta["exclusive"]))


class Leases:
    """Le registre des baux ; qui prend un bail a d'abord demandé un verdict."""

    def __init__(self) -> None:
        self._leases: dict[str, Lease] = {}

    def take(self, lease: Lease) -> None:
        """Inscrit un bail, ou remplace celui du même exemplaire."""
        self._leases[lease.replica] = lease

    def release(self, replica: str) -> None:
        """Rend un bail ; sans effet s'il n'y en a pas."""
        self._leases.pop(replica, None)

    def of(self, replica: str) -> Lease | None:
        """Bail d'un exemplaire."""
        return self._leases.get(replica)

    def on(self, gpu: int, *, without: Collection[str] = ()) -> list[Lease]:
        """Baux sur un GPU, sauf ceux des exemplaires `without`."""
        return [lease for lease in self._leases.values() if gpu in lease.bytes and lease.replica not in without]

    def reserved(self, gpu: int, *, without: Collection[str] = ()) -> int:
        """Octets réservés sur un GPU."""
        return sum(lease.bytes[gpu] for lease in self.on(gpu, without=without))

    def replicas(self) -> list[str]:
        """Exemplaires qui tiennent un bail."""
        return list(self._leases)
