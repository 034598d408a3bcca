"""Ce que les deux clients partagent : les méthodes, le canal, la lecture des erreurs, les reprises."""

import math
import os
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from passerelle.v1 import chat_pb2, diarize_pb2, limits_pb2, transcribe_pb2

from passerelle_client import errors

Q = TypeVar("Q", bound=Message)
R = TypeVar("R", bound=Message)
Audio = str | os.PathLike[str] | bytes
"""Chemin d'un fichier, ou ses octets."""

CHUNK_BYTES = 1 << 20
DOMAIN = "passerelle"
OPTIONS = (
    # Une connexion coupée en silence se voit en 30 s, même sans appel.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # Un serveur qui revient est retrouvé avant le dernier essai.
    ("grpc.max_reconnect_backoff_ms", 5_000),
    # 4 Mio par défaut, moins que la transcription mot à mot d'une longue réunion.
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),
)
AGAIN = (
    errors.ServerUnreachable,
    errors.WorkerLost,
    errors.WorkerKilled,
    errors.ModelUnloaded,
    errors.ShuttingDown,
    errors.ControlUnavailable,
)
"""Échecs à refaire même si le serveur ne dit pas quand."""


@dataclass(frozen=True)
class Method(Generic[Q, R]):
    """Une méthode du contrat."""

    path: str
    request: type[Q]
    response: type[R]


CHAT = Method("/passerelle.v1.ChatService/Chat", chat_pb2.ChatRequest, chat_pb2.ChatResponse)
STREAM_CHAT = Method("/passerelle.v1.ChatService/StreamChat", chat_pb2.StreamChatRequest, chat_pb2.StreamChatResponse)
TRANSCRIBE = Method(
    "/passerelle.v1.TranscribeService/UploadTranscribe",
    transcribe_pb2.UploadTranscribeRequest,
    transcribe_pb2.UploadTranscribeResponse,
)
LIVE = Method(
    "/passerelle.v1.TranscribeService/StreamTranscribe",
    transcribe_pb2.StreamTranscribeRequest,
    transcribe_pb2.StreamTranscribeResponse,
)
DIARIZE = Method(
    "/passerelle.v1.DiarizeService/UploadDiarize", diarize_pb2.UploadDiarizeRequest, diarize_pb2.UploadDiarizeResponse
)
CAPABILITIES = Method(
    "/passerelle.v1.AdminService/GetCapabilities",
    limits_pb2.GetCapabilitiesRequest,
    limits_pb2.GetCapabilitiesResponse,
)


@dataclass(frozen=True)
class Tls:
    """Certificats en PEM ; sans rien, les autorités du système."""

    ca: bytes | None = None
    """Autorités du serveur."""
    certificate: bytes | None = None
    """Certificat de client."""
    key: bytes | None = None
    """Sa clé privée."""

    def credentials(self) -> grpc.ChannelCredentials:
        """Ce qu'en prend gRPC."""
        return grpc.ssl_channel_credentials(self.ca, self.key, self.certificate)


@dataclass(frozen=True)
class Retry:
    """Les reprises d'un appel, toujours dans son échéance."""

    attempts: int = 4
    """Essais en tout ; 1 : aucune reprise."""
    first_pause: float = 1.0
    """Secondes avant la première reprise, doublées à chacune, quand le serveur ne dit rien."""
    max_pause: float = 60.0
    """Secondes d'attente au plus : si le serveur en demande davantage, l'erreur est rendue aussitôt."""


class Attempts:
    """Les essais d'un appel."""

    def __init__(self, retry: Retry, end: float) -> None:
        """`end` : échéance, sur l'horloge de `time.monotonic`."""
        self._retry = retry
        self._end = end
        self._done = 0

    @property
    def timeout(self) -> float | None:
        """Secondes d'ici l'échéance ; `None` sans échéance."""
        return None if math.isinf(self._end) else max(0.0, self._end - time.monotonic())

    def pause(self, error: errors.PasserelleError, *, again: bool = False) -> float:
        """Secondes à attendre avant l'essai suivant ; avec `again`, l'échec est de ceux qui se refont.

        Raises:
            PasserelleError: `error`, s'il n'y en a pas d'autre à faire.
        """
        self._done += 1
        asked = error.retry_after
        again = again or asked is not None or isinstance(error, AGAIN)
        if not again or self._done >= self._retry.attempts:
            raise error
        if asked is None:
            asked = min(self._retry.first_pause * 2 ** (self._done - 1), self._retry.max_pause)
        # Jamais plus tôt, et pas tous les clients au même instant.
        pause = asked * random.uniform(1.0, 1.1)
        if asked > self._retry.max_pause or time.monotonic() + pause >= self._end:
            raise error
        return pause


