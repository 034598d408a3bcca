"""Un front entier sur une prise Unix, relié à de vrais exemplaires dont le moteur est écrit d'avance."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc.aio
from google.api.httpbody_pb2 import HttpBody
from passerelle.control.v1 import control_pb2
from passerelle.v1 import chat_pb2, chat_pb2_grpc, model_pb2, rest_pb2_grpc
from prometheus_client import CollectorRegistry

from server.domain import Limits
from server.engines.base import ChatKind, OnPhase, unheard
from server.front.app import FrontSettings, serving
from server.link.server import LinkServer
from server.named_keys import KeyTable
from server.quotas import Quota
from server.rpc.server import RpcServer
from server.worker.host import WorkerHost
from tests.fakes.control import FakeControl, model_route, serving_control
from tests.fakes.engines import ByteTokens
from tests.support.waiting import PATIENCE

WORDS = ("Bon", "jour", ", ça", " va", " ?")
FEATURES = ("tools", "logprobs", "json_schema", "images")
MAX_FRAME = 8 * 1024 * 1024
AWAY = 7.0
"""Secondes avant de revenir, dites à qui l'arrêt coupe."""


class ScriptedEngine(ByteTokens):
    """Moteur qui rend `words`, un par pas ; `step` est attendu avant chacun."""

    def __init__(self, *, max_running: int = 4, words: tuple[str, ...] = WORDS) -> None:
        self.words = words
        self.max_running = max_running
        self.features = frozenset(FEATURES)
        self.vocab_size = 0
        self.step: Callable[[int], Awaitable[None]] = _no_wait
        self.error: BaseException | None = None
        self.error_after = 0
        self.requests: list[dict[str, Any]] = []
        self.payloads: list[bytes] = []
        self.running = 0
        self.abandoned = 0
        self.produced = 0

    async def open(self, on_phase: OnPhase = unheard) -> None:
        """Rien à ouvrir."""

    async def warm_up(self) -> None:
        """Rien à échauffer."""

    async def close(self) -> None:
        """Rien à rendre."""

    async def generate(self, kind: ChatKind, request: bytes, *, stream: bool) -> AsyncIterator[bytes]:
        """Réponse au schéma d'OpenAI."""
        data = json.loads(request)
        self.requests.append(data)
        self.payloads.append(request)
        self.running += 1
        finished = False
        try:
            for index, word in enumerate(self.words):
                if self.error is not None and index >= self.error_after:
                    raise self.error
                await self.step(index)
                self.produced += 1
                if stream:
                    yield _frame(kind, data, word, None)
            if stream:
                yield _frame(kind, data, "", "stop")
                if (data.get("stream_options") or {}).get("include_usage"):
                    yield _sse(_head(kind, data) | {"choices": [], "usage": _usage(self.words)})
            else:
                yield json.dumps(_whole(kind, data, "".join(self.words)) | {"usage": _usage(self.words)}).encode()
            finished = True
        finally:
            self.running -= 1
            self.abandoned += not finished


async def _no_wait(_index: int) -> None:
    return


def _head(kind: ChatKind, data: dict[str, Any]) -> dict[str, Any]:
    name = "chat.completion.chunk" if kind is ChatKind.CHAT else "text_completion"
    return {"id": "c1", "object": name, "created": 1, "model": data["model"]}


def _usage(words: tuple[str, ...]) -> dict[str, Any]:
    return {"prompt_tokens": 3, "completion_tokens": len(words), "total_tokens": 3 + len(words)}


def _frame(kind: ChatKind, data: dict[str, Any], text: str, finish: str | None) -> bytes:
    body = {"delta": {"content": text}} if kind is ChatKind.CHAT else {"text": text}
    return _sse(_head(kind, data) | {"choices": [{"index": 0, "finish_reason": finish, "logprobs": None} | body]})


