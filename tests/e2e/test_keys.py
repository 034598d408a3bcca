"""Les clés : toutes les méthodes et toutes les routes du contrat public, une par une."""

import re
import socket
from collections.abc import Iterator
from typing import Any, cast

import grpc
import httpx
import pytest
from google.api import annotations_pb2
from google.protobuf.descriptor import MethodDescriptor
from passerelle.v1 import route_pb2

from server.rpc.contract import METHODS, POLICY, path_of
from tests.support.product import Product, wait_until
from tests.support.tls import SSL

OPEN = {
    "AdminService/GetStatus",
    "AdminService/WatchStatus",
    "AdminService/ListModels",
    "AdminService/GetCapabilities",
    "AdminService/ListOperations",
    "AdminService/CheckLoad",
    "AdminService/GetLogLevel",
    "ProbeService/CheckReadiness",
    "ProbeService/GetVersion",
    "ProbeService/GetMetrics",
    "RestService/CheckHealth",
}
ASKING = {
    "AdminService/GetAccess",
    "RequestService/ListRequests",
    "RequestService/GetRequest",
    "RequestService/WatchRequests",
}
"""Ouvertes, mais d'une clé fausse elles disent qu'elle l'est : ce qu'elles montrent dépend de la clé."""
ADMIN = {
    "AdminService/DownloadModel",
    "AdminService/LoadModel",
    "AdminService/UnloadModel",
    "AdminService/SleepModel",
    "AdminService/WakeModel",
    "AdminService/RemoveWeights",
    "AdminService/CancelOperation",
    "AdminService/StreamLogs",
    "AdminService/SetLogLevel",
    "KeyService/CreateKey",
    "KeyService/ListKeys",
    "KeyService/RotateKey",
    "KeyService/RevokeKey",
    "KeyService/SetKeyQuota",
    "RequestService/CancelRequest",
    "UsageService/GetUsage",
    "UsageService/ExportUsage",
    "UsageService/EraseUsage",
    "UsageService/EraseOwner",
}
CHATTING = {route_pb2.SCOPE_CHAT, route_pb2.SCOPE_MODELS, route_pb2.SCOPE_PUBLIC, route_pb2.SCOPE_STATUS}
"""Portées qu'ouvre une clé de conversation."""
KEY_REFUSALS = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)


def methods() -> Iterator[MethodDescriptor]:
    """Celles du contrat, tel qu'il est : une méthode neuve doit refuser tant qu'aucune table ne la dit ouverte."""
    yield from METHODS.values()


def name(method: MethodDescriptor) -> str:
    return f"{method.containing_service.name}/{method.name}"


def code_of(product: Product, method: MethodDescriptor, key: str | None) -> grpc.StatusCode | None:
    """Code rendu par une méthode appelée avec un message vide ; `None` si elle répond."""
    metadata = [("authorization", f"Bearer {key}")] if key else []
    with grpc.insecure_channel(product.target) as channel:
        call: Any = cast(Any, channel).stream_stream(f"/{method.containing_service.full_name}/{method.name}")(
            iter([b""]), metadata=metadata, timeout=10
        )
        try:
            first = next(iter(call), None)
            # Les méthodes des routes HTTP refusent par une réponse HTTP entière ; d'autres, /metrics compris, montrent des refus passés.
            first = first if method.output_type.full_name == "google.api.HttpBody" else None
            if first and re.search(rb'"(code|reason)": ?"(invalid|missing|expired|revoked)_api_key"', first, re.I):
                return grpc.StatusCode.UNAUTHENTICATED
            if first and re.search(rb'"(code|reason)": ?"scope_not_allowed"', first, re.I):
                return grpc.StatusCode.PERMISSION_DENIED
        except grpc.RpcError as error:
            return error.code()
        finally:
            call.cancel()
    return None


def test_the_table_names_every_method() -> None:
    known = {name(m) for m in methods()}
    assert known >= OPEN | ASKING | ADMIN


