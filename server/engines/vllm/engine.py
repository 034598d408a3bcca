"""vLLM dans le processus de l'exemplaire : le moteur de conversation de la production.

Les options du profil sont les arguments de `vllm serve` (`docs/moteurs.md`). Les requêtes suivent la façade OpenAI de
vLLM, et ses trames passent telles quelles. Le modèle lui-même vit dans un processus de vLLM, dont la mort est guettée.
"""

import asyncio
import contextlib
import itertools
import logging
import multiprocessing
import os
import threading
import time
import uuid
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import orjson

from server.engines.base import ChatKind, EngineSpec, LoadPhase, OnPhase, Tokens, unheard
from server.engines.common.cuda import CUDA, require_cuda
from server.engines.common.journal import kept_levels
from server.engines.vllm import counts
from server.engines.vllm.echo import is_echo_only, uncounted
from server.engines.vllm.guard import check
from server.engines.vllm.options import environment
from server.engines.vllm.warmup import prompt, rounds
from server.errors import EngineFailed, ModelLoadFailed, ModelLoading, PasserelleError, UnsupportedOption

if TYPE_CHECKING:
    from server.engines.vllm.serving import OpenAiServing, Started

logger = logging.getLogger(__name__)

_WATCH_SECONDS = 1.0
"""Période de la lecture d'un drapeau que vLLM lève à la mort de son moteur ; il n'offre pas de rappel."""
_STOP_SECONDS = 10.0
"""Secondes laissées aux processus de vLLM pour finir d'eux-mêmes."""
_RETRY_SECONDS = 1.0


