"""Une charge mêlée et continue, qui note le sort de chaque requête."""

import asyncio
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import grpc
import grpc.aio
import httpx
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from passerelle.v1 import (
    admin_pb2,
    admin_pb2_grpc,
    audio_pb2,
    chat_pb2,
    chat_pb2_grpc,
    transcribe_pb2,
    transcribe_pb2_grpc,
)

from tests.support.audio_files import DATA
from tests.support.product import Product, wait_until
from tests.support.tls import SSL
from tests.support.waiting import PATIENCE

SPEECH = (DATA / "en" / "austen-0880.wav").read_bytes()
HANG_SECONDS = 4 * PATIENCE
"""Au-delà, une requête est tenue pour pendue."""

CUT, TRUNCATED, HANG = "CUT", "TRUNCATED", "HANG"
"""Sorts qu'aucun serveur n'annonce : connexion coupée, réponse 200 sans fin, requête sans fin."""

_PROMPT = "Tell a story about the sea."
_TOKENS = 8
"""Jetons d'une réponse, par défaut."""


@dataclass(frozen=True)
class Outcome:
    """Sort d'une requête."""

    kind: str
    """Genre de requête."""
    started: float
    """Instant du départ (`time.monotonic`)."""
    ended: float
    """Instant de la fin."""
    reason: str
    """Vide pour une réussite ; sinon le motif, en majuscules."""
    detail: str
    """Ce que le client a vu."""


class Failed(Exception):
    """Échec vu d'un client : le motif, puis ce qui a été reçu."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason} : {detail}")
        self.reason = reason
        self.detail = detail


Call = Callable[["Clients"], Awaitable[None]]


@dataclass(frozen=True)
class Clients:
    """Clients que partagent les requêtes."""

    http: httpx.AsyncClient
    channel: grpc.aio.Channel


@dataclass(frozen=True)
class Kind:
    """Genre de requête."""

    call: Call
    """Mène une requête ; lève si elle échoue."""
    pause: float
    """Secondes entre deux requêtes."""
    model: str = ""
    """Modèle qui la sert ; vide : aucun."""
    front: bool = True
    """Passe par un front."""
    clients: int = 1
    """Requêtes menées de front."""


async def chat(clients: Clients, tokens: int = _TOKENS) -> None:
    """Conversation REST en flux."""
    body = {
        "model": "qwen",
        "messages": [{"role": "user", "content": _PROMPT}],
        "max_tokens": tokens,
        "stream": True,
        "ignore_eos": True,
    }
    async with clients.http.stream("POST", "/v1/chat/completions", json=body) as response:
        text = (await response.aread()).decode()
        _check(response, text)
    events = [block.removeprefix("data: ") for block in text.split("\n\n") if block.startswith("data: ")]
    last = events[-1] if events else ""
    if last != "[DONE]":
        error = json.loads(last).get("error") if last.startswith("{") else None
        raise Failed(error["code"].upper() if error else TRUNCATED, text[-300:])


async def typed_chat(clients: Clients, tokens: int = _TOKENS) -> None:
    """Conversation typée en flux."""
    part = chat_pb2.ContentPart(text=_PROMPT)
    message = chat_pb2.ChatMessage(role=chat_pb2.CHAT_ROLE_USER, content=[part])
    request = chat_pb2.ChatRequest(
        model="qwen", messages=[message], options=chat_pb2.GenerationOptions(max_tokens=tokens)
    )
    finished = False
    stub = chat_pb2_grpc.ChatServiceStub(clients.channel)
    async for response in stub.StreamChat(chat_pb2.StreamChatRequest(request=request)):
        finished = finished or any(delta.finish_reason for delta in response.deltas)
    if not finished:
        raise Failed(TRUNCATED, "flux typé fini sans motif de fin")


async def transcribe(clients: Clients) -> None:
    """Envoi d'un fichier à transcrire."""
    form = {"model": "whisper-1", "response_format": "json"}
    files = {"file": ("parole.wav", SPEECH, "audio/wav")}
    response = await clients.http.post("/v1/audio/transcriptions", data=form, files=files)
    _check(response, response.text)
    if not response.json()["text"]:
        raise Failed(TRUNCATED, response.text)


