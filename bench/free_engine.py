"""Des moteurs qui ne coûtent rien : des trames déjà écrites, à une cadence donnée, ou le même mot pour chaque fenêtre.

Servent à mesurer le seul chemin des données. Options du profil : `step_ms` (0 : aussi vite que possible), `max_running`,
`most_per_second` (jetons par seconde que toutes les requêtes se partagent ; 0 : sans borne).
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence

import orjson

from server.engines.base import ChatKind, EngineSpec, OnPhase, unheard
from server.engines.base_audio import (
    SAMPLE_RATE,
    Recognition,
    RecognitionOptions,
    RecognitionWindow,
    RecognizedSegment,
)

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
        self._most = float(spec.options.get("most_per_second", 0))
        self._running = 0
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
            await asyncio.sleep(max(self._step, self._running / self._most if self._most else 0.0))
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
        self._running += 1
        try:
            for _ in range(count):
                await self._next_step()
                yield _FRAME
        finally:
            self._running -= 1


def create_engine(spec: EngineSpec) -> FreeEngine:
    """Fabrique du moteur de mesure."""
    return FreeEngine(spec)


class FreeRecognizer:
    """Entend le même mot dans chaque fenêtre, sans rien calculer."""

    features: frozenset[str] = frozenset()
    max_running = 1024
    max_window_seconds = 30.0
    max_batch = 64

    def __init__(self, spec: EngineSpec) -> None:
        """Rien du profil ne le règle."""

    async def open(self, on_phase: OnPhase = unheard) -> None:
        """Rien à ouvrir."""

    async def warm_up(self) -> None:
        """Rien à échauffer."""

    async def close(self) -> None:
        """Rien à fermer."""

    def fits(self, batch: Sequence[RecognitionWindow], window: RecognitionWindow) -> bool:
        return True

    def check(self, options: RecognitionOptions) -> None:
        """Tout lui va."""

    async def transcribe(self, windows: Sequence[RecognitionWindow]) -> list[Recognition]:
        return [
            Recognition((RecognizedSegment("mot", 0.0, len(one.samples) / SAMPLE_RATE),), language=one.options.language)
            for one in windows
        ]


def create_recognizer(spec: EngineSpec) -> FreeRecognizer:
    """Fabrique du moteur de mesure de la parole."""
    return FreeRecognizer(spec)
