"""Ce que la bibliothèque ne dit que par son port local : vocabulaire, gabarit, jetons.

Une clé que personne d'autre ne connaît condamne ce port.
"""

import asyncio
from collections.abc import Sequence
from http.client import HTTPConnection
from typing import Any

import orjson

from server.engines.base import Tokens
from server.errors import EngineFailed

_SECONDS = 60.0
"""Silence du port, au plus : de quoi découper le plus long des corps sur une machine chargée."""


class LocalPort:
    """Le port d'un llama.cpp ouvert."""

    def __init__(self, address: str, key: str) -> None:
        self._address = address.removeprefix("http://")
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def vocab_size(self) -> int:
        """Jetons du vocabulaire."""
        return int(self._ask("GET", "/v1/models")["data"][0]["meta"]["n_vocab"])

    async def prompt(self, messages: Sequence[Any]) -> str:
        """Texte que le gabarit du modèle fait d'une conversation."""
        found = await asyncio.to_thread(self._ask, "POST", "/apply-template", {"messages": messages})
        return str(found["prompt"])

    async def tokens(self, text: str, *, special: bool, pieces: bool) -> Tokens:
        """Jetons d'un texte ; ses marques (`<|im_start|>`) sont lues comme des jetons, ainsi que dans une requête."""
        body = {"content": text, "add_special": special, "parse_special": True, "with_pieces": pieces}
        found = (await asyncio.to_thread(self._ask, "POST", "/tokenize", body))["tokens"]
        return (
            Tokens([one["id"] for one in found], [_piece(one["piece"]) for one in found]) if pieces else Tokens(found)
        )

    async def text(self, tokens: Sequence[int]) -> str:
        """Texte de jetons."""
        found = await asyncio.to_thread(self._ask, "POST", "/detokenize", {"tokens": list(tokens)})
        return str(found["content"])

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        connection = HTTPConnection(self._address, timeout=_SECONDS)
        try:
            connection.request(method, path, None if body is None else orjson.dumps(body), self._headers)
            response = connection.getresponse()
            answer = response.read()
        except OSError as error:
            raise EngineFailed("Le moteur n'a pas répondu.", metadata={"detail": str(error)}) from None
        finally:
            connection.close()
        if response.status != 200:
            raise EngineFailed("Le moteur a raté cette requête.", metadata={"detail": answer.decode(errors="replace")})
        return orjson.loads(answer)


def _piece(found: str | list[int]) -> str:
    """Écriture d'un jeton, rendue en octets quand elle ne forme pas un texte."""
    return found if isinstance(found, str) else bytes(found).decode(errors="backslashreplace")
