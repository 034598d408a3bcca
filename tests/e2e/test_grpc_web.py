"""gRPC, REST, et gRPC-Web depuis un vrai Chromium, à la fois sur un seul port."""

import asyncio
import json
import time
from asyncio.subprocess import PIPE, Process
from dataclasses import dataclass

import grpc
import httpx
from passerelle.v1 import chat_pb2, chat_pb2_grpc

from tests.support.product import ROOT, Product
from tests.support.tls import SSL

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
