"""Les outils d'une conversation : ce que le modèle en lit, et la grammaire qui tient sa réponse.

Le gabarit de SmolLM2 ne connaît ni les outils, ni leurs appels, ni leurs résultats : ils lui sont écrits en toutes
lettres, dans des messages qu'il connaît. Une réponse commence par `Reply: ` ou par `Call: `, et ce qui suit un appel
est tenu par le schéma de l'outil : les arguments sont toujours les siens.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from server.chat_grammars import Grammar, GrammarKind
from server.errors import InvalidRequest, UnsupportedOption

REPLY = "Reply: "
CALL = "Call: "

_LIST = """You can call these functions, one JSON object a line:
{tools}

To call a function, answer "Call: " and its name and arguments in JSON:
Call: {{"name": "function name", "arguments": {{"argument": "value"}}}}"""
_OR_REPLY = """
Otherwise, answer "Reply: " and your text:
Reply: your text"""
_COMPACT = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
"""Les seuls blancs qu'un modèle écrit : libres, un petit modèle en écrirait sans fin."""
_NO_ARGUMENTS = {"type": "object", "properties": {}, "additionalProperties": False}
_APART = ("stop", "logprobs", "grammar", "json_schema")
"""Ce qui porterait sur l'écriture d'un appel, que le client ne voit pas."""


@dataclass(frozen=True, slots=True)
class ToolUse:
    """Outils qu'une réponse peut, ou doit, appeler."""

    system: str
    """Ce que le modèle en lit."""
    grammar: str
    """Grammaire Lark de toute la réponse."""
    schemas: tuple[Grammar, ...]
    """Schémas qu'elle contient, chacun sous le champ qui le porte."""

    def trials(self) -> Iterator[Grammar]:
        """Ce qui est à compiler à l'essai : chaque schéma, pour nommer le fautif, puis le tout."""
        yield from self.schemas
        yield Grammar("tools", GrammarKind.GRAMMAR, self.grammar)


def take_tools(body: dict[str, Any], max_calls: int) -> ToolUse | None:
    """Retire les outils d'une requête, et réécrit ses messages pour un modèle qui ne les connaît pas.

    Args:
        body: conversation ; `tools` et ce qui en dépend en sont ôtés.
        max_calls: appels d'une réponse, quand `parallel_tool_calls` en demande plusieurs.

    Raises:
        InvalidRequest: un outil, ou son choix, est mal décrit.
        UnsupportedOption: option qui ne va pas avec des outils.
    """
    tools = body.pop("tools", None) or []
    choice = body.pop("tool_choice", None) or "auto"
    several = body.pop("parallel_tool_calls", None)
    messages = body.get("messages") or []
    answering = choice == "auto" and bool(messages) and messages[-1].get("role") == "tool"
    # Un modèle aussi petit referait sans fin le même appel : un résultat lu, il répond.
    offered = tools if choice != "none" and not answering else []
    use = None
    if offered:
        for name in _APART:
            if body.get(name) not in (None, False, []):
                raise UnsupportedOption(f"{name} : non disponible avec tools.", metadata={"field": name})
        use = _use(offered, choice, _text_schema(body.pop("response_format", None)), max_calls if several else 1)
    body["messages"] = list(_plain(messages, use))
    return use


