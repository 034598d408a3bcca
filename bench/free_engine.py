"""Un moteur qui ne coûte rien : il rend des trames déjà écrites, à une cadence donnée.

Sert à mesurer le seul chemin des données. Options du profil : `step_ms` (0 : aussi vite que possible), `max_running`.
"""

import asyncio
from collections.abc import AsyncGenerator

import orjson

from server.engines.base import ChatKind, EngineSpec, OnPhase, unheard

_FRAME = (
    b'data: {"id":"chatcmpl-mesure","object":"chat.completion.chunk","created":1700000000,"model":"qwen",'
    b'"choices":[{"index":0,"delta":{"content":" mot"},"finish_reason":null}]}\n\n'
)
_ANSWER = {
    "id": "chatcmpl-mesure",
    "object": "chat.completion",
    "created": 1700000000,
    "model": "qwen",
    "usage": {"prompt_tokens": 8, "completion_tokens": 0, "total_tokens": 8},
}


class FreeEngine:
    """Rend `max_tokens` trames par requête ; toutes les requêtes avancent à la même étape."""

    def __init__(self, spec: EngineSpec) -> None:
        self._step = float(spec.options.get("step_ms", 0)) / 1000
        self._max_running = int(spec.options.get("max_running", 1024))
        self._tick: asyncio.Event = asyncio.Event()
        self._clock: asyncio.Task[None] | None = None

    @property
    def features(self) -> frozenset[str]:
        return frozenset({"stream"})

    @property
    def max_running(self) -> int:
        return self._max_running

    async def open(self, on_phase: OnPhase = unheard) -> None:
        if self._step:
            self._clock = asyncio.create_task(self._run_clock())

    async def warm_up(self) -> None:
        """Rien à échauffer."""

    async def close(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    async def _run_clock(self) -> None:
        while True:
            await asyncio.sleep(self._step)
            self._tick.set()
            self._tick = asyncio.Event()

    async def _next_step(self) -> None:
        if self._step:
            await self._tick.wait()
        else:
            await asyncio.sleep(0)

    async def generate(self, kind: ChatKind, request: bytes, *, stream: bool) -> AsyncGenerator[bytes, None]:
        count = int(orjson.loads(request).get("max_tokens") or 16)
        if not stream:
            choice = {
                "index": 0,
                "message": {"role": "assistant", "content": " mot" * count},
                "finish_reason": "length",
            }
            yield orjson.dumps(_ANSWER | {"choices": [choice]})
            return
        for _ in range(count):
            await self._next_step()
            yield _FRAME


def create_engine(spec: EngineSpec) -> FreeEngine:
    """Fabrique du moteur de mesure."""
    return FreeEngine(spec)
