"""Les flux ordinaires, rendus d'un gabarit au lieu des classes de vLLM (`frames.py`).

Ordinaire : une seule suite, sans logprobs, echo ni identifiants de jetons, et dont aucun outil n'est à reconnaître. Le
gabarit est appris de vLLM à l'ouverture, puis comparé à lui sur d'autres flux ; s'il ne s'apprend pas ou diffère, tous
les flux prennent le chemin de vLLM, et le journal dit pourquoi.
"""

import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from contextvars import ContextVar
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest
from vllm.entrypoints.openai.completion.protocol import CompletionRequest
from vllm.outputs import CompletionOutput, RequestOutput

from server.engines.base import ChatKind, trace
from server.engines.vllm.frames import MADE, Frames, Made, MadeOutput, Template, UnknownFrames

logger = logging.getLogger(__name__)

_DONE = "data: [DONE]\n\n"
_USAGES: tuple[dict[str, bool] | None, ...] = (
    None,
    {"include_usage": True},
    {"include_usage": True, "continuous_usage_stats": True},
)
"""Comptes qu'une requête peut demander."""
_COMPARED = (
    Made(
        "autre-id",
        "autre",
        7,
        (MadeOutput("", 0), MadeOutput('été\n"\\\t\x00\x1f\x7f\u2028🙂</s>', 1), MadeOutput("", 1)),
    ),
    Made("autre-id", "autre", 0, (MadeOutput('<tool_call>{"name": "x"}</tool_call>', 5, "length"),)),
    Made("autre-id", "autre", 3, (MadeOutput("a", 2), MadeOutput(" b", 1, "stop", 151_645))),
    Made("autre-id", "autre", 3, (MadeOutput("a", 2), MadeOutput("", 0, "stop", "fin \"'é"))),
    Made("autre-id", "autre", 3, (MadeOutput("", 0, "abort"),)),
)
"""Flux sur lesquels le gabarit est comparé à vLLM."""

Check = Callable[[str | None], None]
"""Lève si une suite est finie par une erreur."""
held: ContextVar["Held | None"] = ContextVar("held", default=None)
"""Où `hold` range l'appel d'une requête ordinaire ; absent, l'appel suit son cours."""


class Held:
    """Appel de `generate` que vLLM a préparé, et qu'il n'a pas encore mené."""

    def __init__(self, generate: Callable[..., AsyncGenerator[Any, None]]) -> None:
        self._generate = generate
        self.arguments: tuple[Any, ...] = ()
        self.more: Mapping[str, Any] = {}
        self.called = False

    def prepared(self, arguments: tuple[Any, ...], more: Mapping[str, Any]) -> "Held":
        """Retient l'appel."""
        self.arguments, self.more, self.called = arguments, more, True
        return self

    def __aiter__(self) -> AsyncGenerator[Any, None]:
        return self._generate(*self.arguments, **self.more)

    async def aclose(self) -> None:
        """Rien n'a commencé."""


@dataclass(frozen=True, slots=True)
class Plain:
    """Flux ordinaire, prêt à être mené."""

    frames: Frames
    call: Held


def hold(engine: Any) -> Callable[[], Held]:
    """Fait retenir par `held` l'appel de `generate` d'une requête qui y a mis ce que rend cette fonction."""
    generate: Callable[..., AsyncGenerator[Any, None]] = engine.generate
    # Sans collecteur à lui, vLLM se plaindrait du contexte qu'on lui passe.
    traces = engine.vllm_config.observability_config.otlp_traces_endpoint is not None

    def holding(*arguments: Any, **more: Any) -> Any:
        if traces and (about := trace.get()):
            more["trace_headers"] = about
        place = held.get()
        return generate(*arguments, **more) if place is None else place.prepared(arguments, more)

    engine.generate = holding
    return lambda: Held(generate)


