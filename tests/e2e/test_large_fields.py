"""Chaque champ du contrat, gonflé à 200 Ko : une erreur claire ou une réussite, et rien de cassé pour les autres."""

import base64
import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import grpc
import pytest
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from grpc_status import rpc_status

from server.rpc.contract import METHODS
from server.rpc.status import from_status
from tests.support.compressed import bomb, peak_under, send, status_of
from tests.support.large_fields import TEXTS, enlarged, enlarged_json
from tests.support.product import Product, running_product, wait_until

_ENDLESS = re.compile("/(Watch|StreamLogs)")
"""Méthodes qui suivent ce qui change, sans fin."""
TRAILERS = 6 * 1024
"""Octets de la fin d'un appel, au plus, tels qu'ils sont sur le fil."""

JSON_CHAT: dict[str, Any] = {
    "model": "qwen",
    "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}], "name": "x"}],
    "max_tokens": 1,
    "temperature": 0,
    "top_p": 1,
    "n": 1,
    "stop": ["x"],
    "seed": 1,
    "logit_bias": {"1": 0},
    "stream": False,
    "user": "u",
    "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}],
    "tool_choice": "none",
    "chat_template_kwargs": {"x": 1},
}
JSON_COMPLETION: dict[str, Any] = {"model": "qwen", "prompt": "Hi", "max_tokens": 1, "suffix": None, "echo": False}

PCM = {"encoding": "AUDIO_ENCODING_PCM_S16LE", "sample_rate_hertz": 16000, "channel_count": 1}
OPTIONS = {"max_tokens": 1, "temperature": 0}
CHAT = {
    "model": "qwen",
    "messages": [{"role": "CHAT_ROLE_USER", "content": [{"text": "Hi"}]}],
    "options": OPTIONS,
}
COMPLETE = {"model": "qwen", "prompt": "Hi", "options": OPTIONS}
TRANSCRIBE = {"model": "canary", "audio_format": PCM}
DIARIZE = {"model": "pyannote", "audio_format": PCM}
SILENCE = bytes(3200)
AUDIO = base64.b64encode(SILENCE).decode()

REQUESTS: dict[str, dict[str, Any]] = {
    "Chat": CHAT,
    "StreamChat": {"request": CHAT},
    "Complete": COMPLETE,
    "StreamComplete": {"request": COMPLETE},
    "Transcribe": {"config": TRANSCRIBE, "audio": AUDIO},
    "UploadTranscribe": {"config": TRANSCRIBE},
    "StreamTranscribe": {"config": {"config": TRANSCRIBE}},
    "Diarize": {"config": DIARIZE, "audio": AUDIO},
    "UploadDiarize": {"config": DIARIZE},
    "CreateChatCompletion": {"data": base64.b64encode(json.dumps(JSON_CHAT).encode()).decode()},
    "CreateCompletion": {"data": base64.b64encode(json.dumps(JSON_COMPLETION).encode()).decode()},
    "TranscribeAudio": {"body": {"data": AUDIO}},
    "ProcessDiarization": {"body": {"data": AUDIO}},
}
"""Requête juste de chaque méthode, quand `{"model": "qwen"}` ne suffit pas."""

FOREIGN: dict[str, Message] = {
    "/grpc.health.v1.Health/Check": health_pb2.HealthCheckRequest(),
    **{
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo": reflection_pb2.ServerReflectionRequest(
            file_by_filename="x"
        )
        for version in ("v1", "v1alpha")
    },
}


def request_of(path: str) -> Message:
    """Requête juste de la méthode."""
    method = METHODS[path]
    message = GetMessageClass(method.input_type)()
    default = {"model": "qwen"} if "model" in method.input_type.fields_by_name else {}
    return ParseDict(REQUESTS.get(method.name, default), message)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """Produit à lui : des verbes y sont menés, et ses connexions sont observées."""
    with running_product(tmp_path_factory.mktemp("grands")) as running:
        running.ensure_ready()
        yield running


