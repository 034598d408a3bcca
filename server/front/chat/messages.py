"""Les messages d'une conversation au schéma d'OpenAI : rôles, contenus, images."""

import re
from collections.abc import Callable
from typing import Any

from server.chat_fields import check_part
from server.domain import Limits
from server.errors import UnsupportedOption
from server.front.chat.pictures import TYPES, check_picture
from server.front.checks import JsonObject, choice, entry, mapping, missing, refusal, sequence, text

ROLES = ("system", "user", "assistant", "tool", "developer", "function")

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
        optional = role == "assistant" and bool(calls or message.get("refusal"))
        pictures = _check_content(message, path, needs, optional=optional, images=role == "user")
        images += len(pictures)
        if images > limits.max_images:
            raise refusal(
                f"{path}.content",
                f"une requête porte au plus {limits.max_images} image(s)",
                images,
                limit=limits.max_images,
            )
        for where, encoded in pictures:
            check_picture(encoded, where, limits)


def _check_content(
    message: JsonObject, path: str, needs: Needs, *, optional: bool, images: bool
) -> list[tuple[str, str]]:
    """Rend les images, chacune avec son champ et en base64."""
    where = f"{path}.content"
    content = message.get("content")
    if content is None:
        if optional:
            return []
        raise missing(where, "une chaîne ou une liste de morceaux est attendue")
    if isinstance(content, str):
        return []
    if not isinstance(content, list):
        raise refusal(where, "une chaîne ou une liste de morceaux est attendue", content)
    if not content and not optional:
        raise refusal(where, "la liste doit compter au moins 1 morceau", 0, limit=1)
    parts = (
        _check_part(entry(part, f"{where}[{i}]"), f"{where}[{i}]", needs, images) for i, part in enumerate(content)
    )
    return [part for part in parts if part is not None]


def _check_part(part: JsonObject, path: str, needs: Needs, images: bool) -> tuple[str, str] | None:
    kind = text(part, path, "type", required=True)
    if kind in ("text", "refusal"):
        text(part, path, kind, required=True)
        check_part(part, path)
        return None
    if kind == "image_url":
        if not images:
            raise refusal(f"{path}.type", "seul un message de rôle user porte une image", kind)
        image = mapping(part, path, "image_url", required=True) or {}
        url = text(image, f"{path}.image_url", "url", required=True, empty=False) or ""
        check_part(part, path)
        encoded = _encoded(url, f"{path}.image_url.url")
        choice(image, f"{path}.image_url", "detail", ("auto", "low", "high", "original"))
        needs("images", path)
        return f"{path}.image_url.url", encoded
    if kind in ("input_audio", "audio_url", "video_url", "video", "file", "image", "image_embeds", "image_pil"):
        raise UnsupportedOption(
            f"{path}.type : un morceau « {kind} » n'est pas accepté (acceptés : text, image_url).",
            metadata={"field": f"{path}.type", "value": kind},
        )
    raise refusal(f"{path}.type", "un morceau est de type text ou image_url", kind, limit="text, image_url")


def _encoded(url: str, path: str) -> str:
    found = _DATA_URI.match(url)
    if found is None:
        raise refusal(path, "une adresse « data: » d'image est en base64 : data:image/png;base64,…", url[:40])
    if found[1].lower() not in TYPES:
        raise refusal(path, f"un de ces types est attendu : {', '.join(TYPES)}", found[1])
    return url[found.end() :]


def _check_tool_calls(calls: list[Any], path: str) -> None:
    for index, item in enumerate(calls):
        where = f"{path}.tool_calls[{index}]"
        call = entry(item, where)
        text(call, where, "id")
        choice(call, where, "type", ("function",))
        function = mapping(call, where, "function", required=True) or {}
        text(function, f"{where}.function", "name", required=True, empty=False)
        text(function, f"{where}.function", "arguments", required=True)
