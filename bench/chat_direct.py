"""La conversation à travers Envoy, contre le même moteur appelé dans le même processus que la mesure.

    python -m bench.chat_direct [--rounds 5] [--tokens 64]

Paires alternées (l'un, l'autre, l'un…) à 1 et 4 flux, mêmes fils de calcul, même graine, échauffement non compté.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path

import orjson

from bench.load import StreamResult, machine, one_request, percentile, spread
from server.engines.base import ChatEngine, ChatKind, EngineSpec
from server.engines.registry import engine_factory
from server.settings.config import load_config
from server.settings.profile import load_profile
from tests.support.product import Product, running_product

PROMPT = "Explain in a few sentences how a lighthouse works and why ships need it."


def body(tokens: int, stream: int) -> dict[str, object]:
    """Requête de mesure ; la graine distingue les flux, pas les adversaires."""
    return {
        "model": "qwen",
        "messages": [{"role": "user", "content": f"{PROMPT} Variation {stream}."}],
        "max_tokens": tokens,
        "temperature": 0.8,
        "seed": stream,
        "ignore_eos": True,
        "stream": True,
    }


async def direct(engine: ChatEngine, request: dict[str, object]) -> StreamResult:
    """Une requête au moteur, sans passerelle."""
    begin = time.perf_counter()
    result = StreamResult()
    async for item in engine.generate(ChatKind.CHAT, orjson.dumps(request), stream=True):
        if not result.tokens:
            result.first = time.perf_counter() - begin
        result.tokens += item.count(b"data: {")
    result.total = time.perf_counter() - begin
    return result


async def measure(product: Product, engine: ChatEngine, streams: int, rounds: int, tokens: int) -> None:
    """Mesure et écrit une ligne de tableau."""
    speeds: dict[str, list[float]] = {"passerelle": [], "moteur": []}
    firsts: dict[str, list[float]] = {"passerelle": [], "moteur": []}
    for turn in range(rounds + 1):
        for side in ("passerelle", "moteur"):
            begin = time.perf_counter()
            requests = [body(tokens, i) for i in range(streams)]
            if side == "moteur":
                results = await asyncio.gather(*(direct(engine, r) for r in requests))
            else:
                path = "/v1/chat/completions"
                results = await asyncio.gather(*(one_request("127.0.0.1", product.port, path, r) for r in requests))
            elapsed = time.perf_counter() - begin
            if turn:
                speeds[side].append(streams * tokens / elapsed)
                firsts[side].extend(r.first for r in results)
    ratios = [a / b for a, b in zip(speeds["passerelle"], speeds["moteur"], strict=True)]
    added = (percentile(firsts["passerelle"], 0.5) - percentile(firsts["moteur"], 0.5)) * 1000
    print(
        f"| {streams} | {spread(speeds['passerelle'], 1)} | {spread(speeds['moteur'], 1)} | {spread(ratios, 3)} "
        f"| {statistics.median(firsts['passerelle']) * 1000:.0f} | {statistics.median(firsts['moteur']) * 1000:.0f} "
        f"| {added:+.1f} |"
    )


async def main() -> None:
    """Point d'entrée."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=64)
    args = parser.parse_args()
    spec = load_profile("embarque").models[0]
    with tempfile.TemporaryDirectory(prefix="b-") as folder, running_product(Path(folder)) as product:
        product.ensure_ready()
        revision = next(product.cache_dir.rglob("*.gguf")).parent
        threads = load_config({"PASSERELLE_PROFILE": "embarque"}).threads
        engine = engine_factory(spec.engine)(
            EngineSpec(model_key="qwen", model_dir=revision, options=spec.options, threads=threads)
        )
        await engine.open()
        await engine.warm_up()
        print(f"{machine()} ; {args.rounds} paires alternées, {args.tokens} jetons par flux, {threads} fils\n")
        print(
            "| flux | Passerelle, jetons/s | moteur, jetons/s | rapport | 1er jeton P. (ms, p50) | moteur (ms, p50) | écart (ms) |"
        )
        print("|---|---|---|---|---|---|---|")
        for streams in (1, 4):
            await measure(product, engine, streams, args.rounds, args.tokens)  # type: ignore[arg-type]
        await engine.close()


if __name__ == "__main__":
    asyncio.run(main())
