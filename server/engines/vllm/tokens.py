"""Les jetons d'un texte, par la classe de vLLM qui sert ses routes `/tokenize` et `/detokenize`.

D'une conversation, il ne reçoit que les champs qui font son texte ; il prépare les images comme pour une génération.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from vllm.entrypoints.serve.tokenize.protocol import (
    DetokenizeRequest,
    TokenizeChatRequest,
    TokenizeCompletionRequest,
)

from server.engines.base import ChatKind, Tokens
from server.engines.vllm.serving import OpenAiServing

_CHAT = (
    "messages",
    "tools",
    "add_generation_prompt",
    "continue_final_message",
    "add_special_tokens",
    "chat_template_kwargs",
)


async def chat_tokens(serving: OpenAiServing, body: Mapping[str, Any], *, pieces: bool) -> Tokens:
    """Jetons d'une conversation déjà vérifiée.

    Raises:
        PasserelleError: conversation refusée, moteur mort.
    """
    fields = {name: body[name] for name in _CHAT if body.get(name) is not None}
    if (effort := body.get("reasoning_effort")) is not None:
        # Ce que vLLM dit lui-même au gabarit d'une conversation.
        given = fields.get("chat_template_kwargs") or {}
        fields["chat_template_kwargs"] = {"enable_thinking": effort != "none", **given, "reasoning_effort": effort}
    fields["return_token_strs"] = pieces
    return _tokens(await serving.tokens(ChatKind.CHAT, body, TokenizeChatRequest, fields))


async def text_tokens(serving: OpenAiServing, text: str, *, special: bool, pieces: bool) -> Tokens:
    """Jetons d'un texte."""
    fields = {"prompt": text, "add_special_tokens": special, "return_token_strs": pieces}
    return _tokens(await serving.tokens(ChatKind.COMPLETION, {"prompt": text}, TokenizeCompletionRequest, fields))


async def text_of(serving: OpenAiServing, tokens: Sequence[int]) -> str:
    """Texte de jetons."""
    fields = {"tokens": list(tokens)}
    return str((await serving.tokens(ChatKind.COMPLETION, {"prompt": ""}, DetokenizeRequest, fields)).prompt)


def _tokens(answer: Any) -> Tokens:
    return Tokens(list(answer.tokens), list(answer.token_strs or ()))
