"""Remplacer les fronts puis arrêter le produit, sous une charge mêlée : aucune requête acceptée n'est perdue."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import httpx
import jiwer
import numpy as np
import psutil
import pytest
from grpc_status import rpc_status
from passerelle.v1 import (
    admin_pb2,
    admin_pb2_grpc,
    chat_pb2,
    chat_pb2_grpc,
    transcribe_pb2,
    transcribe_pb2_grpc,
)

from server.errors import PasserelleError
from server.rpc.status import from_status
from tests.support import audio_files
from tests.support.audio_files import DATA
from tests.support.load import KINDS, SPEECH, Load, describe, grpc_reason, live_config
from tests.support.parts import by_argument
from tests.support.product import REAL_DRAIN, ROOT, Product, running_product, sse_events, wait_until
from tests.support.tls import SSL
from tests.support.waiting import PATIENCE

MODELS = ("qwen", "canary")
GRACE = 30.0
"""Ce que le produit d'essai laisse aux requêtes d'un front qui part ; moins que la lecture du client d'exemple."""
NORMALIZE = jiwer.Compose([jiwer.ToLowerCase(), jiwer.RemovePunctuation(), jiwer.RemoveMultipleSpaces(), jiwer.Strip()])
PROMPT = "Tell a long story about the sea."
TOKENS = 120
Response = transcribe_pb2.StreamTranscribeResponse


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, product: Product) -> Iterator[Product]:
    """Produit à un seul front, que le dernier essai arrête."""
    for key in MODELS:
        if product.model(key)["state"] == "MODEL_STATE_UNAVAILABLE":
            assert product.admin("download", key, wait=True).status_code == 200
    env = {"PASSERELLE_FRONTS": "1", "PASSERELLE_THREADS": "1", "PASSERELLE_STOP_GRACE": str(GRACE)} | REAL_DRAIN
    with running_product(tmp_path_factory.mktemp("a"), cache_dir=product.cache_dir, env=env) as found:
        for key in MODELS:
            found.ensure_ready(key)
        yield found


def test_replacing_the_only_front_loses_no_request(running: Product, tmp_path: Path) -> None:
    """Le client d'exemple, lui, parle à sa vitesse pendant ce temps : coupé, il reprend sans trou ni redite."""
    first, second = by_argument("front", "--index", "0"), by_argument("front", "--index", "1")
    kinds = {name: kind for name, kind in KINDS.items() if kind.model != "pyannote"}
    spoken, expected = _reading(tmp_path / "lecture.wav")
    with Load(running, kinds) as load, ThreadPoolExecutor(1) as pool:
        load.wait_success(90, *kinds)
        reading = pool.submit(_example, running, "--fichier", str(spoken), "--langue", "en")
        # Aller, puis retour sur la prise d'origine.
        for leaving, coming in ((first, second), (second, first)):
            _restart_fronts(running)
            wait_until(lambda coming=coming: coming(running) > 0, 60, "remplaçant lancé")  # type: ignore[misc]
            wait_until(lambda leaving=leaving: leaving(running) == 0, PATIENCE * 5, "ancien parti")  # type: ignore[misc]
            load.wait_success(60, "chat", "typed", "models")
        lines, told = reading.result()
    outcomes = load.take()
    # Le produit promet GRACE secondes à chaque requête : sur une machine surchargée, une transcription en veut plus.
    lost = [o for o in outcomes if o.reason and not (o.reason == "SHUTTING_DOWN" and o.ended - o.started >= GRACE)]
    assert not lost, describe(outcomes)
    names = {process["name"] for process in running.status()["processes"]}
    assert "front-0" in names and "front-1" not in names
    assert "flux coupé, repris à" in told
    starts = [60 * float(line[1:3]) + float(line[4:9]) for line in lines]
    assert starts == [pytest.approx(start, abs=0.4) for start in expected], (lines, told)
    texts = {NORMALIZE(line.split("] ")[1]) for line in lines}
    # La même phrase : un petit modèle l'entend un peu autrement selon où la coupure la fait commencer.
    assert all(jiwer.wer(min(texts), text) < 0.5 for text in texts), texts


def test_sigterm_ends_every_accepted_stream(running: Product) -> None:
    children = running.processes()
    # L'arrêt retire les journaux ; ouvert, celui du front se lit encore.
    with (running.run_dir / "logs" / "front-0.log").open() as journal, ThreadPoolExecutor(5) as pool:
        rest = [pool.submit(_story, running) for _ in range(2)]
        upload = pool.submit(_upload, running)
        typed: Future[tuple[list[str], str]] = pool.submit(asyncio.run, _grpc_streams(running))
        live = pool.submit(_live, running)
        wait_until(lambda: _busy(running, "qwen") == 3 and _busy(running, "canary") >= 2, 60, "tout est en cours")
        running.process.send_signal(signal.SIGTERM)
        for answer in rest:
            assert sse_events(answer.result())[-1] == "[DONE]"
        assert "[DONE]" in upload.result() or "transcript.text.done" in upload.result()
        finish_reasons, watched = typed.result()
        heard, live_end = live.result()
        crashes = [line for line in journal if "rpc_crashed" in line]
    assert finish_reasons[-1] == "length"
    assert watched == "SHUTTING_DOWN"
    # Le direct a rendu tout ce qu'il avait entendu, bilan compris, avant de dire pourquoi il s'arrête.
    assert heard[-1].HasField("summary") and any(response.HasField("final") for response in heard)
    assert live_end is not None and live_end.reason == "SHUTTING_DOWN", (live_end, crashes)
    # Revenir au bout de ce que ce serveur avait mis à être prêt, non d'une relance de front.
    assert live_end.retry_after is not None and live_end.retry_after > 1
    assert running.process.wait(60) == 0
    assert not running.run_dir.exists()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive


