"""Ce que font les requêtes, GPU par GPU, ces dernières minutes : jetons par seconde, audio, attente du premier jeton.

Des sommes par seconde, jamais les requêtes : la mémoire ne dépend pas de leur nombre.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from passerelle.v1 import requests_pb2

from server.control.requests.waits import Waits, quantile, slot_of

TOKEN_SECONDS = 10
"""Durée dont les jetons font le débit."""
AUDIO_SECONDS = 60
"""Durée dont l'audio fait le débit : un fichier ne compte qu'à sa fin."""
FIRST_SECONDS = 300
"""Durée des flux dont l'attente est retenue."""
_SHARE = 0.95

MACHINE = -1
"""Place de toute la machine, à côté de celles de ses GPU."""


class Recent(NamedTuple):
    """Les dernières minutes d'une place."""

    tokens_per_second: float = 0.0
    audio_per_second: float = 0.0
    first_p95: float | None = None
    first_count: int = 0


@dataclass(slots=True)
class _Second:
    at: int
    tokens: int = 0
    audio: float = 0.0
    first: Waits = field(default_factory=Counter)


class Activity:
    """Sommes des dernières minutes ; `gpus_of` rend les GPU d'un exemplaire."""

    def __init__(
        self,
        gpus_of: Callable[[str], Sequence[int]] = lambda _replica: (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._gpus_of, self._clock = gpus_of, clock
        self._places: dict[int, deque[_Second]] = {}
        self._read: tuple[int, dict[int, Recent]] = (-1, {})

    def wrote(self, tokens: Mapping[str, int]) -> None:
        """Des exemplaires ont rendu des jetons."""
        for replica, count in tokens.items():
            for second in self._seconds(self._gpus_of(replica)):
                second.tokens += count

    def told(self, request: requests_pb2.Request, before: requests_pb2.Request | None) -> None:
        """L'état d'une requête a changé."""
        first = request.HasField("first") and not (before is not None and before.HasField("first"))
        audio = 0.0 if request.running else request.audio_seconds
        if not first and not audio:
            return
        for second in self._seconds(request.gpus):
            second.audio += audio
            if first:
                slot = slot_of(request.first)
                second.first[slot] = second.first.get(slot, 0) + 1

    def on(self, place: int) -> Recent:
        """Ce qui s'est passé sur un GPU, ou sur la machine ; recompté une fois par seconde au plus."""
        now = int(self._clock())
        if now != self._read[0]:
            self._read = now, {one: self._recent(one, now) for one in self._places}
        return self._read[1].get(place, Recent())

    def _seconds(self, gpus: Iterable[int]) -> Iterable[_Second]:
        now = int(self._clock())
        for place in (MACHINE, *gpus):
            kept = self._places.setdefault(place, deque(maxlen=FIRST_SECONDS + 1))
            if not kept or kept[-1].at != now:
                kept.append(_Second(now))
            yield kept[-1]

    def _recent(self, place: int, now: int) -> Recent:
        tokens, audio, first = 0, 0.0, Counter[int]()
        # La seconde présente n'est pas finie : elle ferait baisser le débit.
        for second in self._places[place]:
            age = now - second.at
            tokens += second.tokens if 1 <= age <= TOKEN_SECONDS else 0
            audio += second.audio if 1 <= age <= AUDIO_SECONDS else 0.0
            if age <= FIRST_SECONDS:
                for slot, count in second.first.items():
                    first[slot] += count
        return Recent(tokens / TOKEN_SECONDS, audio / AUDIO_SECONDS, quantile(first, _SHARE), first.total())
