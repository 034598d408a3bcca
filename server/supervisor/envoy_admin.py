"""Envoy, par sa prise d'administration : ce qu'il compte, les fronts qu'il a vus, le niveau de son journal."""

import http.client
import socket
from pathlib import Path
from urllib.parse import quote

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


def ask_log_level(admin_socket: Path, level: str) -> None:
    """Change le niveau du journal d'Envoy. Peut bloquer deux secondes.

    Raises:
        OSError: il ne répond pas, ou refuse.
    """
    connection = _UnixConnection(admin_socket)
    try:
        connection.request("POST", f"/logging?level={level}")
        if (answer := connection.getresponse()).status != http.client.OK:
            raise OSError(f"Envoy a répondu {answer.status}.")
    except http.client.HTTPException as error:
        raise OSError(f"Envoy ne répond pas : {error!r}.") from error
    finally:
        connection.close()


def healthy_fronts(admin_socket: Path) -> frozenset[str]:
    """Prises des fronts qu'Envoy juge en bonne santé ; aucune s'il ne répond pas. Peut bloquer deux secondes.

    Raises:
        OSError: il n'a pas pu être interrogé, faute d'un descripteur.
    """
    lines = _ask(admin_socket, "/clusters")
    return frozenset(
        line.removeprefix(_HEAD).removesuffix(_HEALTHY)
        for line in lines
        if line.startswith(_HEAD) and line.endswith(_HEALTHY)
    )


def envoy_stats(admin_socket: Path, wanted: str) -> dict[str, int]:
    """Compteurs d'Envoy dont le nom suit cette expression ; aucun s'il ne répond pas. Peut bloquer deux secondes."""
    try:
        lines = _ask(admin_socket, f"/stats?type=All&filter={quote(wanted, safe='')}")
    except OSError:
        return {}
    found = (line.rpartition(": ") for line in lines)
    return {name: int(value) for name, _, value in found if value.isdigit()}


def _ask(admin_socket: Path, path: str) -> list[str]:
    """Lignes de la réponse ; aucune s'il ne répond pas.

    Raises:
        OSError: il n'a pas pu être interrogé, faute d'un descripteur.
    """
    connection = _UnixConnection(admin_socket)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode(errors="replace").splitlines()
    except (OSError, http.client.HTTPException) as error:
        if is_shortage(error):
            raise
        return []
    finally:
        connection.close()
