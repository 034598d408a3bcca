"""Plusieurs GPU d'un hôte : exemplaires contre autant de `vllm serve`, ajout, retrait et chute sous charge, parole.

Tout se suit en un seul lancement, pour ne payer qu'une fois chaque chargement : `vllm serve` nu sur chaque GPU, puis
l'un d'eux face au produit, une charge chacun tour à tour, puis le produit seul sur tous les GPU.
"""

import asyncio
import io
import time
import wave
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psutil

from bench.gpu.compare import LOADS, START_SECONDS, WARM_UP, Processes, bare, measure, names, table
from bench.gpu.life import abandon, attempt, check, image, kill, load, say, unload, used_memory
from bench.gpu.serve_bench import Figures, Load, run_loads
from tests.support.load import Kind, Outcome, chat, describe, typed_chat
from tests.support.load import Load as Traffic
from tests.support.product import Product, wait_until

STREAMS = 256
_SPEECH_SECONDS = 12.0
_TRAFFIC = {
    "chat": Kind(partial(chat, tokens=128), 0.0, model="qwen", clients=32),
    "typed": Kind(partial(typed_chat, tokens=128), 0.0, model="qwen", clients=8),
}
"""Des réponses assez longues pour qu'il y en ait en cours à tout instant."""

_FLEET = LOADS[str(STREAMS)]


@contextmanager
def bare_fleet(weights: Path, folder: Path, gpus: Sequence[int]) -> Iterator[tuple[str, Processes, Figures]]:
    """Mesure un `vllm serve` nu par GPU, tous ensemble ; rend celui du premier GPU, resté debout, et la somme."""
    with ExitStack() as first, ExitStack() as others, ThreadPoolExecutor(len(gpus)) as pool:
        stacks = [first, *[others] * (len(gpus) - 1)]
        servers = list(pool.map(lambda stack, gpu: stack.enter_context(bare(weights, folder, gpu)), stacks, gpus))
        urls = [url for url, _ in servers]
        run_loads(urls, weights, WARM_UP, dict, folder / "nu-echauffement.log")
        together = run_loads(urls, weights, _FLEET, lambda: _merged(servers), folder / "nu-ensemble.log")
        say(f"vllm serve, {len(gpus)} GPU, {STREAMS} flux chacun", f"{together.values}")
        others.close()
        yield *servers[0], together


def _merged(servers: Sequence[tuple[str, Processes]]) -> Mapping[str, int]:
    return {name: pid for _, processes in servers for name, pid in processes().items()}


def face_to_face(
    product: Product, weights: Path, folder: Path, url: str, processes: Processes, loads: Sequence[Load]
) -> None:
    """Joue chaque charge contre l'un puis contre l'autre, chacun sur son GPU, et écrit les rapports."""
    ours: list[Figures] = []
    theirs: list[Figures] = []
    for index, one in enumerate(loads):
        sides = [("passerelle", product.base_url, lambda: names(product), ours), ("vllm-serve", url, processes, theirs)]
        # Chacun passe le premier à son tour.
        for who, address, counted, kept in sides if index % 2 else reversed(sides):
            kept += measure(who, address, weights, [one], counted, folder, warm_up=not index)
    table(loads, ours, theirs)


def fleet(product: Product, weights: Path, folder: Path, count: int, together: Figures) -> None:
    """Mesure le produit à `count` exemplaires, contre la somme des `vllm serve`."""
    figures = run_loads(
        [product.base_url] * count, weights, _FLEET, lambda: names(product), folder / f"passerelle-x{count}.log"
    )
    say(f"Passerelle, {count} exemplaires, {STREAMS} flux chacun", f"{figures.values}")
    table([Load(_FLEET.input_tokens, _FLEET.output_tokens, _FLEET.prompts, STREAMS * count)], [figures], [together])


def resize(product: Product, key: str, replicas: int, gpus: Sequence[int] = ()) -> None:
    """Change le nombre d'exemplaires sous charge, et compte ce que les clients ont perdu."""
    with Traffic(product, kinds=_TRAFFIC) as traffic:
        traffic.wait_success(60)
        begin = time.monotonic()
        body: dict[str, Any] = {"replicas": replicas, "wait": True, **({"gpus": list(gpus)} if gpus else {})}
        response = httpx.post(f"{product.base_url}/api/admin/models/{key}/load", json=body, timeout=START_SECONDS)
        seconds = time.monotonic() - begin
        check(response)
        traffic.wait_success(60)
    found = [(one["id"], one.get("gpus", [])) for one in product.model(key)["replicas"]]
    say(f"{key} : {replicas} exemplaires sous charge", f"{seconds:.1f} s, {found}, {fates(traffic.record)}")


