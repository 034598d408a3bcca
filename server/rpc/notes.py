"""Ce qu'on retient d'une requête d'inférence, de son arrivée à sa fin : des mesures, jamais son contenu.

L'intercepteur ouvre la note et la clôt ; ce qui mène la requête y écrit ses étapes au passage. Une note ne coûte qu'un
objet : ce qu'elle devient est l'affaire de qui la garde (`Notes`).
"""

from collections.abc import Callable, Iterable
from contextvars import ContextVar
from ipaddress import IPv6Address, ip_address
from itertools import count
from typing import Any, Protocol

from passerelle.v1 import requests_pb2

from server.errors import PasserelleError
from server.rpc.caller import ADDRESS_HEADER, FORWARDED_HEADER

SORTS: dict[str, "requests_pb2.RequestSort"] = {
    "/passerelle.v1.ChatService/Chat": requests_pb2.REQUEST_SORT_CHAT,
    "/passerelle.v1.ChatService/StreamChat": requests_pb2.REQUEST_SORT_CHAT,
    "/passerelle.v1.RestService/CreateChatCompletion": requests_pb2.REQUEST_SORT_CHAT,
    "/passerelle.v1.ChatService/Complete": requests_pb2.REQUEST_SORT_COMPLETION,
    "/passerelle.v1.ChatService/StreamComplete": requests_pb2.REQUEST_SORT_COMPLETION,
    "/passerelle.v1.RestService/CreateCompletion": requests_pb2.REQUEST_SORT_COMPLETION,
    "/passerelle.v1.TranscribeService/Transcribe": requests_pb2.REQUEST_SORT_TRANSCRIBE,
    "/passerelle.v1.TranscribeService/UploadTranscribe": requests_pb2.REQUEST_SORT_TRANSCRIBE,
    "/passerelle.v1.TranscribeService/StreamTranscribe": requests_pb2.REQUEST_SORT_LIVE,
    "/passerelle.v1.RestService/CreateTranscription": requests_pb2.REQUEST_SORT_TRANSCRIBE,
    "/passerelle.v1.RestService/CreateTranslation": requests_pb2.REQUEST_SORT_TRANSCRIBE,
    "/passerelle.v1.RestService/TranscribeAudio": requests_pb2.REQUEST_SORT_TRANSCRIBE,
    "/passerelle.v1.DiarizeService/Diarize": requests_pb2.REQUEST_SORT_DIARIZE,
    "/passerelle.v1.DiarizeService/UploadDiarize": requests_pb2.REQUEST_SORT_DIARIZE,
    "/passerelle.v1.RestService/ProcessDiarization": requests_pb2.REQUEST_SORT_DIARIZE,
}
"""Méthodes qui mènent une requête à un moteur, et sa sorte."""

REFUSALS, REFUSAL_SECONDS = 64, 10.0
"""Refus d'inconnus retenus d'affilée, puis un par période : ils ne chassent pas ce qu'ont fait les autres."""

_numbers = count(1)


class Traced(Protocol):
    """Place d'une requête dans une trace, à passer plus loin."""

    @property
    def traceparent(self) -> str:
        """En-tête W3C."""

    @property
    def tracestate(self) -> str:
        """En-tête W3C ; vide si l'appelant n'en a pas donné."""


class Tracer(Protocol):
    """Ce qui trace les requêtes."""

    def begin(self, metadata: Iterable[tuple[str, str | bytes]]) -> Traced:
        """Une requête commence."""

    def end(self, found: "Note") -> None:
        """Elle est finie."""


class Note:
    """Une requête ; les instants sont ceux de l'horloge de l'intercepteur, 0 tant qu'ils ne sont pas atteints."""

    __slots__ = (
        "address",
        "asked",
        "audio_seconds",
        "end",
        "ended",
        "first",
        "frames",
        "fresh",
        "id",
        "keeper",
        "key",
        "last",
        "message",
        "model",
        "number",
        "options",
        "queued",
        "replicas",
        "sent",
        "sort",
        "started",
        "status",
        "stream",
        "tokens_in",
        "tokens_out",
        "told",
        "trace",
    )

    def __init__(self, sort: "requests_pb2.RequestSort", id: str, address: str, started: float) -> None:
        self.sort, self.id, self.address, self.started = sort, id, address, started
        self.number = next(_numbers)
        """Rang dans ce processus."""
        self.keeper: Callable[[Note], None] | None = None
        """Prévenu d'une étape."""
        self.fresh = False
        """Vrai si une étape n'est pas encore dite."""
        self.end: Callable[[PasserelleError], None] | None = None
        """Interrompt la requête."""
        self.key = self.model = self.status = ""
        self.replicas: tuple[str, ...] = ()
        self.stream = False
        self.tokens_in = self.tokens_out = -1
        self.frames = 0
        """Trames d'un flux : ce qu'on sait de ses jetons s'il est interrompu."""
        self.options: dict[str, Any] | None = None
        """Options, sous leurs noms de `RequestOptions`."""
        self.told = 0
        """Jetons déjà dits."""
        self.audio_seconds = 0.0
        self.trace: Traced | None = None
        """Sa place dans une trace."""
        self.message: requests_pb2.Request | None = None
        """Ce qui en a déjà été dit."""
        self.asked = self.sent = self.queued = self.first = self.last = self.ended = 0.0

    def answer(self, now: float) -> None:
        """La réponse est entière : la durée dite à qui l'attend est celle que la fenêtre gardera."""
        if not self.ended:
            self.ended = now
            if self.sent and not self.last:
                self.last = now

    def advance(self) -> None:
        """Une étape est atteinte : qui garde la note la dira."""
        if not self.fresh and self.keeper is not None:
            self.fresh = True
            self.keeper(self)


note: ContextVar[Note | None] = ContextVar("note", default=None)
"""Note de la requête en cours ; `None` si rien ne la garde."""


class Notes(Protocol):
    """Ce qui garde les notes."""

    def started(self, found: Note) -> None:
        """Une requête commence."""

    def finished(self, found: Note) -> None:
        """Elle est finie."""


def client_address(metadata: Iterable[tuple[str, str | bytes]]) -> str:
    """Adresse du client, telle qu'Envoy la dit ; le réseau /64 d'une adresse IPv6, vide si ce n'en est pas une.

    La prise locale n'a pas d'adresse : seuls nos processus y parlent, et disent celle de leur client.
    """
    written = forwarded = ""
    for name, value in metadata:
        if name == ADDRESS_HEADER:
            written = str(value)
        elif name == FORWARDED_HEADER:
            forwarded = str(value)
    return _shown(written) or _shown(forwarded.rpartition(",")[2].strip())


def _shown(text: str) -> str:
    if len(text) <= 15 and text.replace(".", "").isdigit():
        # IPv4, écrite par Envoy : la relire coûterait autant que toute la note.
        return text
    try:
        address = ip_address(text.strip("[]"))
    except ValueError:
        return ""
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return f"{IPv6Address(int(address) >> 64 << 64)}/64"