class PlainStreams:
    """Les gabarits d'un moteur ouvert."""

    def __init__(self, chat: Any, completion: Any, tokenizer: Any) -> None:
        self._chat, self._completion, self._tokenizer = chat, completion, tokenizer
        self._templates: dict[tuple[ChatKind, bool, bool], Template] = {}
        self._unread_tools = False

    async def learn(self) -> str:
        """Apprend les gabarits, et rend pourquoi il n'y en a pas ; vide s'il y en a."""
        try:
            if self._always_slow():
                return "une option de ce modèle ajoute aux trames ce qu'un gabarit n'a pas"
            self._unread_tools = self._leaves_text_alone()
            for kind in ChatKind:
                for usage in _USAGES:
                    request = self._request(kind, usage)
                    if not self._plain(kind, request):
                        continue
                    template = Template.learn([await self.told(kind, request, one) for one in MADE])
                    await self._compare(kind, request, template)
                    self._templates[kind, *_usage(request)] = template
        except Exception as error:
            self._templates.clear()
            return f"{type(error).__name__} : {error}"[:500]
        return "" if self._templates else "l'analyseur de ce modèle lit tout son texte"

    def template(self, kind: ChatKind, request: Any) -> Template | None:
        """Gabarit d'une requête ; `None` si vLLM doit écrire lui-même."""
        if not self._templates or not request.stream or not self._plain(kind, request):
            return None
        return self._templates.get((kind, *_usage(request)))

    def role(self, kind: ChatKind, request: Any) -> str:
        """Rôle que porte la première trame d'une conversation."""
        return str(self._chat.get_chat_request_role(request)) if kind is ChatKind.CHAT else ""

    def _plain(self, kind: ChatKind, request: Any) -> bool:
        if (request.n or 1) != 1 or request.echo or request.return_token_ids or request.use_beam_search:
            return False
        if kind is ChatKind.COMPLETION:
            return request.logprobs is None and not _several(request.prompt)
        if request.logprobs or getattr(request, "return_prompt_text", False):
            return False
        if self._chat.parser_cls is None:
            return True
        return self._unread_tools and request.tool_choice == "none" and bool(request.include_reasoning)

    def _always_slow(self) -> bool:
        """Vrai si le moteur ajoute aux comptes ce qui change d'une requête à l'autre."""
        config = self._chat.engine_client.vllm_config
        added = ("enable_prompt_tokens_details", "enable_per_request_metrics", "enable_log_outputs")
        return (
            any(getattr(serving, name, False) for serving in (self._chat, self._completion) for name in added)
            or config.speculative_config is not None
            or config.model_config.is_encoder_decoder
        )

    def _leaves_text_alone(self) -> bool:
        """Vrai si l'analyseur ne lit que les outils, et rien quand une requête n'en a pas."""
        made = self._chat.parser_cls
        if made is None or made.reasoning_parser_cls is not None:
            return False
        from vllm.parser.abstract_parser import DelegatingParser

        parser = made(self._tokenizer, None, chat_template_kwargs=None, model_config=self._chat.model_config)
        return made.parse_delta is DelegatingParser.parse_delta and not parser._engine_based

    async def _compare(self, kind: ChatKind, request: Any, template: Template) -> None:
        for made in _COMPARED:
            theirs = await self.told(kind, request, made)
            begun = time.time()
            role = self.role(kind, request)
            # Un même instant est écrit des deux côtés : le leur, à la seconde près.
            ours = {
                rendered(template.open(id=made.id, created=int(begun) - late, model=made.model, role=role), made)
                for late in (0, 1)
            }
            if "".join(theirs).encode() not in ours:
                raise UnknownFrames(f"rendu différent : {theirs} au lieu de {ours}")

    def _request(self, kind: ChatKind, usage: dict[str, bool] | None) -> Any:
        fields: dict[str, Any] = {"model": "x", "stream": True, "max_tokens": 1, "stream_options": usage}
        if kind is ChatKind.COMPLETION:
            return CompletionRequest(**fields, prompt="x")
        return ChatCompletionRequest(**fields, messages=[{"role": "user", "content": "x"}])

    async def told(self, kind: ChatKind, request: Any, made: Made) -> list[str]:
        """Trames que vLLM écrit d'un flux fait exprès, sans la dernière."""
        outputs = _outputs(made)
        about = SimpleNamespace()
        if kind is ChatKind.CHAT:
            frames = self._chat.chat_completion_stream_generator(
                request, outputs, made.id, made.model, [], self._tokenizer, about
            )
        else:
            frames = self._completion.completion_stream_generator(
                request, [], _numbered(outputs), made.id, int(time.time()), made.model, 1, self._tokenizer, about
            )
        found = [frame async for frame in frames]
        if not found or found.pop() != _DONE:
            raise UnknownFrames("pas de fin")
        return found


def rendered(frames: Frames, made: Made) -> bytes:
    """Un flux fait exprès, rendu d'un gabarit."""
    parts = [frames.add(one.text, one.tokens, one.finish, one.stop, made.prompt_tokens) for one in made.outputs]
    return b"".join([*parts, frames.end()])


async def written(frames: Frames, call: Held, check: Check) -> AsyncGenerator[bytes, None]:
    """Trames des sorties d'un appel ; `check` lève si une suite est finie par une erreur."""
    async with aclosing(aiter(call)) as outputs:
        async for output in outputs:
            prompt_tokens = len(output.prompt_token_ids or ())
            for one in output.outputs:
                check(one.finish_reason)
                frame = frames.add(one.text, len(one.token_ids), one.finish_reason, one.stop_reason, prompt_tokens)
                if frame:
                    yield frame
    if usage := frames.end():
        yield usage


def _usage(request: Any) -> tuple[bool, bool]:
    options = request.stream_options
    asked = bool(options and options.include_usage)
    return asked, asked and bool(options.continuous_usage_stats)


def _several(prompt: Any) -> bool:
    return isinstance(prompt, list) and len(prompt) > 1 and not isinstance(prompt[0], int)


async def _outputs(made: Made) -> AsyncIterator[RequestOutput]:
    for one in made.outputs:
        choice = CompletionOutput(
            index=0,
            text=one.text,
            token_ids=range(one.tokens),
            cumulative_logprob=None,
            logprobs=None,
            finish_reason=one.finish,
            stop_reason=one.stop,
        )
        yield RequestOutput(
            request_id=made.id,
            prompt="",
            prompt_token_ids=range(made.prompt_tokens),
            prompt_logprobs=None,
            outputs=[choice],
            finished=one.finish is not None,
        )


async def _numbered(outputs: AsyncIterator[RequestOutput]) -> AsyncIterator[tuple[int, RequestOutput]]:
    async for output in outputs:
        yield 0, output