def deadline(timeout: float | None) -> float:
    """Échéance d'un appel qui commence."""
    return math.inf if timeout is None else time.monotonic() + timeout


def target(address: str, tls: Tls | None) -> tuple[str, Tls | None, tuple[tuple[str, Any], ...]]:
    """Adresse pour gRPC, TLS s'il y en a, options du canal.

    Raises:
        ValueError: `address` n'est ni `hôte:port`, ni `https://hôte:port`, ni `unix:chemin`.
    """
    if address.startswith("unix:"):
        return address, tls, (*OPTIONS, ("grpc.default_authority", "localhost"))
    scheme, _, rest = address.rpartition("://")
    parts = urlsplit(f"//{rest}")
    if scheme not in ("", "http", "https") or not parts.hostname or parts.path.strip("/"):
        raise ValueError(f"{address!r} : une adresse est « hôte:port », « https://hôte:port » ou « unix:chemin »")
    if scheme == "https" and tls is None:
        tls = Tls()
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{host}:{parts.port or 8000}", tls, OPTIONS


def failure(error: grpc.RpcError) -> errors.PasserelleError:
    """L'exception du motif que porte un échec."""
    call: Any = error
    code, message = call.code(), call.details() or ""
    info = error_details_pb2.ErrorInfo()
    retry, request = error_details_pb2.RetryInfo(), error_details_pb2.RequestInfo()
    retry_after: float | None = None
    for key, value in call.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            status = status_pb2.Status.FromString(value)
            message = status.message or message
            for detail in status.details:
                if detail.Unpack(retry):
                    retry_after = retry.retry_delay.ToMilliseconds() / 1000
                else:
                    _ = detail.Unpack(info) or detail.Unpack(request)
        elif key == "retry-after" and retry_after is None and value.isdigit():
            retry_after = float(value)
    ours = info.reason if info.domain == DOMAIN else ""
    kind = (errors.BY_REASON if ours else _BARE).get(ours or code.name, errors.PasserelleError)
    return kind(
        message,
        reason=ours or code.name,
        code=code,
        metadata=info.metadata,
        retry_after=retry_after,
        request_id=request.request_id,
    )


_BARE: dict[str, type[errors.PasserelleError]] = {
    "UNAVAILABLE": errors.ServerUnreachable,
    "DEADLINE_EXCEEDED": errors.DeadlineExceeded,
}
"""Échecs que le client, ou un intermédiaire, constate de lui-même, par code."""


def metadata_of(api_key: str) -> tuple[tuple[str, str], ...]:
    """La clé, en métadonnée."""
    return (("authorization", f"Bearer {api_key}"),) if api_key else ()


def chunks(audio: Audio) -> Iterator[bytes]:
    """Morceaux d'un fichier, ouvert aussitôt.

    Raises:
        OSError: fichier illisible.
    """
    if isinstance(audio, bytes):
        return (audio[at : at + CHUNK_BYTES] for at in range(0, len(audio), CHUNK_BYTES))
    file = open(audio, "rb")  # noqa: SIM115  (le générateur le referme)

    def read() -> Iterator[bytes]:
        with file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk

    return read()


def transcribe_upload(
    audio: Audio, config: transcribe_pb2.TranscribeConfig | None
) -> Iterator[transcribe_pb2.UploadTranscribeRequest]:
    """La configuration, puis le fichier."""
    found = chunks(audio)

    def send() -> Iterator[transcribe_pb2.UploadTranscribeRequest]:
        yield transcribe_pb2.UploadTranscribeRequest(config=config or transcribe_pb2.TranscribeConfig())
        for chunk in found:
            yield transcribe_pb2.UploadTranscribeRequest(chunk=chunk)

    return send()


def diarize_upload(
    audio: Audio, config: diarize_pb2.DiarizeConfig | None
) -> Iterator[diarize_pb2.UploadDiarizeRequest]:
    """La configuration, puis le fichier."""
    found = chunks(audio)

    def send() -> Iterator[diarize_pb2.UploadDiarizeRequest]:
        yield diarize_pb2.UploadDiarizeRequest(config=config or diarize_pb2.DiarizeConfig())
        for chunk in found:
            yield diarize_pb2.UploadDiarizeRequest(chunk=chunk)

    return send()


def message(text: str, role: chat_pb2.ChatRole = chat_pb2.CHAT_ROLE_USER) -> chat_pb2.ChatMessage:
    """Message de texte."""
    return chat_pb2.ChatMessage(role=role, content=[chat_pb2.ContentPart(text=text)])
