"""Les hôtes de ce serveur : ceux à annoncer, et ceux sous lesquels il se laisse appeler sans clé."""

import socket
from collections.abc import Sequence

from server.settings.config import Config


def public_hosts(advertised: Sequence[str], bind: str) -> tuple[str, ...]:
    """Hôtes à montrer : ceux qu'on a donnés, sinon l'adresse d'écoute, sinon celle de la route par défaut."""
    if advertised:
        return tuple(advertised)
    if bind not in ("0.0.0.0", "::"):
        return (bind,)
    return (_default_route_address(),)


def answered_hosts(config: Config) -> tuple[str, ...]:
    """Noms sous lesquels répondre, adresses IP et `localhost` à part ; vide : tous.

    Un navigateur qu'un nom étranger mène ici (DNS rebinding) agirait au nom de son utilisateur ; une clé l'en empêche.
    """
    if config.openai_keys or "*" in config.allowed_hosts:
        return ()
    known = config.allowed_hosts or _machine_names()
    return tuple(dict.fromkeys((*public_hosts(config.advertised_hosts, config.bind), *known)))


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
