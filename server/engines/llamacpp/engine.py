"""llama.cpp dans le processus de l'exemplaire, par `xllamacpp` : le moteur de conversation du profil embarque.

Une requête à plusieurs réponses (`n`, plusieurs textes de départ) est menée comme autant de requêtes, chacune avec sa
graine : le décompte des jetons reste exact, et les flux s'entrelacent.
"""

import asyncio
import logging
import secrets
import threading
from collections.abc import AsyncGenerator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from server.chat_grammars import GrammarKind, grammars
from server.engines.base import ChatKind, EngineSpec, LoadPhase, OnPhase, unheard
from server.engines.common.openmp import calm_openmp
from server.engines.common.options import read_options
from server.engines.common.trials import GrammarTrials
from server.engines.llamacpp.options import LlamaCppSettings
from server.engines.llamacpp.shape import SubRequest, split_request
from server.errors import (
    ContextLengthExceeded,
    EngineFailed,
    InvalidRequest,
    ModelLoadFailed,
    PasserelleError,
    UnsupportedOption,
)

logger = logging.getLogger(__name__)

_THREADS_PER_SLOT = 8
"""Fils d'attente par place : une requête à `n` réponses en prend autant que de réponses."""
_COMPILER = Path(__file__).with_name("grammar_compiler.py")
_TRIAL_SECONDS = 0.5
"""llama.cpp compile une grammaire dans la boucle qui sert tout le monde : personne n'attend davantage."""
_COMPILED = ("response_format.", "json_schema", "grammar")
"""Champs que llama.cpp lit ; les autres, il les ignore."""
_LARK = "%llguidance"
"""Début des grammaires que llguidance mène, pas à pas et sous ses bornes."""


