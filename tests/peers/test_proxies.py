"""Derrière nginx, Caddy et HAProxy, réglés comme docs/exploitation.md le dit, à l'adresse et aux certificats près."""

import json
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from passerelle.v1 import admin_pb2, admin_pb2_grpc, audio_pb2, transcribe_pb2, transcribe_pb2_grpc
from websockets.sync.client import connect

from tests.support.certificates import Authority, Issued
from tests.support.product import ROOT, Product, free_port, wait_until
from tests.support.tls import SSL

PAGE = (ROOT / "docs" / "exploitation.md").read_text(encoding="utf-8")
SNIPPETS = dict(re.findall(r"^```(nginx|caddy|haproxy)\n(.+?)^```$", PAGE, re.M | re.S))
CERTIFICATE, KEY = "/etc/passerelle/fullchain.pem", "/etc/passerelle/privkey.pem"
BOTH = "/etc/passerelle/ensemble.pem"


@dataclass(frozen=True)
class Proxied:
    """Produit derrière un mandataire."""

    port: int
    authority: Authority | None = None

    @property
    def url(self) -> str:
        """Adresse du mandataire."""
        return f"{'https' if self.authority else 'http'}://127.0.0.1:{self.port}"

    def http(self) -> httpx.Client:
        """Client HTTP."""
        verify = self.authority.context() if self.authority else SSL
        return httpx.Client(base_url=self.url, timeout=60, verify=verify)

    def channel(self) -> Any:
        """Canal gRPC, à employer dans un `with`."""
        assert self.authority
        roots = grpc.ssl_channel_credentials(self.authority.certificate.read_bytes())
        return grpc.secure_channel(f"127.0.0.1:{self.port}", roots)


def told(name: str, folder: Path, upstream: int, port: int, issued: Issued) -> list[str]:
    """Commande du mandataire, son réglage écrit dans `folder`."""
    both = folder / "ensemble.pem"
    both.write_bytes(issued.certificate.read_bytes() + issued.key.read_bytes())
    text = SNIPPETS[name].replace("127.0.0.1:8000", f"127.0.0.1:{upstream}")
    for there, here in ((CERTIFICATE, issued.certificate), (KEY, issued.key), (BOTH, both)):
        text = text.replace(there, str(here))
    text = re.sub(r"(listen |bind :)443", lambda found: f"{found[1]}{port}", text)
    return wrapped(name, folder, text.replace("gpu.exemple {", f"https://127.0.0.1:{port} {{"))


