"""Des moteurs sans modèle, qui suivent les mêmes Protocols que les vrais."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Sequence

import numpy as np

from server.engines.base import ChatKind, EngineSpec, LoadPhase, OnPhase, Tokens, unheard
from server.engines.base_audio import (
    Diarization,
    DiarizationOptions,
    Recognition,
    RecognitionOptions,
    RecognitionWindow,
    RecognizedSegment,
    RecognizedWord,
    Turn,
    VoiceScale,
    Wave,
)
from server.engines.common.hints import hints_in
from server.errors import EngineDead, EngineFailed, InvalidRequest, UnsupportedOption

LOUD, FAINT = np.array([1, 0], np.float32), np.array([0, 1], np.float32)
"""Empreintes que rend la fausse diarisation."""


class ByteTokens:
    """Compte un jeton par octet."""

    async def chat_tokens(self, request: bytes, *, pieces: bool) -> Tokens:
        """Les octets de ce qui est dit."""
        said = "".join(str(message["content"]) for message in json.loads(request)["messages"])
        return await self.text_tokens(said, special=True, pieces=pieces)

    async def text_tokens(self, text: str, *, special: bool, pieces: bool) -> Tokens:
        """Un jeton par octet, et un de début s'il est voulu."""
        ids = [0] * special + list(text.encode())
        return Tokens(ids, [chr(one) for one in ids] if pieces else [])

    async def text_of(self, tokens: Sequence[int]) -> str:
        """Le texte de ces octets."""
        return bytes(tokens).decode()


class FakeChatEngine:
    """Rend les mots demandés par l'option `words`, un par étape."""

    features = frozenset({"stream"})
    max_running = 2

    def __init__(self, spec: EngineSpec) -> None:
        self._words = str(spec.options.get("words", "un deux trois")).split()
        self._delay = float(spec.options.get("delay", 0.0))
        self.opened = False
        self.stopped = 0

    async def open(self, on_phase: OnPhase = unheard) -> None:
        """Rien à charger ; le dit comme des poids."""
        on_phase(LoadPhase.LOADING_WEIGHTS)
        self.opened = True

    async def warm_up(self) -> None:
        """Rien à échauffer."""

    async def close(self) -> None:
        """Rien à rendre."""
        self.opened = False

    async def generate(self, kind: ChatKind, request: bytes, *, stream: bool) -> AsyncGenerator[bytes, None]:
        """Un mot par élément, ou la réponse entière."""
        body = json.loads(request)
        if body.get("die"):
            raise EngineDead("demandé")
        if body.get("refuse"):
            raise InvalidRequest("refusé", metadata={"field": "refuse"})
        field = "delta" if stream else "message"
        try:
            if not stream:
                await asyncio.sleep(self._delay)
                yield self._frame(body, field, " ".join(self._words), "stop")
                return
            for index, word in enumerate(self._words):
                await asyncio.sleep(self._delay)
                last = index == len(self._words) - 1
                yield b"data: " + self._frame(body, field, f"{word} ", "stop" if last else None) + b"\n\n"
        except GeneratorExit:
            self.stopped += 1
            raise

    def _frame(self, body: dict[str, object], field: str, content: str, finish: str | None) -> bytes:
        message = {"role": "assistant", "content": content}
        choice = {"index": 0, field: message, "finish_reason": finish}
        usage = {"prompt_tokens": 1, "completion_tokens": len(self._words), "total_tokens": 1 + len(self._words)}
        kind = "chat.completion.chunk" if field == "delta" else "chat.completion"
        found = {
            "id": "essai",
            "object": kind,
            "created": 0,
            "model": body["model"],
            "choices": [choice],
            "usage": usage,
        }
        return json.dumps(found).encode()


class SleepyChatEngine(FakeChatEngine):
    """Sait dormir ; chaque réponse attend `gate`."""

    def __init__(self, spec: EngineSpec) -> None:
        super().__init__(spec)
        self.gate = asyncio.Event()
        self.gate.set()
        self.level: int | None = None
        self.broken = False
        self.served_asleep = 0

    async def sleep(self, level: int) -> None:
        """S'endort."""
        self.level = level

    async def wake(self) -> None:
        """Se réveille, sauf si `broken`."""
        if self.broken:
            raise RuntimeError("cassé")
        self.level = None

    async def generate(self, kind: ChatKind, request: bytes, *, stream: bool) -> AsyncGenerator[bytes, None]:
        """Les mots, une fois `gate` levé."""
        self.served_asleep += self.level is not None
        await self.gate.wait()
        async for item in super().generate(kind, request, stream=stream):
            yield item


