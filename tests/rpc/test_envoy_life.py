"""La vie d'Envoy : sa configuration est valide, un front le quitte, il se vide, il consigne."""

import asyncio
import json
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from passerelle.v1 import admin_pb2, admin_pb2_grpc

from server.supervisor.envoy import EnvoyError, drain, envoy_binary, render
from tests.support.flood import floods
from tests.support.gateway import Gateway, gateway, settings_in
from tests.support.tls import SSL
from tests.support.waiting import PATIENCE, wait_until

CHAT = "/v1/chat/completions"
MIB = 1024 * 1024


@pytest.mark.parametrize("fronts", [1, 3])
def test_the_configuration_is_valid(tmp_path: Path, fronts: int) -> None:
    config = tmp_path / "envoy.yaml"
    config.write_text(render(settings_in(tmp_path, fronts=fronts)))
    command = [str(envoy_binary()), "--mode", "validate", "-c", str(config), "--log-level", "warning"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert "deprecated" not in done.stderr.lower()


def test_zero_fronts_are_refused(tmp_path: Path) -> None:
    with pytest.raises(EnvoyError, match="fronts"):
        render(settings_in(tmp_path, fronts=0))


def test_fronts_share_and_one_leaves_unnoticed(tmp_path: Path) -> None:
    # Le délai de vidage dépasse la période des contrôles de santé, comme dans le produit.
    with gateway(tmp_path / "log", fronts=2, drain_delay=2.0) as found, found.http() as http:
        wait_until(lambda: http.get("/healthz").text == "front-1", "le second front sert")
        wait_until(lambda: http.get("/healthz").text == "front-0", "le premier front sert")
        leaving = found.loop.start(found.servers.pop(0).stop())
        answers = []
        while not leaving.done():
            answers.append(http.get("/healthz"))
        after = [http.get("/healthz") for _ in range(20)]
    assert {answer.status_code for answer in answers} == {200}
    assert {(answer.status_code, answer.text) for answer in after} == {(200, "front-1")}


def test_draining_lets_streams_end(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with gateway(log) as found, found.http() as http, http.stream("POST", CHAT, json={"do": "stream"}) as response:
        pieces = response.iter_bytes()
        assert next(pieces) == b"data: 1\n\n"
        asyncio.run(drain(found.settings.admin_socket))
        wait_until(lambda: _refuses(found), "les connexions sont refusées")
        found.loop.call(found.fronts[0].gate.set)
        assert next(pieces) == b"data: 2\n\n"
        assert next(pieces, None) is None


def test_draining_an_absent_envoy_says_so(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        asyncio.run(drain(tmp_path / "absent.sock"))


@pytest.mark.parametrize("method", ["WatchStatus", "StreamLogs"])
def test_what_a_dashboard_follows_has_no_longest_duration(tmp_path: Path, method: str) -> None:
    with gateway(tmp_path / "log", stream_seconds=1.0) as found, found.channel() as channel:
        # Le front et Envoy tiennent la même échéance : que l'un ou l'autre coupe d'abord, ce qui n'a rien dit est un 504.
        with found.http() as http:
            assert http.post(CHAT, json={"do": "wait"}).status_code == 504
        stream: Any = getattr(admin_pb2_grpc.AdminServiceStub(channel), method)
        request = getattr(admin_pb2, f"{method}Request")()
        end = time.monotonic() + 3.0
        for _ in stream(request):
            if time.monotonic() > end:
                break
        assert time.monotonic() > end, f"{method} a été coupé"


def test_a_body_that_falls_silent_is_refused(tmp_path: Path) -> None:
    routes = [
        ("POST", CHAT),
        ("POST", "/v1/completions"),
        ("POST", "/api/admin/models/qwen/load"),
        ("POST", "/api/admin/operations/x/cancel"),
        ("GET", "/api/admin/status"),
        ("GET", "/v1/models"),
        ("GET", "/readyz"),
    ]
    with gateway(tmp_path / "log", max_body_silence_seconds=0.5) as found, ExitStack() as opened:
        sent = []
        for method, path in routes:
            client = opened.enter_context(socket.create_connection(("127.0.0.1", found.settings.port), 10))
            client.sendall(f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{{".encode())
            sent.append(client)
        # Envoy compte le silence d'un corps qu'il traduit, le front celui d'un corps qui le traverse.
        assert [client.recv(65536).split()[1] for client in sent] == [b"504"] * 2 + [b"408"] * 5
        # Le temps que le serveur réfléchit n'est pas compté.
        started = time.monotonic()
        with found.http(headers={"grpc-timeout": "1500m"}) as http:
            assert http.post(CHAT, json={"do": "wait"}).status_code == 504
        assert time.monotonic() - started > 1.2  # le front répond un peu avant l'échéance


@pytest.mark.parametrize("protocol", ["HTTP/1.1", "HTTP/2"])
@pytest.mark.parametrize("path", [CHAT, "/v1/audio/transcriptions"])
def test_envoy_keeps_no_body(tmp_path: Path, protocol: str, path: str) -> None:
    size = 32 * MIB
    with (
        gateway(tmp_path / "log", max_json_body_bytes=64 * MIB, max_upload_bytes=64 * MIB) as found,
        ExitStack() as held,
    ):
        assert found.process is not None
        memory = psutil.Process(found.process.pid).memory_info
        before = memory().rss
        if protocol == "HTTP/2":
            for one in held.enter_context(floods(found.settings.port, 6)):
                assert one.pour(path, size) == size
        else:
            for _ in range(6):
                client = held.enter_context(socket.create_connection(("127.0.0.1", found.settings.port), 10))
                client.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {2 * size}\r\n\r\n".encode())
                client.sendall(bytes(size))
        assert memory().rss - before < 2 * size


def test_the_heaviest_streams_are_cut_before_memory_is_full(tmp_path: Path) -> None:
    with gateway(tmp_path / "log", max_envoy_heap_bytes=96 * MIB) as found, floods(found.settings.port, 12) as heavy:
        assert found.process is not None
        with found.http() as http, http.stream("POST", CHAT, json={"do": "stream"}) as light:
            pieces = light.iter_bytes()
            assert next(pieces) == b"data: 1\n\n"
            for one in heavy:
                one.ask(CHAT, 16, b'{"do": "pour"}')
            wait_until(
                lambda: any(one.held < one.opened for one in heavy), "des réponses que personne ne lit sont coupées"
            )
            # Rien d'autre ne s'arrête : ni le flux en cours, ni une requête neuve.
            with found.http() as other:
                wait_until(
                    lambda: other.post(CHAT, json={"do": "echo"}).status_code == 200, "une requête neuve est servie"
                )
            found.loop.call(found.fronts[0].gate.set)
            assert next(pieces) == b"data: 2\n\n"


def test_answers_nobody_reads_hold_back_no_other(tmp_path: Path) -> None:
    """Ce qu'Envoy tient pour un client qui ne lit pas compte dans la fenêtre de la connexion au front, que tous partagent."""
    with gateway(tmp_path / "log") as found, floods(found.settings.port, 4) as heavy:
        with found.http() as http, http.stream("POST", CHAT, json={"do": "stream"}) as light:
            pieces = light.iter_bytes()
            assert next(pieces) == b"data: 1\n\n"
            for one in heavy:
                one.ask(CHAT, 16, b'{"do": "pour"}')
            wait_until(lambda: _stat(found, "cluster.fronts.upstream_flow_control_paused_reading_total") >= 8, "pauses")
            with found.http() as other:
                assert other.post(CHAT, json={"do": "echo"}).status_code == 200
            found.loop.call(found.fronts[0].gate.set)
            assert next(pieces) == b"data: 2\n\n"
        assert all(one.held == one.opened for one in heavy)


def _stat(found: Gateway, name: str) -> int:
    """Compteur d'Envoy."""
    transport = httpx.HTTPTransport(uds=str(found.settings.admin_socket), verify=SSL)
    with httpx.Client(base_url="http://envoy", transport=transport, timeout=PATIENCE) as admin:
        lines = admin.get("/stats", params={"filter": f"^{name}$"}).text.split()
    return int(lines[-1]) if lines else 0


def test_a_page_survives_a_connection_closed_under_it(tmp_path: Path) -> None:
    """Le serveur de la page ferme une connexion au repos à l'instant où Envoy y envoie une demande."""
    with gateway(tmp_path / "log", upstreams=False) as found, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(found.settings.run_dir / "dashboard.sock"))
        listener.listen()
        listener.settimeout(30)
        seen: list[bytes] = []

        def serve() -> None:
            for _ in range(2):
                with listener.accept()[0] as taken:
                    seen.append(taken.recv(65536))
                    taken.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\npage")
                    if len(seen) == 1:
                        seen.append(taken.recv(65536))

        with (
            ThreadPoolExecutor(1) as pool,
            httpx.Client(base_url=f"http://127.0.0.1:{found.settings.port}", verify=SSL) as http,
        ):
            serving = pool.submit(serve)
            assert http.get("/assets/un", timeout=30).text == "page"
            answer = http.get("/assets/deux", timeout=30)
            assert (answer.status_code, answer.text) == (200, "page")
            serving.result(30)
        assert [line.split()[1] for line in seen] == [b"/assets/un", b"/assets/deux", b"/assets/deux"]


def test_the_kernel_looks_for_clients_that_vanished(tmp_path: Path) -> None:
    with gateway(tmp_path / "log", upstreams=False) as found:
        with socket.create_connection(("127.0.0.1", found.settings.port)) as client:
            place = f":{client.getsockname()[1]:04X}"
            wait_until(lambda: _keepalive(place), "le noyau sonde la connexion reçue")


def _keepalive(client: str) -> bool:
    """Vrai si la connexion reçue de ce port attend la sonde TCP du noyau."""
    rows = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()]
    return any(row[2].endswith(client) and row[3] == "01" and row[5].startswith("02:") for row in rows)


def test_the_log_holds_errors_without_secrets(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with gateway(log) as found:
        with found.http(headers={"authorization": "Bearer secret-a"}) as http:
            http.get("/v1/inconnu?api_key=secret-b")
            http.post(f"{CHAT}?api_key=secret-c", json={"do": "refuse"})
            http.get("/v1/models/absent")
            http.get("/assets/sans-erreur.js")
            # Une clé collée dans l'adresse, qu'une route la prenne pour un nom, ou qu'aucune n'y réponde.
            for verb, path in (
                *(
                    ("GET", f"{place}/secret-d")
                    for place in ("", "/v1", "/v1/models", "/api", "/api/keys", "/ws", "/docs")
                ),
                *(("POST", f"/api/keys/secret-e/{verb}") for verb in ("rotate", "revoke", "secret-f")),
                *(("POST", f"/api/admin/models/secret-g/{verb}") for verb in ("load", "secret-h")),
                ("DELETE", "/v1/models/secret-i"),
                ("POST", "/passerelle.v1.KeyService/secret-j"),
                ("POST", "/passerelle.v1.Secret-k/Secret"),
            ):
                http.request(verb, path)
        found.stop_envoy()
        text = log.read_text()
    # Toute ligne d'Envoy est du JSON, celles de sa propre vie comprises.
    events = [json.loads(line) for line in text.splitlines()]
    assert {"time", "level", "logger", "event", "process_name"} <= set.intersection(*(set(line) for line in events))
    lines = [line for line in events if line["event"] == "envoy_error"]
    refused = {(line["path"], line["code"]) for line in lines}
    rest = "/passerelle.v1.RestService"
    assert {line["method"] for line in lines if line["path"] == f"{rest}/RetrieveOpenAiModel"} == {"GET"}
    assert {("/v1/*", 404), ("/api/*", 404), ("/*", 404), (f"{rest}/CreateChatCompletion", 429)} <= refused
    assert "secret" not in text and "sans-erreur" not in text


def _refuses(found: Gateway) -> bool:
    try:
        with httpx.Client(base_url=found.url, timeout=2, verify=SSL) as http:
            http.get("/healthz")
    except httpx.TransportError:
        return True
    return False
