"""Les outils d'une conversation et la forme imposée à sa réponse."""

import re
from typing import Any

from server.front.checks import JsonObject, boolean, choice, entry, mapping, refusal, sequence, text

MAX_TOOLS = 128

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def check_response_format(data: JsonObject, need: Any) -> None:
    """Vérifie `response_format` ; `need` note l'option que le modèle doit offrir.

    Raises:
        InvalidRequest: le champ en cause est nommé.
    """
    shape = mapping(data, "", "response_format")
    if shape is None:
        return
    kind = choice(shape, "response_format", "type", ("text", "json_object", "json_schema"), required=True)
    if kind == "text":
        return
    need("json_schema", "response_format")
    if kind == "json_schema":
        path = "response_format.json_schema"
        schema = mapping(shape, "response_format", "json_schema", required=True) or {}
        _check_name(schema, path)
        # Sans schéma, un moteur répondrait en texte libre.
        mapping(schema, path, "schema", required=True)
        text(schema, path, "description")
        boolean(schema, path, "strict")
    else:
        mapping(shape, "response_format", "schema")


def check_tools(data: JsonObject, need: Any) -> None:
    """Vérifie `tools` et `tool_choice`.

    Raises:
        InvalidRequest: le champ en cause est nommé.
    """
    tools = sequence(data, "", "tools", high=MAX_TOOLS) or []
    if tools:
        need("tools", "tools")
    names = [_tool_name(entry(tool, f"tools[{i}]"), f"tools[{i}]") for i, tool in enumerate(tools)]
    _check_tool_choice(data, names)


def forced_tools(data: JsonObject) -> list[int]:
    """Rangs des outils dont le moteur impose les arguments : exigés, nommés, ou stricts."""
    wanted = data.get("tool_choice")
    name = (wanted.get("function") or {}).get("name") if isinstance(wanted, dict) else None
    found = []
    for index, tool in enumerate(data.get("tools") or ()):
        function = tool["function"]
        if wanted != "none" and (wanted == "required" or function["name"] == name or function.get("strict") is True):
            found.append(index)
    return found


def _tool_name(tool: JsonObject, path: str) -> str:
    choice(tool, path, "type", ("function",), required=True)
    function = mapping(tool, path, "function", required=True) or {}
    name = _check_name(function, f"{path}.function")
    mapping(function, f"{path}.function", "parameters")
    text(function, f"{path}.function", "description")
    boolean(function, f"{path}.function", "strict")
    return name


def _check_name(data: JsonObject, path: str) -> str:
    name = text(data, path, "name", required=True, empty=False) or ""
    if not _NAME.fullmatch(name):
        raise refusal(f"{path}.name", "64 caractères au plus, parmi lettres, chiffres, « _ » et « - »", name, limit=64)
    return name


def _check_tool_choice(data: JsonObject, names: list[str]) -> None:
    wanted = data.get("tool_choice")
    if wanted is None:
        return
    if isinstance(wanted, str):
        choice(data, "", "tool_choice", ("none", "auto", "required"))
        if wanted == "required" and not names:
            raise refusal("tool_choice", "« required » suppose au moins un outil dans tools", wanted)
        return
    named = mapping(data, "", "tool_choice") or {}
    choice(named, "tool_choice", "type", ("function",), required=True)
    function = mapping(named, "tool_choice", "function", required=True) or {}
    name = text(function, "tool_choice.function", "name", required=True) or ""
    if name not in names:
        raise refusal("tool_choice.function.name", "le nom d'un outil de tools est attendu", name)
