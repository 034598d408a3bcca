"""Les hôtes de ce serveur : ceux à annoncer, et ceux sous lesquels il se laisse appeler sans clé."""

import socket

from server.domain import PublicAddress
from server.settings.config import Config


def announced(config: Config) -> tuple[PublicAddress, ...]:
    """Adresses à montrer : celles qu'on a données, sinon celle d'écoute, sinon celle de la route par défaut."""
    if config.advertised:
        return config.advertised
    host = _default_route_address() if config.bind in ("0.0.0.0", "::") else config.bind
    return (PublicAddress(host, config.advertised_port, config.scheme),)


def answered_hosts(config: Config) -> tuple[str, ...]:
    """Noms sous lesquels répondre, adresses IP et `localhost` à part ; vide : tous.

    Un navigateur qu'un nom étranger mène ici (DNS rebinding) agirait au nom de son utilisateur ; une clé l'en empêche.
    """
    if config.keyed or "*" in config.allowed_hosts:
        return ()
    known = config.allowed_hosts or _machine_names()
    return tuple(dict.fromkeys((*(address.host for address in announced(config)), *known)))


def _machine_names() -> tuple[str, ...]:
    name = socket.gethostname()
    short = name.partition(".")[0]
    return tuple(dict.fromkeys((name, short, f"{short}.local")))


def _default_route_address() -> str:
    """Adresse d'où partirait un paquet vers l'extérieur ; rien n'est envoyé."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"