class LlamaCppEngine:
    """Moteur de conversation sur le processeur."""

    def __init__(self, spec: EngineSpec) -> None:
        self._spec = spec
        self._settings = LlamaCppSettings()
        self._server: Any = None
        self._pool: ThreadPoolExecutor | None = None
        bounds = replace(spec.trials, seconds=min(_TRIAL_SECONDS, spec.trials.seconds))
        self._trials = GrammarTrials(_COMPILER, bounds)

    @property
    def features(self) -> frozenset[str]:
        return frozenset({"stream", "logprobs", "json_schema", "seed", "n", "stop", "echo"})

    @property
    def max_running(self) -> int:
        return self._settings.parallel

    @property
    def context_tokens(self) -> int:
        return self._settings.context_tokens_per_request

    async def open(self, on_phase: OnPhase = unheard) -> None:
        self._settings = read_options(LlamaCppSettings, self._spec.options)
        path = self._spec.model_dir / self._settings.file
        if not path.is_file():
            raise ModelLoadFailed(f"Fichier de poids absent : {path.name}.", metadata={"file": path.name})
        self._pool = ThreadPoolExecutor(self._settings.parallel * _THREADS_PER_SLOT, thread_name_prefix="llama")
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.run_in_executor(self._pool, self._load, path, on_phase)
        except (RuntimeError, ValueError) as error:
            raise ModelLoadFailed(f"llama.cpp n'a pas pu lire {path.name} : {error}") from error
        self._trials.start()

    async def warm_up(self) -> None:
        request = {"model": self._spec.model_key, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}
        async for item in self.generate(ChatKind.CHAT, orjson.dumps(request), stream=False):
            if orjson.loads(item)["usage"]["completion_tokens"] >= 1:
                return
        raise ModelLoadFailed("L'inférence d'échauffement n'a rendu aucun jeton.")

    async def close(self) -> None:
        server, self._server = self._server, None
        pool, self._pool = self._pool, None
        del server
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)
        await self._trials.close()

    async def generate(self, kind: ChatKind, request: bytes, *, stream: bool) -> AsyncGenerator[bytes, None]:
        body = orjson.loads(request)
        subs, answer = split_request(kind, body, stream)
        await self._try_grammars(body)
        queue: asyncio.Queue[tuple[int, Any]] = asyncio.Queue()
        stop = threading.Event()
        calls = [self._start(kind, sub, queue, stop) for sub in subs]
        try:
            for frame in answer.opening():
                yield frame
            remaining = len(subs)
            while remaining:
                index, chunk = await queue.get()
                if chunk is None:
                    remaining -= 1
                elif isinstance(chunk, BaseException):
                    raise _translate(chunk)
                elif "error" in chunk:
                    raise _refusal(kind, chunk["error"])
                else:
                    for frame in answer.add(index, chunk):
                        yield frame
            for frame in answer.closing():
                yield frame
        finally:
            # Le rappel rend vrai dès le prochain jeton : llama.cpp libère alors la place.
            stop.set()
            await asyncio.gather(*calls, return_exceptions=True)

    async def _try_grammars(self, body: Mapping[str, Any]) -> None:
        for grammar in grammars(body):
            if not grammar.field.startswith(_COMPILED):
                continue
            if grammar.kind is GrammarKind.GRAMMAR and not str(grammar.source).lstrip().startswith(_LARK):
                # Ce que GBNF a d'ambigu n'explose qu'à la génération, sans borne, et emporte tout le processus.
                raise _unsupported(grammar.field, f"seule une grammaire Lark, qui commence par {_LARK}, est acceptée.")
            await self._trials.check(grammar)

    def _load(self, path: Path, on_phase: OnPhase) -> Any:
        calm_openmp()
        on_phase(LoadPhase.IMPORTING)
        import xllamacpp

        on_phase(LoadPhase.LOADING_WEIGHTS)
        params = xllamacpp.CommonParams()
        params.model.path = str(path)
        params.n_ctx = self._settings.context_tokens_per_request * self._settings.parallel
        params.n_parallel = self._settings.parallel
        params.cpuparams.n_threads = self._spec.threads
        params.cpuparams_batch.n_threads = self._spec.threads
        params.warmup = False
        # Le gabarit du modèle ne connaît pas les outils ; l'interpréteur jinja ajouterait une consigne qui l'égare.
        params.use_jinja = False
        params.verbosity = -1
        # La bibliothèque ouvre aussi un port HTTP local : une clé que personne ne connaît le condamne.
        params.api_keys = [secrets.token_hex(32)]
        return xllamacpp.Server(params)

    def _start(
        self, kind: ChatKind, sub: SubRequest, queue: "asyncio.Queue[tuple[int, Any]]", stop: threading.Event
    ) -> "asyncio.Future[None]":
        if self._server is None or self._pool is None:
            raise EngineFailed("Le moteur est fermé.")
        loop = asyncio.get_running_loop()
        server = self._server
        handler: Callable[[Any, Callable[[Any], bool]], None] = (
            server.handle_chat_completions if kind is ChatKind.CHAT else server.handle_completions
        )

        def put(item: Any) -> None:
            loop.call_soon_threadsafe(queue.put_nowait, (sub.index, item))

        def on_chunk(chunk: Any) -> bool:
            for one in chunk if isinstance(chunk, list) else [chunk]:
                put(one)
            return stop.is_set()

        def run() -> None:
            try:
                if not stop.is_set():
                    handler(sub.body, on_chunk)
                put(None)
            except Exception as error:
                put(error)

        return loop.run_in_executor(self._pool, run)


def _unsupported(field: str, why: str) -> UnsupportedOption:
    return UnsupportedOption(f"{field} : {why}", metadata={"field": field})


def create_engine(spec: EngineSpec) -> LlamaCppEngine:
    """Fabrique du moteur."""
    return LlamaCppEngine(spec)


def _refusal(kind: ChatKind, error: Mapping[str, Any]) -> PasserelleError:
    """Erreur rendue par llama.cpp au lieu d'une réponse."""
    detail = str(error.get("message", ""))
    code = int(error.get("code", 500))
    if error.get("type") == "exceed_context_size_error":
        return ContextLengthExceeded.of(kind.prompt, int(error.get("n_ctx", 0)), int(error.get("n_prompt_tokens", 0)))
    if code == 501 or "not support" in detail:
        return UnsupportedOption("Le modèle ne sait pas honorer cette requête.", metadata={"detail": detail})
    if 400 <= code < 500:
        return InvalidRequest("Le moteur a refusé la requête.", metadata={"detail": detail})
    return EngineFailed("Le moteur a raté cette requête.", metadata={"detail": detail})


def _translate(error: BaseException) -> PasserelleError:
    """Exception levée par xllamacpp : le plus souvent une requête qu'il ne sait pas lire."""
    detail = str(error)
    logger.warning("llamacpp_refused", extra={"detail": detail[:500]})
    if "not support" in detail:
        return UnsupportedOption("Le modèle ne sait pas honorer cette requête.", metadata={"detail": detail})
    return InvalidRequest("Le moteur a refusé la requête.", metadata={"detail": detail})
