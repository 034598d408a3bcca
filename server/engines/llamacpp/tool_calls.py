"""Ce que le modèle écrit sous la grammaire de `tools.py`, rendu au fil de l'eau comme OpenAI le rend."""

import re
import secrets
from collections.abc import Iterator
from typing import Any

from server.engines.llamacpp.tools import CALL, REPLY

_HEAD = re.compile(re.escape(CALL) + r'\{"name": "([^"]*)", "arguments": ')


class CallReader:
    """Lit une réponse, morceau par morceau : le texte d'une réponse, ou des appels."""

    def __init__(self) -> None:
        self.called = False
        """Vrai dès qu'un appel est nommé."""
        self._buffer = ""
        self._replying = False
        self._opened = False
        self._index = -1
        self._depth = 0
        self._quoted = False
        self._escaped = False

    def add(self, text: str) -> Iterator[dict[str, Any]]:
        """Morceaux (`delta`) que ce texte complète."""
        self._buffer += text
        if not self._replying and self._buffer.startswith(REPLY):
            self._replying = True
            self._buffer = self._buffer.removeprefix(REPLY)
        if self._replying:
            if self._buffer:
                yield self._opening({"content": self._buffer})
                self._buffer = ""
            return
        while self._buffer:
            if self._depth:
                yield from self._arguments()
                continue
            head = _HEAD.search(self._buffer)
            # Les arguments sont un objet : son accolade décide de leur fin.
            if head is None or head.end() == len(self._buffer):
                return
            self._buffer = self._buffer[head.end() :]
            self._index += 1
            self.called = True
            yield self._opening(self._call({"name": head[1], "arguments": ""}, id=f"call_{secrets.token_hex(12)}"))
            yield from self._arguments()

    def end(self) -> Iterator[dict[str, Any]]:
        """Ce qui reste à dire d'une réponse finie."""
        if not self._opened:
            yield self._opening({"content": ""})

    def _opening(self, delta: dict[str, Any]) -> dict[str, Any]:
        if self._opened:
            return delta
        self._opened = True
        return {"role": "assistant", "content": None} | delta

    def _call(self, function: dict[str, str], **named: str) -> dict[str, Any]:
        named = named and {**named, "type": "function"}
        return {"tool_calls": [{"index": self._index, **named, "function": function}]}

    def _arguments(self) -> Iterator[dict[str, Any]]:
        """Arguments jusqu'à leur accolade fermante ; ce qui suit reste à lire."""
        size = len(self._buffer)
        for place, letter in enumerate(self._buffer, 1):
            if self._quoted:
                self._quoted = self._escaped or letter != '"'
                self._escaped = letter == "\\" and not self._escaped
            elif letter == '"':
                self._quoted = True
            elif letter in "{[":
                self._depth += 1
            elif letter in "}]":
                self._depth -= 1
                if not self._depth:
                    size = place
                    break
        found, self._buffer = self._buffer[:size], self._buffer[size:]
        yield self._call({"arguments": found})