def wrapped(name: str, folder: Path, text: str) -> list[str]:
    """Commande, le réglage mis dans ce que le système y met d'ordinaire."""
    path = folder / "Caddyfile"
    if name == "nginx":
        temporary = "\n".join(
            f"{kind}_temp_path {folder};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        user = "user root;" if os.geteuid() == 0 else ""
        text = f"{user} daemon off; pid {folder}/pid; events {{}} http {{ access_log off; {temporary}\n{text}\n}}"
    elif name == "caddy":
        text = f"{{\n  admin off\n  auto_https disable_redirects\n}}\n{text}"
    path.write_text(text, encoding="utf-8")
    command = shutil.which(name) or f"/usr/sbin/{name}"
    return {
        "nginx": [command, "-p", str(folder), "-e", str(folder / "erreurs"), "-c", str(path)],
        "caddy": [command, "run", "--adapter", "caddyfile", "--config", str(path)],
        "haproxy": [command, "-db", "-f", str(path)],
    }[name]


@contextmanager
def running(command: list[str], folder: Path, found: Proxied) -> Iterator[Proxied]:
    log = folder / "journal"
    with log.open("wb") as output:
        env = os.environ | {"XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
        process = subprocess.Popen(command, env=env, stdout=output, stderr=output, stdin=subprocess.DEVNULL)

    def serves() -> bool:
        assert process.poll() is None, log.read_text()
        with suppress(httpx.HTTPError), found.http() as http:
            return http.get("/healthz").status_code == 200
        return False

    try:
        wait_until(serves, 30, "le mandataire sert")
        yield found
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="module", params=["nginx", "caddy", "haproxy"])
def proxied(
    request: pytest.FixtureRequest, product: Product, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxied]:
    product.ensure_ready("qwen")
    folder, port = tmp_path_factory.mktemp(request.param), free_port()
    authority = Authority(folder)
    command = told(request.param, folder, product.port, port, authority.issue("mandataire"))
    with running(command, folder, Proxied(port, authority)) as found:
        yield found


@pytest.fixture(scope="module")
def plain(product: Product, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    """nginx et un simple `proxy_pass` : HTTP/1.0, réponses retenues."""
    product.ensure_ready("qwen")
    folder, port = tmp_path_factory.mktemp("simple"), free_port()
    text = f"server {{ listen {port}; location / {{ proxy_pass http://127.0.0.1:{product.port}; }} }}"
    with running(wrapped("nginx", folder, text), folder, Proxied(port)) as found:
        yield found


def ask(**more: object) -> dict[str, object]:
    messages = [{"role": "user", "content": "Count to fifty."}]
    return {"model": "qwen", "messages": messages, "max_tokens": 120, "ignore_eos": True, **more}


def check_rest(found: Proxied) -> None:
    with found.http() as http:
        assert [model["id"] for model in http.get("/v1/models").json()["data"]][:3] == ["qwen", "canary", "pyannote"]
        assert http.head("/healthz").status_code == 200
        whole = http.post("/v1/chat/completions", json=ask(max_tokens=8))
        assert whole.status_code == 200 and whole.json()["usage"]["completion_tokens"] == 8
        missing = http.get("/docs")
        assert missing.status_code == 404 and missing.json()["error"]["reason"] == "ROUTE_NOT_FOUND"
        assert "<html" in http.get("/").text


def check_events(found: Proxied) -> None:
    """Les événements arrivent un à un, non à la fin."""
    times: list[float] = []
    with found.http() as http, http.stream("POST", "/v1/chat/completions", json=ask(stream=True)) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        last = ""
        for line in response.iter_lines():
            if line:
                times.append(time.monotonic())
                last = line
    assert last == "data: [DONE]"
    # Retenus, ils viendraient tous à la fois.
    gaps = [after - before for before, after in pairwise(times)]
    assert sum(gap > 0.005 for gap in gaps) >= 5, gaps


def test_rest(proxied: Proxied) -> None:
    check_rest(proxied)


def test_events_come_one_by_one(proxied: Proxied) -> None:
    check_events(proxied)


def test_a_large_upload_is_judged_by_the_server(proxied: Proxied) -> None:
    """nginx n'admet d'ordinaire qu'un Mio."""
    with proxied.http() as http:
        answer = http.post("/api/audio/transcribe", content=bytes(3 * 2**20), headers={"content-type": "audio/wav"})
    assert answer.status_code == 400 and answer.json()["error"]["reason"] == "INVALID_AUDIO"


def test_grpc_and_a_live_stream(proxied: Proxied) -> None:
    request, started = transcribe_pb2.StreamTranscribeRequest, threading.Event()

    def sent() -> Iterator[transcribe_pb2.StreamTranscribeRequest]:
        yield request(config=config())
        assert started.wait(30), "l'événement n'est pas venu pendant que le client envoyait"
        yield request(audio=bytes(32_000))

    with proxied.channel() as channel:
        status = admin_pb2_grpc.AdminServiceStub(channel).GetStatus(admin_pb2.GetStatusRequest(), timeout=30).status
        assert [model.key for model in status.models] == ["qwen", "canary", "pyannote"]
        kinds = []
        for event in transcribe_pb2_grpc.TranscribeServiceStub(channel).StreamTranscribe(sent(), timeout=120):
            started.set()
            kinds.append(event.WhichOneof("event"))
    assert (kinds[0], kinds[-1]) == ("ready", "summary")


def config() -> transcribe_pb2.StreamTranscribeConfig:
    raw = audio_pb2.AudioFormat(encoding=audio_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate_hertz=16000, channel_count=1)
    return transcribe_pb2.StreamTranscribeConfig(
        config=transcribe_pb2.TranscribeConfig(model="canary", language="en", audio_format=raw)
    )


def test_grpc_web(proxied: Proxied) -> None:
    headers = {"content-type": "application/grpc-web+proto", "x-grpc-web": "1"}
    with proxied.http() as http:
        answer = http.post("/passerelle.v1.AdminService/GetStatus", content=bytes(5), headers=headers)
    assert answer.status_code == 200 and b"grpc-status:0" in answer.content


def test_a_web_socket(proxied: Proxied) -> None:
    assert proxied.authority
    url = f"wss://127.0.0.1:{proxied.port}/ws/transcribe"
    shape = {"encoding": "AUDIO_ENCODING_PCM_S16LE", "sample_rate_hertz": 16000, "channel_count": 1}
    first = {"type": "config", "config": {"config": {"model": "canary", "language": "en", "audio_format": shape}}}
    with connect(url, ssl=proxied.authority.context()) as socket:
        socket.send(json.dumps(first))
        assert json.loads(socket.recv(60))["type"] == "ready"
        socket.send(json.dumps({"type": "end"}))
        kinds = [json.loads(message)["type"] for message in socket]
    assert kinds[-1] == "summary"


def test_a_plain_proxy_pass_serves_rest(plain: Proxied) -> None:
    check_rest(plain)
    check_events(plain)
