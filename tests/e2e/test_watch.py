"""Qui est servi se voit aussitôt, sans attendre la période, et sans noyer celui qui regarde."""

import time
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import grpc
import httpx
from google.protobuf.duration_pb2 import Duration
from passerelle.v1 import admin_pb2, admin_pb2_grpc

from tests.support.product import Product, wait_until
from tests.support.tls import SSL

BODY = {"model": "qwen", "messages": [{"role": "user", "content": "Count to ten."}], "max_tokens": 4, "temperature": 0}
ASKED = 40


def served(message: admin_pb2.WatchStatusResponse) -> int:
    """Requêtes en cours et en attente sur « qwen »."""
    [model] = [one for one in message.status.models if one.key == "qwen"]
    return sum(replica.running_requests + replica.waiting_requests for replica in model.replicas)


def test_requests_are_pushed_as_they_come_and_go(product: Product) -> None:
    product.ensure_ready()
    with grpc.insecure_channel(product.target) as channel, ThreadPoolExecutor(4) as pool:
        stub: Any = admin_pb2_grpc.AdminServiceStub(channel)
        stream = stub.WatchStatus(admin_pb2.WatchStatusRequest(interval=Duration(seconds=60)), timeout=180)
        while served(next(stream)):
            pass

        def ask(_rank: int) -> int:
            return httpx.post(f"{product.base_url}/v1/chat/completions", json=BODY, timeout=120, verify=SSL).status_code

        began = time.monotonic()
        answers = [pool.submit(ask, rank) for rank in range(ASKED)]
        counts = [served(next(stream))]
        first = time.monotonic() - began
        # La dernière réponse arrive un instant après que le compte est retombé.
        while counts[-1] or wait(answers, timeout=1).not_done:
            counts.append(served(next(stream)))
        passed = time.monotonic() - began
        stream.cancel()
    assert {answer.result() for answer in answers} == {200} and max(counts) > 1
    print(f"premier compte en {first:.3f} s ; {len(counts)} états en {passed:.1f} s pour {ASKED} requêtes")
    # Dix par seconde, et ceux que la lecture de la machine, chaque seconde, peut pousser.
    assert len(counts) <= 11 * passed + 3


def test_an_unload_nobody_confirmed_interrupts_nobody(product: Product) -> None:
    product.ensure_ready()
    long = BODY | {"max_tokens": 400, "ignore_eos": True}
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(httpx.post, f"{product.base_url}/v1/chat/completions", json=long, timeout=120, verify=SSL)
        wait_until(lambda: product.model()["replicas"][0]["running_requests"] == 1, 60, "requête en cours")
        refused = product.admin("unload", only_if_idle=True)
        assert refused.status_code == 409, refused.text
        error = refused.json()["error"]
        assert error["reason"] == "INVALID_STATE" and "1 en cours" in error["message"], error
        assert product.model()["state"] == "MODEL_STATE_READY"
        assert answer.result().json()["usage"]["completion_tokens"] == 400
    wait_until(lambda: product.model()["replicas"][0]["running_requests"] == 0, 60, "plus de requête")
    done = product.admin("unload", only_if_idle=True, wait=True)
    assert done.status_code == 200 and product.model()["state"] == "MODEL_STATE_CACHED", done.text
