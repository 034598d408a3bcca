"""Du schéma d'OpenAI à celui de llama.cpp, et retour : découpe d'une requête, réponses exactes.

llama.cpp parle presque OpenAI ; ce module ôte ses ajouts, remplit ses manques, et rassemble plusieurs requêtes en une
réponse. Schéma suivi : API Chat Completions et Completions d'OpenAI.
"""

import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from server.engines.base import ChatKind
from server.errors import UnsupportedOption


@dataclass(frozen=True, slots=True)
class SubRequest:
    """Une des requêtes faites à llama.cpp."""

    index: int
    """Rang de la réponse."""
    body: dict[str, Any]
    """Requête, à une seule réponse."""


def split_request(kind: ChatKind, request: Mapping[str, Any], stream: bool) -> tuple[list[SubRequest], "Answer"]:
    """Découpe une requête, et prépare sa réponse.

    Raises:
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
    if kind is ChatKind.CHAT:
        _check_chat(body)
    else:
        prompts = _prompts(body)
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
    answer = Answer(kind, str(body.get("model", "")), stream, usage, len(subs), count, echoes)
    return subs, answer


def _check_chat(body: dict[str, Any]) -> None:
    for i, message in enumerate(body.get("messages", [])):
        content = message.get("content")
        for j, part in enumerate(content if isinstance(content, list) else []):
            if part.get("type") != "text":
                where = f"messages[{i}].content[{j}]"
                raise UnsupportedOption(
                    f"{where} : ce modèle ne lit que du texte (reçu : {part.get('type')}).",
                    metadata={"field": where, "value": str(part.get("type"))},
                )
    if body.pop("tool_choice", None) != "none" and body.get("tools"):
        raise UnsupportedOption("tools : ce modèle n'appelle pas d'outils.", metadata={"field": "tools"})
    body.pop("tools", None)


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


@dataclass(slots=True)
class Answer:
    """Réponse en construction."""

    kind: ChatKind
    model: str
    stream: bool
    include_usage: bool
    requests: int
    per_prompt: int
    echoes: list[str]
    _choices: dict[int, dict[str, Any]] = field(default_factory=dict)
    _usage: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    _head: dict[str, Any] = field(default_factory=dict)
    _offsets: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        chat = self.kind is ChatKind.CHAT
        kind = ("chat.completion.chunk" if self.stream else "chat.completion") if chat else "text_completion"
        self._head = {
            "id": ("chatcmpl-" if chat else "cmpl-") + secrets.token_hex(14),
            "object": kind,
            "created": int(time.time()),
            "model": self.model,
        }

    def opening(self) -> Iterator[bytes]:
        """Trames qui précèdent le moteur : le texte de départ répété, dans un flux."""
        if self.stream:
            for index, text in enumerate(self.echoes):
                yield self._frame([{"index": index, "text": text, "logprobs": None, "finish_reason": None}])

    def add(self, index: int, chunk: Mapping[str, Any]) -> Iterator[bytes]:
        """Ajoute ce que llama.cpp a rendu pour une des requêtes."""
        if chunk.get("usage"):
            self._usage[index] = chunk["usage"]
        choices = [self._choice(index, choice) for choice in chunk.get("choices", [])]
        if not self.stream:
            for choice in choices:
                self._gather(choice)
        elif choices:
            yield self._frame(choices)

    def closing(self) -> Iterator[bytes]:
        """Ce qui suit le moteur : la réponse entière, ou le décompte d'un flux."""
        if not self.stream:
            choices = [self._choices[index] for index in sorted(self._choices)]
            yield orjson.dumps(self._head | {"choices": choices, "usage": self._total()})
        elif self.include_usage:
            yield self._sse(self._head | {"choices": [], "usage": self._total()})

    def _frame(self, choices: list[dict[str, Any]]) -> bytes:
        return self._sse(self._head | {"choices": choices})

    @staticmethod
    def _sse(value: Mapping[str, Any]) -> bytes:
        return b"data: " + orjson.dumps(value) + b"\n\n"

    def _choice(self, index: int, choice: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {"index": index}
        if self.kind is ChatKind.COMPLETION:
            text = str(choice.get("text") or "")
            found["text"] = text
            found["logprobs"] = self._legacy_logprobs(index, choice.get("logprobs"))
        else:
            delta = dict(choice.get("delta") or {})
            if "content" in delta and delta["content"] is None and "tool_calls" not in delta:
                delta["content"] = ""
            found["delta"] = delta
            found["logprobs"] = _logprobs(choice.get("logprobs"))
        found["finish_reason"] = choice.get("finish_reason")
        return found

    def _gather(self, piece: Mapping[str, Any]) -> None:
        """Joint à la réponse entière un morceau de celle de cet indice."""
        index = piece["index"]
        whole = self._choices.get(index)
        if whole is None:
            whole = self._choices[index] = {"index": index, **self._nothing_yet(index)}
        if self.kind is ChatKind.CHAT:
            for name, text in piece["delta"].items():
                if isinstance(text, str) and name != "role":
                    whole["message"][name] = (whole["message"].get(name) or "") + text
        else:
            whole["text"] += piece["text"]
        if piece["logprobs"]:
            whole["logprobs"] = _joined(whole["logprobs"], piece["logprobs"])
        whole["finish_reason"] = piece["finish_reason"] or whole["finish_reason"]

    def _nothing_yet(self, index: int) -> dict[str, Any]:
        head: dict[str, Any] = {"message": {"role": "assistant", "content": ""}}
        if self.kind is ChatKind.COMPLETION:
            head = {"text": self.echoes[index] if self.echoes else ""}
        return head | {"logprobs": None, "finish_reason": None}

    def _legacy_logprobs(self, index: int, logprobs: Mapping[str, Any] | None) -> dict[str, Any] | None:
        """Log-probabilités d'une complétion : des listes parallèles, avec le décalage de chaque jeton."""
        content = (logprobs or {}).get("content")
        if not content:
            return None
        offsets, offset = [], self._offsets.get(index, 0)
        for token in content:
            offsets.append(offset)
            offset += len(token["token"])
        self._offsets[index] = offset
        return {
            "tokens": [token["token"] for token in content],
            "token_logprobs": [token["logprob"] for token in content],
            "top_logprobs": [{top["token"]: top["logprob"] for top in token["top_logprobs"]} for token in content],
            "text_offset": offsets,
        }

    def _total(self) -> dict[str, Any]:
        """Jetons de toutes les requêtes ; un texte de départ commun à plusieurs réponses ne compte qu'une fois."""
        prompt = sum(u["prompt_tokens"] for i, u in self._usage.items() if i % self.per_prompt == 0)
        completion = sum(u["completion_tokens"] for u in self._usage.values())
        cached = sum(
            (u.get("prompt_tokens_details") or {}).get("cached_tokens", 0)
            for i, u in self._usage.items()
            if i % self.per_prompt == 0
        )
        return {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": {"cached_tokens": cached},
        }


def _joined(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> dict[str, Any]:
    """Deux suites de log-probabilités bout à bout : chaque liste s'allonge."""
    return {
        name: [*((before or {}).get(name) or []), *value] if isinstance(value, list) else value
        for name, value in after.items()
    }


def _logprobs(logprobs: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Log-probabilités d'une conversation, sans les identifiants que llama.cpp ajoute."""
    content = (logprobs or {}).get("content")
    if not content:
        return None

    def clean(token: Mapping[str, Any]) -> dict[str, Any]:
        return {name: token[name] for name in ("token", "logprob", "bytes")}

    return {
        "content": [clean(t) | {"top_logprobs": [clean(top) for top in t["top_logprobs"]]} for t in content],
        "refusal": None,
    }
