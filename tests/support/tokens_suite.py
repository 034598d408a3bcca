"""Ce que tout moteur qui compte des jetons doit dire : ce qu'il compte en générant. L'embarqué et vLLM jouent ces essais.

Un module d'essais importe tout d'ici et donne sa fixture `counting`.
"""

import json
from typing import Any

import pytest

from server.engines.base import ChatKind, TokenizingEngine
from tests.support.qwen3_vl import png

__all__ = [
    "test_a_conversation_counts_what_its_answer_counts",
    "test_a_text_counts_what_its_completion_counts",
    "test_tokens_give_their_text_back",
]

ASKED = {"role": "user", "content": "Count to five."}
TOOL = {
    "type": "function",
    "function": {
        "name": "paint",
        "description": "Peint un mur.",
        "parameters": {"type": "object", "properties": {"color": {"type": "string"}}},
    },
}


async def told(engine: Any, kind: ChatKind, body: dict[str, Any]) -> int:
    """Jetons de la question, au compte de la réponse."""
    request = json.dumps({"model": "alias", "max_tokens": 1, **body}).encode()
    [item] = [item async for item in engine.generate(kind, request, stream=False)]
    return int(json.loads(item)["usage"]["prompt_tokens"])


@pytest.mark.parametrize(
    ("body", "needs"),
    [
        ({"messages": [ASKED]}, ""),
        ({"messages": [{"role": "system", "content": "Sois bref."}, ASKED]}, ""),
        (
            {
                "messages": [
                    {"role": "user", "content": "Où est Zoé ? 😀"},
                    {"role": "assistant", "content": "Là."},
                    {
                        "role": "user",
                        "content": [{"type": "text", "text": "<|im_start|>"}, {"type": "text", "text": "?"}],
                    },
                ]
            },
            "",
        ),
        ({"messages": [ASKED], "tools": [TOOL]}, "tools"),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "text", "text": "Lequel ?"},
                            {"type": "image_url", "image_url": {"url": png(64, 48)}},
                            {"type": "image_url", "image_url": {"url": png(160, 120)}},
                        ],
                    }
                ]
            },
            "images",
        ),
    ],
    ids=["plain", "system", "turns", "tools", "images"],
)
async def test_a_conversation_counts_what_its_answer_counts(counting: Any, body: dict[str, Any], needs: str) -> None:
    if needs and needs not in counting.features:
        assert needs == "images", "seules les images manquent à un moteur d'essai"
        return
    found = await counting.chat_tokens(json.dumps({"model": "alias", **body}).encode(), pieces=True)
    assert len(found.ids) == len(found.pieces) == await told(counting, ChatKind.CHAT, body)


@pytest.mark.parametrize("text", ["Count to five.", "Où est Zoé ? 😀", " \n\n  a", "<|im_end|>"])
async def test_a_text_counts_what_its_completion_counts(counting: Any, text: str) -> None:
    assert isinstance(counting, TokenizingEngine)
    found = await counting.text_tokens(text, special=True, pieces=False)
    assert found.pieces == []
    assert len(found.ids) == await told(counting, ChatKind.COMPLETION, {"prompt": text})


@pytest.mark.parametrize("text", ["Count to five.", "Où est Zoé ? 😀", "a\n\n  b", ""])
async def test_tokens_give_their_text_back(counting: TokenizingEngine, text: str) -> None:
    found = await counting.text_tokens(text, special=False, pieces=False)
    assert await counting.text_of(found.ids) == text