def _sse(event: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(event).encode() + b"\n\n"


def _whole(kind: ChatKind, data: dict[str, Any], text: str) -> dict[str, Any]:
    body = {"message": {"role": "assistant", "content": text}} if kind is ChatKind.CHAT else {"text": text}
    return _head(kind, data) | {"choices": [{"index": 0, "finish_reason": "stop"} | body]}


class Worker:
    """Un exemplaire : moteur écrit d'avance, vrai accueil, vraie liaison."""

    def __init__(self, engine: ScriptedEngine, path: Path, *, max_waiting: int = 8) -> None:
        self.engine = engine
        self.path = path
        self.dead: list[str] = []
        self.host = WorkerHost(engine, max_waiting=max_waiting, on_dead=self.dead.append)
        self.server = LinkServer(self.host, name=path.stem, max_frame_bytes=MAX_FRAME)

    @property
    def busy(self) -> tuple[int, int]:
        """Requêtes en cours et en attente."""
        load = self.host.load()
        return load.running, load.waiting


class Rig:
    """Le front et ce qui l'entoure."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.control = FakeControl()
        self.workers: list[Worker] = []
        self.registry = CollectorRegistry()
        self.settings: FrontSettings
        self.server: RpcServer
        self.channel: grpc.aio.Channel
        self.stack = AsyncExitStack()
        self._control_stack = AsyncExitStack()

    @property
    def engine(self) -> ScriptedEngine:
        """Moteur du premier exemplaire."""
        return self.workers[0].engine

    @property
    def chat(self) -> Any:
        """Souche typée."""
        return chat_pb2_grpc.ChatServiceStub(self.channel)

    @property
    def rest(self) -> Any:
        """Souche de la façade HTTP."""
        return rest_pb2_grpc.RestServiceStub(self.channel)

    async def start_control(self) -> None:
        """Sert le plan de contrôle."""
        await self._control_stack.enter_async_context(serving_control(self.control, self.folder / "control.sock"))
        self.stack.push_async_callback(self.stop_control)

    async def stop_control(self) -> None:
        """Arrête le plan de contrôle ; peut être appelée deux fois."""
        await self._control_stack.aclose()

    async def add_worker(self, name: str = "qwen-0", *, max_waiting: int = 8, **engine: Any) -> Worker:
        """Démarre un exemplaire."""
        worker = Worker(ScriptedEngine(**engine), self.folder / f"{name}.sock", max_waiting=max_waiting)
        await worker.server.start(str(worker.path))
        self.stack.push_async_callback(worker.server.stop)
        self.workers.append(worker)
        return worker

    async def add_front(self, name: str) -> Any:
        """Démarre un autre front devant les mêmes ; rend sa souche de conversation."""
        address = f"unix:{self.folder / f'{name}.sock'}"
        settings = replace(self.settings, name=name, address=address, spool_dir=self.folder / f"spool-{name}")
        await self.stack.enter_async_context(serving(settings, CollectorRegistry()))
        channel = grpc.aio.insecure_channel(address, options=(("grpc.default_authority", "localhost"),))
        return chat_pb2_grpc.ChatServiceStub(await self.stack.enter_async_context(channel))

    def route(self, *workers: Worker, key: str = "qwen") -> control_pb2.ModelRoute:
        """Route du modèle de conversation vers ces exemplaires."""
        return model_route(
            key, *(w.path for w in workers), aliases=("smollm2",), features=FEATURES, context_tokens=4096
        )

    def publish(self, *workers: Worker) -> None:
        """Annonce ces exemplaires, et un modèle de transcription."""
        self.control.publish(self.route(*workers), *other_routes())


def other_routes() -> tuple[control_pb2.ModelRoute, ...]:
    """Routes des autres modèles du profil."""
    return (model_route("canary", capability=model_pb2.CAPABILITY_TRANSCRIBE, aliases=("whisper-1",)),)


@asynccontextmanager
async def front(
    folder: Path,
    *,
    workers: int = 1,
    max_running: int = 4,
    max_waiting: int = 8,
    limits: Limits | None = None,
    keys: tuple[str, ...] = (),
    named: KeyTable | None = None,
    shares: Mapping[str, int] | None = None,
    default_quota: Quota | None = None,
    stop_grace: float = 1.0,
) -> AsyncIterator[Rig]:
    """Démarre le plan de contrôle, les exemplaires et le front, et rend le tout."""
    rig = Rig(folder)
    async with rig.stack as stack:
        for index in range(workers):
            await rig.add_worker(f"qwen-{index}", max_waiting=max_waiting, max_running=max_running)
        rig.publish(*rig.workers)
        await rig.start_control()
        settings = FrontSettings(
            name="front-0",
            address=f"unix:{folder / 'front-0.sock'}",
            control_address=f"unix:{folder / 'control.sock'}",
            limits=limits or Limits(load_wait_seconds=PATIENCE),
            spool_dir=folder / "spool",
            openai_keys=keys,
            named_keys=named,
            shares=shares or {},
            default_quota=default_quota,
            max_frame_bytes=MAX_FRAME,
            drain_delay=0.0,
            stop_grace=stop_grace,
            away_seconds=lambda: AWAY,
        )
        rig.settings = settings
        rig.server = await stack.enter_async_context(serving(settings, rig.registry))
        channel = grpc.aio.insecure_channel(
            f"unix:{folder / 'front-0.sock'}", options=(("grpc.default_authority", "localhost"),)
        )
        rig.channel = await stack.enter_async_context(channel)
        yield rig


def body(**fields: Any) -> HttpBody:
    """Corps JSON d'une requête de conversation."""
    data = {"model": "qwen", "messages": [{"role": "user", "content": "Bonjour"}]} | fields
    return HttpBody(content_type="application/json", data=json.dumps(data).encode())


def typed(text: str = "Bonjour", **fields: Any) -> chat_pb2.ChatRequest:
    """Requête de conversation typée."""
    message = chat_pb2.ChatMessage(role=chat_pb2.CHAT_ROLE_USER, content=[chat_pb2.ContentPart(text=text)])
    return chat_pb2.ChatRequest(**({"model": "qwen", "messages": [message]} | fields))


async def answer(call: Any) -> tuple[int, dict[str, str], str, bytes]:
    """Code HTTP, en-têtes, type et corps d'une réponse de la façade."""
    parts = [part async for part in call]
    headers = {k: v for k, v in await call.initial_metadata() if isinstance(v, str)}
    data = b"".join(part.data for part in parts)
    return int(headers.get("x-http-status", "200")), headers, parts[0].content_type if parts else "", data


def sse(data: bytes) -> list[Any]:
    """Événements d'un corps SSE ; `[DONE]` reste une chaîne."""
    frames = [f for f in data.decode().split("\n\n") if f.startswith("data: ")]
    return [f[6:] if f[6:] == "[DONE]" else json.loads(f[6:]) for f in frames]
