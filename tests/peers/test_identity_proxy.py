"""Derrière un mandataire d'identité, réglé comme docs/jetons.md le dit, un remplaçant tenant la place d'oauth2-proxy."""

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from server.rpc.tokens import CLAIMS_HEADER
from tests.peers.test_proxies import CERTIFICATE, KEY, Proxied, running, wrapped
from tests.rpc.test_envoy_tokens import EVERYTHING, serving
from tests.support.certificates import Authority
from tests.support.gateway import Gateway
from tests.support.live_bridge import start, until_closed
from tests.support.product import ROOT, free_port
from tests.support.tokens import SigningKey, body, encoded, provider

PAGE = (ROOT / "docs" / "jetons.md").read_text(encoding="utf-8")
SNIPPET = re.findall(r"^```nginx\n(.+?)^```$", PAGE, re.M | re.S)[0]


@dataclass
class Door:
    """nginx, ce qu'il garde, et la session de la personne."""

    proxied: Proxied
    envoy: Gateway
    key: SigningKey
    sessions: dict[str, str]

    def http(self, session: str = "") -> httpx.Client:
        assert self.proxied.authority
        verify = self.proxied.authority.context()
        return httpx.Client(base_url=self.proxied.url, timeout=60, verify=verify, cookies={"session": session})


@contextmanager
def identity_proxy(sessions: dict[str, str]) -> Iterator[int]:
    """Ce que fait oauth2-proxy derrière `auth_request`, avec `--set-authorization-header`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            session = re.search(r"session=(\w*)", self.headers.get("cookie", ""))
            token = sessions.get(session[1]) if session else None
            if self.path == "/oauth2/auth":
                self.send_response(202 if token else 401)
                if token:
                    self.send_header("authorization", f"Bearer {token}")
            else:
                self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    folder, port = tmp_path_factory.mktemp("identite"), free_port()
    authority, key = Authority(folder), SigningKey(folder, "un")
    issued = authority.issue("mandataire")
    sessions = {"ada": key.token(sub="ada", scope=EVERYTHING), "bob": key.token(sub="bob", exp=1)}
    with (
        provider(key) as found,
        serving(folder, keys=(), url=found.url) as envoy,
        identity_proxy(sessions) as identity,
    ):
        text = SNIPPET.replace("listen 443", f"listen {port}").replace(CERTIFICATE, str(issued.certificate))
        text = text.replace(KEY, str(issued.key)).replace("127.0.0.1:4180", f"127.0.0.1:{identity}")
        text = text.replace("127.0.0.1:8000", envoy.target)
        # Personne n'a de session : le mandataire sert quand il mène à la connexion.
        text = text.replace(
            "  location @connexion", "  location = /healthz { auth_request off; return 200; }\n  location @connexion"
        )
        with running(wrapped("nginx", folder, text), folder, Proxied(port, authority)) as proxied:
            yield Door(proxied, envoy, key, sessions)


def test_without_a_session_one_is_led_to_the_provider(door: Door) -> None:
    with door.http() as http:
        for path in ("/", "/v1/models", "/config.json"):
            answer = http.get(path)
            assert answer.status_code == 302 and "/oauth2/start?rd=" in answer.headers["location"]
        web = http.post("/passerelle.v1.ChatService/Chat", content=bytes(5), headers=WEB)
        assert web.status_code == 401
        # Un jeton à soi, bon ou forgé, ne remplace pas la session.
        own = {"authorization": f"Bearer {door.key.token()}", CLAIMS_HEADER: encoded(json.dumps(body()).encode())}
        assert http.get("/v1/models", headers=own).status_code == 302


WEB = {"content-type": "application/grpc-web+proto"}


def test_a_session_opens_rest_the_page_and_grpc_web(door: Door) -> None:
    with door.http("ada") as http:
        assert http.get("/").status_code == http.get("/v1/models").status_code == 200
        assert http.post("/api/admin/models/qwen/load", json={}).status_code == 200
        seen = http.post("/v1/chat/completions", json={"do": "echo"}, headers={"authorization": "Bearer autre"}).json()
        assert seen["authorization"] == f"Bearer {door.sessions['ada']}"
        web = http.post("/passerelle.v1.ChatService/Chat", content=bytes(5), headers=WEB)
        assert web.status_code == 200 and web.headers.get("grpc-status", "0") == "0"


def test_a_session_opens_the_microphone(door: Door) -> None:
    async def speak(session: str) -> tuple[list[dict[str, object]], int]:
        assert door.proxied.authority
        uri = f"wss://127.0.0.1:{door.proxied.port}/ws/transcribe"
        headers = {"cookie": f"session={session}"}
        verify = door.proxied.authority.context()
        async with connect(uri, compression=None, additional_headers=headers, ssl=verify) as socket:
            await start(socket)
            await socket.send('{"type": "end"}')
            return await until_closed(socket)

    assert asyncio.run(speak("ada"))[1] == 1000
    events, code = asyncio.run(speak("bob"))
    assert code == 4401 and events[-1]["reason"] == "TOKEN_EXPIRED"


def test_another_site_cannot_use_the_session(door: Door) -> None:
    """Un cookie part avec toute demande ; l'origine, vérifiée avant le jeton, dit d'où elle vient."""
    foreign = {"origin": "https://ailleurs.exemple"}
    with door.http("ada") as http:
        assert http.post("/v1/chat/completions", json={"do": "echo"}, headers=foreign).status_code == 403
        web = http.post("/passerelle.v1.ChatService/Chat", content=bytes(5), headers=WEB | foreign)
        assert web.headers["grpc-status"] == "7"
        ours = {"origin": str(http.base_url).rstrip("/")}
        assert http.post("/v1/chat/completions", json={"do": "echo"}, headers=ours).status_code == 200

    async def open_socket() -> None:
        assert door.proxied.authority
        headers = {"cookie": "session=ada", **foreign}
        uri = f"wss://127.0.0.1:{door.proxied.port}/ws/transcribe"
        async with connect(uri, additional_headers=headers, ssl=door.proxied.authority.context()):
            pass

    with pytest.raises(InvalidStatus):
        asyncio.run(open_socket())


def test_what_passerelle_refuses_is_said_in_its_own_words(door: Door) -> None:
    with door.http("bob") as http:
        answer = http.get("/v1/models")
    assert answer.status_code == 401 and answer.json()["error"]["code"] == "token_expired"
