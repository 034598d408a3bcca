"""Les mauvaises requêtes : chacune a sa réponse, à la forme de sa famille."""

import socket
from typing import Any

import httpx
import pytest

from tests.support.product import Product, sse_events, wait_until

CHAT = "/v1/chat/completions"
GOOD = {"model": "qwen", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 4}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "model"),
        ({"model": "qwen"}, "messages"),
        ({"model": 3, "messages": GOOD["messages"]}, "model"),
        ({"model": "", "messages": GOOD["messages"]}, "model"),
        (GOOD | {"messages": []}, "messages"),
        (GOOD | {"messages": "Hi"}, "messages"),
        (GOOD | {"messages": [{"content": "Hi"}]}, "messages[0].role"),
        (GOOD | {"messages": [{"role": "chef", "content": "Hi"}]}, "messages[0].role"),
        (GOOD | {"messages": [{"role": "user", "content": 3}]}, "messages[0].content"),
        (GOOD | {"messages": [{"role": "user", "content": [{"type": "son"}]}]}, "messages[0].content[0].type"),
        (GOOD | {"n": "two"}, "n"),
        (GOOD | {"n": 0}, "n"),
        (GOOD | {"n": 17}, "n"),
        (GOOD | {"max_tokens": -1}, "max_tokens"),
        (GOOD | {"temperature": "hot"}, "temperature"),
        (GOOD | {"stream": "yes"}, "stream"),
        (GOOD | {"stop": [1]}, "stop"),
        (GOOD | {"top_logprobs": 3}, "top_logprobs"),
        (GOOD | {"chat_template": "{{ x }}"}, "chat_template"),
        (GOOD | {"logit_bias": {"1": 1000}}, "logit_bias"),
        (GOOD | {"response_format": {"type": "xml"}}, "response_format.type"),
    ],
)
def test_chat_fields(product: Product, body: dict[str, Any], param: str) -> None:
    with product.http() as http:
        response = http.post(CHAT, json=body)
    error = response.json()["error"]
    assert response.status_code == 400, response.text
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    assert (error["param"] or "").startswith(param), error
    assert error["message"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"model": "qwen", "messages": [NaN]}'])
def test_invalid_json(product: Product, body: bytes) -> None:
    with product.http() as http:
        response = http.post(CHAT, content=body, headers={"content-type": "application/json"})
    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"


def test_every_field_has_its_fate(product: Product) -> None:
    product.ensure_ready()
    with product.http() as http:
        fine = {"user": "u", "store": True, "metadata": {"a": "b"}, "top_k": 5, "repetition_penalty": 1.1, "stop": None}
        assert http.post(CHAT, json=GOOD | fine).status_code == 200
        for name in ("une_option_future", "n_probs", "priority", "cache_salt", "verbosity", "min_tokens"):
            response = http.post(CHAT, json=GOOD | {name: 9})
            assert (response.status_code, response.json()["error"]["param"]) == (400, name)


def test_the_fields_of_a_model_are_announced(product: Product) -> None:
    with product.http() as http:
        models = {model["key"]: model for model in http.get("/api/capabilities").json()["models"]}
    chat = models["qwen"]
    assert {"top_k", "repetition_penalty"} <= set(chat["extra_fields"]) and "priority" not in chat["extra_fields"]
    assert {"verbosity", "suffix"} <= set(chat["refused_fields"]) and "store" in chat["ignored_fields"]
    assert not models["canary"]["extra_fields"]


def test_a_completion_without_max_tokens_has_sixteen(product: Product) -> None:
    product.ensure_ready()
    with product.http() as http:
        response = http.post("/v1/completions", json={"model": "qwen", "prompt": "One, two,", "ignore_eos": True})
    assert response.json()["usage"]["completion_tokens"] == 16


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", CHAT, 405),
        ("PUT", CHAT, 405),
        ("DELETE", "/v1/models", 405),
        ("GET", "/v1/inconnu", 404),
        ("POST", "/v1/embeddings", 404),
    ],
)
def test_openai_family_paths(product: Product, method: str, path: str, status: int) -> None:
    with product.http() as http:
        response = http.request(method, path)
    assert response.status_code == status
    assert set(response.json()["error"]) == {"message", "type", "param", "code"}
    if status == 404:
        assert "/v1/chat/completions" in response.json()["error"]["message"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/inconnu", 404),
        ("DELETE", "/api/admin/status", 405),
        ("GET", "/api/admin/models/qwen/load", 405),
        ("POST", "/api/admin/models/inconnu/load", 404),
        ("POST", "/api/admin/operations/inconnue/cancel", 404),
    ],
)
def test_api_family_paths(product: Product, method: str, path: str, status: int) -> None:
    with product.http() as http:
        response = http.request(method, path, json={} if method == "POST" else None)
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert error["code"] == status
    assert error["reason"] and error["message"]