def kill_one(product: Product, key: str) -> None:
    """Tue le dernier exemplaire sous charge : ses requêtes finissent par une erreur, les autres vont à leur terme."""
    victim = product.model(key)["replicas"][-1]
    with Traffic(product, kinds=_TRAFFIC) as traffic:
        traffic.wait_success(60)
        begin = time.monotonic()
        psutil.Process(victim["pid"]).kill()
        traffic.wait_success(60)
        alone = time.monotonic() - begin

        def back() -> bool:
            found = product.model(key)["replicas"]
            return len(found) > 1 and all(one["pid"] != victim["pid"] for one in found)

        wait_until(back, START_SECONDS, f"{victim['id']} relancé")
        seconds = time.monotonic() - begin
        traffic.wait_success(60)
    say(
        f"{key} : kill -9 de {victim['id']} sous charge",
        f"une réponse commencée après : {alone:.2f} s ; de retour en {seconds:.1f} s ; {fates(traffic.record)}",
    )


def fates(record: Sequence[Outcome]) -> str:
    """Compte des sorts."""
    return ", ".join(describe(record).split("\n"))


def refused(product: Product, key: str, gpus: Sequence[int]) -> None:
    """Demande des GPU déjà tenus, et dit le refus."""
    response = product.admin("load", key, gpus=list(gpus), replicas=len(gpus))
    say(f"{key} sur des GPU tenus", f"{response.status_code} {response.text[:600]}")


def minute(recording: Path) -> tuple[bytes, float]:
    """L'enregistrement, répété jusqu'à une minute ; rend le fichier WAV et ses secondes."""
    with wave.open(str(recording)) as source:
        shape, frames = source.getparams(), source.readframes(source.getnframes())
    repeats = max(1, round(60 * shape.framerate / shape.nframes))
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as target:
        target.setparams(shape)
        target.writeframes(frames * repeats)
    return buffer.getvalue(), repeats * shape.nframes / shape.framerate


def speech(product: Product, path: str, count: int, audio: bytes, seconds: float) -> None:
    """Débit d'un service de parole : autant de clients que 8 par exemplaire, des fichiers d'une minute."""

    async def run() -> tuple[int, float]:
        done = 0
        begin = time.monotonic()

        async def client(http: httpx.AsyncClient) -> None:
            nonlocal done
            while time.monotonic() - begin < _SPEECH_SECONDS:
                response = await http.post(path, content=audio, headers={"content-type": "audio/wav"})
                response.raise_for_status()
                done += 1

        async with httpx.AsyncClient(base_url=product.base_url, timeout=120) as http:
            await http.post(path, content=audio, headers={"content-type": "audio/wav"})
            begin = time.monotonic()
            await asyncio.gather(*(client(http) for _ in range(8 * count)))
        return done, time.monotonic() - begin

    done, wall = asyncio.run(run())
    say(f"{path}, {count} exemplaires", f"{done * seconds / wall:.0f} s d'audio par seconde ({done} fichiers)")


def several(
    product: Product, weights: Path, folder: Path, gpus: Sequence[int], audio: tuple[bytes, float], together: Figures
) -> None:
    """Tout ce que plusieurs GPU permettent, `qwen` étant chargé sur le dernier ; un échec est écrit, et la suite menée."""
    last = gpus[-1]
    for key in ("canary", "pyannote"):
        attempt(load, product, key, [last])
    say("GPU, les trois sur le dernier", used_memory())
    for step in (image, abandon):
        attempt(step, product)
    for key in ("canary", "pyannote"):
        attempt(kill, product, key)
    for count in range(2, len(gpus) + 1):
        attempt(resize, product, "qwen", count, list(reversed(gpus))[:count])
        attempt(fleet, product, weights, folder, count, together)
    say("GPU, tous tenus par qwen", used_memory())
    attempt(refused, product, "qwen", [*gpus, max(gpus) + 1])
    attempt(kill_one, product, "qwen")
    attempt(resize, product, "qwen", 1)
    for key, path in (("canary", "/api/audio/transcribe?language=en"), ("pyannote", "/api/diarization/process")):
        attempt(speech, product, path, 1, *audio)
        for count in range(2, len(gpus) + 1):
            attempt(load, product, key, list(reversed(gpus))[:count], count)
            attempt(speech, product, path, count, *audio)
    for key in ("canary", "pyannote", "qwen"):
        attempt(unload, product, key)
        say(f"GPU, {key} parti", used_memory())


def tensor(product: Product, gpus: Sequence[int]) -> None:
    """Charge `qwen` en un exemplaire sur tous les GPU, lui parle, et le décharge."""
    begin = time.monotonic()
    body = {"gpus": list(gpus), "replicas": 1, "options": {"tensor_parallel_size": len(gpus)}, "wait": True}
    check(httpx.post(f"{product.base_url}/api/admin/models/qwen/load", json=body, timeout=START_SECONDS))
    say(f"qwen, parallèle sur {len(gpus)} GPU : chargement", f"{time.monotonic() - begin:.1f} s, GPU {used_memory()}")
    attempt(abandon, product)
    attempt(unload, product, "qwen")
    say("GPU après tout", used_memory())
