"""Les places des WebSockets de direct : un socket qui n'a pas montré sa clé n'en prend pas à ceux qui l'ont fait."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from server.domain import Limits
from server.errors import QueueFull

_RETRY_AFTER = 5.0


class Places:
    """Deux comptes : les sockets dont le premier message est attendu, et les flux."""

    def __init__(self, limits: Limits, *, keyless: Callable[[], bool]) -> None:
        """`keyless` : vrai si aucune clé n'est exigée, une adresse n'a donc que sa part des flux."""
        self._limits = limits
        self._keyless = keyless
        self._opening: Counter[str] = Counter()
        self._streams: Counter[str] = Counter()

    @contextmanager
    def enter(self, address: str) -> Iterator[Callable[[], None]]:
        """Tient un socket jusqu'à la sortie du bloc ; appeler la valeur rendue, clé vérifiée, en fait un flux.

        `address` est vide quand elle est inconnue.

        Raises:
            QueueFull: trop de sockets, ou trop de flux.
        """
        self._check_streams(address)
        limits = self._limits
        _check(self._opening.total(), "max_opening_web_sockets", limits.max_opening_web_sockets)
        if address:
            _check(self._opening[address], "max_web_sockets_per_address", limits.max_web_sockets_per_address)
        room = self._opening
        room[address] += 1

        def take() -> None:
            nonlocal room
            self._check_streams(address)
            _leave(room, address)
            room = self._streams
            room[address] += 1

        try:
            yield take
        finally:
            _leave(room, address)

    def _check_streams(self, address: str) -> None:
        limits = self._limits
        _check(self._streams.total(), "max_web_sockets", limits.max_web_sockets)
        if address and self._keyless():
            _check(self._streams[address], "max_web_sockets_per_address", limits.max_web_sockets_per_address)


def _leave(room: Counter[str], address: str) -> None:
    room[address] -= 1
    if not room[address]:
        del room[address]


def _check(count: int, name: str, limit: int) -> None:
    if count >= limit:
        where = " depuis cette adresse" if name.endswith("_per_address") else ""
        raise QueueFull(
            f"{limit} WebSockets de direct sont déjà ouverts{where}, la limite ; réessayez dans un instant.",
            metadata={"field": name, "limit": str(limit), "value": str(count + 1)},
            retry_after=_RETRY_AFTER,
        )
