"""llama.cpp dans le processus de l'exemplaire, par `xllamacpp` : le moteur de conversation du profil embarque.

Une requête à plusieurs réponses (`n`, plusieurs textes de départ) est menée comme autant de requêtes, chacune avec sa
graine : le décompte des jetons reste exact, et les flux s'entrelacent.
"""

import asyncio
import logging
import secrets
import threading
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from server.chat_grammars import Grammar, GrammarKind
from server.engines.base import ChatKind, EngineSpec, LoadPhase, OnPhase, Tokens, unheard
from server.engines.common.openmp import calm_openmp
from server.engines.common.options import read_options
from server.engines.common.trials import GrammarTrials
from server.engines.llamacpp.calls import Calls
from server.engines.llamacpp.local import LocalPort
from server.engines.llamacpp.options import LlamaCppSettings
from server.engines.llamacpp.shape import split_request
from server.errors import (
    ContextLengthExceeded,
    EngineFailed,
    InvalidRequest,
    ModelLoadFailed,
    PasserelleError,
    UnsupportedOption,
)

logger = logging.getLogger(__name__)

_COMPILER = Path(__file__).with_name("grammar_compiler.py")
_TRIAL_SECONDS = 0.5
"""llama.cpp compile une grammaire dans la boucle qui sert tout le monde : personne n'attend davantage."""
_COMPILED = ("response_format.", "json_schema", "grammar", "tools")
"""Champs que llama.cpp lit ; les autres, il les ignore."""
_LARK = "%llguidance"
"""Début des grammaires que llguidance mène, pas à pas et sous ses bornes."""


class LlamaCppEngine:
    """Moteur de conversation sur le processeur."""

    def __init__(self, spec: EngineSpec) -> None:
        self._spec = spec
        self._settings = LlamaCppSettings()
        self.calls: Calls | None = None
        """Appels à llama.cpp, une fois ouvert."""
        self._vocab_size = 0
        self._port: LocalPort | None = None
        bounds = replace(spec.trials, seconds=min(_TRIAL_SECONDS, spec.trials.seconds))
        self._trials = GrammarTrials(_COMPILER, bounds)

    @property
    def features(self) -> frozenset[str]:
        return frozenset({"stream", "logprobs", "json_schema", "seed", "n", "stop", "echo", "tools"})

    @property
    def max_running(self) -> int:
        return self._settings.parallel

    @property
    def context_tokens(self) -> int:
        return self._settings.context_tokens_per_request

    @property
    def vocab_size(self) -> int:
        return self._vocab_size

    async def open(self, on_phase: OnPhase = unheard) -> None:
        self._settings = read_options(LlamaCppSettings, self._spec.options)
        path = self._spec.model_dir / self._settings.file
        if not path.is_file():
            raise ModelLoadFailed(f"Fichier de poids absent : {path.name}.", metadata={"file": path.name})
        try:
            server = await asyncio.to_thread(self._load, path, on_phase)
        except (RuntimeError, ValueError) as error:
            raise ModelLoadFailed(f"llama.cpp n'a pas pu lire {path.name} : {error}") from error
        self.calls = Calls(server, self._settings.parallel)
        self._trials.start()

    async def warm_up(self) -> None:
        request = {"model": self._spec.model_key, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}
        async for item in self.generate(ChatKind.CHAT, orjson.dumps(request), stream=False):
            if orjson.loads(item)["usage"]["completion_tokens"] >= 1:
                return
        raise ModelLoadFailed("L'inférence d'échauffement n'a rendu aucun jeton.")

    async def close(self) -> None:
        calls, self.calls, self._port = self.calls, None, None
        if calls is not None:
            calls.close()
        del calls
        await self._trials.close()

    async def generate(self, kind: ChatKind, request: bytes, *, stream: bool) -> AsyncGenerator[bytes, None]:
        body = orjson.loads(request)
        subs, trials, answer = split_request(kind, body, stream, self._settings.tool_calls)
        await self._try_grammars(trials)
        if self.calls is None:
            raise EngineFailed("Le moteur est fermé.")
        led = self.calls
        queue: asyncio.Queue[tuple[int, Any]] = asyncio.Queue()
        stop = threading.Event()
        loop = asyncio.get_running_loop()

        def put(index: int, item: Any) -> None:
            loop.call_soon_threadsafe(queue.put_nowait, (index, item))

        calls = [led.start(kind, sub.body, partial(put, sub.index), stop) for sub in subs]
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
            stop.set()
            await led.leave(calls)

    async def chat_tokens(self, request: bytes, *, pieces: bool) -> Tokens:
        subs, _, _ = split_request(ChatKind.CHAT, orjson.loads(request), False, self._settings.tool_calls)
        prompt = await self._opened().prompt(subs[0].body["messages"])
        return await self._opened().tokens(prompt, special=True, pieces=pieces)

    async def text_tokens(self, text: str, *, special: bool, pieces: bool) -> Tokens:
        return await self._opened().tokens(text, special=special, pieces=pieces)

    async def text_of(self, tokens: Sequence[int]) -> str:
        return await self._opened().text(tokens)

    def _opened(self) -> LocalPort:
        if self._port is None:
            raise EngineFailed("Le moteur est fermé.")
        return self._port

    async def _try_grammars(self, trials: Iterable[Grammar]) -> None:
        for grammar in trials:
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
        params.cache_ram_mib = self._settings.prompt_cache_mib
        # Un abandon n'est vu qu'entre deux lots, et les autres places n'avancent que d'un jeton par lot.
        params.n_batch = params.n_ubatch = max(self._settings.batch_tokens, self._settings.parallel)
        params.cpuparams.n_threads = self._spec.threads
        params.cpuparams_batch.n_threads = self._spec.threads
        params.warmup = False
        # Les outils sont écrits par `tools.py` ; l'interpréteur jinja ajouterait une consigne qui égare le modèle.
        params.use_jinja = False
        params.verbosity = -1
        params.endpoint_metrics = True
        # La bibliothèque ouvre aussi un port HTTP local : une clé que personne ne connaît le condamne.
        key = secrets.token_hex(32)
        params.api_keys = [key]
        server = xllamacpp.Server(params)
        self._port = LocalPort(server.listening_address, key)
        self._vocab_size = self._port.vocab_size()
        return server


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
