"""`ChatService` : la conversation typée."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from passerelle.v1 import chat_pb2, chat_pb2_grpc

from server.domain import Limits
from server.engines.base import ChatKind
from server.front.chat.generation import Generation
from server.front.chat.request import OpenAiRequest, check
from server.front.chat.tokens import Asked, TokenCounter
from server.front.chat.typed_request import chat_request, complete_request
from server.front.chat.typed_response import chat_deltas, chat_response, complete_deltas, complete_response
from server.front.checks import missing
from server.rpc.deadline import time_left

Context = Any
"""`grpc.aio.ServicerContext`."""


class ChatService(chat_pb2_grpc.ChatServiceServicer):
    """Conversation et complétion typées."""

    def __init__(self, generation: Generation, tokens: TokenCounter, limits: Limits) -> None:
        self._generation = generation
        self._tokens = tokens
        self._limits = limits

    async def Chat(self, request: chat_pb2.ChatRequest, context: Context) -> chat_pb2.ChatResponse:
        """Répond en un message."""
        checked = self._chat(request, stream=False)
        return chat_response(await self._generation.whole(checked, time_left(context)))

    async def StreamChat(
        self, request: chat_pb2.StreamChatRequest, context: Context
    ) -> AsyncIterator[chat_pb2.StreamChatResponse]:
        """Répond au fil de la génération, un message par envoi."""
        checked = self._chat(request.request, stream=True)
        async with aclosing(self._generation.stream(checked, time_left(context))) as frames:
            async for frame, _last in frames:
                message = chat_deltas(frame)
                if message is not None:
                    yield message

    async def Complete(self, request: chat_pb2.CompleteRequest, context: Context) -> chat_pb2.CompleteResponse:
        """Complète en un message."""
        checked = self._complete(request, stream=False)
        return complete_response(await self._generation.whole(checked, time_left(context)))

    async def StreamComplete(
        self, request: chat_pb2.StreamCompleteRequest, context: Context
    ) -> AsyncIterator[chat_pb2.StreamCompleteResponse]:
        """Complète au fil de la génération, un message par envoi."""
        checked = self._complete(request.request, stream=True)
        async with aclosing(self._generation.stream(checked, time_left(context))) as frames:
            async for frame, _last in frames:
                message = complete_deltas(frame)
                if message is not None:
                    yield message

    async def CountTokens(self, request: chat_pb2.CountTokensRequest, context: Context) -> chat_pb2.CountTokensResponse:
        """Compte les jetons, sans rien générer."""
        listed = request.with_tokens
        match request.WhichOneof("content"):
            case "chat":
                asked = Asked.of_chat(chat_request(request.chat, stream=False), self._limits, listed=listed)
            case "complete":
                asked = Asked.of_texts(complete_request(request.complete, stream=False), self._limits, listed=listed)
            case _:
                raise missing("content", "une conversation (chat) ou un texte (complete) est attendu")
        found = await self._tokens.count(replace(asked, pieces=listed), time_left(context))
        return chat_pb2.CountTokensResponse(
            count=found.count, context_tokens=found.context_tokens, tokens=found.ids, pieces=found.pieces
        )

    def _chat(self, request: chat_pb2.ChatRequest, *, stream: bool) -> OpenAiRequest:
        return check(ChatKind.CHAT, chat_request(request, stream=stream), self._limits)

    def _complete(self, request: chat_pb2.CompleteRequest, *, stream: bool) -> OpenAiRequest:
        return check(ChatKind.COMPLETION, complete_request(request, stream=stream), self._limits)