class FakeTranscribeEngine:
    """Rend un mot par demi-seconde entamée de la fenêtre, et garde l'ordre de ce qu'il a reçu."""

    features = frozenset({"word_timestamps", "language_detection"})
    max_running = 2
    max_window_seconds = 28.0
    batch_wait = 0.0

    def __init__(self, delay: float = 0.0, max_batch: int = 1) -> None:
        self.delay = delay
        self.max_batch = max_batch
        self.batches: list[list[RecognitionWindow]] = []
        self.broken: Exception | None = None
        self._closed = False

    @property
    def max_live_batch(self) -> int:
        """Autant que pour des fichiers."""
        return self.max_batch

    async def open(self, on_phase: OnPhase = unheard) -> None:
        """Rien à charger ; le dit comme des poids."""
        on_phase(LoadPhase.LOADING_WEIGHTS)

    async def warm_up(self) -> None:
        """Rien à échauffer."""

    async def close(self) -> None:
        """Rien à rendre."""
        self._closed = True

    def fits(self, batch: Sequence[RecognitionWindow], window: RecognitionWindow) -> bool:
        """Un lot n'a que des fenêtres de même durée, à la demi-seconde près."""
        return len({len(one.samples) // 8000 for one in (*batch, window)}) == 1

    def check(self, options: RecognitionOptions) -> None:
        """Refuse la langue `xx`, et ce qui n'est pas annoncé."""
        refused = {
            "language": options.language if options.language == "xx" else "",
            "target_language": options.target_language,
            **hints_in(options),
            "temperature": str(options.temperature) if options.temperature else "",
            "punctuation": "false" if options.punctuation is False else "",
            "word_timestamps": "true" if options.words and "word_timestamps" not in self.features else "",
        }
        for field, value in refused.items():
            if value and field not in self.features:
                raise UnsupportedOption(f"{field} : refusée.", metadata={"field": field, "value": value})

    async def transcribe(self, windows: Sequence[RecognitionWindow]) -> list[Recognition]:
        """Un texte par fenêtre."""
        if self._closed:
            raise EngineFailed("fermé")
        self.batches.append(list(windows))
        await asyncio.sleep(self.delay)
        if self.broken is not None:
            raise self.broken
        return [self._one(len(window.samples) / 16000, window.options) for window in windows]

    def _one(self, seconds: float, options: RecognitionOptions) -> Recognition:
        count = int(seconds / 0.5) + 1
        texts = [f"mot{index}" for index in range(count)]
        step = seconds / count
        words = tuple(RecognizedWord(text, i * step, (i + 1) * step, 0.5) for i, text in enumerate(texts))
        segment = RecognizedSegment(" ".join(texts), 0.0, seconds, words if options.words else (), 0.5, 0.1)
        return Recognition((segment,), language=options.language or "fr")


class WordlessTranscribeEngine(FakeTranscribeEngine):
    """Ne sait pas dater les mots."""

    features = frozenset({"language_detection"})


class SteppedTranscribeEngine(FakeTranscribeEngine):
    """N'achève un lot que lorsqu'on le lui permet."""

    def __init__(self, max_batch: int = 1) -> None:
        super().__init__(max_batch=max_batch)
        self.permits = asyncio.Semaphore(0)

    async def transcribe(self, windows: Sequence[RecognitionWindow]) -> list[Recognition]:
        """Attend un permis."""
        self.batches.append(list(windows))
        await self.permits.acquire()
        if self.broken is not None:
            raise self.broken
        return [self._one(len(window.samples) / 16000, window.options) for window in windows]

    def allow(self, count: int = 1) -> None:
        """Permet d'achever des lots."""
        for _ in range(count):
            self.permits.release()


class FakeDiarizeEngine:
    """Deux locuteurs qui alternent chaque seconde, et se recouvrent d'un dixième ; un seul si c'est demandé."""

    features = frozenset({"num_speakers", "min_speakers", "max_speakers", "exclusive_turns", "embeddings"})
    max_running = 2

    def __init__(self, delay: float = 0.0) -> None:
        self.delay = delay
        self._closed = False

    async def open(self, on_phase: OnPhase = unheard) -> None:
        """Rien à charger ; le dit comme des poids."""
        on_phase(LoadPhase.LOADING_WEIGHTS)

    async def warm_up(self) -> None:
        """Rien à échauffer."""

    async def close(self) -> None:
        """Rien à rendre."""
        self._closed = True

    @property
    def voice_scale(self) -> VoiceScale:
        """Deux voix de niveaux différents se distinguent."""
        return VoiceScale(same=0.9, named=0.95)

    async def embed(self, waves: Sequence[Wave]) -> list[Wave | None]:
        """Une direction pour les ondes fortes, une autre pour les faibles ; rien d'une onde trop courte."""
        if self._closed:
            raise EngineFailed("fermé")
        await asyncio.sleep(self.delay)
        return [
            None if len(wave) < 6400 else LOUD if np.sqrt(np.mean(np.square(wave))) > 0.02 else FAINT for wave in waves
        ]

    async def diarize(
        self, wave: Wave, options: DiarizationOptions, on_progress: Callable[[str, float], None]
    ) -> Diarization:
        """Des tours, si l'onde n'est pas silencieuse."""
        if self._closed:
            raise EngineFailed("fermé")
        for stage in ("segmentation", "embeddings"):
            for ratio in (0.0, 0.5, 1.0):
                on_progress(stage, ratio)
                await asyncio.sleep(self.delay)
        end = len(wave) / 16000
        if not wave.any():
            return Diarization((), ())
        count = options.num_speakers or max(options.min_speakers or 1, min(2, options.max_speakers or 2))
        starts = range(int(end) + 1)
        spans = [(f"SPEAKER_{i % count:02d}", float(i), min(end, i + 1.0)) for i in starts if i < end]
        turns = tuple(Turn(label, start, min(end, stop + 0.1)) for label, start, stop in spans)
        vectors: dict[str, tuple[float, ...]] = {
            f"SPEAKER_{i:02d}": (float(i), 1.0) for i in range(min(count, len(spans)))
        }
        return Diarization(turns, tuple(Turn(*span) for span in spans), vectors if options.embeddings else {})