class VllmEngine:
    """Moteur de conversation sur GPU."""

    def __init__(self, spec: EngineSpec) -> None:
        self._spec = spec
        self._serving: OpenAiServing | None = None
        self._features: frozenset[str] = frozenset()
        self._max_running = 0
        self._abandoned = threading.Event()
        self._asleep = False
        self._states = counts.Leaving({})

    @property
    def features(self) -> frozenset[str]:
        return self._features

    @property
    def max_running(self) -> int:
        return self._max_running

    @property
    def context_tokens(self) -> int:
        return self._serving.context_tokens if self._serving is not None else 0

    @property
    def detour(self) -> str:
        """Pourquoi vLLM écrit lui-même tous les flux ; vide s'ils sont rendus d'un gabarit."""
        return self._opened().slow_reason

    @property
    def vocab_size(self) -> int:
        return self._serving.vocab_size if self._serving is not None else 0

    async def open(self, on_phase: OnPhase = unheard) -> None:
        for name, value in environment(
            self._spec.options, device=self._spec.device, threads=self._spec.threads
        ).items():
            os.environ.setdefault(name, value)
        # Ses mesures, si le profil les veut, sont celles de cet exemplaire : `exposition` les rend avec son nom.
        os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)
        if self._spec.options.get("trust_remote_code"):
            logger.warning("trust_remote_code", extra={"model": self._spec.model_key})
        pool = ThreadPoolExecutor(1, thread_name_prefix="vllm-open")
        loading = asyncio.get_running_loop().run_in_executor(pool, self._load, on_phase)
        try:
            serving = await asyncio.shield(loading)
        except asyncio.CancelledError:
            await self._abandon(loading)
            raise
        finally:
            pool.shutdown(wait=False)
        self._serving = serving
        self._states = counts.watch(serving.engine)
        on_phase(LoadPhase.STARTING)
        try:
            await serving.start()
        except BaseException:
            await self.close()
            raise
        self._features = serving.features()
        self._max_running = serving.max_running

    async def warm_up(self) -> None:
        """Mène une inférence réelle, puis, sur un GPU, tout ce que vLLM ne compile qu'à son premier usage.

        Raises:
            ModelLoadFailed: l'inférence n'a rien rendu.
        """
        if not await self._warm(prompt="Hi", max_tokens=1):
            raise ModelLoadFailed("L'inférence d'échauffement n'a rendu aucun jeton.")
        if self._spec.device == CUDA:
            await self.warm_kernels()

    async def warm_kernels(self) -> None:
        """Provoque ce que vLLM ne compile qu'à son premier usage."""
        sizes = self._opened().sizes()
        counter = itertools.count(1)
        begun = time.monotonic()
        planned = rounds(max_running=sizes.running, step_tokens=sizes.step_tokens, context_tokens=sizes.context_tokens)
        for one in planned:
            work = (
                self._warm(
                    prompt=prompt(next(counter), one.prompt_tokens, sizes.vocabulary),
                    max_tokens=2,
                    ignore_eos=True,
                    **one.fields,
                )
                for _ in range(one.requests)
            )
            for found in await asyncio.gather(*work, return_exceptions=True):
                if isinstance(found, PasserelleError):
                    # Un modèle peut ne pas admettre une sorte de tirage : aucune requête ne l'aura non plus.
                    logger.info("warm_up_refused", extra={"round": one.name, "error": found.message[:200]})
                    break
                if isinstance(found, BaseException):
                    raise found
        logger.info("warmed_up", extra={"rounds": len(planned), "seconds": round(time.monotonic() - begun, 1)})

    async def close(self) -> None:
        serving, self._serving = self._serving, None
        if serving is not None:
            await serving.close()
            await asyncio.to_thread(serving.engine.shutdown, timeout=_STOP_SECONDS)
            _kill_children()

    async def generate(self, kind: ChatKind, request: bytes, *, stream: bool) -> AsyncGenerator[bytes, None]:
        serving = self._opened()
        async with self._answer(serving, kind, request, stream=stream) as (answer, shaped):
            if isinstance(answer, bytes):
                yield shaped(answer)
                return
            async with contextlib.aclosing(serving.read(answer)) as frames:
                async for frame in frames:
                    yield shaped(frame)

    async def push(self, kind: ChatKind, request: bytes, emit: Callable[[bytes], None]) -> None:
        serving = self._opened()
        async with self._answer(serving, kind, request, stream=True) as (answer, shaped):
            if isinstance(answer, bytes):
                emit(shaped(answer))
            else:
                await serving.push(answer, emit if shaped is bytes else lambda frame: emit(shaped(frame)))

    async def chat_tokens(self, request: bytes, *, pieces: bool) -> Tokens:
        from server.engines.vllm.tokens import chat_tokens

        return await chat_tokens(self._opened(), self._checked(ChatKind.CHAT, request), pieces=pieces)

    async def text_tokens(self, text: str, *, special: bool, pieces: bool) -> Tokens:
        from server.engines.vllm.tokens import text_tokens

        return await text_tokens(self._opened(), text, special=special, pieces=pieces)

    async def text_of(self, tokens: Sequence[int]) -> str:
        from server.engines.vllm.tokens import text_of

        return await text_of(self._opened(), tokens)

    def _checked(self, kind: ChatKind, request: bytes) -> dict[str, Any]:
        remote = bool(self._spec.options.get("allowed_media_domains"))
        return check(kind, orjson.loads(request), remote_media=remote)

    @contextlib.asynccontextmanager
    async def _answer(
        self, serving: "OpenAiServing", kind: ChatKind, request: bytes, *, stream: bool
    ) -> AsyncGenerator[tuple["bytes | Started", Callable[[bytes], bytes]], None]:
        """Réponse, ou flux commencé, et la forme à donner à ses éléments ; en sortir avant la fin l'abandonne."""
        if self._asleep:
            raise ModelLoading("Le modèle dort ; réveillez-le.", retry_after=_RETRY_SECONDS)
        body = self._checked(kind, request) | {"stream": stream}
        request_id = uuid.uuid4().hex
        try:
            yield await serving.create(kind, body, request_id), uncounted if is_echo_only(kind, body) else bytes
        except BaseException:
            # vLLM abandonne de lui-même quand le ramasse-miettes passe ; ici, c'est tout de suite.
            await serving.engine.abort(_engine_ids(kind, body, request_id))
            await _wait_read(serving.engine)
            raise

    def gauges(self) -> Mapping[str, float]:
        return counts.gauges(self._serving.engine, self._states) if self._serving is not None else {}

    def exposition(self) -> bytes:
        return counts.exposition(self._serving.engine) if self._serving is not None else b""

    async def wait_dead(self) -> str:
        """Attend la mort du processus du modèle."""
        engine = self._opened().engine
        while not engine.errored:
            await asyncio.sleep(_WATCH_SECONDS)
        return "le processus du modèle de vLLM est mort"

    async def sleep(self, level: int) -> None:
        """Rend la mémoire du GPU ; les poids restent en mémoire vive.

        Raises:
            UnsupportedOption: ouvert sans `enable_sleep_mode`, ou niveau autre que 1.
        """
        if "sleep" not in self._features:
            raise UnsupportedOption(
                "Ce modèle ne sait pas dormir : ajoutez enable_sleep_mode = true à ses options.",
                metadata={"field": "options.enable_sleep_mode"},
            )
        # Au niveau 2, vLLM jette les poids et ne les relit pas de lui-même au réveil.
        if level != 1:
            raise UnsupportedOption(
                f"level : seul le niveau 1 est offert (reçu : {level}).",
                metadata={"field": "level", "limit": "1", "value": str(level)},
            )
        await self._opened().engine.sleep(level)
        self._asleep = True

    async def wake(self) -> None:
        """Reprend la mémoire du GPU."""
        if self._asleep:
            await self._opened().engine.wake_up()
            self._asleep = False

    async def _warm(self, **fields: Any) -> int:
        """Jetons que rend une complétion."""
        request = orjson.dumps({"model": self._spec.model_key, **fields})
        items = [item async for item in self.generate(ChatKind.COMPLETION, request, stream=False)]
        return sum(int(orjson.loads(item)["usage"]["completion_tokens"]) for item in items)

    def _opened(self) -> "OpenAiServing":
        if self._serving is None:
            raise EngineFailed("Le moteur est fermé.")
        return self._serving

    def _load(self, on_phase: OnPhase) -> "OpenAiServing":
        if self._spec.device == CUDA:
            require_cuda()
        on_phase(LoadPhase.IMPORTING)
        with kept_levels():
            from server.engines.vllm.serving import OpenAiServing

        if self._abandoned.is_set():
            raise ModelLoadFailed("Le chargement a été abandonné.")
        try:
            return OpenAiServing.load(self._spec, on_phase)
        except PasserelleError:
            raise
        except Exception as error:
            logger.exception("vllm_open_failed")
            raise ModelLoadFailed(f"vLLM n'a pas pu ouvrir le modèle : {error}") from error

    async def _abandon(self, loading: "asyncio.Future[Any]") -> None:
        """Interrompt un chargement : sans son enfant, vLLM renonce aussitôt."""
        self._abandoned.set()
        while not loading.done():
            _kill_children()
            await asyncio.wait({loading}, timeout=0.2)
        if loading.exception() is None:
            self._serving = loading.result()
            await self.close()


def create_engine(spec: EngineSpec) -> VllmEngine:
    """Fabrique du moteur."""
    return VllmEngine(spec)


def _engine_ids(kind: ChatKind, body: dict[str, Any], request_id: str) -> list[str]:
    """Noms que vLLM donne aux suites d'une requête."""
    if kind is ChatKind.CHAT:
        return [f"chatcmpl-{request_id}"]
    prompt = body.get("prompt")
    several = isinstance(prompt, list) and bool(prompt) and not isinstance(prompt[0], int)
    return [f"cmpl-{request_id}-{index}" for index in range(len(prompt) if several and prompt else 1)]


async def _wait_read(engine: Any) -> None:
    """Attend que le processus du modèle ait lu ce qui précède ; mort, il ne mène plus rien.

    Il les lit dans l'ordre, entre deux pas, et un abandon n'a pas de réponse : une question posée après lui en a une.
    """
    asked = asyncio.ensure_future(engine.is_sleeping())
    while not asked.done() and not engine.errored:
        await asyncio.wait({asked}, timeout=_WATCH_SECONDS)
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)


def _kill_children() -> None:
    for child in multiprocessing.active_children():
        child.kill()
