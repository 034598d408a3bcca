"""Les lots de parole derrière le vrai accueil, sur un moteur dont un lot coûte un temps fixe, ou presque, quelle que soit sa taille.

    python -m bench.batches [--clients 1,32,128] [--seconds 30] [--base 3] [--each 0.02] [--streams 64]

Comme Canary sur un GPU, que ses lancements retiennent. Accueil, décodage, détection de parole et lots sont les vrais, dans ce
processus. L'idéal mène des lots pleins (ou de tous les clients, s'ils sont moins) sans un instant entre deux. Les directs, eux, ne
jouent que les lots : des phrases de 2 à 10 s au hasard, un provisoire à la fois, et la phrase close.
"""

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import cast

import numpy as np
from passerelle.v1 import transcribe_pb2
from passerelle.worker.v1 import link_pb2

from bench.load import machine
from server.domain import Limits
from server.engines.base import EngineSpec
from server.engines.base_audio import SAMPLE_RATE, Recognition, RecognitionOptions, RecognitionWindow, Wave
from server.engines.nemo.engine import NemoEngine
from server.errors import PasserelleError
from server.link.server import FrontLink
from server.worker.batcher import Rank, Ticket, WindowBatcher
from server.worker.handlers import handlers_for
from server.worker.host import WorkerHost
from tests.support import audio_files


class FixedCost(NemoEngine):
    """Les réglages de NeMo, sans modèle."""

    def __init__(self, base: float, each: float) -> None:
        super().__init__(EngineSpec("canary", Path()))
        self._base, self._each = base, each
        self.batches: list[tuple[float, float, int]] = []

    async def transcribe(self, windows: Sequence[RecognitionWindow]) -> list[Recognition]:
        """Attend ce qu'un lot coûte."""
        begin = time.perf_counter()
        await asyncio.sleep(self._base + self._each * len(windows))
        self.batches.append((begin, time.perf_counter(), len(windows)))
        return [Recognition((), language="en")] * len(windows)


class Link:
    """Un front, dans ce processus."""

    def __init__(self) -> None:
        self.waiting: dict[int, asyncio.Future[None]] = {}

    def emit(self, request_id: int, _data: bytes, done: bool) -> None:
        """Note une fin."""
        if done:
            self.waiting.pop(request_id).set_result(None)

    def fail(self, request_id: int, error: PasserelleError) -> None:
        """Note un échec."""
        self.waiting.pop(request_id).set_exception(error)


async def measure(clients: int, seconds: float, base: float, each: float) -> None:
    """Des clients qui envoient chacun un fichier après l'autre ; écrit ce que les lots en ont fait."""
    engine = FixedCost(base, each)
    with tempfile.TemporaryDirectory(prefix="banc-") as folder:
        waves = mixed(64)
        for rank, wave in enumerate(waves):
            Path(folder, f"f{rank}").write_bytes(audio_files.wav(wave))
        handlers = handlers_for(engine, Path(folder), Limits(), 4)
        link = Link()
        host = WorkerHost(engine, max_waiting=1024, on_dead=print, handlers=handlers)
        front = cast(FrontLink, link)
        config = transcribe_pb2.TranscribeConfig(model="canary", language="en").SerializeToString()
        begin, serial, done = time.perf_counter(), 0, 0

        async def client(rank: int) -> None:
            nonlocal serial, done
            turn = rank
            while time.perf_counter() - begin < seconds:
                serial += 1
                number = serial
                over = link.waiting[number] = asyncio.get_running_loop().create_future()
                host.submit(
                    front,
                    link_pb2.Submit(
                        id=number,
                        request_id=str(number),
                        kind=link_pb2.REQUEST_KIND_TRANSCRIBE,
                        payload=config,
                        spool_name=f"f{turn % len(waves)}",
                        weight=1,
                        caller="banc",
                    ),
                )
                await over
                done += 1
                turn += clients

        await asyncio.gather(*(client(rank) for rank in range(clients)))
    first, last = engine.batches[0][0], engine.batches[-1][1]
    idle = [b[0] - a[1] for a, b in pairwise(engine.batches)]
    full = min(clients, engine.max_batch)
    rate, ideal = done / (last - first), full / (base + each * full)
    sizes = [size for *_, size in engine.batches]
    print(
        f"| {clients} | {rate:.1f} | {ideal:.1f} | **{rate / ideal:.2f}** | {statistics.mean(sizes):.1f} "
        f"| {', '.join(map(str, sizes[:6]))} | {statistics.mean(idle):.1f} |",
        flush=True,
    )


