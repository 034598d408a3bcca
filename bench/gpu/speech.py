"""La parole servie, sur un GPU, face à NeMo et à pyannote seuls, tour à tour ; puis des directs de front.

    python -m bench.gpu.speech --canary DOSSIER --pyannote DOSSIER --folder DOSSIER [--parts canary,live,pyannote]

`PASSERELLE_ENVS_DIR` dit où sont les environnements des moteurs. Canary est celui de `bench.gpu.large_canary`, pyannote celui
de `tests.support.tiny_pyannote` aux dimensions du vrai : la vitesse est celle de vrais modèles, les textes et les tours non.
Les fichiers sont de la parole (`tests/data`), de 3 à 29 s pour Canary ; ils passent par Envoy, le front, le décodage et la
détection de parole, que NeMo seul n'a pas. Le facteur est l'audio traité par seconde.
"""

import argparse
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from bench.gpu.life import load
from bench.installation import Weights, serving
from bench.live import latency
from bench.load import machine, spread
from server.engines.base_audio import SAMPLE_RATE, Wave
from tests.support import audio_files
from tests.support.product import Product

Alone = Callable[[Path, int], dict[str, float]]


def main() -> None:
    """Joue les parties demandées."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", default="canary,live,pyannote")
    parser.add_argument("--canary", type=Path)
    parser.add_argument("--pyannote", type=Path)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--clients", default="1,32,128")
    parser.add_argument("--streams", default="1,64")
    parser.add_argument("--seconds", type=float, default=40.0, help="durée d'un relevé de directs")
    parser.add_argument("--files", default="1,8")
    parser.add_argument("--file-seconds", type=int, default=300)
    parser.add_argument("--least", type=int, default=8, help="fichiers de parole au moins")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    print(machine(), flush=True)
    parts, folder = asked.parts.split(","), asked.folder
    common: dict[str, Any] = {"memory": {"working_gib": 12.0}, "max_waiting": 1024}
    if asked.device == "cpu":
        common |= {"requires_gpu": False, "gpus": []}
    models = []
    if asked.canary:
        options = {"default_language": "en"}
        models.append(Weights("canary", "transcribe", "canary", asked.canary, options, common))
    if asked.pyannote:
        models.append(Weights("pyannote", "diarize", "pyannote", asked.pyannote, {"parallel": 8}, common))
    streams = [int(one) for one in asked.streams.split(",")]
    limits = {"PASSERELLE_MAX_LIVE_STREAMS": str(max(32, *streams))}
    with serving(models, folder, **limits) as product, ExitStack() as stack:
        if "canary" in parts:
            load(product, "canary")
            peer = stack.enter_context(alone("nemo", asked.canary / "canary.nemo", asked.device, folder))
            for clients in map(int, asked.clients.split(",")):
                waves = mixed(max(asked.least, 2 * clients))
                compare(product, "/v1/audio/transcriptions", peer, waves, clients, asked.rounds, folder)
            stack.pop_all().close()
        if "live" in parts:
            load(product, "canary")
            latency(product, streams, asked.seconds, ("en",))
        if "pyannote" in parts:
            load(product, "pyannote")
            peer = stack.enter_context(alone("pyannote", asked.pyannote, asked.device, folder))
            for files in map(int, asked.files.split(",")):
                waves = [long(rank, asked.file_seconds) for rank in range(files)]
                compare(product, "/api/diarization/process", peer, waves, files, asked.rounds, folder)


def mixed(count: int) -> list[Wave]:
    """Parole de durées mêlées, de 3 à 29 s."""
    whole = recorded()
    random = np.random.default_rng(count)
    return [
        np.resize(np.roll(whole, -int(random.integers(len(whole)))), int(seconds * SAMPLE_RATE))
        for seconds in random.uniform(3, 29, count)
    ]


def long(rank: int, seconds: int) -> Wave:
    """Un fichier de parole, qui n'est celui d'aucun autre rang."""
    whole = recorded()
    return np.resize(np.roll(whole, -rank * len(whole) // 16), seconds * SAMPLE_RATE)


def recorded() -> Wave:
    """Les enregistrements anglais, bout à bout."""
    return np.concatenate([audio_files.speech_of(path) for path in sorted((audio_files.DATA / "en").glob("*.wav"))])


@contextmanager
def alone(kind: str, path: Path, device: str, folder: Path) -> Iterator[Alone]:
    """Le moteur seul, ouvert ; rend de quoi lui faire mener des ondes."""
    python = Path(os.environ["PASSERELLE_ENVS_DIR"]) / kind / "bin" / "python"
    with (
        (folder / f"{kind}-seul.log").open("wb") as log,
        subprocess.Popen(
            [str(python), "-m", "bench.gpu.alone", kind, str(path), device],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        assert process.stdin and process.stdout
        told, heard = process.stdin, process.stdout

        def answer() -> dict[str, float]:
            while line := heard.readline():
                if line.startswith("{"):
                    return dict(json.loads(line))
            raise RuntimeError(f"{kind} seul s'est arrêté : {log.name}")

        def run(waves: Path, batch: int) -> dict[str, float]:
            told.write(json.dumps({"waves": str(waves), "batch": batch}) + "\n")
            told.flush()
            return answer()

        answer()
        try:
            yield run
        finally:
            told.close()


def compare(
    product: Product, path: str, peer: Alone, waves: Sequence[Wave], clients: int, rounds: int, folder: Path
) -> None:
    """Mène les mêmes ondes de chaque côté, tour à tour, une première fois à blanc ; écrit les deux facteurs et leur rapport."""
    seconds = sum(len(wave) for wave in waves) / SAMPLE_RATE
    file = folder / "ondes.npz"
    np.savez(file, *waves)
    data = [audio_files.wav(wave) for wave in waves]
    ours, theirs, counts = [], [], set()
    # Une connexion par client : faute de place, httpx en fermerait une qu'un autre fil vient de prendre.
    with ThreadPoolExecutor(clients) as pool, product.http(timeout=600, connections=clients) as http:
        for turn in range(rounds + 1):
            begin = time.perf_counter()
            answered = sum(pool.map(lambda one: sent(http, path, one), data))
            took = time.perf_counter() - begin
            found = peer(file, clients)
            if turn:
                ours.append(seconds / took)
                theirs.append(seconds / found["seconds"])
                counts.add((answered, int(found["count"])))
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    print(
        f"| {path}, {clients} client(s), {len(waves)} fichiers de {seconds / len(waves):.1f} s | servi {spread(ours, 1)} "
        f"| seul {spread(theirs, 1)}, mots ou tours {sorted(counts)} | **{spread(ratios, 3)}** |",
        flush=True,
    )


def sent(http: httpx.Client, path: str, data: bytes) -> int:
    """Envoie un fichier ; rend le nombre de mots, ou de tours, de la réponse."""
    files = {"file": ("a.wav", data, "audio/wav")}
    fields = {"model": "canary", "language": "en"} if path.startswith("/v1") else {}
    response = http.post(path, files=files, data=fields) if fields else http.post(path, content=data)
    response.raise_for_status()
    found = response.json()
    return len(found["text"].split()) if fields else len(found["turns"])


if __name__ == "__main__":
    main()
