"""Les réglages que docs/clients.md conseille à un client gRPC typé (`examples/reglages.py`), devant le produit entier."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import psutil
import pytest
from passerelle.v1 import chat_pb2, chat_pb2_grpc

from examples.reglages import OPTIONS, channel
from tests.support.product import ROOT, Product, running_product, wait_until


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """Produit sans chien de garde : un Envoy figé le reste."""
    with running_product(tmp_path_factory.mktemp("r"), env={"PASSERELLE_WATCHDOG_SECONDS": "0"}) as product:
        product.ensure_ready()
        yield product


def ask(stub: Any, tokens: int, timeout: float = 60.0) -> int:
    """Mène une réponse de tant de jetons ; rend ceux qu'elle a."""
    message = chat_pb2.ChatMessage(
        role=chat_pb2.CHAT_ROLE_USER, content=[chat_pb2.ContentPart(text="Tell a long story about the sea.")]
    )
    options = chat_pb2.GenerationOptions(max_tokens=tokens)
    request = chat_pb2.ChatRequest(model="qwen", messages=[message], options=options)
    return int(stub.Chat(request, timeout=timeout).usage.completion_tokens)


def test_a_lost_worker_is_a_retry_the_caller_does_not_see(alone: Product) -> None:
    [replica] = alone.model()["replicas"]
    with channel(alone.target) as found, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(ask, chat_pb2_grpc.ChatServiceStub(found), 200)
        wait_until(lambda: alone.model()["replicas"][0]["running_requests"] == 1, 30, "requête en cours")
        psutil.Process(replica["pid"]).kill()
        assert answer.result(90) > 0
    assert alone.model()["replicas"][0]["pid"] != replica["pid"]


def test_a_refused_request_is_not_tried_again(alone: Product) -> None:
    with channel(alone.target) as found:
        started = time.monotonic()
        with pytest.raises(grpc.RpcError) as caught:
            chat_pb2_grpc.ChatServiceStub(found).Chat(chat_pb2.ChatRequest(model="qwen"), timeout=30)
    error: Any = caught.value
    # Quatre essais prendraient sept secondes.
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT and time.monotonic() - started < 4.0


def test_an_idle_channel_keeps_its_connection(alone: Product) -> None:
    """Ses sondes, même sans appel, ne sont jamais prises pour un abus."""
    [envoy] = [one for one in psutil.Process(alone.process.pid).children() if "envoy" in one.name()]
    with channel(alone.target) as found:
        stub = chat_pb2_grpc.ChatServiceStub(found)
        ask(stub, 4)
        ports = clients(envoy, alone.port)
        time.sleep(65)
        assert clients(envoy, alone.port) == ports
        ask(stub, 4)


def clients(envoy: psutil.Process, port: int) -> set[int]:
    """Ports d'en face des connexions établies."""
    return {
        one.raddr.port for one in envoy.net_connections("tcp") if one.status == "ESTABLISHED" and one.laddr.port == port
    }


def test_a_server_that_went_silent_is_seen_before_the_deadline(alone: Product) -> None:
    """L'appel se reconnecte d'abord, en vain : quelque 80 s, quand une échéance d'une heure l'aurait fait attendre."""
    [envoy] = [one for one in psutil.Process(alone.process.pid).children() if "envoy" in one.name()]
    once = tuple(pair for pair in OPTIONS if pair[0] != "grpc.service_config")
    with grpc.insecure_channel(alone.target, options=once) as found:
        stub = chat_pb2_grpc.ChatServiceStub(found)
        ask(stub, 4)
        os.kill(envoy.pid, signal.SIGSTOP)
        try:
            started = time.monotonic()
            with pytest.raises(grpc.RpcError) as caught:
                ask(stub, 4, timeout=3600)
            error: Any = caught.value
            assert error.code() is grpc.StatusCode.UNAVAILABLE and 5 < time.monotonic() - started < 150
        finally:
            os.kill(envoy.pid, signal.SIGCONT)


def test_the_example_answers(alone: Product) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "reglages.py"), alone.target, "Say hello."],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.strip()
