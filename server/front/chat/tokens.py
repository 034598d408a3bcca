"""Les jetons d'un texte, sans rien générer : `/tokenize` et `/detokenize`, aux formes de vLLM, et `CountTokens`.

Une conversation y est lue et vérifiée comme pour une génération : ses jetons sont ceux que compterait la réponse.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from passerelle.worker.v1 import link_pb2

from server.domain import Capability, Limits
from server.engines.base import ChatKind
from server.errors import EngineFailed, UnsupportedOption
from server.front.chat.request import OpenAiRequest, check, is_tokens
from server.front.checks import boolean, missing, refusal, sequence, text
from server.front.routing.call import WorkerCalls
from server.front.routing.router import Router
from server.front.routing.routes import ModelRoute

_LABEL = "tokens"
_TEXT_FIELDS = frozenset({"model", "prompt", "add_special_tokens"})
_IDS_FIELDS = frozenset({"model", "tokens"})


@dataclass(frozen=True, slots=True)
class Asked:
    """Décompte demandé, vérifié."""

    model: str
    """Clé ou alias."""
    chat: OpenAiRequest | None = None
    """Conversation ; sans elle, `texts`."""
    texts: tuple[str, ...] = ()
    """Textes, comptés ensemble."""
    special: bool = True
    """Avec les jetons que le modèle attend autour d'un texte."""
    listed: bool = False
    """Rend aussi les numéros."""
    pieces: bool = False
    """Rend aussi l'écriture de chaque jeton."""

    @classmethod
    def of_body(cls, data: dict[str, Any], limits: Limits) -> "Asked":
        """Demande de `/tokenize` : `messages`, ou `prompt`.

        Raises:
            InvalidRequest: champ absent, de mauvais type ou hors limite.
            UnsupportedOption: champ refusé.
        """
        pieces = boolean(data, "", "return_token_strs")
        data = {name: value for name, value in data.items() if name != "return_token_strs"}
        if data.get("messages") is not None:
            if data.get("prompt") is not None:
                raise refusal("prompt", "ce champ n'est pas permis avec « messages »", data["prompt"])
            return cls.of_chat(data, limits, listed=True, pieces=pieces)
        _only(data, _TEXT_FIELDS)
        if data.get("prompt") is None:
            raise missing("prompt", "un texte, ou une conversation dans « messages », est attendu")
        text(data, "", "prompt")
        return cls.of_texts(data, limits, listed=True, pieces=pieces)

    @classmethod
    def of_chat(cls, data: dict[str, Any], limits: Limits, *, listed: bool, pieces: bool = False) -> "Asked":
        """Décompte d'une conversation au schéma d'OpenAI."""
        chat = check(ChatKind.CHAT, data, limits)
        return cls(chat.model, chat=chat, listed=listed, pieces=pieces)

    @classmethod
    def of_texts(cls, data: Mapping[str, Any], limits: Limits, *, listed: bool, pieces: bool = False) -> "Asked":
        """Décompte du ou des textes d'une complétion."""
        model = text(data, "", "model", required=True, empty=False) or ""
        special = True if data.get("add_special_tokens") is None else boolean(data, "", "add_special_tokens")
        prompt = data.get("prompt")
        if isinstance(prompt, str):
            return cls(model, texts=(prompt,), special=special, listed=listed, pieces=pieces)
        texts = sequence(data, "", "prompt", low=1, high=limits.max_messages, required=True) or []
        for index, one in enumerate(texts):
            if not isinstance(one, str):
                raise refusal(f"prompt[{index}]", "un texte est attendu ; des jetons se comptent d'eux-mêmes", one)
        return cls(model, texts=tuple(texts), special=special, listed=listed, pieces=pieces)

    def payload(self, route: ModelRoute, limits: Limits) -> bytes:
        """Ce que l'exemplaire reçoit ; une conversation y est ce que la génération lui donnerait."""
        common = {"list": self.listed, "pieces": self.pieces}
        if self.chat is None:
            return orjson.dumps({"texts": self.texts, "special": self.special, **common})
        self.chat.check_features(route.key, route.features)
        chat = orjson.Fragment(self.chat.for_engine(route.key, route.engine, limits))
        return orjson.dumps({"chat": chat, **common})


@dataclass(frozen=True, slots=True)
class Counted:
    """Jetons comptés."""

    count: int
    context_tokens: int
    """Contexte du modèle ; 0 s'il n'est pas connu."""
    ids: list[int] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)


class TokenCounter:
    """Décomptes, menés par un exemplaire du modèle."""

    def __init__(self, router: Router, calls: WorkerCalls, limits: Limits) -> None:
        self._router = router
        self._calls = calls
        self._limits = limits

    async def count(self, asked: Asked, timeout: float | None) -> Counted:
        """Jetons d'une conversation ou de textes.

        Raises:
            PasserelleError: de la route, de la liaison ou du moteur.
        """
        route = await self._router.route_for(asked.model, Capability.CHAT)
        payload = asked.payload(route, self._limits)
        found = await self._ask(route, link_pb2.REQUEST_KIND_TOKENIZE, payload, timeout)
        # Le contexte n'est sûr qu'une fois le modèle chargé : la route est relue.
        route = await self._router.route_for(asked.model, Capability.CHAT)
        return Counted(found["count"], route.context_tokens, found.get("ids", []), found.get("pieces", []))

    async def text(self, data: Mapping[str, Any], timeout: float | None) -> str:
        """Texte des jetons d'une demande de `/detokenize`.

        Raises:
            InvalidRequest: champ absent ou de mauvais type, jeton hors du vocabulaire.
            PasserelleError: de la route, de la liaison ou du moteur.
        """
        _only(data, _IDS_FIELDS)
        model = text(data, "", "model", required=True, empty=False) or ""
        ids = sequence(data, "", "tokens", high=self._limits.max_listed_tokens, required=True) or []
        for index, one in enumerate(ids):
            if not is_tokens([one]):
                raise refusal(f"tokens[{index}]", "le numéro d'un jeton est attendu", one)
        largest = (max(ids, default=0), "tokens")
        route = await self._router.route_for(model, Capability.CHAT)
        payload = orjson.dumps({"ids": ids})
        found = await self._ask(route, link_pb2.REQUEST_KIND_DETOKENIZE, payload, timeout, token=largest)
        return str(found["text"])

    async def _ask(
        self,
        route: ModelRoute,
        kind: "link_pb2.RequestKind",
        payload: bytes,
        timeout: float | None,
        **options: Any,
    ) -> dict[str, Any]:
        started = time.monotonic()
        opened = self._calls.open(
            route, kind, payload, label=_LABEL, stream=False, started=started, timeout=timeout, **options
        )
        async with opened as call:
            parts = [item async for items in call for item in items]
        if len(parts) != 1:
            raise EngineFailed(f"Le moteur a rendu {len(parts)} réponses au lieu d'une.")
        return dict(orjson.loads(parts[0]))


def _only(data: Mapping[str, Any], allowed: frozenset[str]) -> None:
    """Refuse un champ que la route ne lit pas."""
    for name in data:
        if name not in allowed:
            raise UnsupportedOption(
                f"{name} : ce champ n'est pas lu ici ; champs lus : {', '.join(sorted(allowed))}.",
                metadata={"field": name, "limit": ", ".join(sorted(allowed))},
            )
