"""La fenêtre des requêtes : celles en cours, et les dernières finies, en mémoire."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from passerelle.v1 import requests_pb2

from server.control.record.operations import Changes
from server.control.requests.activity import Activity

Request = requests_pb2.Request
GpusOf = Callable[[str], Sequence[int]]
"""GPU d'un exemplaire, par son nom."""


class Position(NamedTuple):
    """Où en est un lecteur."""

    version: int
    """Dernier changement lu."""
    ended: int
    """Requêtes finies jusque-là."""


class Window:
    """Requêtes, chacune sous le numéro de son dernier changement : un lecteur n'a qu'une position, jamais une file."""

    def __init__(self, kept: int, gpus_of: GpusOf = lambda _replica: ()) -> None:
        self.kept = kept
        self.changes = Changes()
        self.activity = Activity(gpus_of)
        self._gpus_of = gpus_of
        self._ended: deque[tuple[int, Request]] = deque(maxlen=kept)
        self._running: dict[str, tuple[int, Request]] = {}
        self._version = 0
        self._total = 0

    @property
    def position(self) -> Position:
        """Position de qui a tout lu."""
        return Position(self._version, self._total)

    def put(self, requests: Iterable[Request]) -> None:
        """Prend l'état nouveau de ces requêtes."""
        for request in requests:
            self._version += 1
            request.gpus[:] = sorted({gpu for replica in request.replicas for gpu in self._gpus_of(replica)})
            before = self._running.pop(request.call, None)
            self.activity.told(request, before[1] if before is not None else None)
            if request.running:
                self._running[request.call] = self._version, request
                continue
            self._ended.append((self._version, request))
            self._total += 1
        self.changes.soon()

    def lose(self, front: str, life: str) -> None:
        """Oublie ce qu'un front menait : il est tombé, ou le redira."""
        prefix = f"{front}-{life}-"
        for call in [call for call in self._running if call.startswith(prefix)]:
            del self._running[call]
        self.changes.soon()

    def erase(self, wanted: Callable[[Request], bool]) -> int:
        """Retire des requêtes finies ; rend leur nombre."""
        before = len(self._ended)
        self._ended = deque((one for one in self._ended if not wanted(one[1])), self.kept)
        return before - len(self._ended)

    def running(self) -> Iterator[Request]:
        """Requêtes en cours, de la plus récente à la plus ancienne."""
        found = [request for _, request in self._running.values()]
        return iter(sorted(found, key=lambda one: one.received_at.ToNanoseconds(), reverse=True))

    def ended(self, before: int = 0) -> Iterator[tuple[int, Request]]:
        """Requêtes finies avant ce changement (0 : toutes), de la plus récente à la plus ancienne."""
        return (one for one in reversed(self._ended) if not before or one[0] < before)

    def named(self, name: str) -> list[Request]:
        """Requêtes qui portent cet identifiant, celles en cours d'abord, puis de la plus récente à la plus ancienne."""
        every = (*self.running(), *(request for _, request in self.ended()))
        return [request for request in every if name in (request.id, request.call)]

    def since(self, position: Position) -> tuple[list[Request], int]:
        """Ce qui a changé depuis, dans l'ordre, et combien de requêtes finies n'y sont plus."""
        found = [one for one in self._running.values() if one[0] > position.version]
        kept = 0
        for one in reversed(self._ended):
            if one[0] <= position.version:
                break
            found.append(one)
            kept += 1
        found.sort(key=lambda one: one[0])
        return [request for _, request in found], self._total - position.ended - kept
