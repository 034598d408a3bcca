"""Une table de clés nommées telle que le plan de contrôle l'écrit, et une clé de chaque sorte."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from server.named_keys import NamedKey, digest_of, new_id, new_value, write_table
from server.quotas import Quota


@dataclass(frozen=True, slots=True)
class Issued:
    """Clé, et sa valeur."""

    key: NamedKey
    value: str

    @property
    def headers(self) -> list[tuple[str, str | bytes]]:
        """En-têtes d'un appel qui la présente."""
        return [("authorization", f"Bearer {self.value}")]


def issued(
    *scopes: str, models: tuple[str, ...] = (), owner: str = "", ended: str = "", quota: Quota | None = None
) -> Issued:
    """Clé au hasard ; `ended` : `revoked` ou `expired`."""
    now = time.time()
    identifier = new_id()
    value = new_value(identifier)
    key = NamedKey(identifier, digest_of(value), scopes, now - 60, models, owner, quota=quota)
    match ended:
        case "revoked":
            key = replace(key, revoked_at=now - 1)
        case "expired":
            key = replace(key, expires_at=now - 1)
    return Issued(key, value)


def save(path: Path, keys: Iterable[Issued]) -> None:
    """Remplace la table."""
    partial = path.with_name("partial")
    partial.write_bytes(write_table(one.key for one in keys))
    partial.replace(path)