class Watched:
    """Deux flux d'autres clients, un vers le plan de contrôle, un vers un front : ils doivent tout traverser."""

    def __init__(self, product: Product) -> None:
        channel: Any = grpc.insecure_channel(product.target)
        self._channel = channel
        self.received = [0, 0]
        self.ends: list[str] = []
        self._calls: list[Any] = [
            channel.unary_stream("/passerelle.v1.AdminService/WatchStatus")(b""),
            channel.unary_stream("/grpc.health.v1.Health/Watch")(b""),
        ]
        self._threads = [threading.Thread(target=self._follow, args=(i,)) for i in range(2)]
        for thread in self._threads:
            thread.start()
        wait_until(lambda: min(self.received) > 0, 60, "les deux flux parlent")

    def _follow(self, index: int) -> None:
        try:
            for _ in self._calls[index]:
                self.received[index] += 1
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.CANCELLED:  # type: ignore[attr-defined]
                self.ends.append(str(error))

    def close(self) -> None:
        """Vérifie que les flux vivent encore, et que l'état parle toujours, puis les rend."""
        before = self.received[0]
        wait_until(lambda: self.ends != [] or self.received[0] > before, 60, "un état de plus")
        assert not self.ends and all(call.is_active() for call in self._calls)
        for call in self._calls:
            call.cancel()
        for thread in self._threads:
            thread.join(10)
        self._channel.close()


@pytest.fixture
def others(served: Product) -> Iterator[Watched]:
    watched = Watched(served)
    yield watched
    watched.close()


@pytest.mark.parametrize(
    ("role", "method"),
    [("front", "/passerelle.v1.ChatService/Chat"), ("control", "/passerelle.v1.AdminService/LoadModel")],
)
def test_a_compressed_message_is_inflated_nowhere(served: Product, role: str, method: str) -> None:
    [process] = [p for p in served.processes() if role in p.cmdline()]
    own = served.run_dir / ("front-0.sock" if role == "front" else "control.sock")
    data = bomb(56)
    for socket in (None, served.run_dir / "envoy-local.sock", own):
        for encoding in ("gzip", ""):
            with peak_under(14, process.pid):
                base = served.base_url if socket is None else "http://localhost"
                response = send(base, method, data, encoding=encoding, socket=socket)
            assert status_of(response) == ("12" if encoding else "3")


def test_over_grpc(served: Product, others: Watched) -> None:
    cases = [
        (path, field, message)
        for path, base in ({path: request_of(path) for path in METHODS} | FOREIGN).items()
        for field, message in enlarged(base)
    ]
    states: list[Any] = []
    channel: Any
    with grpc.insecure_channel(served.target, options=(("grpc.max_send_message_length", -1),)) as channel:
        grpc.channel_ready_future(channel).result(10)
        channel.subscribe(states.append)
        with ThreadPoolExecutor(2) as pool:
            problems = [p for p in pool.map(lambda case: _grpc_problem(channel, *case), cases) if p]
        assert set(states) <= {grpc.ChannelConnectivity.READY}, "la connexion a été perdue"
    assert not problems, "\n".join(problems)
    _nothing_crashed(served)


def test_over_rest(served: Product, others: Watched) -> None:
    with served.http() as http:
        problems = [p for case in _rest_cases() if (p := _rest_problem(http, *case))]
    assert not problems, "\n".join(problems)
    _nothing_crashed(served)


def _grpc_problem(channel: Any, path: str, field: str, message: Message) -> str:
    """Envoie une requête ; rend ce qui ne va pas."""
    where = f"{path} {field}"
    requests = [message.SerializeToString()]
    if "Upload" in path and message.WhichOneof("payload") == "config":
        requests.append(type(message)(chunk=SILENCE).SerializeToString())  # type: ignore[call-arg]
    # Toute forme d'appel est, sur le fil, celle d'un flux.
    call = channel.stream_stream(path)(iter(requests), timeout=90)
    try:
        for _ in call:
            if _ENDLESS.search(path):
                # Admise, elle a parlé, et ne finirait qu'au bout de son délai.
                call.cancel()
                return ""
    except grpc.RpcError:
        pass
    return _unclear(path, where, call)


