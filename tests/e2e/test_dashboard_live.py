"""Le microphone d'un navigateur, et le WebSocket qu'il emploie, contre le produit entier."""

import json
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from server.domain import Limits
from tests.e2e.test_dashboard import logged, walk
from tests.support import audio_files
from tests.support.product import Product, running_product, wait_until
from tests.support.snippets import RUNNERS, run, with_packages

KEY = "cle-du-micro"
SPEECH = audio_files.DATA / "en" / "austen-0870.wav"


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """Produit à clé, modèle de transcription chargé."""
    with running_product(tmp_path_factory.mktemp("m"), env={"OPENAI_KEYS": KEY}) as running:
        running.ensure_ready("canary")
        yield running


def test_a_person_speaks_reads_and_takes_the_text_away(keyed: Product, chromium: str, tmp_path: Path) -> None:
    written = tmp_path / "extraits.json"
    walk("page_live.mjs", keyed, chromium, str(SPEECH), KEY, str(written))
    told = logged(keyed)
    assert "live_socket_closed" in told and "TranscribeAudio" in told, "le journal d'accès ne dit rien de la visite"
    assert KEY not in told, "la clé est dans un journal"
    # Ce que la page donne à copier rend les mêmes mots, tel quel.
    shutil.copy(SPEECH, tmp_path / "parole.wav")
    with_packages(tmp_path)
    snippets: dict[str, str] = json.loads(written.read_text("utf-8"))
    assert snippets.keys() == RUNNERS.keys()
    for language, snippet in snippets.items():
        done = run(language, snippet, tmp_path, KEY)
        assert done.returncode == 0 and "Dashwood" in done.stdout, f"{language} : {done.stdout}{done.stderr}\n{snippet}"


def test_the_key_and_the_origin_are_checked_and_no_key_reaches_a_log(keyed: Product) -> None:
    with pytest.raises(InvalidStatus) as refused:
        socket_of(keyed, origin="http://ailleurs.example")
    assert refused.value.response.status_code == 403
    secret = "fausse-cle-tres-secrete"
    with socket_of(keyed, origin=keyed.base_url) as socket:
        start(socket, secret)
        events, code = until_closed(socket)
    assert code == 4401 and [event["reason"] for event in events] == ["INVALID_API_KEY"]
    with keyed.http() as http:
        assert http.get("/ws/transcribe").status_code == 426
        told = http.get("/api/capabilities").json()["limits"]["audio"]
    assert told["max_web_sockets"] == Limits().max_web_sockets
    assert told["max_web_socket_message_bytes"] == Limits().max_web_socket_message_bytes
    logs = "".join(path.read_text("utf-8") for path in (keyed.run_dir / "logs").glob("*.log"))
    assert "live_socket_closed" in logs and "FOREIGN_ORIGIN" in logs
    assert secret not in logs and KEY not in logs


def test_each_process_that_stops_or_dies_is_told_to_the_client(keyed: Product) -> None:
    for name, number, code, reason in (
        ("dashboard", signal.SIGTERM, 1001, "SHUTTING_DOWN"),
        ("front", signal.SIGKILL, 4503, "WORKER_LOST"),
        ("worker", signal.SIGKILL, 4503, "WORKER_LOST"),
    ):
        wait_until(lambda: opens(keyed), 60, "WebSocket ouvert")
        with socket_of(keyed) as socket:
            start(socket, KEY)
            assert json.loads(socket.recv(timeout=60))["type"] == "ready"
            socket.send(bytes(32000))
            # Le signal va droit au processus : sans cette réponse, il pourrait devancer l'audio.
            assert socket.ping().wait(60)
            process = next(p for p in keyed.processes() if name in p.cmdline())
            process.send_signal(number)
            events, found = until_closed(socket)
        assert (found, events[-1]["reason"]) == (code, reason), name
        if name == "dashboard":
            assert [event["type"] for event in events[-2:]] == ["summary", "error"], events
            assert events[-2]["coverage"]["received_duration"] == "1s"


def socket_of(product: Product, **options: Any) -> ClientConnection:
    """WebSocket ouvert à travers Envoy."""
    socket: ClientConnection = connect(f"ws://127.0.0.1:{product.port}/ws/transcribe", **options)
    return socket


def opens(product: Product) -> bool:
    """Vrai quand tout est revenu : le WebSocket s'ouvre et le front répond."""
    try:
        with socket_of(product) as socket:
            start(socket, KEY)
            return bool(json.loads(socket.recv(timeout=30))["type"] == "ready")
    except (OSError, InvalidStatus, ConnectionClosed):
        return False


def start(socket: ClientConnection, key: str) -> None:
    audio_format = {"encoding": "AUDIO_ENCODING_PCM_S16LE", "sample_rate_hertz": 16000}
    config = {"config": {"audio_format": audio_format, "language": "en"}}
    socket.send(json.dumps({"type": "config", "api_key": key, "config": config}))


def until_closed(socket: ClientConnection) -> tuple[list[dict[str, Any]], int]:
    """Événements jusqu'à la fermeture, et son code."""
    events: list[dict[str, Any]] = []
    try:
        while True:
            events.append(json.loads(socket.recv(timeout=60)))
    except ConnectionClosed as closed:
        assert closed.rcvd is not None
        return events, closed.rcvd.code