async def diarize(clients: Clients) -> None:
    """Envoi d'un fichier dont on veut les locuteurs."""
    headers = {"content-type": "audio/wav"}
    response = await clients.http.post("/api/diarization/process", content=SPEECH, headers=headers)
    _check(response, response.text)
    if not response.json()["turns"]:
        raise Failed(TRUNCATED, response.text[:300])


async def live(clients: Clients) -> None:
    """Transcription en direct, jusqu'à son bilan."""
    stub = transcribe_pb2_grpc.TranscribeServiceStub(clients.channel)
    summaries = [r async for r in stub.StreamTranscribe(live_requests()) if r.HasField("summary")]
    if len(summaries) != 1:
        raise Failed(TRUNCATED, f"{len(summaries)} bilans")


async def live_requests() -> AsyncIterator[transcribe_pb2.StreamTranscribeRequest]:
    """Configuration, puis l'enregistrement par morceaux d'un dixième de seconde."""
    yield transcribe_pb2.StreamTranscribeRequest(config=live_config())
    for begin in range(44, len(SPEECH), 3200):
        yield transcribe_pb2.StreamTranscribeRequest(audio=SPEECH[begin : begin + 3200])


def live_config() -> transcribe_pb2.StreamTranscribeConfig:
    """Configuration de l'enregistrement envoyé, sans hypothèses : deux cœurs ont déjà assez à faire."""
    config = transcribe_pb2.StreamTranscribeConfig()
    config.config.language = "en"
    config.interim_results = False
    config.config.audio_format.encoding = audio_pb2.AUDIO_ENCODING_PCM_S16LE
    config.config.audio_format.sample_rate_hertz = 16000
    return config


def get(path: str) -> Call:
    """Lecture d'une adresse, qui doit rendre 200."""

    async def call(clients: Clients) -> None:
        response = await clients.http.get(path)
        _check(response, response.text)

    return call


async def watch(clients: Clients) -> None:
    """Quelques messages d'un suivi de l'état."""
    request = admin_pb2.WatchStatusRequest(interval=Duration(nanos=500_000_000))
    stream = admin_pb2_grpc.AdminServiceStub(clients.channel).WatchStatus(request)
    seen = 0
    async for _ in stream:
        seen += 1
        if seen == 4:
            stream.cancel()
            return
    raise Failed(TRUNCATED, f"suivi fini après {seen} messages")


KINDS: Mapping[str, Kind] = {
    "chat": Kind(chat, 0.5, model="qwen", clients=2),
    "typed": Kind(typed_chat, 0.5, model="qwen"),
    "transcribe": Kind(transcribe, 4.0, model="canary"),
    "live": Kind(live, 8.0, model="canary"),
    "diarize": Kind(diarize, 4.0, model="pyannote"),
    "models": Kind(get("/v1/models"), 0.2),
    "status": Kind(get("/api/admin/status"), 0.3, front=False),
    "watch": Kind(watch, 0.0, front=False),
    "page": Kind(get("/"), 0.5, front=False),
}


