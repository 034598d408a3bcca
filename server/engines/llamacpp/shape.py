"""Du schéma d'OpenAI à celui de llama.cpp : découpe d'une requête, refus de ce qu'il n'a pas.

llama.cpp parle presque OpenAI ; ce module ôte ses ajouts et remplit ses manques, `answer.py` rassemble ce qu'il rend.
Schéma suivi : API Chat Completions et Completions d'OpenAI.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from server.chat_fields import OPENAI, screen
from server.chat_grammars import Grammar, grammars
from server.engines.base import ChatKind
from server.engines.llamacpp.answer import Answer
from server.engines.llamacpp.fields import FIELDS
from server.engines.llamacpp.tools import take_tools
from server.errors import InvalidRequest, UnsupportedOption

_COMPLETION_TOKENS = 16
"""Jetons d'une complétion qui n'en dit rien, comme chez OpenAI ; llama.cpp n'en mettrait aucune borne."""
_SEEDS = 2**32 - 1
"""Graines de llama.cpp ; la suivante, la dernière de 32 bits, y demande le hasard."""

_TABLES = {kind: {**OPENAI[kind], **FIELDS.refused} for kind in ChatKind}


@dataclass(frozen=True, slots=True)
class SubRequest:
    """Une des requêtes faites à llama.cpp."""

    index: int
    """Rang de la réponse."""
    body: dict[str, Any]
    """Requête, à une seule réponse."""


def split_request(
    kind: ChatKind, request: Mapping[str, Any], stream: bool, max_calls: int = 1
) -> tuple[list[SubRequest], list[Grammar], Answer]:
    """Découpe une requête, dit les grammaires à essayer, et prépare sa réponse.

    `max_calls` borne les appels d'outils d'une réponse.

    Raises:
        InvalidRequest: outil mal décrit, texte de départ vide.
        UnsupportedOption: champ que llama.cpp n'a pas, nommé par `metadata["field"]`.
    """
    body, _ = screen(_TABLES[kind], request, FIELDS.extras_of(kind))
    count = int(body.pop("n", None) or 1)
    usage = bool((body.pop("stream_options", None) or {}).get("include_usage"))
    body.pop("stream", None)
    seed = body.pop("seed", None)
    prompts: list[Any] = [None]
    use = None
    if kind is ChatKind.CHAT:
        _check_parts(body)
        use = take_tools(body, max_calls)
        top = int(body.pop("top_logprobs", 0)) if body.get("logprobs") else None
    else:
        prompts = _prompts(body)
        top = body.get("logprobs")
        body.setdefault("max_tokens", _COMPLETION_TOKENS)
    if top is not None:
        # llama.cpp ne dit celle du jeton choisi qu'avec d'autres, et en rend vingt quand on n'en demande aucune.
        body |= {"logprobs": True, "top_logprobs": max(1, top)} if kind is ChatKind.CHAT else {"logprobs": max(1, top)}
    silent = kind is ChatKind.COMPLETION and body["max_tokens"] == 0
    if silent:
        body["max_tokens"] = 1
    echoes = [prompt for prompt in prompts for _ in range(count)] if body.pop("echo", False) else []
    # Toujours en flux : llama.cpp ne demande s'il faut continuer qu'à ce qu'il rend, et une réponse d'un seul tenant
    # qu'on n'attend plus occuperait le processeur jusqu'à sa fin.
    body |= {"stream": True, "stream_options": {"include_usage": True}}
    if seed is not None or body.get("temperature") == 0:
        # Un préfixe repris du cache change les arrondis : une graine doit redonner le même texte.
        body["cache_prompt"] = False
    trials = list(use.trials() if use is not None else grammars(body))
    if use is not None:
        body["grammar"] = use.grammar
    subs = []
    for rank, prompt in enumerate(prompts):
        for choice in range(count):
            one = dict(body)
            if prompt is not None:
                one["prompt"] = prompt
            if seed is not None:
                one["seed"] = (int(seed) + choice) % _SEEDS
            subs.append(SubRequest(rank * count + choice, one))
    answer = Answer(
        kind=kind,
        model=str(body.get("model", "")),
        stream=stream,
        include_usage=usage,
        per_prompt=count,
        echoes=echoes,
        calling=use is not None,
        top=top,
        silent=silent,
    )
    return subs, trials, answer


def _check_parts(body: dict[str, Any]) -> None:
    for i, message in enumerate(body.get("messages", [])):
        content = message.get("content")
        for j, part in enumerate(content if isinstance(content, list) else []):
            if part.get("type") != "text":
                where = f"messages[{i}].content[{j}]"
                raise UnsupportedOption(
                    f"{where} : ce modèle ne lit que du texte (reçu : {part.get('type')}).",
                    metadata={"field": where, "value": str(part.get("type"))},
                )


def _prompts(body: dict[str, Any]) -> list[Any]:
    prompt = body.pop("prompt", None)
    several = isinstance(prompt, list) and bool(prompt) and not isinstance(prompt[0], int)
    prompts = list(prompt) if several else [prompt]
    for index, one in enumerate(prompts):
        if not one:
            where = f"prompt[{index}]" if several else "prompt"
            raise InvalidRequest(f"{where} : un texte de départ non vide est attendu.", metadata={"field": where})
    if body.get("echo") and not all(isinstance(one, str) for one in prompts):
        raise UnsupportedOption("echo : seulement avec un texte de départ.", metadata={"field": "echo"})
    if body.get("echo") and body.get("logprobs") is not None:
        raise UnsupportedOption("echo : sans logprobs avec ce modèle.", metadata={"field": "echo"})
    return prompts
