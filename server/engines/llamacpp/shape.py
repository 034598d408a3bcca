"""Du schéma d'OpenAI à celui de llama.cpp : découpe d'une requête, refus de ce qu'il n'a pas.

llama.cpp parle presque OpenAI ; ce module ôte ses ajouts et remplit ses manques, `answer.py` rassemble ce qu'il rend.
Schéma suivi : API Chat Completions et Completions d'OpenAI.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from server.chat_grammars import Grammar, grammars
from server.engines.base import ChatKind
from server.engines.llamacpp.answer import Answer
from server.engines.llamacpp.tools import take_tools
from server.errors import UnsupportedOption


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
        InvalidRequest: outil mal décrit.
        UnsupportedOption: option que llama.cpp n'a pas.
    """
    body = dict(request)
    count = int(body.pop("n", None) or 1)
    body = {name: value for name, value in body.items() if value is not None}
    usage = bool((body.pop("stream_options", None) or {}).get("include_usage"))
    # Toujours en flux : llama.cpp ne demande s'il faut continuer qu'à ce qu'il rend, et une réponse d'un seul tenant
    # qu'on n'attend plus occuperait le processeur jusqu'à sa fin.
    body |= {"stream": True, "stream_options": {"include_usage": True}}
    if "seed" in body or body.get("temperature") == 0:
        # Un préfixe repris du cache change les arrondis : une graine doit redonner le même texte.
        body["cache_prompt"] = False
    for name in ("grammar_lazy", "grammar_triggers"):
        if body.get(name):
            # Leurs motifs seraient compilés par la bibliothèque standard de C++, qui ne borne rien.
            raise UnsupportedOption(f"{name} : non disponible.", metadata={"field": name})
    prompts: list[Any] = [None]
    use = None
    if kind is ChatKind.CHAT:
        _check_parts(body)
        use = take_tools(body, max_calls)
    else:
        prompts = _prompts(body)
    trials = list(use.trials() if use is not None else grammars(body))
    if use is not None:
        body["grammar"] = use.grammar
    subs = []
    for rank, prompt in enumerate(prompts):
        for choice in range(count):
            one = dict(body)
            if prompt is not None:
                one["prompt"] = prompt
            if count > 1 and "seed" in body:
                one["seed"] = int(body["seed"]) + choice
            subs.append(SubRequest(rank * count + choice, one))
    echoes = [prompt for prompt in prompts for _ in range(count)] if body.pop("echo", False) else []
    answer = Answer(kind, str(body.get("model", "")), stream, usage, len(subs), count, echoes, use is not None)
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
    if body.get("suffix"):
        raise UnsupportedOption("suffix : ce modèle ne complète qu'en avant.", metadata={"field": "suffix"})
    best_of = body.pop("best_of", None)
    if best_of not in (None, 1):
        raise UnsupportedOption("best_of : non disponible.", metadata={"field": "best_of", "value": str(best_of)})
    prompt = body.get("prompt")
    prompts = [prompt]
    if isinstance(prompt, list) and prompt and not isinstance(prompt[0], int):
        prompts = list(prompt)
    if body.get("echo") and not all(isinstance(one, str) for one in prompts):
        raise UnsupportedOption("echo : seulement avec un texte de départ.", metadata={"field": "echo"})
    if body.get("echo") and body.get("logprobs"):
        raise UnsupportedOption("echo : sans logprobs avec ce modèle.", metadata={"field": "echo"})
    return prompts
