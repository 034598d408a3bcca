"""Une complétion qui ne rend que son texte de départ (`max_tokens: 0`).

vLLM produit quand même un jeton, dont dépendent les log-probabilités du départ ; il ne le rend pas, mais le compte, et
sa raison de fin est celle de ce jeton.
"""

from typing import Any

import orjson

from server.engines.base import ChatKind

_DATA = b"data: "


def is_echo_only(kind: ChatKind, body: dict[str, Any]) -> bool:
    """Vrai si cette requête n'attend aucun jeton."""
    return kind is ChatKind.COMPLETION and body.get("max_tokens") == 0


def uncounted(item: bytes) -> bytes:
    """La réponse entière, ou la trame SSE, sans le jeton qui n'est pas rendu."""
    framed = item.startswith(_DATA)
    answer = orjson.loads(item.removeprefix(_DATA))
    for choice in answer["choices"]:
        if choice.get("finish_reason"):
            choice |= {"finish_reason": "length", "stop_reason": None}
    if usage := answer.get("usage"):
        usage |= {"completion_tokens": 0, "total_tokens": usage["prompt_tokens"]}
    body = orjson.dumps(answer)
    return _DATA + body + b"\n\n" if framed else body
