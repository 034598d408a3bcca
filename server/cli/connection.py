"""La connexion au serveur : la prise locale d'Envoy, ou une adresse et une clé ; les erreurs dites en une ligne."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import grpc

from server.cli.local import local_server
from server.errors import MissingApiKey, PasserelleError
from server.french import why
from server.rpc.status import from_rpc_error
from server.settings.file import settle
from server.settings.secrets import with_secrets
from server.tables import ConfigError

_OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


class CommandError(click.ClickException):
    """Échec à écrire sur la sortie d'erreur ; `as_json` en fait un objet."""

    def __init__(self, message: str, *, reason: str = "", metadata: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.metadata = dict(metadata or {})
        self.as_json = False

    def show(self, file: Any = None) -> None:
        """Écrit l'échec."""
        if self.as_json:
            body = {"error": {"reason": self.reason, "message": self.message, "metadata": self.metadata}}
            click.echo(json.dumps(body, ensure_ascii=False), err=True)
            return
        click.echo(f"Erreur{f' ({self.reason})' if self.reason else ''} : {self.message}", err=True)


@dataclass(frozen=True, slots=True)
class ServerAccess:
    """Où appeler, et comment."""

    address: str
    """Hôte et port, ou `unix:…`."""
    tls: bool = False
    ca: Path | None = None
    """Autorités du serveur ; `None` : celles du système."""
    certificate: Path | None = None
    """Certificat de client."""
    certificate_key: Path | None = None
    api_key: str = ""
    """Clé des routes d'inférence ; vide : aucune."""
    admin_key: str = ""
    """Clé d'administration ; vide : aucune."""

    @contextmanager
    def channel(self) -> Iterator[grpc.Channel]:
        """Canal ouvert le temps du bloc ; une erreur d'appel y devient `CommandError`."""
        try:
            with self._open() as channel:
                yield channel
        except grpc.RpcError as error:
            raise _failure(error, self.address) from error

    def metadata(self, *, admin: bool = False) -> tuple[tuple[str, str], ...]:
        """Clé à joindre à un appel."""
        key = self.admin_key if admin else self.api_key
        return (("authorization", f"Bearer {key}"),) if key else ()

    def _open(self) -> grpc.Channel:
        if not self.tls:
            return grpc.insecure_channel(self.address, _OPTIONS)
        try:
            files = [path.read_bytes() if path else None for path in (self.ca, self.certificate_key, self.certificate)]
        except OSError as error:
            raise CommandError(f"{error.filename} est illisible ({why(error)}).") from error
        return grpc.secure_channel(self.address, grpc.ssl_channel_credentials(*files), _OPTIONS)


def find_server(
    address: str,
    key: str,
    *,
    ca: Path | None = None,
    certificate: Path | None = None,
    certificate_key: Path | None = None,
    environ: Mapping[str, str] = os.environ,
) -> ServerAccess:
    """Serveur à appeler : l'adresse donnée, sinon celui de cette machine.

    Raises:
        CommandError: adresse, fichier de réglages ou fichier de clé illisible.
    """
    try:
        environ = settle(environ).values
        given = with_secrets(environ)
    except ConfigError as error:
        raise CommandError(str(error)) from error
    key = key or given.get("PASSERELLE_API_KEY", "").strip()
    api_key = key or _first(given, "OPENAI_KEYS")
    admin_key = key or _first(given, "ADMIN_KEYS") or api_key
    if not address:
        local = local_server(environ)
        if local is not None:
            return ServerAccess(f"unix:{local.envoy}", api_key=api_key, admin_key=admin_key)
        address = f"127.0.0.1:{environ.get('HOST_PORT', '').strip() or '8000'}"
    scheme, _, rest = address.rpartition("://")
    try:
        parts = urlsplit(f"//{rest}")
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise _bad_address(address) from error
    if not host or scheme not in ("", "http", "https"):
        raise _bad_address(address)
    shown = f"[{host}]" if ":" in host else host
    tls = scheme == "https" or ca is not None or certificate is not None
    return ServerAccess(f"{shown}:{port or 8000}", tls, ca, certificate, certificate_key, api_key, admin_key)


def _bad_address(address: str) -> CommandError:
    return CommandError(
        f"--address : « {address} » n'est pas une adresse (exemples : gpu:8000, https://gpu.exemple:8000)."
    )


def _first(environ: Mapping[str, str], name: str) -> str:
    return next(iter(environ.get(name, "").replace(",", " ").split()), "")


def _failure(error: grpc.RpcError, address: str) -> CommandError:
    ours: PasserelleError | None = from_rpc_error(error)  # type: ignore[arg-type]
    if ours is not None:
        here = " Ici, c'est --key, ou PASSERELLE_API_KEY." if isinstance(ours, MissingApiKey) else ""
        return CommandError(ours.french + here, reason=ours.reason, metadata=ours.metadata)
    call: Any = error
    if call.code() is grpc.StatusCode.UNAVAILABLE:
        return CommandError(
            f"aucun serveur ne répond à {address} ({call.details()}). Est-il lancé ? --address en désigne un autre, et "
            "« https:// » parle TLS.",
            reason="UNAVAILABLE",
        )
    return CommandError(str(call.details()), reason=call.code().name)
