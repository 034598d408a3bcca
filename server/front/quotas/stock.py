"""Ce qu'un front tient d'avance sur une limite d'une clé : des lots, pris sans rien demander à personne."""

import time
from collections import deque
from collections.abc import Iterable
from math import ceil

from server.errors import PasserelleError, QuotaExhausted, RateLimitExceeded
from server.quotas import Meter, What

Lots = list[tuple[float, int]]
"""Ce qui a été pris : instant du bail, et combien."""

_HEADED = {What.REQUESTS: "requests", What.TOKENS: "tokens"}
"""Ce dont OpenAI a des en-têtes."""
_AGAIN_SECONDS = 0.5
"""Temps où un refus vaut pour les suivants, au plus : d'autres fronts rendent ce qu'ils n'emploient pas."""


class Stocks:
    """Ce qu'un front tient sur les limites d'une clé, par ce qu'elles comptent."""

    __slots__ = ("audio", "every", "headed", "requests", "tokens")

    def __init__(self, stocks: Iterable["Stock"]) -> None:
        self.every = tuple(stocks)
        self.requests = tuple(one for one in self.every if one.meter.what in (What.PLACES, What.REQUESTS))
        """Places et requêtes, dans l'ordre où les prendre."""
        self.tokens = tuple(one for one in self.every if one.meter.what is What.TOKENS)
        self.audio = tuple(one for one in self.every if one.meter.what is What.AUDIO)
        first = {one.meter.what: one for one in reversed(self.every)}
        self.headed = tuple((name, first[what]) for what, name in _HEADED.items() if what in first)
        """Ce dont les réponses ont des en-têtes ; d'un budget, quand aucune limite à la minute n'est posée."""


class Stock:
    """Lots d'une limite, du plus ancien au plus récent ; l'instant d'un lot est celui du monde (`time.time`), qui peut
    reculer, les échéances sont de `time.monotonic`."""

    __slots__ = (
        "asking",
        "held",
        "key",
        "last",
        "left",
        "limit",
        "lots",
        "meter",
        "quiet_until",
        "refused",
        "refused_until",
        "reset_at",
        "retry_at",
        "share",
        "used",
    )

    def __init__(self, key: str, meter: Meter, limit: int, percent: float) -> None:
        self.key, self.meter = key, meter
        self.lots: deque[tuple[float, int]] = deque()
        self.left = 0
        """Somme des lots."""
        self.held = 0
        """Places tenues, employées ou non."""
        self.asking = False
        """Vrai si un bail d'avance est demandé."""
        self.last = 0
        """Ce que la dernière requête a pris."""
        self.quiet_until = 0.0
        self.refused = 0
        self.refused_until = self.retry_at = self.reset_at = 0.0
        self.used = 0
        """Consommé ou accordé, tous fronts réunis, aux dernières nouvelles."""
        self.limit = self.share = 0
        self.set_limit(limit, percent)

    def set_limit(self, limit: int, percent: float) -> None:
        """La limite est celle-ci."""
        self.limit = limit * self.meter.unit
        self.share = 0 if self.meter.what is What.PLACES else max(1, int(self.limit * percent / 100))
        self.refused_until = 0.0

    @property
    def size(self) -> int:
        """Bail : sa part de la limite, ou ce que demande une requête."""
        return min(self.limit, max(self.share, self.last)) if self.share else 0

    @property
    def low(self) -> bool:
        """Vrai s'il faut un bail d'avance."""
        return self.left * 2 < self.size and not self.asking

    @property
    def remaining(self) -> int:
        """Ce qui reste de la limite, aux dernières nouvelles."""
        if time.monotonic() >= self.reset_at and self.meter.what is not What.PLACES:
            return self.limit
        return max(0, min(self.limit, self.limit - self.used + self.left))

    def take(self, amount: int) -> Lots | None:
        """Prend des lots ; `None` s'ils ne suffisent pas."""
        if self.left < amount:
            return None
        self.left -= amount
        lots = self.lots
        at, found = lots[0]
        if found > amount:
            lots[0] = (at, found - amount)
            return [(at, amount)]
        taken: Lots = []
        while amount:
            at, found = lots.popleft()
            if found > amount:
                lots.appendleft((at, found - amount))
                found = amount
            taken.append((at, found))
            amount -= found
        return taken

    def put(self, at: float, amount: int, *, first: bool = False) -> None:
        """Ajoute un lot."""
        if first:
            self.lots.appendleft((at, amount))
        else:
            self.lots.append((at, amount))
        self.left += amount

    def stale(self, before: float) -> Lots:
        """Retire les lots d'avant cet instant, et ce que le front tient de trop."""
        found: Lots = []
        while self.lots and (self.lots[0][0] < before or (self.share and self.left - self.lots[0][1] > 2 * self.size)):
            at, amount = self.lots.popleft()
            self.left -= amount
            found.append((at, amount))
        return found

    def refusal(self, need: int) -> PasserelleError | None:
        """Refus que la dernière réponse vaut encore à cette demande ; `None` s'il faut la faire."""
        if need > self.limit:
            return self.error(need, None)
        now = time.monotonic()
        if now < self.refused_until and need >= self.refused:
            return self.error(need, max(0.0, self.retry_at - now))
        return None

    def refuse(self, need: int, wait: float) -> PasserelleError:
        """Le plan de contrôle a refusé."""
        now = time.monotonic()
        self.refused, self.retry_at = need, now + wait
        self.refused_until = now + min(wait, _AGAIN_SECONDS)
        return self.error(need, wait)

    def error(self, need: int, wait: float | None) -> PasserelleError:
        """Ce que reçoit le client."""
        meter, unit = self.meter, self.meter.unit
        limit, value = self.limit // unit, ceil((self.used - self.left + need) / unit)
        metadata = {"key": self.key, "field": meter.name, "limit": str(limit), "value": str(max(value, limit + 1))}
        head = f"{meter.name} : la clé « {self.key} » est limitée à {limit}"
        if wait is None:
            metadata["value"] = str(ceil(need / unit))
            return RateLimitExceeded(
                f"{head}, et cette requête en demande {metadata['value']} à elle seule.", metadata=metadata
            )
        kind = QuotaExhausted if meter.budget else RateLimitExceeded
        if meter.what is What.PLACES:
            return kind(f"{head} requêtes à la fois ; attendez qu'une finisse.", metadata=metadata, retry_after=wait)
        return kind(f"{head} ; réessayez dans {ceil(wait)} s.", metadata=metadata, retry_after=wait)