async def streams(count: int, seconds: float, base: float, each: float) -> None:
    """Des directs de front ; écrit ce qu'attendent leur premier texte provisoire et leurs phrases closes."""
    engine = FixedCost(base, each)
    batcher, clock = WindowBatcher(engine), time.perf_counter
    firsts: list[float] = []
    finals: list[float] = []
    silence, over = np.zeros(30 * SAMPLE_RATE, np.float32), clock() + seconds

    def submit(length: float, rank: Rank) -> Ticket:
        samples = silence[: int(SAMPLE_RATE * length)]
        return batcher.submit(RecognitionWindow(samples, RecognitionOptions(language="en")), rank)

    async def stream(rank: int) -> None:
        chance = random.Random(rank)
        await asyncio.sleep(chance.uniform(0, 6))
        while clock() < over:
            length, begin, seen = chance.uniform(2, 10), clock(), False
            await asyncio.sleep(0.5)
            while (spoken := clock() - begin) < length:
                draft = submit(spoken, Rank.DRAFT)
                await asyncio.wait({draft.future}, timeout=length - spoken)
                if draft.done and not seen:
                    seen = True
                    firsts.append(clock() - begin - 0.5)
                if not draft.started:
                    draft.cancel()
                await asyncio.sleep(max(0.0, min(begin + length, begin + spoken + 0.3) - clock()))
            closed = clock()
            await submit(length, Rank.FINAL).future
            finals.append(clock() - closed)
            if not seen:
                firsts.append(clock() - begin - 0.5)

    await asyncio.gather(*(stream(rank) for rank in range(count)))
    first, final = (statistics.quantiles(found, n=20) for found in (firsts, finals))
    size = statistics.mean(size for *_, size in engine.batches)
    print(
        f"| {count} directs | provisoire p50 {first[9]:.2f}, p95 {first[18]:.2f} s "
        f"| finale p50 {final[9]:.2f}, p95 {final[18]:.2f} s | {size:.1f} fenêtres par lot |",
        flush=True,
    )


def mixed(count: int) -> list[Wave]:
    """Parole de durées mêlées, de 3 à 29 s."""
    whole = np.concatenate([audio_files.speech_of(path) for path in sorted((audio_files.DATA / "en").glob("*.wav"))])
    chance = np.random.default_rng(count)
    return [
        np.resize(np.roll(whole, -int(chance.integers(len(whole)))), int(seconds * SAMPLE_RATE))
        for seconds in chance.uniform(3, 29, count)
    ]


def main() -> None:
    """Joue chaque nombre de clients."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", default="1,32,128")
    parser.add_argument("--seconds", type=float, default=25.0)
    parser.add_argument("--base", type=float, default=3.0)
    parser.add_argument("--each", type=float, default=0.02)
    parser.add_argument("--streams", type=int, default=0, help="directs de front, à la place des fichiers")
    asked = parser.parse_args()
    print(machine(), flush=True)
    if asked.streams:
        asyncio.run(streams(asked.streams, asked.seconds, asked.base, asked.each))
        return
    print("| clients | fichiers/s | idéal | rapport | fenêtres par lot | premiers lots | s entre deux |", flush=True)
    for clients in map(int, asked.clients.split(",")):
        asyncio.run(measure(clients, asked.seconds, asked.base, asked.each))


if __name__ == "__main__":
    main()
