"""Les appels qu'un processus mène à la fois, comptés du premier en-tête à la fin, que leur message vienne ou non.

    sondes        /healthz, /readyz, /metrics, Health/Check : à part, pour répondre quand le reste est plein
    ouverts       ce qu'aucune clé ne garde et qui peut ne jamais finir : suivi de l'état, santé suivie, réflexion
    inférence     et tout verbe gardé par une clé

Un appel sans adresse vient de l'intérieur (contrôles de santé d'Envoy, fronts) et n'est compté nulle part : personne
d'autre ne peut donc prendre sa place.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from functools import partial

from passerelle.v1 import route_pb2

from server.domain import Limits
from server.errors import QueueFull
from server.rpc.auth import Guard, Metadata
from server.rpc.caller import ADDRESS_HEADER, network
from server.rpc.contract import PROBES

_FOLLOWED = "/grpc.health.v1.Health/Watch"
_RETRY_AFTER = 1.0


@dataclass(slots=True)
class _Pool:
    name: str
    """Limite du processus, champ de `Limits`."""
    limit: int
    address_name: str
    address_limit: int
    total: int = 0
    addresses: Counter[str] = field(default_factory=Counter)

    def enter(self, address: str, *, by_address: bool) -> None:
        if self.total >= self.limit:
            raise _crowded(self.name, self.limit, "en tout")
        if by_address and self.addresses[address] >= self.address_limit:
            raise _crowded(self.address_name, self.address_limit, "depuis cette adresse")
        self.total += 1
        self.addresses[address] += 1

    def leave(self, address: str, _task: object) -> None:
        self.total -= 1
        self.addresses[address] -= 1
        if not self.addresses[address]:
            del self.addresses[address]


class Admission:
    """Compte les appels d'un processus, et refuse aussitôt ceux de trop."""

    def __init__(self, guard: Guard, limits: Limits) -> None:
        self._guard = guard
        few = ("max_open_calls", limits.max_open_calls, "max_open_calls_per_address", limits.max_open_calls_per_address)
        self._probes, self._open = _Pool(*few), _Pool(*few)
        self._calls = _Pool("max_calls", limits.max_calls, "max_calls_per_address", limits.max_calls_per_address)

    def enter(self, method: str, metadata: Metadata) -> None:
        """Compte l'appel jusqu'à la fin de la tâche présente, qui est la sienne.

        Raises:
            QueueFull: trop d'appels à la fois.
        """
        address = client_address(metadata)
        if address is None:
            return
        pool, by_address = self._pool(method)
        # Sondes de la machine et pont du microphone viennent par la prise locale, que son propriétaire seul ouvre.
        pool.enter(address, by_address=by_address and bool(address))
        task = asyncio.current_task()
        assert task is not None, "un appel gRPC a sa tâche"
        # Pas dans la méthode elle-même : gRPC ne l'appelle qu'une fois son message lu, et il peut ne jamais venir.
        task.add_done_callback(partial(pool.leave, address))

    def _pool(self, method: str) -> tuple[_Pool, bool]:
        """Compte d'une méthode ; vrai : la part d'une adresse y est bornée."""
        if method in PROBES and method != _FOLLOWED:
            return self._probes, True
        unkeyed = self._guard.unkeyed(method)
        if unkeyed and self._guard.key(method) != route_pb2.KEY_SCOPE_INFERENCE:
            return self._open, True
        return self._calls, unkeyed


def client_address(metadata: Metadata) -> str | None:
    """Adresse du client ; vide par la prise locale, `None` pour un appel de l'intérieur."""
    text = next((value for name, value in metadata if name == ADDRESS_HEADER and isinstance(value, str)), None)
    return None if text is None else network(text)


def _crowded(name: str, limit: int, where: str) -> QueueFull:
    return QueueFull(
        f"{limit} appels sont déjà ouverts {where}, la limite (PASSERELLE_{name.upper()}) ; réessayez bientôt.",
        metadata={"field": name, "limit": str(limit), "value": str(limit + 1)},
        retry_after=_RETRY_AFTER,
    )