def _use(tools: list[Any], choice: Any, text: Grammar | None, most: int) -> ToolUse:
    functions = [_function(tool, f"tools[{index}]") for index, tool in enumerate(tools)]
    wanted = list(range(len(functions)))
    if isinstance(choice, dict):
        name = (choice.get("function") or {}).get("name")
        wanted = [index for index in wanted if functions[index]["name"] == name][:1]
    elif choice not in ("auto", "required"):
        wanted = []
    if not wanted:
        raise InvalidRequest(
            "tool_choice : « none », « auto », « required » ou le nom d'un outil de tools est attendu.",
            metadata={"field": "tool_choice", "value": str(choice)[:80]},
        )
    schemas = [
        Grammar(f"tools[{index}].function.parameters", GrammarKind.JSON, functions[index]["parameters"])
        for index in wanted
    ]
    lines = ["%llguidance {}", "start: reply | calls" if choice == "auto" else "start: calls"]
    lines += [f"reply: {json.dumps(REPLY)} text"]
    if text is None:
        lines += ["text: TEXT", r"TEXT: /(.|\n)*/"]
    else:
        lines += [f"text: %json {orjson.dumps(text.source).decode()}"]
        schemas.append(text)
    more = rf' ("\n" call){{0,{most - 1}}}' if most > 1 else ""
    lines += [f"calls: call{more}", "call: " + " | ".join(f"call_{index}" for index in wanted)]
    for index in wanted:
        head = CALL + '{"name": ' + json.dumps(functions[index]["name"]) + ', "arguments": '
        lines += [f'call_{index}: {json.dumps(head)} arguments_{index} "}}"']
        lines += [f"arguments_{index}: %json {orjson.dumps(functions[index]['parameters']).decode()}"]
    shown = (functions[index] | {"parameters": _shown(functions[index]["parameters"])} for index in wanted)
    system = _LIST.format(tools="\n".join(orjson.dumps(one).decode() for one in shown))
    return ToolUse(system + (_OR_REPLY if choice == "auto" else ""), "\n".join(lines) + "\n", tuple(schemas))


def _function(tool: Any, path: str) -> dict[str, Any]:
    """Fonction d'un outil ; ses paramètres sont toujours un objet."""
    function = tool.get("function") if isinstance(tool, dict) and tool.get("type") == "function" else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise InvalidRequest(f"{path} : une fonction nommée est attendue.", metadata={"field": path})
    parameters = function.get("parameters")
    where = f"{path}.function.parameters"
    if parameters is not None and not isinstance(parameters, dict):
        raise InvalidRequest(f"{where} : un schéma JSON est attendu.", metadata={"field": where})
    parameters = {"type": "object"} | (parameters or _NO_ARGUMENTS)
    if parameters["type"] != "object":
        kind = str(parameters["type"])[:80]
        raise InvalidRequest(
            f"{where}.type : « object » est attendu (reçu : {kind}).",
            metadata={"field": f"{where}.type", "value": kind},
        )
    described = {"description": function["description"]} if function.get("description") else {}
    return {"name": function["name"], **described, "parameters": parameters | {"x-guidance": _COMPACT}}


def _shown(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if name != "x-guidance"}


def _text_schema(shape: Any) -> Grammar | None:
    """Schéma qu'une réponse en texte doit suivre."""
    if not isinstance(shape, dict) or shape.get("type") not in ("json_schema", "json_object"):
        return None
    field, schema = "response_format.schema", shape.get("schema")
    if shape["type"] == "json_schema":
        field, schema = "response_format.json_schema.schema", (shape.get("json_schema") or {}).get("schema")
    return Grammar(field, GrammarKind.JSON, {"x-guidance": _COMPACT} | (schema or {"type": "object"}))


def _plain(messages: list[Mapping[str, Any]], use: ToolUse | None) -> Iterator[dict[str, Any]]:
    """Messages sans outils : un appel est écrit comme le modèle l'écrit, un résultat est dit par l'utilisateur."""
    names: dict[str, str] = {}
    system = use.system if use is not None else ""
    if system and (not messages or messages[0].get("role") not in ("system", "developer")):
        yield {"role": "system", "content": system}
        system = ""
    for message in messages:
        role, calls = message.get("role"), message.get("tool_calls") or []
        if system:
            yield {"role": "system", "content": f"{_text(message)}\n\n{system}"}
            system = ""
        elif role == "tool":
            name = names.get(str(message.get("tool_call_id")), "")
            yield {"role": "user", "content": f"Result{f' of {name}' if name else ''}: {_text(message)}"}
        elif role == "assistant" and (calls or use is not None):
            text = _text(message)
            lines = [REPLY + text if use is not None else text] if text else []
            for call in calls:
                function = call.get("function") or {}
                names[str(call.get("id"))] = name = str(function.get("name") or "")
                arguments = str(function.get("arguments") or "{}")
                lines.append(f'{CALL}{{"name": {json.dumps(name)}, "arguments": {arguments}}}')
            yield {"role": "assistant", "content": "\n".join(lines)}
        else:
            yield dict(message)


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "".join(str(part.get("text") or part.get("refusal") or "") for part in content)
