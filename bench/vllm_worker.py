"""Ce que coûte un jeton à l'exemplaire de vLLM, sans modèle : les sorties de son EngineCore sont faites ici.

    .engines/vllm/bin/python -m bench.vllm_worker [--streams 256] [--tokens 200] [--rounds 5]

Un vLLM minuscule s'ouvre sur le processeur, puis son EngineCore est remplacé par une horloge qui rend un jeton à chaque
requête à chaque étape, aussi vite que possible. Le reste est celui du produit : accueil des requêtes, vLLM, trames ; seule
la prise du front manque. Les chemins alternent dans une exécution ; le coût est le temps de processeur du processus.
"""

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import uvloop
from passerelle.worker.v1 import link_pb2

from bench.load import machine, spread
from server.engines.vllm.engine import create_engine
from server.worker.host import WorkerHost
from tests.support.vllm_opened import spec


class MadeCore:
    """EngineCore qui ne calcule rien ; ce qu'il ne sait pas faire reste au vrai."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self._left: dict[str, int] = {}
        self._more = asyncio.Event()
        self._chance = random.Random(1)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    async def add_request_async(self, request: Any) -> None:
        """Prend une requête."""
        self._left[request.request_id] = request.sampling_params.max_tokens
        self._more.set()

    async def abort_requests_async(self, request_ids: list[str]) -> None:
        """Oublie des requêtes."""
        for request_id in request_ids:
            self._left.pop(request_id, None)

    async def get_output_async(self) -> Any:
        """Une étape : un jeton de plus pour chacune."""
        from vllm.v1.engine import EngineCoreOutput, EngineCoreOutputs, FinishReason

        while not self._left:
            self._more.clear()
            await self._more.wait()
        await asyncio.sleep(0)
        outputs = []
        for request_id in list(self._left):
            self._left[request_id] -= 1
            ended = not self._left[request_id]
            if ended:
                del self._left[request_id]
            token = self._chance.randrange(1000, 100_000)
            reason = FinishReason.LENGTH if ended else None
            outputs.append(EngineCoreOutput(request_id=request_id, new_token_ids=[token], finish_reason=reason))
        return EngineCoreOutputs(outputs=outputs, timestamp=time.monotonic())


class Link:
    """Liaison qui compte."""

    def __init__(self) -> None:
        self.bytes = self.ended = 0
        self.all_ended = asyncio.Event()
        self.wanted = 0

    def emit(self, request_id: int, data: bytes, done: bool) -> None:
        """Sortie d'une requête."""
        self.bytes += len(data)
        if done:
            self.ended += 1
            if self.ended == self.wanted:
                self.all_ended.set()

    def fail(self, request_id: int, error: Exception) -> None:
        """Échec d'une requête : la mesure ne vaut plus rien."""
        raise error


async def burst(host: WorkerHost, streams: int, tokens: int) -> tuple[float, int]:
    """Mène des flux ensemble ; rend les microsecondes de processeur par jeton, et les octets rendus."""
    link = Link()
    link.wanted = streams
    body = {"model": "qwen", "messages": [{"role": "user", "content": "Bonjour"}], "max_tokens": tokens}
    payload = orjson.dumps(body | {"ignore_eos": True})
    begun = time.process_time()
    for number in range(streams):
        host.submit(
            link,  # type: ignore[arg-type]
            link_pb2.Submit(id=number, kind=link_pb2.REQUEST_KIND_CHAT, payload=payload, stream=True, parts=1),
        )
    await link.all_ended.wait()
    return (time.process_time() - begun) / streams / tokens * 1e6, link.bytes


def keep_stats(engine: Any, loggers: Any) -> None:
    """Fait tenir à vLLM ses statistiques, ou non ; sa boucle de sorties repart ainsi à la requête suivante."""
    engine.log_stats = engine.output_processor.log_stats = loggers is not None
    engine.logger_manager = loggers
    if engine.output_handler is not None:
        engine.output_handler.cancel()
        engine.output_handler = None


async def measure(options: argparse.Namespace) -> None:
    """Ouvre vLLM et mesure."""
    with tempfile.TemporaryDirectory(prefix="b-") as folder:
        stats = {"disable_log_stats": False} if options.stats else {}
        settings = spec(Path(folder), tool_call_parser=options.tools, max_num_seqs=options.streams, **stats)
        engine = create_engine(settings)
        await engine.open()
        serving = engine._opened()
        core = serving.engine.engine_core
        serving.engine.engine_core = MadeCore(core)
        host = WorkerHost(engine, max_waiting=options.streams, on_dead=print)
        plain = serving.plain._templates

        loggers = serving.engine.logger_manager

        def way(template: bool, direct: bool, stats: bool = False) -> Callable[[], None]:
            def choose() -> None:
                serving.plain._templates = plain if template else {}
                serving._direct = direct
                if options.stats:
                    keep_stats(serving.engine, loggers if stats else None)

            return choose

        ways = {"vLLM": way(False, False), "gabarit": way(True, False), "gabarit poussé": way(True, True)}
        if options.stats:
            ways["gabarit poussé, statistiques"] = way(True, True, stats=True)
        found: dict[str, list[float]] = {name: [] for name in ways}
        sizes = {}
        for turn in range(options.rounds + 1):
            for name, choose in ways.items():
                choose()
                cost, sizes[name] = await burst(host, options.streams, options.tokens)
                if turn:
                    found[name].append(cost)
        print(f"\n{machine()} ; {options.streams} flux de {options.tokens} jetons ; {options.rounds} tours alternés\n")
        print("| chemin | µs de processeur par jeton | rapport | octets |\n|---|---|---|---|")
        for name, costs in found.items():
            ratios = [mine / theirs for mine, theirs in zip(costs, found["vLLM"], strict=True)]
            print(f"| {name} | {spread(costs, 1)} | {spread(ratios)} | {sizes[name]} |", flush=True)
        serving.engine.engine_core = core
        await engine.close()


def main() -> None:
    """Point d'entrée."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=256)
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--stats", action="store_true", help="statistiques de vLLM, pour /metrics")
    parser.add_argument("--tools", default="hermes")
    uvloop.run(measure(parser.parse_args()))


if __name__ == "__main__":
    main()
