"""Du JSON d'OpenAI rendu par un moteur aux messages typés."""

from collections.abc import Iterator
from typing import Any

import orjson
from passerelle.v1 import chat_pb2

from server.errors import EngineFailed
from server.front.sse import events


def chat_response(body: bytes) -> chat_pb2.ChatResponse:
    """Réponse entière à une conversation."""
    data = orjson.loads(body)
    return chat_pb2.ChatResponse(
        id=data.get("id") or "",
        model=data.get("model") or "",
        choices=[_choice(choice) for choice in data.get("choices") or ()],
        usage=_usage(data.get("usage")),
    )


def complete_response(body: bytes) -> chat_pb2.CompleteResponse:
    """Complétion entière."""
    data = orjson.loads(body)
    return chat_pb2.CompleteResponse(
        id=data.get("id") or "",
        model=data.get("model") or "",
        choices=[
            chat_pb2.CompletionChoice(
                index=choice.get("index") or 0,
                text=choice.get("text") or "",
                finish_reason=choice.get("finish_reason") or "",
                logprobs=_logprobs(choice.get("logprobs")),
            )
            for choice in data.get("choices") or ()
        ],
        usage=_usage(data.get("usage")),
    )


def chat_deltas(frames: bytes) -> chat_pb2.StreamChatResponse | None:
    """Un message pour toutes ces trames ; `None` si elles n'ajoutent rien.

    Raises:
        EngineFailed: le moteur a écrit une erreur dans son flux.
    """
    response = chat_pb2.StreamChatResponse()
    deltas: dict[int, chat_pb2.ChatDelta] = {}
    for event in _checked(frames):
        _identify(response, event)
        for choice in event.get("choices") or ():
            index = choice.get("index") or 0
            into = deltas.setdefault(index, chat_pb2.ChatDelta(index=index))
            delta = choice.get("delta") or {}
            into.content += delta.get("content") or ""
            into.reasoning_content += delta.get("reasoning_content") or delta.get("reasoning") or ""
            into.finish_reason = choice.get("finish_reason") or into.finish_reason
            into.logprobs.extend(_logprobs(choice.get("logprobs")))
            _extend_calls(into, delta.get("tool_calls") or ())
    response.deltas.extend(d for d in deltas.values() if len(d.ListFields()) > (1 if d.index else 0))
    return response if response.deltas or response.HasField("usage") else None


def complete_deltas(frames: bytes) -> chat_pb2.StreamCompleteResponse | None:
    """Un message pour toutes ces trames ; `None` si elles n'ajoutent rien.

    Raises:
        EngineFailed: le moteur a écrit une erreur dans son flux.
    """
    response = chat_pb2.StreamCompleteResponse()
    deltas: dict[int, chat_pb2.CompletionChoice] = {}
    for event in _checked(frames):
        _identify(response, event)
        for choice in event.get("choices") or ():
            index = choice.get("index") or 0
            into = deltas.setdefault(index, chat_pb2.CompletionChoice(index=index))
            into.text += choice.get("text") or ""
            into.finish_reason = choice.get("finish_reason") or into.finish_reason
            into.logprobs.extend(_logprobs(choice.get("logprobs")))
    response.deltas.extend(d for d in deltas.values() if len(d.ListFields()) > (1 if d.index else 0))
    return response if response.deltas or response.HasField("usage") else None


def _checked(frames: bytes) -> Iterator[dict[str, Any]]:
    for event in events(frames):
        error = event.get("error")
        if error is not None:
            raise EngineFailed(str(error.get("message") if isinstance(error, dict) else error))
        yield event


def _identify(response: chat_pb2.StreamChatResponse | chat_pb2.StreamCompleteResponse, event: dict[str, Any]) -> None:
    response.id = event.get("id") or response.id
    response.model = event.get("model") or response.model
    usage = _usage(event.get("usage"))
    if usage is not None:
        response.usage.CopyFrom(usage)


def _choice(choice: dict[str, Any]) -> chat_pb2.ChatChoice:
    message = choice.get("message") or {}
    text = message.get("content")
    typed = chat_pb2.ChatMessage(role=chat_pb2.CHAT_ROLE_ASSISTANT)
    if text is not None:
        typed.content.append(chat_pb2.ContentPart(text=text))
    for index, call in enumerate(message.get("tool_calls") or ()):
        function = call.get("function") or {}
        typed.tool_calls.append(
            chat_pb2.ToolCall(
                index=index,
                id=call.get("id") or "",
                name=function.get("name") or "",
                arguments=function.get("arguments") or "",
            )
        )
    result = chat_pb2.ChatChoice(
        index=choice.get("index") or 0,
        message=typed,
        finish_reason=choice.get("finish_reason") or "",
        logprobs=_logprobs(choice.get("logprobs")),
    )
    reasoning = message.get("reasoning_content") or message.get("reasoning")
    if reasoning:
        result.reasoning_content = reasoning
    return result


def _extend_calls(into: chat_pb2.ChatDelta, calls: Any) -> None:
    for call in calls:
        index = call.get("index") or 0
        function = call.get("function") or {}
        known = next((c for c in into.tool_calls if c.index == index), None) or into.tool_calls.add(index=index)
        known.id = call.get("id") or known.id
        known.name = function.get("name") or known.name
        known.arguments += function.get("arguments") or ""


def _usage(usage: dict[str, Any] | None) -> chat_pb2.Usage | None:
    if not usage:
        return None
    typed = chat_pb2.Usage(
        prompt_tokens=usage.get("prompt_tokens") or 0,
        completion_tokens=usage.get("completion_tokens") or 0,
        total_tokens=usage.get("total_tokens") or 0,
    )
    cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens")
    if cached is not None:
        typed.cached_tokens = cached
    return typed


def _logprobs(logprobs: dict[str, Any] | None) -> list[chat_pb2.TokenLogprob]:
    if not logprobs:
        return []
    if logprobs.get("content") is not None:
        return [_token(token) for token in logprobs["content"]]
    tokens = logprobs.get("tokens") or ()
    values = logprobs.get("token_logprobs") or ()
    others = logprobs.get("top_logprobs") or [None] * len(tokens)
    return [
        chat_pb2.TokenLogprob(
            token=token,
            logprob=value or 0.0,
            token_bytes=token.encode(),
            top_logprobs=[
                chat_pb2.TopLogprob(token=name, logprob=score, token_bytes=name.encode())
                for name, score in (other or {}).items()
            ],
        )
        for token, value, other in zip(tokens, values, others, strict=False)
    ]


def _token(token: dict[str, Any]) -> chat_pb2.TokenLogprob:
    return chat_pb2.TokenLogprob(
        token=token.get("token") or "",
        logprob=token.get("logprob") or 0.0,
        token_bytes=_bytes(token),
        top_logprobs=[
            chat_pb2.TopLogprob(
                token=other.get("token") or "", logprob=other.get("logprob") or 0.0, token_bytes=_bytes(other)
            )
            for other in token.get("top_logprobs") or ()
        ],
    )


def _bytes(token: dict[str, Any]) -> bytes:
    raw = token.get("bytes")
    return bytes(raw) if raw is not None else str(token.get("token") or "").encode()
