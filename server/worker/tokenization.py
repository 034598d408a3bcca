"""Les jetons d'un texte, dans l'exemplaire du modèle : seul lui a le gabarit et le vocabulaire."""

from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

import orjson
from passerelle.worker.v1 import link_pb2

from server.engines.base import TokenizingEngine, Tokens
from server.errors import InvalidRequest

COUNTS = frozenset({link_pb2.REQUEST_KIND_TOKENIZE, link_pb2.REQUEST_KIND_DETOKENIZE})
"""Genres de requêtes que le modèle lui-même ne voit pas."""


class Tokenization:
    """Mène les décomptes d'un moteur ; chaque réponse est un seul élément, du JSON."""

    def __init__(self, engine: TokenizingEngine, max_listed: int) -> None:
        """`max_listed` : jetons rendus un à un, au plus ; les compter n'a pas cette borne."""
        self._engine = engine
        self._max_listed = max_listed

    @property
    def handlers(self) -> Mapping["link_pb2.RequestKind", Callable[..., AsyncGenerator[bytes, None]]]:
        """Ce qui mène chaque genre."""
        return {
            link_pb2.REQUEST_KIND_TOKENIZE: self._tokenize,
            link_pb2.REQUEST_KIND_DETOKENIZE: self._detokenize,
        }

    async def _tokenize(self, request: link_pb2.Submit, _: object) -> AsyncGenerator[bytes, None]:
        """Prend `chat`, ou `texts` et `special`, puis `list` et `pieces` ; rend `count`, et ce qui est demandé."""
        asked = orjson.loads(request.payload)
        pieces = bool(asked["pieces"])
        if "chat" in asked:
            found = await self._engine.chat_tokens(orjson.dumps(asked["chat"]), pieces=pieces)
        else:
            found = Tokens([], [])
            for text in asked["texts"]:
                one = await self._engine.text_tokens(text, special=asked["special"], pieces=pieces)
                found = Tokens(found.ids + one.ids, found.pieces + one.pieces)
        count = len(found.ids)
        if asked["list"] and count > self._max_listed:
            field = "messages" if "chat" in asked else "prompt"
            raise InvalidRequest(
                f"{field} : {count} jetons ; au plus {self._max_listed} sont rendus un à un.",
                metadata={"field": field, "limit": str(self._max_listed), "value": str(count)},
            )
        answer: dict[str, Any] = {"count": count}
        if asked["list"]:
            answer |= {"ids": found.ids, "pieces": found.pieces}
        yield orjson.dumps(answer)

    async def _detokenize(self, request: link_pb2.Submit, _: object) -> AsyncGenerator[bytes, None]:
        """`{"ids": […]}` ; rend `text`."""
        yield orjson.dumps({"text": await self._engine.text_of(orjson.loads(request.payload)["ids"])})
