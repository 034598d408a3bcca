"""Le serveur de cette machine : sa prise, son processus, et l'environnement qu'il a reçu."""

import contextlib
import os
import socket
import stat
import struct
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from server.settings.file import settle
from server.tables import ConfigError

_PORTS = ("PASSERELLE_PORT", "HOST_PORT")
_CHILDREN = ("control.sock", "dashboard.sock")
"""Prises des enfants qui reçoivent toutes les variables ; l'un peut être en train d'être relancé."""
_CREDENTIALS = struct.Struct("3i")


@dataclass(frozen=True, slots=True)
class LocalServer:
    """Serveur en marche, de notre compte."""

    folder: Path
    """Dossier de ses prises."""
    pid: int = 0
    """Superviseur ; 0 s'il ne se dit pas."""

    @property
    def envoy(self) -> Path:
        """Prise locale d'Envoy."""
        return self.folder / "envoy-local.sock"

    @property
    def supervisor(self) -> Path:
        """Prise du superviseur."""
        return self.folder / "supervisor.sock"

    @property
    def environ(self) -> dict[str, str]:
        """Environnement reçu à son démarrage ; vide s'il ne se lit pas."""
        return _environ(self.pid)

    @property
    def settled(self) -> dict[str, str]:
        """Variables en vigueur, fichier de réglages compris : celles qu'ont reçues ses enfants, sinon les siennes."""
        children = (_listener(self.folder / name) for name in _CHILDREN)
        return next((found for pid in children if pid and (found := _environ(pid))), self.environ)

    @property
    def port(self) -> str:
        """Port qu'il écoute."""
        return _port(self.settled) or "8000"

    @property
    def directory(self) -> Path | None:
        """Dossier où il a été lancé, d'où partent ses chemins relatifs."""
        try:
            return Path(f"/proc/{self.pid}/cwd").readlink()
        except OSError:
            return None


def local_server(environ: Mapping[str, str] = os.environ) -> LocalServer | None:
    """Le serveur de cette machine, s'il y en a un seul à nous ; `HOST_PORT` en choisit un parmi plusieurs."""
    found = local_servers(environ)
    return found[0] if len(found) == 1 else None


def local_servers(environ: Mapping[str, str] = os.environ) -> list[LocalServer]:
    """Nos serveurs de cette machine, ou celui de `HOST_PORT`, que l'environnement ou le fichier de réglages donne."""
    # Un fichier faux est dit par qui le lit pour de bon : le serveur, `doctor`.
    with contextlib.suppress(ConfigError):
        environ = settle(environ).values
    base = Path(environ.get("PASSERELLE_RUN_BASE", "").strip() or tempfile.gettempdir())
    sockets = [path for path in base.glob("passerelle-*/envoy-local.sock") if _is_ours(path) and _answers(path)]
    found = [LocalServer(path.parent, _listener(path.with_name("supervisor.sock"))) for path in sockets]
    if wanted := _port(environ):
        found = [one for one in found if one.port == wanted]
    return found


def _environ(pid: int) -> dict[str, str]:
    try:
        pairs = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return {}
    return dict(os.fsdecode(pair).split("=", 1) for pair in pairs if b"=" in pair)


def _port(environ: Mapping[str, str]) -> str:
    return next((text for name in _PORTS if (text := environ.get(name, "").strip())), "")


def _is_ours(path: Path) -> bool:
    """Faux si un autre compte a pu poser cette prise : la clé d'administration ne part pas vers elle."""
    try:
        folder, found = path.parent.lstat(), path.lstat()
    except OSError:
        return False
    private = stat.S_ISDIR(folder.st_mode) and not folder.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    return private and stat.S_ISSOCK(found.st_mode) and folder.st_uid == found.st_uid == os.geteuid()


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def _listener(path: Path) -> int:
    """Processus qui tient cette prise, dit par le noyau : un numéro lu d'un fichier peut être celui d'un autre."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
            found = probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        except OSError:
            return 0
    return int(_CREDENTIALS.unpack(found)[0])
