"""Où vont les traces, et combien : éteintes tant qu'aucune adresse n'est donnée."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from server.tables import ConfigError

_VARIABLE = "PASSERELLE_TRACES_ENDPOINT"


@dataclass(frozen=True, slots=True)
class TraceTarget:
    """Collecteur OTLP, en gRPC."""

    host: str
    """Nom ou adresse."""
    port: int
    """Port."""
    ratio: float
    """Part des requêtes tracées, quand leur appelant n'en a pas décidé."""
    queue: int
    """Segments gardés au plus par un processus, en attendant le collecteur."""

    @property
    def endpoint(self) -> str:
        """`hôte:port`."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def trace_target(env: Any) -> TraceTarget | None:
    """Collecteur que désigne l'environnement ; `None` : pas de traces.

    Raises:
        ConfigError: adresse qui n'en est pas une, nombre hors bornes.
    """
    address = env.text(_VARIABLE, "")
    ratio = env.number("PASSERELLE_TRACES_RATIO", 1.0, 0.0, 1.0)
    queue = env.integer("PASSERELLE_TRACES_QUEUE", 4096, 64, 2**20)
    if not address:
        return None
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port or 4317
    except ValueError as error:
        raise ConfigError(f"{_VARIABLE} : « {address} » n'est pas une adresse.") from error
    if parts.scheme != "http" or not host or parts.path.strip("/") or parts.query or parts.username:
        raise ConfigError(
            f"{_VARIABLE} : « {address} » n'est pas l'adresse http://hôte:port d'un collecteur OTLP en gRPC."
        )
    return TraceTarget(host, port, ratio, queue)
