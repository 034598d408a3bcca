"""L'usage d'une clé et d'un modèle pendant une heure : des sommes, et des durées qui s'additionnent."""

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson
from passerelle.v1 import requests_pb2

from server.control.requests.waits import Waits, slot_of

HOUR = 3600


class UsageKey(NamedTuple):
    """Ce dont une ligne dit l'usage."""

    hour: int
    """Heure, en heures depuis 1970."""
    key: str
    model: str
    sort: int


@dataclass(slots=True)
class Usage:
    """Ce qui a été consommé."""

    outcomes: Counter[str] = field(default_factory=Counter)
    tokens_in: int = 0
    tokens_out: int = 0
    audio_seconds: float = 0.0
    first: Waits = field(default_factory=dict)
    duration: Waits = field(default_factory=dict)

    def take(self, request: requests_pb2.Request) -> None:
        """Compte une requête finie."""
        self.outcomes[request.status] += 1
        self.tokens_in += request.tokens_in
        self.tokens_out += request.tokens_out
        self.audio_seconds += request.audio_seconds
        if request.HasField("first"):
            slot = slot_of(request.first)
            self.first[slot] = self.first.get(slot, 0) + 1
        if request.status == "OK":
            slot = slot_of(request.ended)
            self.duration[slot] = self.duration.get(slot, 0) + 1

    def add(self, other: "Usage") -> None:
        """Ajoute un autre usage."""
        for outcome, count in other.outcomes.items():
            self.outcomes[outcome] += count
        self.tokens_in += other.tokens_in
        self.tokens_out += other.tokens_out
        self.audio_seconds += other.audio_seconds
        for mine, theirs in ((self.first, other.first), (self.duration, other.duration)):
            for slot, count in theirs.items():
                mine[slot] = mine.get(slot, 0) + count

    def row(self) -> tuple[Any, ...]:
        """Colonnes de la base."""
        return (
            json.dumps(self.outcomes),
            self.tokens_in,
            self.tokens_out,
            self.audio_seconds,
            json.dumps(self.first),
            json.dumps(self.duration),
        )

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> "Usage":
        """Usage que dit une ligne de la base."""
        outcomes, tokens_in, tokens_out, audio_seconds, first, duration = row
        counts = Counter(orjson.loads(outcomes))
        return cls(counts, tokens_in, tokens_out, audio_seconds, _waits(first), _waits(duration))


def key_of(request: requests_pb2.Request) -> UsageKey:
    """Où compte une requête : à l'heure de sa fin."""
    ended = request.received_at.seconds + request.received_at.nanos / 1e9 + request.ended
    return UsageKey(int(ended // HOUR), request.key, request.model, request.sort)


def _waits(text: str) -> Waits:
    return {int(slot): count for slot, count in orjson.loads(text).items()}
