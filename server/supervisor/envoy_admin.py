"""Ce qu'Envoy sait des fronts : un front qui écoute mais qu'Envoy n'a pas encore vu ne sert à personne."""

import http.client
import socket
from pathlib import Path

from server.shortage import is_shortage

_TIMEOUT = 2.0
_HEAD = "fronts::"
_HEALTHY = "::health_flags::healthy"


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("envoy", timeout=_TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_TIMEOUT)
        self.sock.connect(str(self._path))


def healthy_fronts(admin_socket: Path) -> frozenset[str]:
    """Prises des fronts qu'Envoy juge en bonne santé ; aucune s'il ne répond pas. Peut bloquer deux secondes.

    Raises:
        OSError: il n'a pas pu être interrogé, faute d'un descripteur.
    """
    connection = _UnixConnection(admin_socket)
    try:
        connection.request("GET", "/clusters")
        lines = connection.getresponse().read().decode(errors="replace").splitlines()
    except (OSError, http.client.HTTPException) as error:
        if is_shortage(error):
            raise
        return frozenset()
    finally:
        connection.close()
    return frozenset(
        line.removeprefix(_HEAD).removesuffix(_HEALTHY)
        for line in lines
        if line.startswith(_HEAD) and line.endswith(_HEALTHY)
    )
