"""Les flux ordinaires, poussés vers la liaison par vLLM lui-même, sans file ni réveil par requête.

vLLM fait de chaque jeton un RequestOutput, le range dans la file de sa requête et réveille la tâche qui la lit : une
bonne part de ce qui reste une fois les trames rendues d'un gabarit. Ici, à la place de cette fabrique
(`RequestState.make_request_output`), la requête a de quoi rendre la trame et l'émettre, pendant que vLLM parcourt
l'étape. Les erreurs et la fin passent toujours par sa file.
"""

import inspect
from collections.abc import Callable
from typing import Any

from vllm.outputs import STREAM_FINISHED
from vllm.sampling_params import RequestOutputKind
from vllm.v1.engine.async_llm import AsyncLLM
from vllm.v1.engine.output_processor import RequestOutputCollector, RequestState

from server.engines.vllm.frames import Frames
from server.engines.vllm.plain import Check, Held

Emit = Callable[[bytes], None]

_MADE = ("self", "new_token_ids", "pooling_output", "finish_reason", "stop_reason")
"""Premiers paramètres de la fabrique de vLLM."""
_ASKED = ("self", "request_id", "prompt", "params")
"""Ceux de `add_request`, dont l'appel est fait ici comme le fait `generate`."""


def unknown() -> str:
    """Ce que cette version de vLLM a de différent ; vide si le chemin direct lui convient."""
    made = tuple(inspect.signature(RequestState.make_request_output).parameters)
    if made[: len(_MADE)] != _MADE:
        return f"make_request_output prend {', '.join(made)}"
    asked = tuple(inspect.signature(AsyncLLM.add_request).parameters)
    more = set(inspect.signature(AsyncLLM.generate).parameters) - {"sampling_params"}
    if asked[: len(_ASKED)] != _ASKED or not more <= set(asked):
        return f"add_request prend {', '.join(asked)}"
    missing = [name for name in ("put", "get", "get_nowait", "close") if not hasattr(RequestOutputCollector, name)]
    return f"la file d'une requête n'a pas {', '.join(missing)}" if missing else ""


def pushable(call: Held) -> bool:
    """Vrai si rien ne doit précéder l'appel ; une grammaire doit être essayée."""
    return len(call.arguments) == 3 and call.arguments[1].structured_outputs is None


async def push(engine: Any, frames: Frames, call: Held, check: Check, emit: Emit) -> None:
    """Mène l'appel et émet ses trames ; le quitter l'abandonne.

    Raises:
        Exception: de vLLM, ou de `check`, qui lève si la suite est finie par une erreur.
    """
    prompt, params, request_id = call.arguments
    queue = await engine.add_request(request_id, prompt, params, **call.more)
    sink = _Sink(frames, check, emit, queue)
    # Sans rien attendre entre-temps : une sortie déjà dans la file y est lue avant que la suivante ne soit émise.
    sink.attach(engine.output_processor.request_states.get(queue.request_id))
    try:
        while not sink.ended:
            output = queue.get_nowait() or await queue.get()
            for one in output.outputs:
                sink.take(one.text, len(one.token_ids), one.finish_reason, one.stop_reason, output.prompt_token_ids)
            if output.finished:
                break
    except BaseException:
        sink.ended = True
        await engine.abort(queue.request_id, internal=True)
        raise
    finally:
        queue.close()
    if usage := frames.end():
        emit(usage)


class _Sink:
    """Ce que devient chaque sortie d'une requête."""

    __slots__ = ("_add", "_check", "_emit", "_prompt", "_queue", "_text", "ended")

    def __init__(self, frames: Frames, check: Check, emit: Emit, queue: Any) -> None:
        self._add, self._check, self._emit, self._queue = frames.add, check, emit, queue
        self._text: Callable[[bool, bool], str] | None = None
        self._prompt = 0
        self.ended = False
        """Vrai quand plus rien n'est émis."""

    def attach(self, state: Any) -> None:
        """Prend la place de la fabrique ; sans effet si la requête est déjà finie, ou groupe ses jetons."""
        if state is None or state.stream_interval != 1 or state.output_kind is not RequestOutputKind.DELTA:
            return
        self._text = state.detokenizer.get_next_output_text
        self._prompt = state.prompt_len
        state.make_request_output = self

    def __call__(
        self, new_token_ids: Any, pooling_output: Any, finish_reason: Any, stop_reason: Any, *_: Any, **__: Any
    ) -> None:
        """Émet la sortie d'une étape ; une erreur n'est que celle de cette requête, et sort par sa file."""
        if self.ended:
            return
        finished = finish_reason is not None
        try:
            assert self._text is not None
            text = self._text(finished, True)
            if not finished:
                frame = self._add(text, len(new_token_ids), None, None, self._prompt)
                if frame:
                    self._emit(frame)
                return
            self.take(text, len(new_token_ids), str(finish_reason), stop_reason, range(self._prompt))
            self._queue.put(STREAM_FINISHED)
        except Exception as error:
            self.ended = True
            self._queue.put(error)

    def take(self, text: str, tokens: int, finish: str | None, stop: int | str | None, prompt: Any) -> None:
        """Émet une sortie."""
        self._check(finish)
        frame = self._add(text, tokens, finish, stop, len(prompt or ()))
        if frame:
            self._emit(frame)
