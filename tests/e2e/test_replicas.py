"""Des exemplaires ajoutés, retirés et tués pendant que l'on sert : seules se perdent les requêtes d'un exemplaire tué."""

import json
import threading
import time
from functools import partial
from typing import Any

import httpx
import psutil

from tests.support.load import Kind, Load, chat, describe, typed_chat
from tests.support.product import Product, wait_until
from tests.support.tls import SSL

BODY = {"model": "qwen", "messages": [{"role": "user", "content": "Count to ten."}], "max_tokens": 8}


class Callers:
    """Clients qui se suivent sans relâche, et ce qu'on leur a répondu."""

    def __init__(self, product: Product, count: int) -> None:
        self.done = 0
        self.refused: list[tuple[int, str]] = []
        self._product = product
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._call, args=(index % 2 == 0,)) for index in range(count)]

    def __enter__(self) -> "Callers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def more(self, count: int) -> None:
        """Attend `count` réponses de plus."""
        goal = self.done + count
        wait_until(lambda: self.done >= goal or bool(self.refused), 120, f"{goal} réponses")

    def _call(self, stream: bool) -> None:
        with httpx.Client(timeout=120, verify=SSL) as http:
            while not self._stop.is_set():
                try:
                    answer = http.post(f"{self._product.base_url}/v1/chat/completions", json=BODY | {"stream": stream})
                except httpx.HTTPError as error:
                    self.refused.append((0, repr(error)))
                    return
                whole = "data: [DONE]" in answer.text if stream else "choices" in answer.text
                if answer.status_code != 200 or not whole or '"error"' in answer.text:
                    self.refused.append((answer.status_code, answer.text[:500]))
                    return
                self.done += 1


def replicas(product: Product) -> list[str]:
    return [replica["id"] for replica in product.model()["replicas"]]


def done(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    operation: dict[str, Any] = response.json()["operation"]
    assert operation["state"] == "OPERATION_STATE_SUCCEEDED", operation
    return operation


def test_replicas_come_and_go_without_a_lost_request(product: Product) -> None:
    product.ensure_ready()
    verdict = product.admin("preflight", replicas=2).json()
    assert verdict["fits"] and verdict["replicas"] == 2 and verdict["gpus"] == []
    with Callers(product, 4) as callers:
        callers.more(4)
        done(product.admin("load", replicas=2, wait=True))
        assert replicas(product) == ["qwen-0", "qwen-1"]
        callers.more(8)
        done(product.admin("load", replicas=1, wait=True))
        assert replicas(product) == ["qwen-0"]
        callers.more(4)
    assert not callers.refused, callers.refused
    assert product.model()["selected_replicas"] == 1


def test_a_killed_replica_takes_only_its_own_requests(product: Product) -> None:
    product.ensure_ready()
    done(product.admin("load", replicas=2, wait=True))
    victim = next(one for one in product.model()["replicas"] if one["id"] == "qwen-1")
    long = {
        "chat": Kind(partial(chat, tokens=80), 0.0, model="qwen", clients=3),
        "typed": Kind(partial(typed_chat, tokens=80), 0.0, model="qwen"),
    }

    def replica(identifier: str) -> dict[str, Any]:
        return next((one for one in product.model()["replicas"] if one["id"] == identifier), {})

    with Load(product, kinds=long) as load:
        wait_until(lambda: replica("qwen-1").get("running_requests", 0) >= 1, 60, "requête sur l'exemplaire")
        psutil.Process(victim["pid"]).kill()
        killed = time.monotonic()
        wait_until(lambda: any(one.reason for one in list(load.record)), 60, "requête perdue")
        load.wait_success(60)
        wait_until(lambda: replica("qwen-1").get("pid", victim["pid"]) != victim["pid"], 60, "exemplaire relancé")
    wait_until(lambda: not product.model().get("operation"), 60, "relance finie")
    lost = [one for one in load.record if one.reason]
    assert {one.reason for one in lost} == {"WORKER_LOST"}, describe(load.record)
    assert any(not one.reason and one.started < killed < one.ended for one in load.record), describe(load.record)
    # Tué n'est pas mal chargé ; et ce n'est plus qu'une histoire, le modèle étant redevenu entier.
    model = product.model()
    assert "last_error" not in model and model["past_error"]["reason"] == "WORKER_KILLED", model
    assert "tué par SIGKILL" in model["past_error"]["message"]
    done(product.admin("load", replicas=1, wait=True))


def test_a_stream_cut_by_an_unload_is_told_so(product: Product) -> None:
    product.ensure_ready()
    story = {
        "model": "qwen",
        "messages": [{"role": "user", "content": "Tell a long story about the sea."}],
        "max_tokens": 4000,
        "stream": True,
        "ignore_eos": True,
    }
    url = f"{product.base_url}/v1/chat/completions"
    with httpx.stream("POST", url, json=story, timeout=60, verify=SSL) as stream:
        events = (line.removeprefix("data: ") for line in stream.iter_lines() if line.startswith("data: "))
        next(events)
        done(product.admin("unload", force=True, wait=True))
        *_, last = (event for event in events if event != "[DONE]")
    assert json.loads(last)["error"]["code"] == "model_unloaded", last
    assert "last_error" not in product.model()


def test_what_cannot_be_done_is_said(product: Product) -> None:
    product.ensure_ready()
    refused = product.admin("load", gpus=[0])
    assert refused.status_code == 400 and refused.json()["error"]["metadata"]["field"] == "gpus", refused.text
    refused = product.admin("load", options={"parallel": 8})
    assert refused.json()["error"]["metadata"]["field"] == "options.parallel", refused.text
    refused = product.admin("sleep", wait=True)
    assert refused.json()["error"]["reason"] == "UNSUPPORTED_OPTION", refused.text
    assert product.model()["state"] == "MODEL_STATE_READY"
