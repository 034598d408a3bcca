"""Du message typé au JSON d'OpenAI, la langue intérieure de la conversation."""

import base64
from typing import Any

from passerelle.v1 import chat_pb2

from server.front.checks import missing, refusal
from server.rpc.structs import plain

_ROLES = {
    chat_pb2.CHAT_ROLE_SYSTEM: "system",
    chat_pb2.CHAT_ROLE_USER: "user",
    chat_pb2.CHAT_ROLE_ASSISTANT: "assistant",
    chat_pb2.CHAT_ROLE_TOOL: "tool",
    chat_pb2.CHAT_ROLE_DEVELOPER: "developer",
}
_SCALARS = (
    "max_tokens",
    "temperature",
    "top_p",
    "n",
    "seed",
    "presence_penalty",
    "frequency_penalty",
)
_TYPED = frozenset(
    {
        *_SCALARS,
        "model",
        "messages",
        "prompt",
        "stream",
        "stream_options",
        "stop",
        "logit_bias",
        "logprobs",
        "top_logprobs",
        "tools",
        "tool_choice",
        "response_format",
        "max_completion_tokens",
    }
)
"""Champs qui ont leur place typée, et que `extra` ne peut donc pas porter."""


def chat_request(request: chat_pb2.ChatRequest, *, stream: bool) -> dict[str, Any]:
    """JSON d'OpenAI d'une conversation.

    Raises:
        InvalidRequest: message sans rôle, morceau vide, option en double, nombre qui n'est pas fini.
    """
    data: dict[str, Any] = {
        "model": request.model,
        "messages": [_message(m, f"messages[{i}]") for i, m in enumerate(request.messages)],
    }
    _options(data, request.options)
    if request.options.HasField("logprobs"):
        data["logprobs"] = request.options.logprobs
    if request.options.HasField("top_logprobs"):
        data["top_logprobs"] = request.options.top_logprobs
    if request.tools:
        data["tools"] = [_tool(tool, f"tools[{i}]") for i, tool in enumerate(request.tools)]
    if request.HasField("tool_choice"):
        data["tool_choice"] = _tool_choice(request.tool_choice)
    if request.HasField("parallel_tool_calls"):
        data["parallel_tool_calls"] = request.parallel_tool_calls
    shape = _response_format(request.response_format)
    if shape:
        data["response_format"] = shape
    if request.HasField("reasoning_effort"):
        data["reasoning_effort"] = request.reasoning_effort
    return _streamed(data, stream)


def complete_request(request: chat_pb2.CompleteRequest, *, stream: bool) -> dict[str, Any]:
    """JSON d'OpenAI d'une complétion.

    Raises:
        InvalidRequest: départ vide ou donné deux fois, option en double, nombre qui n'est pas fini.
    """
    data: dict[str, Any] = {"model": request.model, "prompt": request.prompt}
    if request.prompts:
        if request.prompt:
            raise refusal("prompts", "« prompt » ou « prompts », pas les deux", request.prompt)
        data["prompt"] = [_prompt(prompt, f"prompts[{i}]") for i, prompt in enumerate(request.prompts)]
    options = request.options
    _options(data, options)
    if options.HasField("top_logprobs"):
        data["logprobs"] = options.top_logprobs
    elif options.logprobs:
        data["logprobs"] = 1
    if request.HasField("echo"):
        data["echo"] = request.echo
    if request.HasField("suffix"):
        data["suffix"] = request.suffix
    return _streamed(data, stream)


def _prompt(prompt: chat_pb2.CompletionPrompt, path: str) -> str | list[int]:
    kind = prompt.WhichOneof("prompt")
    if kind is None:
        raise missing(path, "un texte ou des jetons sont attendus")
    return prompt.text if kind == "text" else list(prompt.tokens.ids)


def _streamed(data: dict[str, Any], stream: bool) -> dict[str, Any]:
    data["stream"] = stream
    if stream:
        data["stream_options"] = {"include_usage": True}
    return data


def _message(message: chat_pb2.ChatMessage, path: str) -> dict[str, Any]:
    role = _ROLES.get(message.role)
    if role is None:
        raise missing(f"{path}.role", "un rôle est attendu (SYSTEM, USER, ASSISTANT, TOOL ou DEVELOPER)")
    data: dict[str, Any] = {"role": role, "content": _content(message, path)}
    if message.HasField("name"):
        data["name"] = message.name
    if message.HasField("tool_call_id"):
        data["tool_call_id"] = message.tool_call_id
    if message.tool_calls:
        data["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    return data


def _content(message: chat_pb2.ChatMessage, path: str) -> str | list[dict[str, Any]] | None:
    if not message.content:
        return None
    if len(message.content) == 1 and message.content[0].WhichOneof("part") == "text":
        return message.content[0].text
    return [_part(part, f"{path}.content[{i}]") for i, part in enumerate(message.content)]


def _part(part: chat_pb2.ContentPart, path: str) -> dict[str, Any]:
    kind = part.WhichOneof("part")
    if kind == "text":
        return {"type": "text", "text": part.text}
    if kind == "image":
        if not part.image.data:
            raise missing(f"{path}.image.data", "les octets de l'image sont attendus")
        encoded = base64.b64encode(part.image.data).decode()
        return {"type": "image_url", "image_url": {"url": f"data:{part.image.mime_type};base64,{encoded}"}}
    raise missing(path, "un texte ou une image est attendu")


def _options(data: dict[str, Any], options: chat_pb2.GenerationOptions) -> None:
    for name in _SCALARS:
        if options.HasField(name):
            data[name] = getattr(options, name)
    if options.stop:
        data["stop"] = list(options.stop)
    if options.logit_bias:
        data["logit_bias"] = {str(token): bias for token, bias in options.logit_bias.items()}
    for name, value in plain(options.extra, "options.extra").items():
        if name in _TYPED:
            raise refusal(f"options.extra.{name}", "cette option a son propre champ dans la requête", value)
        data[name] = value


def _tool(tool: chat_pb2.Tool, path: str) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name}
    if tool.HasField("description"):
        function["description"] = tool.description
    if tool.HasField("parameters"):
        function["parameters"] = plain(tool.parameters, f"{path}.parameters")
    if tool.HasField("strict"):
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _tool_choice(wanted: str) -> str | dict[str, Any]:
    if wanted in ("none", "auto", "required"):
        return wanted
    return {"type": "function", "function": {"name": wanted}}


def _response_format(shape: chat_pb2.ResponseFormat) -> dict[str, Any] | None:
    kind = shape.WhichOneof("format")
    if kind is None:
        return None
    if kind != "json_schema":
        return {"type": kind}
    schema: dict[str, Any] = {
        "name": shape.json_schema.name,
        "schema": plain(shape.json_schema.schema, "response_format.json_schema.schema"),
    }
    if shape.json_schema.HasField("strict"):
        schema["strict"] = shape.json_schema.strict
    return {"type": "json_schema", "json_schema": schema}
