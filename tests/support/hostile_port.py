"""Des octets hostiles au port public, et le compte de ce qui est répondu.

`python -m tests.support.hostile_port PORT [--seconds 10] [--seed 1] [--inputs 0] [--model qwen]` : dans un processus à part, pour ne
pas ralentir ceux qui observent le serveur. Aucune entrée ne nomme un modèle dans un verbe d'administration.
"""

import argparse
import asyncio
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

import hpack
from passerelle.v1 import admin_pb2, chat_pb2, diarize_pb2, probe_pb2, rest_pb2, transcribe_pb2

from tests.support import hostile
from tests.support.load import SPEECH

PARALLEL = 48
SILENCE_SECONDS = 0.3
"""Attente d'une réponse qui ne viendra peut-être pas."""
READ_BYTES = 256 * 1024

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS = 0, 1, 4
END_STREAM, END_HEADERS = 1, 4

MODULES: tuple[Any, ...] = (admin_pb2, chat_pb2, diarize_pb2, probe_pb2, rest_pb2, transcribe_pb2)
METHODS = [
    (f"/{service.full_name}/{method.name}", method.input_type)
    for module in MODULES
    for service in module.DESCRIPTOR.services_by_name.values()
    for method in service.methods
]
WAVE = SPEECH[: 44 + 3200]


@dataclass
class Input:
    """Ce qu'une connexion envoie."""

    pieces: list[bytes]
    count: int = 1
    """Entrées qu'elle porte."""
    http2: bool = False


@dataclass
class Tally:
    """Ce qui a été essayé, et ce qui a été répondu."""

    inputs: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    """Connexions que le serveur n'a pas prises."""
    internal: dict[str, str] = field(default_factory=dict)
    """Par famille, la première entrée qui a eu une erreur interne."""


def requests(model: str) -> dict[str, Any]:
    """Corps JSON valides, par adresse ; abîmés, ils vont jusqu'aux vérifications."""
    messages = [{"role": "user", "content": "Hi"}]
    chat = {"model": model, "messages": messages, "max_tokens": 1, "stream": False, "stop": ["a"], "n": 1}
    order = {"gpus": [0], "replicas": 1, "options": {"a": 1}, "idle_unload": "5s", "make_room": False}
    return {
        "/v1/chat/completions": chat,
        "/v1/completions": {"model": model, "prompt": "Il", "max_tokens": 1, "logit_bias": {"3": 1}},
        "/api/admin/models/absent/load": order,
        "/api/admin/models/absent/preflight": order,
        "/api/admin/models/absent/unload": {"wait": True},
        "/api/admin/operations/absente/cancel": {},
    }


def post(path: str, body: bytes, content_type: str, *extra: str) -> bytes:
    """Requête HTTP/1.1 entière."""
    lines = [f"POST {path} HTTP/1.1", "host: localhost", "connection: close", f"content-type: {content_type}", *extra]
    return "\r\n".join([*lines, f"content-length: {len(body)}", "", ""]).encode("utf-8", "surrogatepass") + body


