"""Les quotas d'une clé : leurs limites, et la fenêtre où chacune compte.

Un front en consomme des baux (`server/front/quotas/`), que le plan de contrôle accorde et compte
(`server/control/quotas/`).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

MAX_LIMIT = 2**32 - 1
"""Plus grande limite d'une minute, d'une heure ou de requêtes à la fois."""
MAX_BUDGET = 2**53
"""Plus grand budget de jetons."""
MINUTE_MS = 60_000


class What(StrEnum):
    """Ce que compte une limite."""

    REQUESTS = "requests"
    TOKENS = "tokens"
    AUDIO = "audio"
    PLACES = "places"


@dataclass(frozen=True, slots=True)
class Meter:
    """Compteur d'une limite."""

    name: str
    """Champ de `Quota`."""
    what: What
    unit: int = 1
    """Ce que vaut un de la limite, dans l'unité du compteur : l'audio se compte en millisecondes."""
    window: int = 0
    """Secondes d'une fenêtre glissante ; 0 : le jour, le mois, ou ce qui est en cours."""
    step: int = 1
    """Secondes d'une tranche de cette fenêtre."""
    month: bool = False

    @property
    def budget(self) -> bool:
        """Vrai si la limite ne se rouvre qu'au jour ou au mois suivant."""
        return not self.window and self.what is not What.PLACES

    def bucket(self, at: float) -> int:
        """Début de la tranche de cet instant."""
        if self.window:
            return int(at // self.step) * self.step
        if not self.month:
            return int(at // 86400) * 86400
        return int(
            datetime.fromtimestamp(at, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0).timestamp()
        )

    def end(self, bucket: int) -> int:
        """Instant où une tranche ne compte plus."""
        if self.window:
            return bucket + self.step + self.window
        if not self.month:
            return bucket + 86400
        return self.bucket(bucket + 32 * 86400)


@dataclass(frozen=True, slots=True)
class Quota:
    """Limites d'une clé ; 0 : aucune."""

    requests_per_minute: int = 0
    tokens_per_minute: int = 0
    audio_minutes_per_hour: int = 0
    audio_minutes_per_day: int = 0
    parallel_requests: int = 0
    tokens_per_day: int = 0
    tokens_per_month: int = 0

    def limits(self) -> dict[str, int]:
        """Limites posées, par leur nom."""
        return {name: value for name, value in asdict(self).items() if value}


METERS: Mapping[str, Meter] = {
    meter.name: meter
    for meter in (
        Meter("parallel_requests", What.PLACES),
        Meter("requests_per_minute", What.REQUESTS, window=60),
        Meter("tokens_per_minute", What.TOKENS, window=60),
        Meter("tokens_per_day", What.TOKENS),
        Meter("tokens_per_month", What.TOKENS, month=True),
        Meter("audio_minutes_per_hour", What.AUDIO, unit=MINUTE_MS, window=3600, step=10),
        Meter("audio_minutes_per_day", What.AUDIO, unit=MINUTE_MS),
    )
}
"""Compteurs, dans l'ordre où une requête les prend."""


class WrongQuota(Exception):
    """Quota refusé ; `field` nomme la limite."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def checked(values: Mapping[str, Any]) -> Quota:
    """Quota de ces limites.

    Raises:
        WrongQuota: nom inconnu, ou valeur hors limites.
    """
    for name, value in values.items():
        if name not in METERS:
            raise WrongQuota(name, f"« {name} » n'est pas une limite ; au choix : {', '.join(NAMES)}.")
        highest = MAX_BUDGET if name in ("tokens_per_day", "tokens_per_month") else MAX_LIMIT
        if not isinstance(value, int) or not 0 <= value <= highest:
            raise WrongQuota(name, f"{name} : {value} est hors des limites (0 à {highest} ; 0 : pas de limite).")
    return Quota(**values)


def parsed(text: str) -> Quota:
    """Quota écrit `nom=valeur`, plusieurs séparés par des espaces ou des virgules.

    Raises:
        WrongQuota: ce qui n'en est pas un.
    """
    values: dict[str, int] = {}
    for entry in text.replace(",", " ").split():
        name, _, value = entry.partition("=")
        if not (value.isascii() and value.isdigit()):
            raise WrongQuota(name, f"« {entry} » n'est pas de la forme limite=nombre ; au choix : {', '.join(NAMES)}.")
        values[name] = int(value[:20])
    return checked(values)


NAMES = tuple(field.name for field in fields(Quota))
"""Noms des limites."""
