"""Les parts des appelants dans les files (`PASSERELLE_SHARES`)."""

from collections.abc import Mapping, Sequence

from server.domain import TokenProvider
from server.named_keys import PREFIX
from server.tables import ConfigError

TOKEN_OWNER = "jeton:"
"""Début d'un nom qui est celui d'un propriétaire de jetons."""
MAX_SHARE = 1000

_NAME = "PASSERELLE_SHARES"


def shares(entries: Sequence[str], keys: Sequence[str], tokens: TokenProvider | None) -> Mapping[str, int]:
    """Part de chaque nom donné : le rang d'une clé des réglages, à partir de 1, l'identifiant d'une clé nommée, ou
    `jeton:` et un propriétaire.

    Raises:
        ConfigError: entrée mal écrite, clé ou fournisseur qui n'est pas là.
    """
    found: dict[str, int] = {}
    count = len(dict.fromkeys(keys))
    for entry in entries:
        name, _, text = entry.rpartition("=")
        owner = name.removeprefix(TOKEN_OWNER)
        known, named = name.isascii() and name.isdigit(), name.startswith(PREFIX) and name != PREFIX
        if not (known or named or (owner != name and owner)) or not (text.isascii() and text.isdigit()):
            raise ConfigError(
                f"{_NAME} : « {entry} » n'est pas de la forme rang=part, {PREFIX}…=part ou "
                f"{TOKEN_OWNER}propriétaire=part."
            )
        if not 1 <= int(text) <= MAX_SHARE:
            raise ConfigError(f"{_NAME} : « {entry} » : la part {int(text)} est hors des limites (1 à {MAX_SHARE}).")
        if known and not 1 <= int(name) <= count:
            raise ConfigError(
                f"{_NAME} : « {entry} » : il n'y a pas de clé de rang {int(name)} ; OPENAI_KEYS puis ADMIN_KEYS en "
                f"ont {count}."
            )
        if not (known or named) and tokens is None:
            raise ConfigError(f"{_NAME} : « {entry} » : aucun jeton n'est admis (PASSERELLE_JWT_ISSUER).")
        found[str(int(name)) if known else name] = int(text)
    return found
