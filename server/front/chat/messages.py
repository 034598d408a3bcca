"""Les messages d'une conversation au schéma d'OpenAI : rôles, contenus, images."""

import re
from collections.abc import Callable
from typing import Any

from server.chat_fields import check_part
from server.domain import Limits
from server.errors import UnsupportedOption
from server.front.checks import JsonObject, choice, entry, mapping, missing, refusal, sequence, text

ROLES = ("system", "user", "assistant", "tool", "developer", "function")
IMAGE_TYPES = ("image/png", "image/jpeg", "image/webp", "image/gif")

_DATA_URI = re.compile(r"data:([a-z]+/[a-z0-9.+-]+);base64,", re.IGNORECASE)

Needs = Callable[[str, str], None]
"""Note qu'un champ (second argument) exige une option du modèle (premier argument)."""


def check_messages(data: JsonObject, limits: Limits, needs: Needs) -> None:
    """Vérifie `messages`.

    Raises:
        InvalidRequest: le champ en cause est nommé, par exemple `messages[0].role`.
        UnsupportedOption: contenu que le service ne prend pas (adresse distante, fichier…).
    """
    messages = sequence(data, "", "messages", low=1, high=limits.max_messages, required=True)
    images = 0
    for index, item in enumerate(messages or ()):
        path = f"messages[{index}]"
        message = entry(item, path)
        role = choice(message, path, "role", ROLES, required=True)
        text(message, path, "name")
        calls = sequence(message, path, "tool_calls") if role == "assistant" else None
        if calls:
            needs("tools", f"{path}.tool_calls")
            _check_tool_calls(calls, path)
        if role == "tool":
            text(message, path, "tool_call_id", required=True, empty=False)
        optional = role == "assistant" and bool(calls or message.get("function_call") or message.get("refusal"))
        images += _check_content(message, path, needs, optional=optional, images=role == "user")
        if images > limits.max_images:
            raise refusal(
                f"{path}.content",
                f"une requête porte au plus {limits.max_images} image(s)",
                images,
                limit=limits.max_images,
            )


def _check_content(message: JsonObject, path: str, needs: Needs, *, optional: bool, images: bool) -> int:
    where = f"{path}.content"
    content = message.get("content")
    if content is None:
        if optional:
            return 0
        raise missing(where, "une chaîne ou une liste de morceaux est attendue")
    if isinstance(content, str):
        return 0
    if not isinstance(content, list):
        raise refusal(where, "une chaîne ou une liste de morceaux est attendue", content)
    if not content and not optional:
        raise refusal(where, "la liste doit compter au moins 1 morceau", 0, limit=1)
    return sum(
        _check_part(entry(part, f"{where}[{i}]"), f"{where}[{i}]", needs, images) for i, part in enumerate(content)
    )


def _check_part(part: JsonObject, path: str, needs: Needs, images: bool) -> int:
    kind = text(part, path, "type", required=True)
    if kind in ("text", "refusal"):
        text(part, path, kind, required=True)
        check_part(part, path)
        return 0
    if kind == "image_url":
        if not images:
            raise refusal(f"{path}.type", "seul un message de rôle user porte une image", kind)
        image = mapping(part, path, "image_url", required=True) or {}
        url = text(image, f"{path}.image_url", "url", required=True, empty=False) or ""
        check_part(part, path)
        _check_image(url, f"{path}.image_url.url")
        choice(image, f"{path}.image_url", "detail", ("auto", "low", "high"))
        needs("images", path)
        return 1
    if kind in ("input_audio", "audio_url", "video_url", "video", "file", "image", "image_embeds", "image_pil"):
        raise UnsupportedOption(
            f"{path}.type : un morceau « {kind} » n'est pas accepté (acceptés : text, image_url).",
            metadata={"field": f"{path}.type", "value": kind},
        )
    raise refusal(f"{path}.type", "un morceau est de type text ou image_url", kind, limit="text, image_url")


def _check_image(url: str, path: str) -> None:
    found = _DATA_URI.match(url)
    if found is None:
        raise refusal(path, "une adresse « data: » d'image est en base64 : data:image/png;base64,…", url[:40])
    if found[1].lower() not in IMAGE_TYPES:
        raise refusal(path, f"un de ces types est attendu : {', '.join(IMAGE_TYPES)}", found[1])


def _check_tool_calls(calls: list[Any], path: str) -> None:
    for index, item in enumerate(calls):
        where = f"{path}.tool_calls[{index}]"
        call = entry(item, where)
        text(call, where, "id")
        choice(call, where, "type", ("function",))
        function = mapping(call, where, "function", required=True) or {}
        text(function, f"{where}.function", "name", required=True, empty=False)
        text(function, f"{where}.function", "arguments", required=True)
