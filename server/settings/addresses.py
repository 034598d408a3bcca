"""Les adresses que l'exploitant écrit : celle d'écoute, et celles par où ses clients arrivent."""

import ipaddress
import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from server.domain import PublicAddress
from server.tables import ConfigError

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.I | re.ASCII)
_MAX_NAME = 253
_PORTS = {"http": 80, "https": 443}


def bind_address(variable: str, text: str) -> str:
    """Adresse d'écoute : une adresse IP, avec ou sans crochets, ou `localhost`.

    Raises:
        ConfigError: un nom, ou rien qui soit une adresse ; Envoy n'en résout pas.
    """
    if text.lower() == "localhost":
        return "127.0.0.1"
    found = _ip(text.removeprefix("[").removesuffix("]"))
    if found is None:
        raise ConfigError(
            f"{variable} : « {text} » n'est pas une adresse IP (exemples : 0.0.0.0 pour toutes, 127.0.0.1, 10.0.0.5, "
            "::1)."
        )
    return found


def public_addresses(variable: str, entries: Sequence[str], *, scheme: str, port: int) -> tuple[PublicAddress, ...]:
    """Adresses à annoncer : `hôte`, `hôte:port` ou `https://hôte[:port]` (celui d'un répartiteur).

    Args:
        scheme: de celles qui n'en disent pas.
        port: de celles qui ne disent ni lui ni de schéma ; avec un schéma, c'est le sien.

    Raises:
        ConfigError: une entrée n'est pas de cette forme.
    """
    return tuple(dict.fromkeys(_public(variable, entry, scheme, port) for entry in entries))


def _public(variable: str, entry: str, scheme: str, port: int) -> PublicAddress:
    if bare := _ip(entry):
        return _reachable(variable, entry, PublicAddress(bare, port, scheme))
    said, separator, rest = entry.rpartition("://")
    said = said.lower()
    try:
        parts = urlsplit(f"//{rest}")
        host, given = parts.hostname or "", parts.port
    except ValueError as error:
        raise _refused(variable, entry) from error
    shape = parts.path in ("", "/") and not (parts.query or parts.fragment or parts.username or parts.password)
    if not shape or (separator and said not in _PORTS) or given == 0 or not (host := _host(host)):
        raise _refused(variable, entry)
    if given is None:
        given = _PORTS[said] if separator else port
    return _reachable(variable, entry, PublicAddress(host, given, said or scheme))


def _host(text: str) -> str:
    """Adresse IP ou nom ; vide si ce n'est ni l'une ni l'autre."""
    if found := _ip(text):
        return found
    labels = text.removesuffix(".").split(".")
    # Une suite de nombres est une adresse mal écrite.
    fine = all(_LABEL.fullmatch(label) for label in labels) and not labels[-1].isdigit()
    return text if fine and len(text) <= _MAX_NAME else ""


def _ip(text: str) -> str | None:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    return None if "%" in text else str(found)


def _reachable(variable: str, entry: str, address: PublicAddress) -> PublicAddress:
    if address.host in ("0.0.0.0", "::"):
        raise ConfigError(
            f"{variable} : « {entry} » dit d'écouter partout, et n'est l'adresse de personne ; donnez un nom, ou "
            "l'adresse d'une carte."
        )
    return address


def _refused(variable: str, entry: str) -> ConfigError:
    return ConfigError(
        f"{variable} : « {entry} » n'est pas une adresse à annoncer (exemples : gpu.exemple, 10.0.0.5:9000, "
        "https://ia.exemple, [2001:db8::1]:8000)."
    )
