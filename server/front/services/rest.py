"""`RestService` : la façade HTTP, qui reçoit et rend des corps bruts."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

import orjson
from google.api.httpbody_pb2 import HttpBody
from passerelle.v1 import rest_pb2, rest_pb2_grpc

from server.domain import Capability, Limits
from server.engines.base import ChatKind
from server.front.chat.generation import Generation
from server.front.chat.request import parse, read_object
from server.front.chat.tokens import Asked, TokenCounter
from server.front.routing.router import Router
from server.front.routing.routes import ModelRoute
from server.front.services.rest_audio import AudioRoutes
from server.front.sse import DONE, EVENT_HEADERS, LOADING
from server.rpc.caller import caller, patience
from server.rpc.deadline import time_left
from server.rpc.http_body import EVENT_STREAM, JSON, LastBody, encode_body
from server.rpc.quotas import response_headers
from server.rpc.timings import closing_comment, timing_headers

_SERVED = {
    Capability.CHAT: ("chat", "completions"),
    Capability.TRANSCRIBE: ("audio.transcriptions", "audio.live"),
    Capability.DIARIZE: ("audio.diarization",),
}
"""Ce que sert un modèle de chaque capacité, par les noms de `capabilities`."""
_OPTIONS = {
    "images": "vision",
    "translate": "audio.translations",
    **{name: name for name in ("tools", "json_schema", "logprobs", "reasoning", "word_timestamps")},
}
"""Options d'un modèle dites dans `capabilities`, et leur nom."""

Context = Any
"""`grpc.aio.ServicerContext`."""


class RestService(rest_pb2_grpc.RestServiceServicer):
    """Routes `/v1`, `/api` et `/healthz` ; chaque méthode rend des HttpBody déjà sérialisés."""

    def __init__(
        self, generation: Generation, tokens: TokenCounter, audio: AudioRoutes, router: Router, limits: Limits
    ) -> None:
        self._generation = generation
        self._tokens = tokens
        self._audio = audio
        self._router = router
        self._limits = limits

    def CreateChatCompletion(self, request: HttpBody, context: Context) -> AsyncIterator[bytes]:
        """`POST /v1/chat/completions`."""
        return self._generate(ChatKind.CHAT, request, context)

    def CreateCompletion(self, request: HttpBody, context: Context) -> AsyncIterator[bytes]:
        """`POST /v1/completions`."""
        return self._generate(ChatKind.COMPLETION, request, context)

    async def Tokenize(self, request: HttpBody, context: Context) -> AsyncIterator[bytes]:
        """`POST /v1/tokenize` et `/tokenize`, à la forme de vLLM."""
        asked = Asked.of_body(read_object(request.data, self._limits), self._limits)
        found = await self._tokens.count(asked, time_left(context))
        answer = {
            "count": found.count,
            "max_model_len": found.context_tokens or None,
            "tokens": found.ids,
            "token_strs": found.pieces if asked.pieces else None,
        }
        yield encode_body(orjson.dumps(answer), JSON)

    async def Detokenize(self, request: HttpBody, context: Context) -> AsyncIterator[bytes]:
        """`POST /v1/detokenize` et `/detokenize`, à la forme de vLLM."""
        found = await self._tokens.text(read_object(request.data, self._limits), time_left(context))
        yield encode_body(orjson.dumps({"prompt": found}), JSON)

    async def ListOpenAiModels(
        self, _request: rest_pb2.ListOpenAiModelsRequest, _context: Context
    ) -> AsyncIterator[bytes]:
        """`GET /v1/models` : chaque clé, puis chaque alias, de ce que l'appelant peut employer."""
        who = caller.get()
        routes = [route for route in await self._router.routes() if who.may_use(route.key)]
        models = [_model(route.key, route) for route in routes]
        models += [_model(alias, route) for route in routes for alias in route.aliases]
        yield encode_body(orjson.dumps({"object": "list", "data": models}), JSON)

    async def RetrieveOpenAiModel(
        self, request: rest_pb2.RetrieveOpenAiModelRequest, _context: Context
    ) -> AsyncIterator[bytes]:
        """`GET /v1/models/{model}`, par la clé ou un alias."""
        route = await self._router.find(request.model)
        yield encode_body(orjson.dumps(_model(request.model, route)), JSON)

    def CreateTranscription(self, requests: AsyncIterator[HttpBody], context: Context) -> AsyncIterator[bytes]:
        """`POST /v1/audio/transcriptions`."""
        return self._audio.openai(requests, context, translate=False)

    def CreateTranslation(self, requests: AsyncIterator[HttpBody], context: Context) -> AsyncIterator[bytes]:
        """`POST /v1/audio/translations`."""
        return self._audio.openai(requests, context, translate=True)

    def TranscribeAudio(
        self, requests: AsyncIterator[rest_pb2.TranscribeAudioRequest], context: Context
    ) -> AsyncIterator[bytes]:
        """`POST /api/audio/transcribe`."""
        return self._audio.transcribe(requests, context)

    def ProcessDiarization(
        self, requests: AsyncIterator[rest_pb2.ProcessDiarizationRequest], context: Context
    ) -> AsyncIterator[bytes]:
        """`POST /api/diarization/process`."""
        return self._audio.diarize(requests, context)

    async def CheckHealth(self, _request: rest_pb2.CheckHealthRequest, _context: Context) -> AsyncIterator[bytes]:
        """`GET /healthz` : ce front sert."""
        yield encode_body(b'{"status":"ok"}', JSON)

    async def _generate(self, kind: ChatKind, request: HttpBody, context: Context) -> AsyncGenerator[bytes, None]:
        checked = parse(kind, request.data, self._limits)
        timeout = time_left(context)
        if not checked.stream:
            yield encode_body(await self._generation.whole(checked, timeout), JSON)
            return
        # Un flux dit qu'il charge : le client reçoit, et ne renonce pas.
        patience.set(None)
        content_type = EVENT_STREAM
        ended = False
        async with aclosing(self._generation.stream(checked, timeout, notice=LOADING)) as frames:
            async for frame, last in frames:
                if content_type:
                    response_headers.set((*EVENT_HEADERS, *timing_headers()))
                # La fin part avec la dernière trame : un message de moins par requête.
                if last:
                    yield LastBody(encode_body(frame + closing_comment() + DONE, content_type))
                else:
                    yield encode_body(frame, content_type)
                content_type = ""
                ended = last
        if not ended:
            yield LastBody(encode_body(closing_comment() + DONE, content_type))


def _model(name: str, route: ModelRoute) -> dict[str, Any]:
    return {
        "id": name,
        "object": "model",
        "created": route.created,
        "owned_by": route.owned_by or "passerelle",
        "root": route.key,
        "max_model_len": route.context_tokens or None,
        "capabilities": [*_SERVED[route.capability], *(name for f, name in _OPTIONS.items() if f in route.features)],
    }