@dataclass
class Load:
    """Charge menée par une boucle à part, le temps du bloc ; à la sortie, chaque requête commencée va à son terme."""

    product: Product
    kinds: Mapping[str, Kind] = field(default_factory=lambda: KINDS)
    record: list[Outcome] = field(default_factory=list)
    _in_flight: dict[int, tuple[str, float]] = field(default_factory=dict)
    _judged: int = 0

    def __enter__(self) -> Self:
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="charge")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """N'en commence plus, et attend la fin de celles qui restent."""
        self._stopping.set()
        self._thread.join()

    def wait_success(self, seconds: float, *names: str) -> None:
        """Attend, pour chaque genre (tous par défaut), une requête commencée d'ici là et réussie."""
        since = time.monotonic()
        for name in names or tuple(self.kinds):
            wait_until(
                lambda name=name: any(  # type: ignore[misc]
                    o.kind == name and o.started >= since and not o.reason for o in list(self.record)
                ),
                seconds,
                f"une requête « {name} » réussie",
            )

    def wait_settled(self, seconds: float, *names: str) -> None:
        """Attend la fin des requêtes de ces genres (tous par défaut) commencées jusqu'ici."""
        now = time.monotonic()
        waited = names or tuple(self.kinds)
        wait_until(
            lambda: not [n for n, started in list(self._in_flight.values()) if n in waited and started <= now],
            seconds,
            f"fin des requêtes {', '.join(waited)} en cours",
        )

    def take(self) -> list[Outcome]:
        """Sorts connus depuis le dernier appel."""
        taken = self.record[self._judged :]
        self._judged += len(taken)
        return taken

    async def _run(self) -> None:
        limits = httpx.Limits(max_connections=64)
        base, timeout = self.product.base_url, HANG_SECONDS * 2
        async with (
            httpx.AsyncClient(base_url=base, timeout=timeout, limits=limits, verify=SSL) as http,
            grpc.aio.insecure_channel(
                self.product.target,
                options=(("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 500)),
            ) as channel,
        ):
            clients = Clients(http, channel)
            chosen = [(n, kind) for n, kind in self.kinds.items() for _ in range(kind.clients)]
            await asyncio.gather(*(self._repeat(place, n, kind, clients) for place, (n, kind) in enumerate(chosen)))

    async def _repeat(self, place: int, name: str, kind: Kind, clients: Clients) -> None:
        while not self._stopping.is_set():
            started = time.monotonic()
            self._in_flight[place] = name, started
            reason, detail = await _attempt(kind.call, clients)
            self.record.append(Outcome(name, started, time.monotonic(), reason, detail))
            del self._in_flight[place]
            await asyncio.sleep(max(kind.pause, 0.1 if reason else 0.0))


def describe(outcomes: Sequence[Outcome]) -> str:
    """Compte des sorts, puis le premier échec de chaque genre et motif."""
    counts = Counter((o.kind, o.reason or "OK") for o in outcomes)
    firsts = {(o.kind, o.reason): o for o in reversed(outcomes) if o.reason}
    lines = [f"{kind:<12}{reason:<24}{count}" for (kind, reason), count in sorted(counts.items())]
    lines += [
        f"{o.kind} : {o.reason} après {o.ended - o.started:.2f} s : {o.detail}" for _, o in sorted(firsts.items())
    ]
    return "\n".join(lines)


async def _attempt(call: Call, clients: Clients) -> tuple[str, str]:
    try:
        async with asyncio.timeout(HANG_SECONDS):
            await call(clients)
    except Failed as error:
        return error.reason, error.detail
    except grpc.aio.AioRpcError as error:
        return grpc_reason(error), f"{error.code().name} {error.details()}"
    except httpx.TransportError as error:
        return CUT, repr(error)
    except TimeoutError:
        return HANG, f"rien en {HANG_SECONDS:g} s"
    return "", ""


def grpc_reason(error: grpc.aio.AioRpcError) -> str:
    """Motif d'une erreur gRPC ; sans `ErrorInfo`, personne d'autre qu'Envoy ou le client n'a répondu."""
    if "RST_STREAM" in (error.details() or ""):
        # Réponse commencée, puis coupée : Envoy ne peut plus lui donner de statut, et gRPC nomme cela INTERNAL.
        return CUT
    # Montré avec l'échec d'un essai : un motif seul ne dit pas d'où il vient.
    print(f"{error.code().name} : {error.details()}", file=sys.stderr)
    status = rpc_status.from_call(error)  # type: ignore[arg-type]
    info = error_details_pb2.ErrorInfo()
    for detail in status.details if status is not None else ():
        if detail.Unpack(info):
            return str(info.reason)
    return error.code().name


def _check(response: httpx.Response, text: str) -> None:
    if response.status_code == 200:
        return
    try:
        error: dict[str, Any] = response.json()["error"]
    except (ValueError, KeyError, TypeError):
        raise Failed(f"HTTP_{response.status_code}", text[:300]) from None
    raise Failed(str(error.get("reason") or error["code"]).upper(), f"{response.status_code} {text[:300]}")
