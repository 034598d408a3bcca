"""Ce que llama.cpp rend, à la forme d'OpenAI : plusieurs requêtes en une réponse, entière ou au fil de l'eau."""

import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from server.engines.base import ChatKind
from server.engines.llamacpp.tool_calls import CallReader


@dataclass(slots=True)
class Answer:
    """Réponse en construction."""

    kind: ChatKind
    model: str
    stream: bool
    include_usage: bool
    per_prompt: int
    echoes: list[str]
    calling: bool
    """Vrai si la réponse est écrite sous la grammaire des outils."""
    top: int | None
    """Jetons voisins demandés avec chaque log-probabilité ; `None` sans log-probabilités."""
    silent: bool
    """Vrai si rien n'est à écrire : le jeton que llama.cpp écrit toujours n'est pas rendu."""
    _readers: dict[int, CallReader] = field(default_factory=dict)
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
                yield self._frame({"index": index, "text": text, "logprobs": None, "finish_reason": None})

    def add(self, index: int, chunk: Mapping[str, Any]) -> Iterator[bytes]:
        """Ajoute ce que llama.cpp a rendu pour une des requêtes."""
        if chunk.get("usage"):
            self._usage[index] = chunk["usage"]
        pieces = self._called if self.calling else self._piece
        choices = [piece for choice in chunk.get("choices", []) for piece in pieces(index, choice)]
        if not self.stream:
            for choice in choices:
                self._gather(choice)
        else:
            # Une suite par trame : un client n'en lit souvent qu'une.
            for choice in choices:
                yield self._frame(choice)

    def closing(self) -> Iterator[bytes]:
        """Ce qui suit le moteur : la réponse entière, ou le décompte d'un flux."""
        if not self.stream:
            choices = [self._choices[index] for index in sorted(self._choices)]
            yield orjson.dumps(self._head | {"choices": choices, "usage": self._total()})
        elif self.include_usage:
            yield self._sse(self._head | {"choices": [], "usage": self._total()})

    def _frame(self, choice: dict[str, Any]) -> bytes:
        usage = {"usage": None} if self.include_usage else {}
        return self._sse(self._head | {"choices": [choice]} | usage)

    @staticmethod
    def _sse(value: Mapping[str, Any]) -> bytes:
        return b"data: " + orjson.dumps(value) + b"\n\n"

    def _called(self, index: int, choice: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Ce que l'écriture des outils veut dire, une fois lue."""
        reader = self._readers.setdefault(index, CallReader())
        finish = choice.get("finish_reason")
        deltas = [*reader.add((choice.get("delta") or {}).get("content") or "")]
        if finish is not None:
            deltas += [*reader.end(), {}]
        for rank, delta in enumerate(deltas, 1):
            ends = finish if rank == len(deltas) else None
            if ends == "stop" and reader.called:
                ends = "tool_calls"
            yield {"index": index, "delta": delta, "logprobs": None, "finish_reason": ends}

    def _piece(self, index: int, choice: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        found: dict[str, Any] = {"index": index}
        if self.kind is ChatKind.COMPLETION:
            found["text"] = "" if self.silent else str(choice.get("text") or "")
            found["logprobs"] = None if self.silent else self._legacy_logprobs(index, choice.get("logprobs"))
        else:
            delta = dict(choice.get("delta") or {})
            if "content" in delta and delta["content"] is None and "tool_calls" not in delta:
                delta["content"] = ""
            found["delta"] = delta
            found["logprobs"] = _logprobs(choice.get("logprobs"), self.top)
        found["finish_reason"] = choice.get("finish_reason")
        yield found

    def _gather(self, piece: Mapping[str, Any]) -> None:
        """Joint à la réponse entière un morceau de celle de cet indice."""
        index = piece["index"]
        whole = self._choices.get(index)
        if whole is None:
            whole = self._choices[index] = {"index": index, **self._nothing_yet(index)}
        if self.kind is ChatKind.CHAT:
            message = whole["message"]
            for name, text in piece["delta"].items():
                if isinstance(text, str) and name != "role":
                    message[name] = (message.get(name) or "") + text
            for call in piece["delta"].get("tool_calls", ()):
                calls = message.setdefault("tool_calls", [])
                if "id" in call:
                    calls.append({"id": call["id"], "type": call["type"], "function": dict(call["function"])})
                else:
                    calls[call["index"]]["function"]["arguments"] += call["function"]["arguments"]
        else:
            whole["text"] += piece["text"]
        if piece["logprobs"]:
            whole["logprobs"] = _joined(whole["logprobs"], piece["logprobs"])
        whole["finish_reason"] = piece["finish_reason"] or whole["finish_reason"]

    def _nothing_yet(self, index: int) -> dict[str, Any]:
        head: dict[str, Any] = {"message": {"role": "assistant", "content": None if self.calling else ""}}
        if self.kind is ChatKind.COMPLETION:
            head = {"text": self.echoes[index] if self.echoes else ""}
        return head | {"logprobs": None, "finish_reason": None}

    def _legacy_logprobs(self, index: int, logprobs: Mapping[str, Any] | None) -> dict[str, Any] | None:
        """Log-probabilités d'une complétion : des listes parallèles, avec le décalage de chaque jeton."""
        content = (logprobs or {}).get("content")
        if not content or self.top is None:
            return None
        offsets, offset = [], self._offsets.get(index, 0)
        for token in content:
            offsets.append(offset)
            offset += len(token["token"])
        self._offsets[index] = offset
        return {
            "tokens": [token["token"] for token in content],
            "token_logprobs": [token["logprob"] for token in content],
            # Le jeton choisi y est toujours, fût-il un de plus.
            "top_logprobs": [
                {one["token"]: one["logprob"] for one in (*token["top_logprobs"][: self.top], token)}
                for token in content
            ],
            "text_offset": offsets,
        }

    def _total(self) -> dict[str, Any]:
        """Jetons de toutes les requêtes ; un texte de départ commun à plusieurs réponses ne compte qu'une fois."""
        prompt = sum(u["prompt_tokens"] for i, u in self._usage.items() if i % self.per_prompt == 0)
        completion = 0 if self.silent else sum(u["completion_tokens"] for u in self._usage.values())
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


def _logprobs(logprobs: Mapping[str, Any] | None, top: int | None) -> dict[str, Any] | None:
    """Log-probabilités d'une conversation, sans les identifiants que llama.cpp ajoute."""
    content = (logprobs or {}).get("content")
    if not content or top is None:
        return None

    def clean(token: Mapping[str, Any]) -> dict[str, Any]:
        return {name: token[name] for name in ("token", "logprob", "bytes")}

    return {
        "content": [clean(t) | {"top_logprobs": [clean(one) for one in t["top_logprobs"][:top]]} for t in content],
        "refusal": None,
    }
