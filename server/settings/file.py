"""Le fichier de réglages : les variables de `configuration.md`, une par ligne ; l'environnement l'emporte.

C'est ce qu'un rechargement relit : l'environnement d'un processus, lui, ne change pas.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from server.french import why
from server.settings.secrets import with_secrets
from server.tables import ConfigError

VARIABLE = "PASSERELLE_SETTINGS_FILE"

_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")
_QUOTES = ("'", '"')


@dataclass(frozen=True, slots=True)
class Settled:
    """Variables en vigueur."""

    values: Mapping[str, str]
    """Celles de l'environnement, et celles du fichier qu'il ne donne pas."""
    path: Path | None = None
    """Fichier lu ; `None` : aucun."""
    lines: Mapping[str, int] | None = None
    """Ligne de chaque variable que le fichier a décidée."""

    def located(self, error: ConfigError) -> ConfigError:
        """Erreur qui dit aussi la ligne du fichier, si la variable qu'elle nomme en vient."""
        name = str(error).partition(" :")[0]
        line = (self.lines or {}).get(name)
        return error if line is None else ConfigError(f"{self.path}, ligne {line} : {error}")


def settle(environ: Mapping[str, str]) -> Settled:
    """Lit les fichiers que l'environnement nomme : celui de réglages, et ceux des secrets.

    Raises:
        ConfigError: fichier illisible, ou ligne qui n'est pas `NOM=valeur` ; ou ceux de `with_secrets`.
    """
    settled = _settle(environ)
    try:
        return replace(settled, values=with_secrets(settled.values))
    except ConfigError as error:
        raise settled.located(error) from error


def _settle(environ: Mapping[str, str]) -> Settled:
    named = environ.get(VARIABLE, "").strip()
    if not named:
        return Settled(environ)
    path = Path(named).expanduser().absolute()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        cause = why(error) if isinstance(error, OSError) else "ce n'est pas du texte en UTF-8"
        raise ConfigError(f"{VARIABLE} : « {path} » ne se lit pas ({cause}).") from error
    values: dict[str, str] = {}
    lines: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _LINE.fullmatch(line.strip())
        if found is None:
            raise ConfigError(f"{path}, ligne {number} : « NOM=valeur » est attendu.")
        name, value = found.groups()
        if name == VARIABLE:
            raise ConfigError(f"{path}, ligne {number} : {VARIABLE} ne se donne que dans l'environnement.")
        if name in lines:
            raise ConfigError(f"{path}, ligne {number} : {name} est déjà donné ligne {lines[name]}.")
        if value[:1] in _QUOTES:
            if len(value) < 2 or value[-1] != value[0]:
                raise ConfigError(f"{path}, ligne {number} : {name}, guillemet qui ne se ferme pas.")
            value = value[1:-1]
        values[name], lines[name] = value, number
    decided = {name: line for name, line in lines.items() if name not in environ}
    return Settled({**values, **environ}, path, decided)
