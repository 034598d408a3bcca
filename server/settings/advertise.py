"""Les hôtes à annoncer : ceux de `ADVERTISED_HOSTS`, sinon ceux que l'écoute laisse deviner."""

import socket
from collections.abc import Sequence


def public_hosts(advertised: Sequence[str], bind: str) -> tuple[str, ...]:
    """Hôtes à montrer : ceux qu'on a donnés, sinon l'adresse d'écoute, sinon celle de la route par défaut."""
    if advertised:
        return tuple(advertised)
    if bind not in ("0.0.0.0", "::"):
        return (bind,)
    return (_default_route_address(),)


def _default_route_address() -> str:
    """Adresse d'où partirait un paquet vers l'extérieur ; rien n'est envoyé."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"