def test_api_bad_json_has_the_same_shape(product: Product) -> None:
    with product.http() as http:
        response = http.post("/api/admin/models/qwen/load", content=b"{", headers={"content-type": "application/json"})
        wrong = http.post("/api/admin/models/qwen/load", json={"gpus": "tous"})
    assert response.status_code == wrong.status_code == 400
    assert response.json()["error"]["code"] == 400 and wrong.json()["error"]["code"] == 400


def test_the_page_has_its_own_paths_and_no_other(product: Product) -> None:
    with product.http() as http:
        assert "<html" in http.get("/").text
        for path in ("/une/page", "/docs", "/models", "/openapi.json", "/metrics/x"):
            answer = http.get(path)
            assert answer.status_code == 404 and "GET /v1/models" in answer.json()["error"]["message"]
        assert http.get("/assets/absent.js").status_code == 404
        assert http.head("/").status_code == 200


def _raw_request(product: Product, stream: bool) -> socket.socket:
    body = (
        b'{"model":"qwen","messages":[{"role":"user","content":"Tell a very long story."}],'
        b'"max_tokens":3000,"temperature":1.5,"ignore_eos":true,"stream":' + (b"true" if stream else b"false") + b"}"
    )
    raw = socket.create_connection(("127.0.0.1", product.port))
    raw.sendall(
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        b"Content-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body
    )
    return raw


@pytest.mark.parametrize("stream", [True, False])
def test_a_vanished_client_frees_its_place_at_once(product: Product, stream: bool) -> None:
    product.ensure_ready()

    def running() -> int:
        return int(product.model()["replicas"][0]["running_requests"])

    wait_until(lambda: running() == 0, 60, "modèle au repos")
    raw = _raw_request(product, stream)
    wait_until(lambda: running() == 1, 60, "requête admise")
    raw.close()
    # Bien avant la fin d'elle-même d'une réponse de 3 000 jetons.
    wait_until(lambda: running() == 0, 12, "place rendue")


def test_audio_routes_answer_in_their_family(product: Product) -> None:
    with product.http() as http:
        openai_shape = http.post(
            "/v1/audio/transcriptions", files={"file": ("a.wav", b"RIFF")}, data={"model": "canary"}
        )
        api_shape = http.post("/api/audio/transcribe", content=b"RIFF", headers={"content-type": "audio/wav"})
    assert openai_shape.status_code >= 400 and set(openai_shape.json()["error"]) == {"message", "type", "param", "code"}
    assert api_shape.status_code >= 400 and api_shape.json()["error"]["reason"]


def test_sse_is_not_buffered_nor_compressed(product: Product) -> None:
    product.ensure_ready()
    with (
        product.http() as http,
        http.stream(
            "POST",
            CHAT,
            json=GOOD | {"stream": True, "max_tokens": 24, "ignore_eos": True},
            headers={"accept-encoding": "gzip"},
        ) as response,
    ):
        assert response.headers["content-type"].startswith("text/event-stream")
        assert "content-encoding" not in response.headers
        pieces = list(response.iter_text())
    assert len(pieces) > 2
    events = sse_events("".join(pieces))
    assert events[-1] == "[DONE]"


def test_grpc_only_headers_do_not_leak(product: Product) -> None:
    with product.http() as http:
        response: httpx.Response = http.get("/v1/models")
    assert not [name for name in response.headers if name.startswith(("grpc-", "x-http-status"))]
    assert response.headers["x-request-id"]
