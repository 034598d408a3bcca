"""Un client qui n'a que les souches générées, à travers Envoy."""

import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status
from passerelle.v1 import (
    admin_pb2,
    admin_pb2_grpc,
    chat_pb2,
    chat_pb2_grpc,
    limits_pb2,
    model_pb2,
    model_verbs_pb2,
    operation_pb2,
)

from tests.support.audio_files import DATA
from tests.support.product import Product, wait_until
from tests.support.python_client import ROOT, build, environ, install


def question(text: str = "What is the capital of France?", max_tokens: int = 24) -> chat_pb2.ChatRequest:
    return chat_pb2.ChatRequest(
        model="qwen",
        messages=[
            chat_pb2.ChatMessage(role=chat_pb2.CHAT_ROLE_USER, content=[chat_pb2.ContentPart(text=text)]),
        ],
        options=chat_pb2.GenerationOptions(max_tokens=max_tokens, temperature=0, seed=7),
    )


@pytest.fixture
async def channel(product: Product) -> AsyncIterator[grpc.aio.Channel]:
    product.ensure_ready()
    async with grpc.aio.insecure_channel(product.target) as found:
        yield found


def reason(error: grpc.aio.AioRpcError) -> str:
    status = rpc_status.from_call(error)  # type: ignore[arg-type]
    assert status is not None
    info = error_details_pb2.ErrorInfo()
    assert any(detail.Unpack(info) for detail in status.details)
    assert info.domain == "passerelle"
    return str(info.reason)


async def test_chat_and_its_stream_agree(channel: grpc.aio.Channel) -> None:
    stub = chat_pb2_grpc.ChatServiceStub(channel)
    whole = await stub.Chat(question())
    text, last = "", None
    async for message in stub.StreamChat(chat_pb2.StreamChatRequest(request=question())):
        text += "".join(delta.content for delta in message.deltas)
        last = message
    assert text == whole.choices[0].message.content[0].text
    assert last is not None and last.usage.completion_tokens == whole.usage.completion_tokens
    assert whole.choices[0].finish_reason in ("stop", "length")


async def test_complete_and_its_stream_agree(channel: grpc.aio.Channel) -> None:
    stub = chat_pb2_grpc.ChatServiceStub(channel)
    request = chat_pb2.CompleteRequest(
        model="qwen", prompt="Once upon a time", options=chat_pb2.GenerationOptions(max_tokens=12, temperature=0)
    )
    whole = await stub.Complete(request)
    parts = [m async for m in stub.StreamComplete(chat_pb2.StreamCompleteRequest(request=request))]
    assert "".join(d.text for m in parts for d in m.deltas) == whole.choices[0].text


async def test_errors_carry_a_reason(channel: grpc.aio.Channel) -> None:
    stub = chat_pb2_grpc.ChatServiceStub(channel)
    unknown = question()
    unknown.model = "gpt-4o"
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Chat(unknown)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    assert reason(caught.value) == "MODEL_NOT_FOUND"
    empty = question()
    del empty.messages[:]
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Chat(empty)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert reason(caught.value) == "INVALID_REQUEST"
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async for _ in stub.StreamChat(chat_pb2.StreamChatRequest(request=unknown)):
            pass
    assert reason(caught.value) == "MODEL_NOT_FOUND"


async def test_cancelling_stops_the_engine(product: Product, channel: grpc.aio.Channel) -> None:
    stub = chat_pb2_grpc.ChatServiceStub(channel)
    request = question("Tell a very long story.", max_tokens=3000)
    request.options.temperature = 1.5
    request.options.extra["ignore_eos"] = True
    call = stub.StreamChat(chat_pb2.StreamChatRequest(request=request))
    await call.read()
    wait_until(lambda: product.model()["replicas"][0]["running_requests"] >= 1, 60, "requête vue en cours")
    call.cancel()
    wait_until(lambda: product.model()["replicas"][0]["running_requests"] == 0, 12, "moteur arrêté")


async def test_a_deadline_is_honoured(product: Product, channel: grpc.aio.Channel) -> None:
    stub = chat_pb2_grpc.ChatServiceStub(channel)
    request = question("Tell a very long story.", max_tokens=3000)
    request.options.extra["ignore_eos"] = True
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Chat(request, timeout=0.7)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    wait_until(lambda: product.model()["replicas"][0]["running_requests"] == 0, 12, "moteur arrêté")


async def test_admin_over_grpc(product: Product, channel: grpc.aio.Channel) -> None:
    stub = admin_pb2_grpc.AdminServiceStub(channel)
    status = (await stub.GetStatus(admin_pb2.GetStatusRequest())).status
    assert [m.key for m in status.models] == ["qwen", "canary", "pyannote"]
    assert status.profile == "embarque" and "anglais seulement" in status.profile_notice
    watched = stub.WatchStatus(admin_pb2.WatchStatusRequest())
    first = await watched.read()
    assert first.sequence >= 0 and len(first.status.models) == 3
    watched.cancel()
    capabilities = await stub.GetCapabilities(limits_pb2.GetCapabilitiesRequest())
    assert capabilities.limits.chat.max_n == 16
    assert any(e.path == "/v1/chat/completions" for e in capabilities.endpoints)
    listed = await stub.ListModels(model_pb2.ListModelsRequest(page_size=2))
    assert len(listed.models) == 2 and listed.next_page_token
    operations = await stub.ListOperations(operation_pb2.ListOperationsRequest())
    assert any(o.kind == operation_pb2.OPERATION_KIND_LOAD for o in operations.operations)
    logs = stub.StreamLogs(admin_pb2.StreamLogsRequest(model="qwen", tail_lines=50))
    lines = [line async for message in logs for line in message.lines]
    assert lines
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.LoadModel(model_verbs_pb2.LoadModelRequest(model="inconnu"))
    assert reason(caught.value) == "MODEL_NOT_FOUND"


async def test_health_and_unknown_methods(channel: grpc.aio.Channel) -> None:
    health = health_pb2_grpc.HealthStub(channel)
    answer = await health.Check(health_pb2.HealthCheckRequest())
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    unknown: Any = channel.unary_unary("/passerelle.v1.ChatService/Inconnue")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await unknown(b"")
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_reflection_lists_every_public_service(product: Product) -> None:
    with grpc.insecure_channel(product.target) as channel:
        services = set(ProtoReflectionDescriptorDatabase(channel).get_services())
    assert {
        "passerelle.v1.ChatService",
        "passerelle.v1.TranscribeService",
        "passerelle.v1.DiarizeService",
        "passerelle.v1.AdminService",
        "grpc.health.v1.Health",
    } <= services
    assert not [s for s in services if s.startswith(("passerelle.control", "passerelle.worker"))]


def test_the_installed_client_does_everything(product: Product, tmp_path: Path) -> None:
    """`passerelle-client`, de sa roue, dans un environnement neuf qui ne voit pas le dépôt."""
    product.ensure_ready()
    python = install(build(tmp_path), tmp_path / "neuf")
    speech = DATA / "en" / "austen-0870.wav"
    command = [str(python), str(ROOT / "tests" / "support" / "client_program.py"), product.target, str(speech)]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=250, env=environ()
    )
    assert done.returncode == 0, done.stderr
    whole, later = json.loads(done.stdout)
    assert whole["agree"] and whole["refused"] == "MODEL_NOT_FOUND" and "recognition" in whole["stages"]
    assert whole["models"] == ["qwen", "canary", "pyannote"]
    assert whole["text"] and whole["live"] and whole["live"] == later["live"] and later["speakers"] == 1