@pytest.mark.parametrize("method", list(methods()), ids=name)
def test_every_rpc_without_and_with_a_wrong_key(guarded: Product, method: MethodDescriptor) -> None:
    for key in (None, "fausse"):
        code = code_of(guarded, method, key)
        if name(method) in OPEN or (name(method) in ASKING and key is None):
            assert code not in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.UNIMPLEMENTED)
        else:
            assert code is grpc.StatusCode.UNAUTHENTICATED, (name(method), key, code)


@pytest.mark.parametrize("method", [m for m in methods() if name(m) in ADMIN], ids=name)
def test_an_inference_key_does_not_administer(guarded: Product, method: MethodDescriptor) -> None:
    assert code_of(guarded, method, "cle-a") in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)
    assert code_of(guarded, method, "cle-admin") is not grpc.StatusCode.UNAUTHENTICATED


@pytest.fixture(scope="module")
def named(guarded: Product) -> dict[str, tuple[str, str]]:
    """Une clé nommée de chaque sorte, et le motif qu'elle reçoit d'un verbe d'administration ; vide : elle passe."""
    with guarded.http("cle-admin") as http:

        def made(*scopes: str, **fields: object) -> tuple[str, str]:
            body = {"scopes": [f"SCOPE_{scope}" for scope in scopes], **fields}
            answer = http.post("/api/keys", json=body)
            assert answer.status_code == 200, answer.text
            return answer.json()["key"]["id"], answer.json()["value"]

        _, right = made("CHAT", "TRANSCRIBE", "DIARIZE", "STATUS", "ADMIN", owner="essai")
        _, chat = made("CHAT", models=["alias-essai"])
        _, expired = made("CHAT", "ADMIN", lifetime="1s")
        identifier, revoked = made("CHAT", "ADMIN")
        assert http.post(f"/api/keys/{identifier}/revoke", json={}).json()["key"]["state"] == "KEY_STATE_REVOKED"
        listed = http.get("/api/keys").json()["keys"]
        assert [key["models"] for key in listed][2] == ["qwen"] and right not in http.get("/api/keys").text

        def ended() -> bool:
            return "KEY_STATE_EXPIRED" in http.get("/api/keys").text

        wait_until(ended, 60, "clé expirée")
    return {
        "juste": (right, ""),
        "fausse": (right[:-1] + "~", "INVALID_API_KEY"),
        "expirée": (expired, "EXPIRED_API_KEY"),
        "révoquée": (revoked, "REVOKED_API_KEY"),
        "sans la portée": (chat, "SCOPE_NOT_ALLOWED"),
    }


@pytest.mark.parametrize("kind", ["juste", "fausse", "expirée", "révoquée", "sans la portée"])
def test_every_rpc_with_every_kind_of_named_key(guarded: Product, named: dict[str, tuple[str, str]], kind: str) -> None:
    key, reason = named[kind]
    refusal = grpc.StatusCode.PERMISSION_DENIED if reason == "SCOPE_NOT_ALLOWED" else grpc.StatusCode.UNAUTHENTICATED
    for method in methods():
        code = code_of(guarded, method, key)
        # GetAccess dit ce qu'une clé admise ouvre ; la clé de conversation y passe, comme là où elle a la portée.
        free = name(method) in OPEN or (kind == "sans la portée" and POLICY[path_of(method)] in CHATTING)
        refused = reason and not free
        assert (code is refusal) if refused else code not in KEY_REFUSALS, (name(method), kind, code)


def test_every_http_route_with_every_kind_of_named_key(guarded: Product, named: dict[str, tuple[str, str]]) -> None:
    for kind, (key, reason) in named.items():
        with guarded.http(key) as http:
            for method, verb, path in routes():
                answer = http.request(verb, path, json={} if verb == "POST" else None)
                scope = next(POLICY[path_of(one)] for one in methods() if name(one) == method)
                free = method in OPEN or (kind == "sans la portée" and scope in CHATTING)
                if free or not reason:
                    assert answer.status_code not in (401, 403), (kind, path, answer.text)
                    continue
                assert answer.status_code == (403 if reason == "SCOPE_NOT_ALLOWED" else 401), (kind, path, answer.text)
                error = answer.json()["error"]
                assert (error["code"] if path.startswith("/v1/") else error["reason"]).upper() == reason