def _restart_fronts(running: Product) -> None:
    """La commande, qui ne rend la main qu'une fois l'ancien parti."""
    state = running.log.parent / "etat"
    assert (state / "passerelle.pid").read_text() == f"{running.process.pid}\n"
    env = {
        "PATH": os.environ["PATH"],
        "PASSERELLE_RUN_BASE": str(running.run_dir.parent),
        "HOST_PORT": str(running.port),
    }
    command = [str(ROOT / "passerelle"), "restart-fronts"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=PATIENCE * 6, check=True)
    assert done.stdout.startswith("1 front : remplacement fait en ")


def _reading(path: Path) -> tuple[Path, list[float]]:
    """Une phrase redite quarante secondes durant, et les instants où elle commence."""
    phrase, gap = audio_files.speech("en/austen-0880.wav"), np.zeros(16000, np.float32)
    path.write_bytes(audio_files.wav(np.concatenate([gap, *[phrase, gap] * 10])))
    return path, [1.0 + index * (len(phrase) / 16000 + 1.0) for index in range(10)]


def _example(product: Product, *arguments: str) -> tuple[list[str], str]:
    """Lignes écrites par le client d'exemple, et ce qu'il a dit de son flux."""
    command = [sys.executable, str(ROOT / "examples" / "direct.py"), "--adresse", product.target, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines(), done.stderr


def _busy(product: Product, key: str) -> int:
    return int(product.model(key)["replicas"][0].get("running_requests", 0))


def _story(product: Product) -> str:
    body = {
        "model": "qwen",
        "messages": [{"role": "user", "content": PROMPT}],
        "max_tokens": TOKENS,
        "stream": True,
        "ignore_eos": True,
    }
    return httpx.post(f"{product.base_url}/v1/chat/completions", json=body, timeout=120, verify=SSL).text


def _upload(product: Product) -> str:
    files = {"file": ("parole.wav", (DATA / "en" / "austen-0870.wav").read_bytes(), "audio/wav")}
    form = {"model": "whisper-1", "stream": "true"}
    response = httpx.post(
        f"{product.base_url}/v1/audio/transcriptions", data=form, files=files, timeout=120, verify=SSL
    )
    assert response.status_code == 200, response.text
    return response.text


async def _grpc_streams(product: Product) -> tuple[list[str], str]:
    """Une conversation typée et un suivi d'état, jusqu'à ce que le serveur les close."""
    async with grpc.aio.insecure_channel(product.target) as channel:
        reasons, watched = await asyncio.gather(_typed(channel), _watch(channel))
        return reasons, watched


async def _typed(channel: grpc.aio.Channel) -> list[str]:
    message = chat_pb2.ChatMessage(role=chat_pb2.CHAT_ROLE_USER, content=[chat_pb2.ContentPart(text=PROMPT)])
    request = chat_pb2.ChatRequest(
        model="qwen", messages=[message], options=chat_pb2.GenerationOptions(max_tokens=TOKENS)
    )
    request.options.extra["ignore_eos"] = True
    stream = chat_pb2_grpc.ChatServiceStub(channel).StreamChat(chat_pb2.StreamChatRequest(request=request))
    return [delta.finish_reason async for response in stream for delta in response.deltas]


async def _watch(channel: grpc.aio.Channel) -> str:
    try:
        async for _ in admin_pb2_grpc.AdminServiceStub(channel).WatchStatus(admin_pb2.WatchStatusRequest()):
            pass
    except grpc.aio.AioRpcError as error:
        return grpc_reason(error)
    return ""


def _live(product: Product) -> tuple[list[Response], PasserelleError | None]:
    """Un direct sans fin ; client synchrone, car celui d'asyncio perd le statut d'un flux clos pendant une écriture."""

    def speak() -> Iterator[transcribe_pb2.StreamTranscribeRequest]:
        yield transcribe_pb2.StreamTranscribeRequest(config=live_config())
        started, sent = time.monotonic(), 0
        # Une phrase puis du silence, au rythme de la parole et sans fin : seul le serveur peut clore.
        while True:
            piece = SPEECH[44 + sent : 44 + sent + 3200]
            yield transcribe_pb2.StreamTranscribeRequest(audio=piece.ljust(3200, b"\0"))
            sent += 3200
            time.sleep(max(0.0, started + sent / 32000 - time.monotonic()))

    heard: list[Response] = []
    with grpc.insecure_channel(product.target) as channel:
        stub: Any = transcribe_pb2_grpc.TranscribeServiceStub(channel)
        try:
            for response in stub.StreamTranscribe(speak(), timeout=180):
                heard.append(response)
        except grpc.RpcError as error:
            print(error, file=sys.stderr)
            status = rpc_status.from_call(error)
            return heard, from_status(status) if status is not None else None
    return heard, None
