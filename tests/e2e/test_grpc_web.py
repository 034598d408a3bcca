"""gRPC-Web depuis un vrai Chromium, méthode par méthode ; puis gRPC, REST et gRPC-Web à la fois sur un seul port."""

import asyncio
import json
import pkgutil
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module

import grpc
import httpx
import passerelle.v1
from google.protobuf.descriptor import MethodDescriptor
from passerelle.v1 import chat_pb2, chat_pb2_grpc

from tests.e2e.test_dashboard import walk
from tests.support import audio_files
from tests.support.product import ROOT, Product
from tests.support.tls import SSL

BEYOND_GRPC_WEB = {
    "passerelle.v1.TranscribeService/UploadTranscribe",
    "passerelle.v1.TranscribeService/StreamTranscribe",
    "passerelle.v1.DiarizeService/UploadDiarize",
    "passerelle.v1.RestService/CreateTranscription",
    "passerelle.v1.RestService/CreateTranslation",
    "passerelle.v1.RestService/TranscribeAudio",
    "passerelle.v1.RestService/ProcessDiarization",
}
"""Méthodes où le client envoie un flux : gRPC-Web ne sait pas le faire."""

STORY = "Tell a very long story."
TOKENS = 200


@dataclass(frozen=True)
class Told:
    """Réponse venue au fil de l'eau ; instants de son premier et de son dernier message."""

    text: str
    finish: str
    tokens: int
    begin: float
    end: float


def public_methods() -> Iterator[tuple[str, MethodDescriptor]]:
    """Toutes les méthodes de `passerelle.v1` : Envoy mène aussi RestService et ProbeService en gRPC."""
    for module in pkgutil.iter_modules(passerelle.v1.__path__):
        if module.name.endswith("_pb2"):
            file = import_module(f"passerelle.v1.{module.name}").DESCRIPTOR
            for service in file.services_by_name.values():
                for method in service.methods:
                    yield f"{service.full_name}/{method.name}", method


def test_chromium_calls_every_method_grpc_web_can_carry(product: Product, chromium: str) -> None:
    methods = dict(public_methods())
    assert {name for name, method in methods.items() if method.client_streaming} == BEYOND_GRPC_WEB
    callable_ones = ",".join(sorted(set(methods) - BEYOND_GRPC_WEB))
    phrase = audio_files.DATA / "en" / "austen-0870.wav"
    walk("grpc_web.mjs", product, chromium, "méthodes", callable_ones, str(phrase), str(audio_files.dialogue()[0]))
    assert {model["state"] for model in product.status()["models"]} == {"MODEL_STATE_READY"}


async def native(product: Product) -> Told:
    """StreamChat par gRPC natif."""
    request = chat_pb2.ChatRequest(
        model="qwen",
        messages=[chat_pb2.ChatMessage(role=chat_pb2.CHAT_ROLE_USER, content=[chat_pb2.ContentPart(text=STORY)])],
        options=chat_pb2.GenerationOptions(max_tokens=TOKENS, temperature=0, seed=7),
    )
    request.options.extra["ignore_eos"] = True
    text, finish, tokens, begin = "", "", 0, 0.0
    async with grpc.aio.insecure_channel(product.target) as channel:
        async for message in chat_pb2_grpc.ChatServiceStub(channel).StreamChat(
            chat_pb2.StreamChatRequest(request=request)
        ):
            begin = begin or time.time()
            text += "".join(delta.content for delta in message.deltas)
            finish += "".join(delta.finish_reason for delta in message.deltas)
            tokens = message.usage.completion_tokens or tokens
    return Told(text, finish, tokens, begin, time.time())


async def rest(product: Product) -> Told:
    """`/v1/chat/completions` en événements SSE."""
    body = {
        "model": "qwen",
        "messages": [{"role": "user", "content": STORY}],
        "max_tokens": TOKENS,
        "temperature": 0,
        "seed": 7,
        "ignore_eos": True,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    text, finish, tokens, begin, last = "", "", 0, 0.0, ""
    async with (
        httpx.AsyncClient(base_url=product.base_url, timeout=120, verify=SSL) as client,
        client.stream("POST", "/v1/chat/completions", json=body) as response,
    ):
        assert response.status_code == 200
        async for line in response.aiter_lines():
            if not line.startswith("data: "):
                continue
            begin, last = begin or time.time(), line[6:]
            if last == "[DONE]":
                continue
            event = json.loads(last)
            for choice in event["choices"]:
                text += choice["delta"].get("content") or ""
                finish += choice["finish_reason"] or ""
            tokens = (event.get("usage") or {}).get("completion_tokens", tokens)
    assert last == "[DONE]"
    return Told(text, finish, tokens, begin, time.time())


async def from_the_page(browser: Process) -> Told:
    """StreamChat par gRPC-Web, dès maintenant, dans un Chromium déjà prêt."""
    output, complaints = await browser.communicate(b"maintenant\n")
    assert browser.returncode == 0, (output + complaints).decode()
    return Told(**json.loads(output))


async def test_three_protocols_stream_at_once_through_one_port(product: Product, chromium: str) -> None:
    product.ensure_ready()
    browser = await asyncio.create_subprocess_exec(
        "node", "e2e/grpc_web.mjs", product.base_url, chromium, "flux", str(TOKENS),
        cwd=ROOT / "dashboard", stdin=PIPE, stdout=PIPE, stderr=PIPE,
    )  # fmt: skip
    try:
        assert browser.stdout is not None
        greeting = await asyncio.wait_for(browser.stdout.readline(), 90)
        assert greeting.decode() == "prêt\n"
        async with asyncio.timeout(120):
            answers = await asyncio.gather(native(product), rest(product), from_the_page(browser))
    finally:
        if browser.returncode is None:
            browser.terminate()
            await browser.communicate()
    assert [(told.finish, told.tokens) for told in answers] == [("length", TOKENS)] * 3
    assert all(told.text for told in answers)
    assert max(told.begin for told in answers) < min(told.end for told in answers), answers