class Arsenal:
    """Les familles d'entrées, pour un modèle chargé."""

    def __init__(self, model: str) -> None:
        self._bodies = requests(model)
        self.families: dict[str, Callable[[Random], Input]] = {
            "HTTP/1.1": self.http1,
            "JSON": self.json,
            "multipart": self.multipart,
            "HTTP/2": self.http2,
            "gRPC": self.grpc,
            "gRPC-Web": self.grpc_web,
            "WebSocket": self.web_socket,
        }

    def http1(self, rng: Random) -> Input:
        """Requête abîmée jusque dans ses en-têtes."""
        path, body = rng.choice(list(self._bodies.items()))
        extra = rng.choice(
            ("", "transfer-encoding: chunked", "origin: http://[", "authorization: \xff", "expect: 100-continue")
        )
        whole = post(path, hostile.json_bytes(body), "application/json", *filter(None, [extra]))
        if rng.random() < 0.2:
            path = rng.choice(("/", "/v1/models/", "/assets/", "/api/admin/models", "/metrics", "/ws/transcribe"))
            whole = f"GET {path}{rng.choice(hostile.TEXTS)} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode()
        return Input(hostile.cut(rng, hostile.damaged(rng, whole))[:20])

    def json(self, rng: Random) -> Input:
        """JSON dont la structure est abîmée, dans une requête correcte."""
        path, body = rng.choice(list(self._bodies.items()))
        data = hostile.json_bytes(hostile.damaged_value(rng, body))
        data = hostile.damaged(rng, data) if rng.random() < 0.2 else data
        return Input([post(path, data, "application/json")])

    def multipart(self, rng: Random) -> Input:
        """Formulaire, ou fichier audio, abîmés."""
        path = rng.choice(
            ("/v1/audio/transcriptions", "/v1/audio/translations", "/api/audio/transcribe", "/api/diarization/process")
        )
        # Un fichier entier est rare : le décoder coûte un processus, et l'essai n'est pas celui des moteurs.
        wave = hostile.damaged(rng, WAVE[:60]) + (WAVE[60:] if rng.random() < 0.05 else b"")
        parts = [("model", b"whisper-1"), ("file", wave), ("response_format", rng.choice(hostile.TEXTS).encode())]
        body = b"".join(
            f'--b\r\nContent-Disposition: form-data; name="{name}"'.encode()
            + (b'; filename="a.wav"' if name == "file" else b"")
            + b"\r\n\r\n"
            + value
            + b"\r\n"
            for name, value in parts
        )
        body = hostile.damaged(rng, body + b"--b--\r\n")
        return Input(
            [post(path, body, rng.choice(("multipart/form-data; boundary=b", "audio/wav", "multipart/form-data")))]
        )

    def http2(self, rng: Random) -> Input:
        """Trames abîmées, ou permises mais insensées."""
        written = frame(SETTINGS, 0, 0, b"")
        for stream in range(1, 2 * rng.randint(2, 8), 2):
            path, body = rng.choice(list(self._bodies.items()))
            written += headers(stream, path, "application/json") + frame(
                DATA, END_STREAM, stream, hostile.json_bytes(body)
            )
            if rng.random() < 0.3:
                payload = rng.randbytes(rng.choice((0, 4, 5, 8, 40)))
                written += frame(
                    rng.randint(0, 12), rng.randint(0, 255), rng.choice((0, stream, stream + 1, 2**31 - 1)), payload
                )
        written = hostile.damaged(rng, written) if rng.random() < 0.4 else written
        return Input([PREFACE, *hostile.cut(rng, written)[:20]], http2=True)

    def grpc(self, rng: Random) -> Input:
        """Messages typés quelconques ou abîmés, dans des appels corrects."""
        written = frame(SETTINGS, 0, 0, b"")
        count = rng.randint(1, 12)
        for stream in range(1, 2 * count, 2):
            path, kind = rng.choice(METHODS)
            data = hostile.damaged_message(rng, hostile.any_message(rng, kind))[:16000]
            prefix = rng.choice((0, 0, 0, 0, 1, 7)).to_bytes(1) + (
                len(data) if rng.random() < 0.9 else rng.choice((0, 2**32 - 1))
            ).to_bytes(4)
            written += headers(stream, path, "application/grpc") + frame(DATA, END_STREAM, stream, prefix + data)
        return Input([PREFACE, written], count, http2=True)

    def grpc_web(self, rng: Random) -> Input:
        """Les mêmes, comme un navigateur les envoie."""
        path, kind = rng.choice(METHODS)
        data = hostile.damaged_message(rng, hostile.any_message(rng, kind))
        body = hostile.damaged(rng, b"\0" + len(data).to_bytes(4) + data)
        return Input(
            [post(path, body, rng.choice(("application/grpc-web+proto", "application/grpc-web-text")), "x-grpc-web: 1")]
        )

    def web_socket(self, rng: Random) -> Input:
        """Poignée de main, trames ou premiers messages abîmés."""
        config = {"config": {"audio_format": {"encoding": "AUDIO_ENCODING_PCM_S16LE", "sample_rate_hertz": 16000}}}
        first = hostile.json_bytes(hostile.damaged_value(rng, {"type": "config", "api_key": "", "config": config}))[
            :60000
        ]
        shake = (
            b"GET /ws/transcribe HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
            b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        frames = masked(rng, 1, first) + masked(
            rng, rng.choice((0, 1, 2, 8, 9, 11)), rng.randbytes(rng.choice((0, 3, 3200)))
        )
        if rng.random() < 0.5:
            frames = hostile.damaged(rng, frames)
        if rng.random() < 0.15:
            shake = hostile.damaged(rng, shake)
        return Input([shake, frames])


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """Trame HTTP/2."""
    return len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload


def headers(stream: int, path: str, content_type: str) -> bytes:
    """En-têtes d'un POST, sans table : chaque bloc vaut seul."""
    fields = [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "localhost")]
    fields += [("content-type", content_type), ("te", "trailers")]
    return frame(
        HEADERS, END_HEADERS, stream, hpack.Encoder().encode([hpack.NeverIndexedHeaderTuple(*one) for one in fields])
    )