def _unclear(path: str, where: str, call: Any) -> str:
    code, told = call.code(), call.details() or ""
    if code is grpc.StatusCode.OK:
        return ""
    trailers = list(call.trailing_metadata() or ())
    size = len(quote(told, safe=" !\"#$&'()*+,/:;<=>?@[\\]^`{|}~")) + sum(
        len(k) + (len(base64.b64encode(v)) if isinstance(v, bytes) else len(v)) for k, v in trailers
    )
    status = rpc_status.from_call(call)
    error = from_status(status) if status is not None else None
    if size > TRAILERS:
        return f"{where} : {size} octets de fin d'appel"
    if path == "/grpc.health.v1.Health/Check":
        return "" if code is grpc.StatusCode.NOT_FOUND else f"{where} : {code} {told!r}"
    if error is None or not told or code in (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN):
        return f"{where} : {code} {told[:300]!r}"
    return ""


def _rest_cases() -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """Méthode, adresse, champ, et de quoi faire la requête."""
    for path, base in (("/v1/chat/completions", JSON_CHAT), ("/v1/completions", JSON_COMPLETION)):
        for field, body in enlarged_json(base):
            yield "POST", path, field, {"json": body}
    for verb in ("preflight", "download", "load", "unload", "sleep", "wake", "remove"):
        request = {"preflight": "CheckLoad", "remove": "RemoveWeights"}.get(verb, f"{verb.capitalize()}Model")
        for field, message in enlarged(request_of(f"/passerelle.v1.AdminService/{request}")):
            if field != "model":
                body = MessageToDict(message, preserving_proto_field_name=True)
                body.pop("model")
                yield "POST", f"/api/admin/models/qwen/{verb}", field, {"json": body}
        for field, body in enlarged_json({"wait": False, "gpus": [], "replicas": 1, "inconnu": {}}):
            yield "POST", f"/api/admin/models/absent/{verb}", field, {"json": body}
    for field in (
        "model",
        "language",
        "response_format",
        "prompt",
        "temperature",
        "inconnu",
        "timestamp_granularities[]",
    ):
        for text in TEXTS:
            form = {"model": "canary"} | {field: text}
            yield "POST", "/v1/audio/transcriptions", field, {"data": form, "files": {"file": ("a.wav", b"RIFF")}}
    for text in TEXTS:
        yield "POST", "/v1/audio/transcriptions", "filename", {"files": {"file": (text, b"RIFF")}}
        yield "POST", "/v1/audio/transcriptions", text[:3], {"data": {text: "x"}, "files": {"file": ("a", b"RIFF")}}
    for size in (50_000, 62_000):
        # De part et d'autre de la limite des en-têtes d'Envoy, et sous celle qu'httpx met aux adresses.
        for name in ("model", "language", "response_format", "encoding", "prompt", "temperature", "inconnu"):
            for path in ("/api/audio/transcribe", "/api/diarization/process"):
                yield "POST", path, name, {"params": {name: "a" * size}, "content": SILENCE}
        for name in ("page_token", "model", "kinds", "page_size"):
            yield "GET", "/api/admin/operations", name, {"params": {name: "a" * size}}
        for path in ("/v1/models/", "/v1/inconnu/", "/api/inconnu/", "/assets/"):
            yield "GET", path + "a" * size, "adresse", {}
        yield "POST", f"/api/admin/models/{'a' * size}/load", "adresse", {"json": {}}
        yield "POST", f"/api/admin/operations/{'a' * size}/cancel", "adresse", {"json": {}}
        yield "GET", "/v1/models", "en-tête", {"headers": {"authorization": "Bearer " + "a" * size}}
        yield "GET", "/v1/models", "en-tête", {"headers": {"x-request-id": "a" * size}}


def _rest_problem(http: Any, method: str, path: str, field: str, options: dict[str, Any]) -> str:
    """Fait une requête ; rend ce qui ne va pas."""
    response = http.request(method, path, **options)
    where = f"{method} {path[:60]} {field[:60]} : {response.status_code} {response.text[:300]}"
    if response.status_code == 404 and not path.startswith(("/v1", "/api")):
        return ""
    if response.status_code == 431 or response.status_code < 400:
        return ""
    if response.status_code >= 500 or len(response.content) > TRAILERS:
        return where
    return "" if response.json()["error"]["message"] else where


def _nothing_crashed(product: Product) -> None:
    crashed = [
        f"{log.name} : {line[:600]}"
        for log in Path(product.run_dir, "logs").glob("*")
        for line in log.read_text(errors="replace").splitlines()
        if '"rpc_crashed"' in line or "Traceback" in line
    ]
    assert not crashed, "\n".join(crashed)