def test_a_renewed_key_and_its_older_value(guarded: Product) -> None:
    with guarded.http("cle-admin") as http:
        made = http.post("/api/keys", json={"note": "à renouveler"}).json()
        place = f"/api/keys/{made['key']['id']}"
        renewed = http.post(f"{place}/rotate", json={"overlap": "3600s"}).json()
        values = (made["value"], renewed["value"])
        assert [status_of(guarded, value) for value in values] == [200, 200]
        again = http.post(f"{place}/rotate", json={"overlap": "0s"}).json()["value"]
        assert [status_of(guarded, value) for value in (*values, again)] == [401, 401, 200]
        assert http.post("/api/keys/absente/rotate", json={}).status_code == 404
        assert http.post("/api/keys", json={"models": ["absent"]}).json()["error"]["reason"] == "MODEL_NOT_FOUND"
        found = http.get("/api/keys", params={"prefix": made["key"]["id"]}).json()["keys"]
        assert [key["note"] for key in found] == ["à renouveler"]


def status_of(product: Product, key: str) -> int:
    """Statut de la liste des modèles."""
    with product.http(key) as http:
        return http.get("/v1/models").status_code


def routes() -> Iterator[tuple[str, str, str]]:
    for method in methods():
        rule = method.GetOptions().Extensions[annotations_pb2.http]
        verb = rule.WhichOneof("pattern")
        if verb:
            path = getattr(rule, verb).replace("{model=**}", "qwen").replace("{model}", "qwen")
            yield name(method), verb.upper(), path.replace("{operation_id}", "x").replace("{id}", "x")


@pytest.mark.parametrize(("method", "verb", "path"), list(routes()), ids=lambda v: str(v))
def test_every_http_route_without_and_with_a_wrong_key(guarded: Product, method: str, verb: str, path: str) -> None:
    for headers in ({}, {"authorization": "Bearer fausse"}):
        response = httpx.request(
            verb, guarded.base_url + path, headers=headers, json={} if verb == "POST" else None, timeout=20, verify=SSL
        )
        if method in OPEN:
            assert response.status_code < 400, (path, response.status_code)
            continue
        if method in ASKING and not headers:
            assert response.status_code not in (401, 403), (path, response.text)
            continue
        assert response.status_code == 401, (path, response.text)
        error = response.json()["error"]
        if path.startswith("/v1/"):
            assert error["code"] in ("invalid_api_key", "missing_api_key")
        else:
            assert error["reason"] in ("INVALID_API_KEY", "MISSING_API_KEY")


def test_a_header_nobody_can_read_is_not_logged(guarded: Product) -> None:
    """gRPC journalise un en-tête qui n'est pas de l'UTF-8, avec sa valeur : une clé mal copiée en serait."""
    with socket.create_connection(("127.0.0.1", guarded.port), 10) as client:
        client.settimeout(10)
        client.sendall(b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer presque-\xff-cle\r\n\r\n")
        assert client.recv(4096).startswith(b"HTTP/1.1 ")

    def logs() -> str:
        return "".join(path.read_text("utf-8") for path in (guarded.run_dir / "logs").glob("front-*.log"))

    # La réponse n'attend pas son journal.
    wait_until(lambda: "header_unreadable" in logs(), 60, "en-tête journalisé")
    assert "presque-" not in logs()


def test_no_key_appears_in_status_or_logs(guarded: Product) -> None:
    httpx.get(f"{guarded.base_url}/v1/models", headers={"authorization": "Bearer cle-a"}, verify=SSL)
    texts = [
        httpx.get(f"{guarded.base_url}{path}", verify=SSL).text
        for path in ("/api/admin/status", "/api/capabilities", "/config.json")
    ]
    texts += [f.read_text(errors="replace") for f in (guarded.run_dir / "logs").glob("*") if f.is_file()]
    texts.append(guarded.log.read_text(errors="replace"))
    texts += [path.read_text(errors="replace") for path in (guarded.cache_dir / ".passerelle").glob("audit*")]
    assert "openai_keys" in texts[-1] + texts[-2], "le registre et ses réglages y sont"
    for text in texts:
        assert "cle-a" not in text and "cle-admin" not in text
