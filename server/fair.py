"""La file équitable : à chaque appelant son tour, et qui demande beaucoup passe moins souvent.

Chaque appelant a sa file, dans l'ordre d'arrivée. L'instant virtuel où sa demande serait finie, si tous étaient servis
à la fois, dit qui passe : deux appelants qui attendent obtiennent le même poids de travail, ou chacun sa part, et un
nouveau venu n'attend que le tour en cours. Nul n'attend sans fin : plus petite, sa part ne fait qu'espacer ses tours.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")


_MARK = "*"
_UNIT = 720_720
"""Ce que coûte une demande de poids 1 à qui n'a qu'une part ; les parts jusqu'à seize le divisent sans reste."""


def with_share(caller: str, share: int) -> str:
    """Étiquette d'un appelant, avec sa part : elle le suit dans toutes les files de tous les processus."""
    return f"{caller}{_MARK}{share}" if share > 1 else caller


def share_of(caller: str) -> int:
    """Part que dit cette étiquette ; 1 quand elle n'en dit pas."""
    _, mark, share = caller.rpartition(_MARK)
    return int(share) if mark else 1


def _cost(weight: int, share: int) -> int:
    return weight * _UNIT // share


class Holdings:
    """Ce que chaque appelant a obtenu et tient encore : combien de demandes, et leur poids."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[int, int]] = {}

    def take(self, caller: str, weight: int) -> None:
        """Une demande est servie."""
        count, total = self._held.get(caller, (0, 0))
        self._held[caller] = (count + 1, total + weight)

    def give(self, caller: str, weight: int) -> None:
        """Une demande servie est finie."""
        count, total = self._held[caller]
        if count == 1:
            del self._held[caller]
        else:
            self._held[caller] = (count - 1, total - weight)

    def count(self, caller: str) -> int:
        """Demandes qu'il tient."""
        return self._held.get(caller, (0, 0))[0]

    def weight(self, caller: str) -> int:
        """Poids de ces demandes."""
        return self._held.get(caller, (0, 0))[1]


class _Lane(Generic[Key, Item]):
    """File d'un appelant."""

    __slots__ = ("fresh", "serial", "share", "start", "turn", "waiting")

    def __init__(self, start: int, serial: int, share: int) -> None:
        self.share = share
        """Sa part : ce qu'il obtient quand les autres, à une part, obtiennent 1."""
        self.start = start
        """Instant virtuel où commence sa première demande."""
        self.fresh = True
        """Vrai s'il n'a encore rien obtenu d'ici : à égalité, il passe."""
        self.serial = serial
        """À égalité encore, celui qui a été servi il y a le plus longtemps passe."""
        self.waiting: OrderedDict[Key, tuple[Item, int]] = OrderedDict()
        self.turn = (0, False, 0)
        """Ce qui range les files, la plus petite d'abord ; `settle` la tient."""

    def settle(self) -> None:
        """La première demande, ou son début, a changé."""
        _, weight = next(iter(self.waiting.values()))
        self.turn = (self.start + _cost(weight, self.share), not self.fresh, self.serial)


class FairQueue(Generic[Key, Item]):
    """File d'attente partagée entre appelants ; celle d'un seul appelant est une file ordinaire."""

    def __init__(self, held: Holdings | None = None) -> None:
        """`held` : ce que les appelants tiennent déjà ; celui qui tient le plus passe après, et est refusé avant."""
        self._held = held or Holdings()
        self._lanes: dict[str, _Lane[Key, Item]] = {}
        self._callers: dict[Key, str] = {}
        self._clock = 0
        self._serial = 0
        self._pledged: set[Key] = set()

    def __len__(self) -> int:
        return len(self._callers)

    @property
    def pledged(self) -> int:
        """Demandes promises parmi celles qui attendent."""
        return len(self._pledged)

    def refusable(self) -> Iterator[Key]:
        """Les autres, dans l'ordre d'arrivée ; la file peut changer pendant ce temps."""
        return iter([key for key in self._callers if key not in self._pledged])

    def waiting(self) -> dict[str, int]:
        """Demandes de chaque appelant qui attend."""
        return {caller: len(lane.waiting) for caller, lane in self._lanes.items()}

    def push(self, key: Key, item: Item, caller: str, weight: int = 1, *, pledged: bool = False) -> None:
        """Met en attente.

        Args:
            weight: ce que la demande coûte, 1 au moins.
            pledged: promise, car la suite d'une autre déjà servie : elle passe avant celles de son appelant, et n'est
                jamais de trop.
        """
        self._callers[key] = caller
        lane = self._lanes.get(caller)
        if lane is None:
            share = share_of(caller)
            start = self._clock + _cost(self._held.weight(caller), share)
            lane = self._lanes[caller] = _Lane(start, self._next(), share)
        lane.waiting[key] = (item, max(1, weight))
        if pledged:
            self._pledged.add(key)
            lane.waiting.move_to_end(key, last=False)
        if pledged or len(lane.waiting) == 1:
            lane.settle()

    def pop(self) -> tuple[Key, Item]:
        """Retire la demande dont c'est le tour ; `ValueError` si rien n'attend."""
        caller, lane = min(self._lanes.items(), key=_turn)
        key = next(iter(lane.waiting))
        return key, self._serve(caller, key)

    def pop_where(self, wanted: Callable[[Key], bool]) -> Key | None:
        """Retire la première demande voulue, dans l'ordre des tours ; `None` si aucune ne l'est."""
        for caller, lane in sorted(self._lanes.items(), key=_turn):
            for key in lane.waiting:
                if wanted(key):
                    self._serve(caller, key)
                    return key
        return None

    def remove(self, key: Key) -> bool:
        """Retire une demande abandonnée ; faux si elle n'attend pas."""
        caller = self._callers.get(key)
        if caller is None:
            return False
        del self._lanes[caller].waiting[key]
        self._forget(key, caller)
        return True

    def surplus(self, caller: str) -> Key | None:
        """La demande à refuser pour que celle de `caller` entre à sa place dans une file pleine.

        La plus récente de l'appelant qui en tient le plus pour sa part, servies ou en attente ; `None` si aucun n'en
        tiendrait plus que `caller` avec celle-ci : c'est alors elle qui est de trop.
        """
        most, found = _cost(self._total(caller) + 1, share_of(caller)), None
        for name, lane in self._lanes.items():
            holds = _cost(len(lane.waiting) + self._held.count(name), lane.share)
            if holds > most:
                newest = next(reversed(lane.waiting))
                # Les promises sont en tête : la dernière n'en est une que s'il n'y a qu'elles.
                if newest not in self._pledged:
                    most, found = holds, newest
        return found

    def _total(self, caller: str) -> int:
        lane = self._lanes.get(caller)
        return self._held.count(caller) + (len(lane.waiting) if lane is not None else 0)

    def _serve(self, caller: str, key: Key) -> Item:
        lane = self._lanes[caller]
        item, weight = lane.waiting.pop(key)
        lane.start += _cost(weight, lane.share)
        lane.fresh = False
        lane.serial = self._next()
        self._clock = max(self._clock, lane.start)
        self._forget(key, caller)
        return item

    def _next(self) -> int:
        self._serial += 1
        return self._serial

    def _forget(self, key: Key, caller: str) -> None:
        del self._callers[key]
        self._pledged.discard(key)
        lane = self._lanes[caller]
        if lane.waiting:
            lane.settle()
        else:
            del self._lanes[caller]


def _turn(each: tuple[str, _Lane[Key, Item]]) -> tuple[int, bool, int]:
    return each[1].turn
