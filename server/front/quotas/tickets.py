"""Ce qu'une requête tient sur le quota de sa clé, de son arrivée à sa fin."""

import time
from math import ceil

from server.errors import DeadlineExceeded, RequestCancelled
from server.front.quotas.leases import Leases
from server.front.quotas.stock import Lots, Stock
from server.quotas import Quota, What
from server.rpc.caller import Caller
from server.rpc.notes import Note
from server.rpc.quotas import Headers

_OPENING_MS = 1000
"""Ce qu'une requête d'audio réserve avant qu'on en sache rien, et coûte au moins, une fois menée."""
_ABANDONED = ("CANCELLED", DeadlineExceeded.reason, RequestCancelled.reason)
"""Fins d'une requête que l'on a cessé d'attendre : client parti, son délai passé, ou interrompue par l'exploitant."""


class QuotaTicket:
    """Places, requête, jetons et audio d'une requête."""

    __slots__ = ("_leases", "_reserved", "_stocks", "_unstated", "heard", "prompt", "reserved")

    def __init__(self, leases: Leases, who: Caller, quota: Quota, unstated: int) -> None:
        self._leases, self._unstated = leases, unstated
        self._stocks = leases.stocks(who.id, quota)
        self._reserved: list[tuple[Stock, Lots]] = []
        self.prompt = self.reserved = 0
        """Jetons du texte de départ, et réservés en tout."""
        self.heard = 0
        """Audio compté, en millisecondes."""

    async def enter(self) -> None:
        """Prend une place, puis une requête."""
        for stock in self._stocks.requests:
            await self._obtain(stock, 1)

    async def reserve(self, tokens: int, answer: int | None) -> None:
        """Réserve les jetons d'un texte de départ et d'une réponse."""
        self.prompt = max(1, tokens)
        for stock in self._stocks.tokens:
            whole = self.prompt + (self._unstated if answer is None else answer)
            if answer is None and whole > stock.limit >= self.prompt:
                # Une longueur qui n'est pas demandée n'est qu'une prévision.
                whole = stock.limit
            await self._obtain(stock, whole)
            self.reserved = whole

    def hears(self) -> bool:
        """Vrai si une limite compte l'audio."""
        return bool(self._stocks.audio)

    async def hear(self, seconds: float, *, spent: bool = False) -> None:
        """Compte l'audio entendu depuis le début."""
        more = max(_OPENING_MS, round(seconds * 1000)) - self.heard
        if more <= 0 or not self.hears():
            return
        self.heard += more
        try:
            for stock in self._stocks.audio:
                await self._obtain(stock, more)
        except BaseException:
            # Refusé, ou interrompu en attendant : rien n'en est envoyé.
            self.heard -= 0 if spent else more
            raise

    def leave(self, found: Note | None) -> None:
        """Règle au compte vrai, et rend la place."""
        if self._stocks.tokens:
            self._settle(What.TOKENS, self._stocks.tokens, 0 if found is None else self._tokens(found))
        if self._stocks.audio:
            self._settle(What.AUDIO, self._stocks.audio, 0 if found is None else self._audio(found))
        for stock, lots in self._reserved:
            if stock.meter.what is What.PLACES:
                self._leases.give_back(stock, [(time.time(), 1) for _ in lots])

    def headers(self) -> Headers:
        """En-têtes d'OpenAI, d'après ce que ce front sait."""
        now = time.monotonic()
        return tuple(
            header
            for name, stock in self._stocks.headed
            for header in (
                (f"x-ratelimit-limit-{name}", str(stock.limit)),
                (f"x-ratelimit-remaining-{name}", str(stock.remaining)),
                (f"x-ratelimit-reset-{name}", spoken(max(0.0, stock.reset_at - now))),
            )
        )

    async def _obtain(self, stock: Stock, amount: int) -> None:
        # Le cas de tous les jours, sans rien attendre ni créer.
        lots = stock.take(amount)
        if lots is None:
            lots = await self._leases.obtain(stock, amount)
        else:
            stock.last = amount
            if stock.low:
                self._leases.ahead(stock)
        self._reserved.append((stock, lots))

    def _tokens(self, found: Note) -> int:
        if not self.reserved:
            return 0
        if found.tokens_in >= 0:
            return found.tokens_in + max(0, found.tokens_out)
        if found.frames:
            # Un flux interrompu : une trame, un jeton.
            return self.prompt + found.frames
        # Une réponse entière abandonnée a été calculée jusque-là ; une requête refusée, ou ratée, ne coûte rien.
        return self.reserved if found.sent and found.status in _ABANDONED else 0

    def _audio(self, found: Note) -> int:
        return max(self.heard if found.sent else 0, ceil(found.audio_seconds * 1000))

    def _settle(self, what: What, stocks: tuple[Stock, ...], amount: int) -> None:
        left = dict.fromkeys(stocks, amount)
        for stock, lots in self._reserved:
            if stock.meter.what is not what:
                continue
            unused: Lots = []
            for at, taken in lots:
                kept = min(taken, left[stock])
                left[stock] -= kept
                if taken > kept:
                    unused.append((at, taken - kept))
            if unused:
                self._leases.give_back(stock, unused)
        for stock, owed in left.items():
            if owed:
                self._leases.owe(stock, owed)


class FrontQuotas:
    """Quotas que tient un front."""

    def __init__(self, leases: Leases, unstated: int) -> None:
        """`unstated` : jetons réservés à une réponse dont la longueur n'est pas demandée."""
        self._leases, self._unstated = leases, unstated

    def open(self, who: Caller) -> QuotaTicket | None:
        """Ce que tiendra une requête de cet appelant."""
        return None if who.quota is None else QuotaTicket(self._leases, who, who.quota, self._unstated)


def spoken(seconds: float) -> str:
    """Durée comme OpenAI l'écrit : `20ms`, `1s`, `6m0s`, `1h30m0s`."""
    if seconds < 1:
        return f"{ceil(seconds * 1000)}ms"
    whole = ceil(seconds)
    hours, minutes = whole // 3600, whole % 3600 // 60
    return (f"{hours}h" if hours else "") + (f"{minutes}m" if hours or minutes else "") + f"{whole % 60}s"
