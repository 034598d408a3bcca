"""Ce que coûtent un jeton et une seconde d'audio quand les clients, ou les fronts, deviennent nombreux.

    python -m bench.growth [--parts fronts,chat,audio] [--clients 1,4,16,64,256,1000] [--fronts 1,2,4,8] [--folder DOSSIER]

`fronts` : le débit, sans flux puis en flux saturé, selon le nombre de fronts, avec autant d'exemplaires d'un moteur qui ne
coûte rien. `chat` : des flux dont ce moteur rend 13 400 jetons par seconde au plus, ce qu'un H200 a rendu (docs/mesures.md).
`audio` : des WAV de 10 s de parole, décodés, écoutés et découpés, que le moteur n'écoute pas. Les relevés partent en tableaux
sur la sortie, et en JSON dans `--folder`, d'où `bench.curves` fait les courbes.
"""

import argparse
import asyncio
import json
import multiprocessing
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import psutil

from bench.data_path import Side, free, passerelle
from bench.installation import Weights
from bench.load import Connection, StreamResult, cpu_seconds, machine, percentile

TOKENS_PER_SECOND = 13_400
SECONDS = 10
_ENVOY_THREADS = "6"
_GENERATORS = max(1, (psutil.cpu_count() or 2) // 3)
"""Processus qui donnent la charge."""


@dataclass(frozen=True)
class Shot:
    """Une charge : la même requête, `each` fois de suite sur chaque connexion."""

    path: str
    body: bytes
    content_type: str
    clients: int
    each: int
    units: float
    """Jetons, requêtes ou secondes d'audio que vaut une requête."""


@dataclass(frozen=True)
class Found:
    """Relevé d'une charge."""

    count: int
    """Clients, ou fronts."""
    per_second: float
    first_p50: float
    """Première réponse, en ms."""
    first_p99: float
    micros: Mapping[str, float]
    """Processeur par unité, en µs, de chaque rôle."""


def main() -> None:
    """Joue les parties demandées."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", default="fronts,chat,audio")
    parser.add_argument("--clients", default="1,4,16,64,256,1000")
    parser.add_argument("--fronts", default="1,2,4,8")
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    parts, clients = asked.parts.split(","), [int(one) for one in asked.clients.split(",")]
    print(f"{machine()} ; {_GENERATORS} processus donnent la charge", flush=True)
    with tempfile.TemporaryDirectory(prefix="b-") as name:
        folder = Path(name)
        found: dict[str, list[Found]] = {}
        if "fronts" in parts:
            found |= by_fronts(folder, [int(one) for one in asked.fronts.split(",")])
        if "chat" in parts:
            engine = free(folder / "poids", step_ms=5, max_running=1024, most_per_second=TOKENS_PER_SECOND)
            found["chat"] = by_clients(folder / "chat", "chat", engine, [streamed(n, 2 + 16 // n) for n in clients])
        if "audio" in parts:
            engine = free(folder / "poids", "transcribe")
            found["audio"] = by_clients(folder / "audio", "audio", engine, [spoken(n, 1 + 32 // n) for n in clients])
    if asked.folder:
        asked.folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps({part: [asdict(one) for one in rows] for part, rows in found.items()}, indent=1)
        (asked.folder / "croissance.json").write_text(text, encoding="utf-8")


def by_fronts(folder: Path, counts: Sequence[int]) -> dict[str, list[Found]]:
    """Débit selon le nombre de fronts, une seule charge pour tous."""
    found: dict[str, list[Found]] = {"sans flux": [], "saturée": []}
    for count in counts:
        engine = free(folder / "poids", replicas=count, max_running=1024)
        env = {"PASSERELLE_FRONTS": str(count), "PASSERELLE_ENVOY_CONCURRENCY": _ENVOY_THREADS}
        with passerelle(folder / f"f{count}", engine, env=env) as side, generators() as pool:
            for name, shot in (
                ("sans flux", unary(64 * count, 120)),
                ("saturée", streamed(16 * count, 80, tokens=400)),
            ):
                play(pool, side, shot)
                one = play(pool, side, shot, count)
                found[name].append(one)
                best = one.per_second / count / (found[name][0].per_second / counts[0])
                row(f"{name}, {count} front(s), {best:.2f} du linéaire", one)
    return found


def by_clients(folder: Path, name: str, engine: Weights, shots: Sequence[Shot]) -> list[Found]:
    """Coût selon le nombre de clients, au réglage par défaut."""
    found = []
    with passerelle(folder, engine) as side, generators() as pool:
        play(pool, side, shots[0])
        for shot in shots:
            found.append(play(pool, side, shot))
            row(f"{name}, {shot.clients} client(s)", found[-1])
    return found


def unary(clients: int, each: int) -> Shot:
    """Réponses entières, de huit jetons."""
    return Shot("/v1/chat/completions", question(8, stream=False), "application/json", clients, each, 1)


def streamed(clients: int, each: int, tokens: int = 64) -> Shot:
    """Réponses en flux."""
    return Shot("/v1/chat/completions", question(tokens, stream=True), "application/json", clients, each, tokens)


def spoken(clients: int, each: int) -> Shot:
    """Fichiers de parole."""
    from tests.support import audio_files

    names = sorted((audio_files.DATA / "fr").glob("*.g722"))
    wave = np.concatenate([audio_files.speech_of(path) for path in names[:4]])
    assert len(wave) >= SECONDS * 16000
    data = audio_files.wav(wave[: SECONDS * 16000])
    edge = "limite"
    fields = {"model": "canary", "language": "fr", "response_format": "json"}
    head = "".join(
        f'--{edge}\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    head += f'--{edge}\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    body = head.encode() + data + f"\r\n--{edge}--\r\n".encode()
    return Shot(
        "/v1/audio/transcriptions", body, f"multipart/form-data; boundary={edge}", clients, each, float(SECONDS)
    )


def question(tokens: int, *, stream: bool) -> bytes:
    """Corps d'une conversation."""
    asked = {"model": "qwen", "messages": [{"role": "user", "content": "Bonjour"}], "max_tokens": tokens}
    return json.dumps(asked | {"stream": stream}).encode()


def generators() -> ProcessPoolExecutor:
    """Processus qui donnent la charge."""
    return ProcessPoolExecutor(_GENERATORS, mp_context=multiprocessing.get_context("spawn"))


def play(pool: ProcessPoolExecutor, side: Side, shot: Shot, count: int = 0) -> Found:
    """Joue une charge, répartie entre les processus du générateur."""
    shares = [len(range(rank, shot.clients, _GENERATORS)) for rank in range(min(_GENERATORS, shot.clients))]
    before = used(side)
    begin = time.perf_counter()
    results = [one for found in pool.map(_share, [(side.port, shot, share) for share in shares]) for one in found]
    elapsed = time.perf_counter() - begin
    units = shot.units * len(results)
    firsts = [one.first * 1000 for one in results]
    return Found(
        count or shot.clients,
        units / elapsed,
        percentile(firsts, 0.5),
        percentile(firsts, 0.99),
        {name: (seconds - before[name]) / units * 1e6 for name, seconds in used(side).items()},
    )


def used(side: Side) -> dict[str, float]:
    """Processeur de chaque rôle depuis son départ, en secondes ; celui des décodages finis, que leur parent a gardé."""
    found = {name: cpu_seconds(pids) for name, pids in side.pids.items()}
    workers = [psutil.Process(pid) for pid in side.pids["exemplaire"]]
    family = {one.pid: one for worker in workers for one in (worker, *worker.children(recursive=True))}
    ended = [one.cpu_times() for one in family.values()]
    return found | {"décodages finis": sum(one.children_user + one.children_system for one in ended)}


def row(name: str, found: Found) -> None:
    """Une ligne de tableau."""
    detail = ", ".join(f"{role} {cost:.1f}" for role, cost in found.micros.items())
    print(
        f"| {name} | {found.per_second:.0f} | {sum(found.micros.values()):.1f} | {detail} "
        f"| {found.first_p50:.0f} / {found.first_p99:.0f} |",
        flush=True,
    )


def _share(asked: tuple[int, Shot, int]) -> list[StreamResult]:
    """Part d'une charge que donne un processus."""
    return asyncio.run(_fire(*asked))


async def _fire(port: int, shot: Shot, clients: int) -> list[StreamResult]:
    connections = [await Connection.open("127.0.0.1", port) for _ in range(clients)]

    async def one(connection: Connection) -> list[StreamResult]:
        return [await connection.post(shot.path, shot.body, shot.content_type) for _ in range(shot.each)]

    found = await asyncio.gather(*(one(connection) for connection in connections))
    for connection in connections:
        connection.close()
    return [result for results in found for result in results]


if __name__ == "__main__":
    main()
