"""Ce que chaque clé a consommé : des tranches de temps par limite, et les places tenues par chaque front."""

from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

from server.quotas import METERS, What

WAIT_SECONDS = 1.0
"""Attente conseillée à qui demande une place : rien ne dit quand une requête finit."""


class Row(NamedTuple):
    """Tranche changée."""

    key: str
    meter: str
    bucket: int
    amount: int


class Counters:
    """Compteurs en mémoire ; `changed` dit ce qui est à écrire."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.now = clock
        self._buckets: dict[tuple[str, str], dict[int, int]] = {}
        self._held: dict[tuple[str, str], dict[str, int]] = {}
        self.changed: set[tuple[str, str, int]] = set()

    def load(self, rows: Iterable[Row]) -> None:
        """Reprend ce qui était écrit."""
        for row in rows:
            self._buckets.setdefault((row.key, row.meter), {})[row.bucket] = row.amount

    def rows(self) -> list[Row]:
        """Ce qui a changé depuis le dernier appel."""
        found = [Row(*one, self._buckets.get(one[:2], {}).get(one[2], 0)) for one in self.changed]
        self.changed = set()
        return found

    def used(self, key: str, meter: str) -> int:
        """Consommé ou accordé, à présent."""
        if METERS[meter].what is What.PLACES:
            return sum(self._held.get((key, meter), {}).values())
        return sum(self._live(key, meter).values())

    def take(self, key: str, meter: str, need: int, want: int, limit: int, life: str) -> int:
        """Accorde de `need` à `want`, ou rien ; jamais plus que la limite.

        Un bail d'avance, dont `need` est nul, ne prend jamais tout le reste.
        """
        left = limit - self.used(key, meter)
        if left < max(need, 1):
            return 0
        # La moitié de ce qui reste : les autres fronts en auront aussi.
        amount = min(want, need + (left - need) // 2)
        if METERS[meter].what is What.PLACES:
            held = self._held.setdefault((key, meter), {})
            held[life] = held.get(life, 0) + amount
        elif amount:
            self._add(key, meter, self.now(), amount)
        return amount

    def holding(self, key: str, meter: str) -> set[str]:
        """Vies de fronts qui tiennent des places."""
        return {life for life, amount in self._held.get((key, meter), {}).items() if amount}

    def give_back(self, key: str, meter: str, amount: int, at: float, life: str) -> None:
        """Reprend ce qui n'a pas servi d'un bail de cet instant ; négatif, ajoute ce qui a été consommé de plus."""
        if METERS[meter].what is What.PLACES:
            held = self._held.setdefault((key, meter), {})
            held[life] = max(0, held.get(life, 0) - amount)
        else:
            self._add(key, meter, at, -amount)

    def hold(self, life: str, held: dict[tuple[str, str], int]) -> None:
        """Les places d'un front sont celles-ci."""
        for places in self._held.values():
            places.pop(life, None)
        for of, amount in held.items():
            self._held.setdefault(of, {})[life] = amount

    def forget(self, keys: Collection[str]) -> None:
        """Oublie ce que ces clés ont consommé ; les places de leurs requêtes en cours restent tenues."""
        for of in [of for of in self._buckets if of[0] in keys]:
            self.changed |= {(*of, bucket) for bucket in self._buckets.pop(of)}

    def retry(self, key: str, meter: str, need: int, limit: int) -> float:
        """Secondes avant que `need` tienne sous la limite."""
        if METERS[meter].what is What.PLACES:
            return WAIT_SECONDS
        live, now = self._live(key, meter), self.now()
        over = sum(live.values()) + need - limit
        for bucket in sorted(live):
            over -= live[bucket]
            if over <= 0:
                return max(0.0, METERS[meter].end(bucket) - now)
        return self.reset(key, meter)

    def reset(self, key: str, meter: str) -> float:
        """Secondes avant que plus rien ne compte ; 0 si c'est déjà le cas."""
        if METERS[meter].what is What.PLACES:
            return 0.0
        live = self._live(key, meter)
        return max(0.0, METERS[meter].end(max(live)) - self.now()) if live else 0.0

    def sweep(self) -> None:
        """Oublie ce qui ne compte plus."""
        for key, meter in list(self._buckets):
            if not self._live(key, meter):
                self._buckets.pop((key, meter), None)

    def _add(self, key: str, meter: str, at: float, amount: int) -> None:
        buckets, bucket = self._buckets.setdefault((key, meter), {}), METERS[meter].bucket(min(at, self.now()))
        buckets[bucket] = max(0, buckets.get(bucket, 0) + amount)
        self.changed.add((key, meter, bucket))

    def _live(self, key: str, meter: str) -> dict[int, int]:
        """Tranches qui comptent ; les autres sont oubliées.

        L'horloge a pu reculer : une tranche à venir rejoint celle d'à présent, sans quoi elle compterait jusque-là.
        """
        found, now = self._buckets.get((key, meter)), self.now()
        if not found:
            return {}
        present = METERS[meter].bucket(now)
        for bucket in [bucket for bucket in found if bucket > present]:
            found[present] = found.get(present, 0) + found.pop(bucket)
            self.changed |= {(key, meter, bucket), (key, meter, present)}
        for bucket in [bucket for bucket in found if METERS[meter].end(bucket) <= now]:
            del found[bucket]
            self.changed.add((key, meter, bucket))
        return {bucket: amount for bucket, amount in found.items() if amount}
