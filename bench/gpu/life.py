"""La vie des trois modèles sur un GPU : étapes d'un chargement, requêtes, abandon, sommeil, chutes, mémoire rendue."""

import asyncio
import base64
import io
import signal
import subprocess
import threading
import time
import wave
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import httpx
import psutil
from passerelle.v1 import diarize_pb2, diarize_pb2_grpc, transcribe_pb2, transcribe_pb2_grpc

from tests.support.product import Product, wait_until

LOAD_SECONDS = 420.0
RECOVERY_SECONDS = 300.0
_POLL_SECONDS = 0.1
_STORY = {
    "model": "qwen",
    "messages": [{"role": "user", "content": "Raconte une longue histoire de mer."}],
    "max_tokens": 4096,
    "ignore_eos": True,
    "stream": True,
}


def live(product: Product, keys: tuple[str, ...], recording: Path) -> None:
    """Mène tout sur des modèles déchargés, et écrit une ligne par mesure ; un échec est écrit, puis la suite est menée."""
    for key in keys:
        if not running_now(product, key):
            attempt(load, product, key)
    say("GPU, modèles chargés", used_memory())
    if "qwen" in keys:
        for measure in (chat, image, abandon):
            attempt(measure, product)
    attempt(speech, product, keys, recording)
    if "qwen" in keys:
        attempt(sleep_and_wake, product)
    for key in reversed(keys):
        attempt(kill, product, key)
    for key in keys:
        attempt(unload, product, key)
    say("GPU après tout", used_memory())


def attempt(measure: Callable[..., None], *arguments: Any) -> None:
    """Mène une mesure ; écrit son échec au lieu de le lever."""
    try:
        measure(*arguments)
    except Exception as error:
        say(f"{measure.__name__} {' '.join(str(one) for one in arguments[1:])}", f"échec : {error}")


def load(product: Product, key: str, gpus: Sequence[int] = (), replicas: int = 1) -> None:
    """Charge un modèle et dit la durée de chaque étape."""
    body = {"wait": True, "replicas": replicas, **({"gpus": list(gpus)} if gpus else {})}
    with watching(product, key) as phases:
        begin = time.monotonic()
        response = httpx.post(f"{product.base_url}/api/admin/models/{key}/load", json=body, timeout=LOAD_SECONDS)
        seconds = time.monotonic() - begin
    check(response)
    detail = ", ".join(f"{name} {duration:.1f}" for name, duration in phases.items())
    say(f"{key} : chargement", f"{seconds:.1f} s ({detail})")


def chat(product: Product) -> None:
    """Premier jeton d'un flux seul, modèle chaud."""
    firsts = []
    for _ in range(6):
        begin = time.monotonic()
        with (
            product.http() as http,
            http.stream("POST", "/v1/chat/completions", json=_STORY | {"max_tokens": 16}) as response,
        ):
            for line in response.iter_lines():
                if line.startswith("data: {") and '"content":"' in line.replace('"content":""', ""):
                    firsts.append(time.monotonic() - begin)
                    break
    say("qwen : premier jeton, 1 flux (médiane de 5)", f"{sorted(firsts[1:])[2] * 1000:.0f} ms")