def masked(rng: Random, opcode: int, payload: bytes) -> bytes:
    """Trame de WebSocket d'un client."""
    mask = rng.randbytes(4)
    size = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + len(payload).to_bytes(2)
    return bytes([0x80 | opcode]) + size + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


async def exchange(port: int, sent: Input) -> bytes:
    """Envoie tout, et rend ce qui revient jusqu'à la fermeture ou au silence.

    Raises:
        OSError: connexion refusée.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received = b""
    try:
        for piece in sent.pieces:
            writer.write(piece)
            await writer.drain()
        while len(received) < READ_BYTES:
            async with asyncio.timeout(SILENCE_SECONDS):
                data = await reader.read(65536)
            if not data:
                break
            received += data
    except (TimeoutError, ConnectionError):
        pass
    finally:
        writer.transport.abort()
    return received


def answers(received: bytes, http2: bool) -> list[str]:
    """Codes HTTP et statuts gRPC d'une connexion."""
    if not http2:
        return [f"HTTP {code.decode()}" for code in re.findall(rb"^HTTP/1\.1 (\d{3})", received, re.MULTILINE)]
    found: list[str] = []
    decoder = hpack.Decoder()
    while len(received) >= 9:
        size, kind = int.from_bytes(received[:3]), received[3]
        if kind == HEADERS:
            with suppress(hpack.HPACKError):
                block: dict[Any, Any] = dict(decoder.decode(received[9 : 9 + size]))
                found += [f"HTTP {block[':status']}"] if ":status" in block else []
                found += [f"gRPC {block['grpc-status']}"] if "grpc-status" in block else []
        received = received[9 + size :]
    return found


INTERNAL = ("HTTP 500", "gRPC 13", "gRPC 2")
"""Réponses qu'aucune entrée, si mauvaise soit-elle, ne doit obtenir."""


async def bombard(port: int, model: str, seed: int, seconds: float, most: int) -> Tally:
    """Envoie des entrées jusqu'à l'échéance, ou jusqu'au nombre voulu."""
    tally = Tally()
    arsenal = Arsenal(model)
    deadline = time.monotonic() + seconds

    async def attack(number: int) -> None:
        rng = Random(seed * 1000 + number)
        while time.monotonic() < deadline and (not most or tally.inputs.total() < most):
            family = rng.choice(list(arsenal.families))
            sent = arsenal.families[family](rng)
            try:
                received = await exchange(port, sent)
            except OSError:
                tally.refused += 1
                continue
            tally.inputs[family] += sent.count
            for answer in answers(received, sent.http2) or ["sans réponse"]:
                tally.answers[f"{family} : {answer}"] += 1
                if answer in INTERNAL:
                    tally.internal.setdefault(
                        f"{family} : {answer}", repr(b"".join(sent.pieces)[:1500] + b" => " + received[-600:])
                    )

    await asyncio.gather(*(attack(number) for number in range(PARALLEL)))
    return tally


def main(arguments: Sequence[str]) -> int:
    """Attaque un port et écrit le compte en JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--inputs", type=int, default=0, help="nombre d'entrées au plus ; 0 : sans limite")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", default="qwen")
    options = parser.parse_args(arguments)
    tally = asyncio.run(bombard(options.port, options.model, options.seed, options.seconds, options.inputs))
    print(
        json.dumps(
            {"inputs": tally.inputs, "answers": tally.answers, "refused": tally.refused, "internal": tally.internal}
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
