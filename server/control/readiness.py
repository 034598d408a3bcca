"""Ce qu'Envoy sait des fronts : un front qui écoute mais qu'Envoy n'a pas encore vu ne sert à personne."""

import http.client
import socket
from pathlib import Path

_TIMEOUT = 2.0


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("envoy", timeout=_TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_TIMEOUT)
        self.sock.connect(str(self._path))


def healthy_fronts(admin_socket: Path) -> int:
    """Nombre de fronts qu'Envoy juge en bonne santé ; 0 s'il ne répond pas. Peut bloquer deux secondes."""
    connection = _UnixConnection(admin_socket)
    try:
        connection.request("GET", "/clusters")
        lines = connection.getresponse().read().decode(errors="replace").splitlines()
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()
    return sum(line.startswith("fronts::") and line.endswith("::health_flags::healthy") for line in lines)