def image(product: Product) -> None:
    """Une image en URI de données."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((448, 448)).convert("RGB").save(buffer, "PNG")
    url = f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
    content = [{"type": "text", "text": "Décris."}, {"type": "image_url", "image_url": {"url": url}}]
    body = {"model": "qwen", "messages": [{"role": "user", "content": content}], "max_tokens": 16}
    with product.http(timeout=120) as http:
        http.post("/v1/chat/completions", json=body)
        begin = time.monotonic()
        response = http.post("/v1/chat/completions", json=body)
    check(response)
    usage = response.json()["usage"]
    say(
        "qwen : une image de 448 × 448, 16 jetons",
        f"{(time.monotonic() - begin) * 1000:.0f} ms, {usage['prompt_tokens']} jetons d'entrée",
    )


def abandon(product: Product) -> None:
    """Temps entre le départ d'un client et sa place rendue par le moteur, que l'exemplaire annonce une fois par seconde."""
    with product.http() as http, http.stream("POST", "/v1/chat/completions", json=_STORY) as response:
        if response.status_code != 200:
            raise RuntimeError(response.read().decode())
        # L'itérateur doit vivre : abandonné, il fermerait la connexion.
        lines = response.iter_lines()
        next(line for line in lines if line.startswith("data: {"))
        wait_until(lambda: running(product, "qwen") == 1, 10, "un flux en cours")
    begin = time.monotonic()
    wait_until(lambda: running(product, "qwen") == 0, 30, "place rendue")
    say("qwen : client parti, place vue rendue", f"{(time.monotonic() - begin) * 1000:.0f} ms")


def speech(product: Product, keys: tuple[str, ...], recording: Path) -> None:
    """Une transcription et une diarisation, par les services gRPC."""
    audio = recording.read_bytes()
    with wave.open(str(recording)) as file:
        length = file.getnframes() / file.getframerate()

    async def ask() -> None:
        async with grpc.aio.insecure_channel(product.target) as channel:
            if "canary" in keys:
                config = transcribe_pb2.TranscribeConfig(model="canary", language="en")
                for turn in ("à froid", "à chaud"):
                    begin = time.monotonic()
                    found = await transcribe_pb2_grpc.TranscribeServiceStub(channel).Transcribe(
                        transcribe_pb2.TranscribeRequest(config=config, audio=audio), timeout=120
                    )
                    covered = found.coverage.covered_duration.ToMilliseconds() / 1000
                    say(
                        f"canary : {length:.0f} s d'audio, {turn}",
                        f"{time.monotonic() - begin:.2f} s, {covered:.1f} s couvertes",
                    )
            if "pyannote" in keys:
                for turn in ("à froid", "à chaud"):
                    begin = time.monotonic()
                    turns = await diarize_pb2_grpc.DiarizeServiceStub(channel).Diarize(
                        diarize_pb2.DiarizeRequest(config=diarize_pb2.DiarizeConfig(model="pyannote"), audio=audio),
                        timeout=120,
                    )
                    say(
                        f"pyannote : {length:.0f} s d'audio, {turn}",
                        f"{time.monotonic() - begin:.2f} s, {len(turns.turns)} tours",
                    )

    asyncio.run(ask())


def sleep_and_wake(product: Product) -> None:
    """Endort et réveille, avec la mémoire rendue."""
    before = used_memory()
    for verb in ("sleep", "wake"):
        begin = time.monotonic()
        response = product.admin(verb, "qwen", wait=True)
        check(response)
        say(f"qwen : {verb}", f"{time.monotonic() - begin:.2f} s, GPU {before} puis {used_memory()}")
    with product.http(timeout=60) as http:
        check(http.post("/v1/chat/completions", json=_STORY | {"max_tokens": 4, "stream": False}))


def kill(product: Product, key: str) -> None:
    """Tue l'exemplaire, et dit quand il est prêt de nouveau."""
    pid = product.model(key)["replicas"][0]["pid"]
    psutil.Process(pid).send_signal(signal.SIGKILL)
    begin = time.monotonic()

    def back() -> bool:
        model = product.model(key)
        replicas = model.get("replicas") or []
        return bool(model["state"] == "MODEL_STATE_READY" and replicas and replicas[0]["pid"] != pid)

    wait_until(back, RECOVERY_SECONDS, f"{key} relancé")
    say(f"{key} : kill -9, prêt de nouveau", f"{time.monotonic() - begin:.1f} s, GPU {used_memory()}")


def unload(product: Product, key: str) -> None:
    """Décharge, et dit ce que le serveur a prouvé."""
    response = product.admin("unload", key, wait=True)
    check(response)
    operation: dict[str, Any] = response.json()["operation"]
    freed = float(operation.get("freed_bytes", 0.0)) / 2**30
    say(
        f"{key} : déchargement",
        f"{operation['state'].removeprefix('OPERATION_STATE_')}, {freed:.2f} Gio rendus en {operation.get('elapsed')}",
    )


@contextmanager
def watching(product: Product, key: str) -> Iterator[dict[str, float]]:
    """Durée de chaque étape de l'opération en cours, remplie à la sortie."""
    phases: dict[str, float] = {}
    done = threading.Event()

    def follow() -> None:
        last = time.monotonic()
        while not done.wait(_POLL_SECONDS):
            now = time.monotonic()
            phase = (product.model(key).get("operation") or {}).get("progress", {}).get("phase", "")
            if phase:
                phases[phase] = phases.get(phase, 0.0) + now - last
            last = now

    thread = threading.Thread(target=follow)
    thread.start()
    try:
        yield phases
    finally:
        done.set()
        thread.join()


def running_now(product: Product, key: str) -> bool:
    """Vrai si le modèle est chargé."""
    return bool(product.model(key)["state"] == "MODEL_STATE_READY")


def running(product: Product, key: str) -> int:
    """Requêtes en cours de tous les exemplaires."""
    return sum(int(replica.get("running_requests", 0)) for replica in product.model(key)["replicas"])


def used_memory() -> str:
    """Mémoire de GPU utilisée, selon nvidia-smi."""
    command = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
    values = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return " + ".join(values) + " Mio"


def check(response: httpx.Response) -> None:
    """Lève si la réponse n'est pas un succès."""
    if response.status_code != 200 or "STATE_FAILED" in response.text:
        raise RuntimeError(f"{response.request.url} : {response.status_code} {response.text[:800]}")


def say(what: str, value: str) -> None:
    """Une ligne de tableau."""
    print(f"| {what} | {value} |", flush=True)
