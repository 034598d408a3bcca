"""Ce que tout moteur de conversation doit faire : le faux, l'embarqué et vLLM jouent ces mêmes essais.

Un module d'essais importe tout d'ici et donne ses fixtures `engine` et `phases` (étapes dites à l'ouverture).
"""

import asyncio
import json
from typing import Any

from server.engines.base import ChatEngine, ChatKind, LoadPhase
from tests.support.opening import check_phases
from tests.support.waiting import PATIENCE

BODY = {
    "model": "alias",
    "messages": [{"role": "user", "content": "Count to five."}],
    "max_tokens": 12,
    "temperature": 0,
}

__all__ = [
    "test_a_stream_is_whole_frames_without_the_end_mark",
    "test_a_whole_answer_is_one_item",
    "test_leaving_frees_the_place",
    "test_opening_tells_its_phases",
    "test_requests_run_side_by_side",
]


async def collect(engine: ChatEngine, *, stream: bool, **more: Any) -> list[bytes]:
    """Éléments rendus pour une conversation."""
    request = json.dumps(BODY | {"stream": stream} | more).encode()
    return [item async for item in engine.generate(ChatKind.CHAT, request, stream=stream)]


def events(items: list[bytes]) -> list[Any]:
    """Objets JSON d'un flux."""
    frames = [frame for frame in b"".join(items).decode().split("\n\n") if frame]
    return [json.loads(frame.removeprefix("data: ")) for frame in frames]


async def test_opening_tells_its_phases(engine: ChatEngine, phases: list[LoadPhase]) -> None:
    assert engine.max_running > 0
    check_phases(phases)


async def test_a_whole_answer_is_one_item(engine: ChatEngine) -> None:
    [item] = await collect(engine, stream=False)
    answer = json.loads(item)
    assert answer["model"] == "alias"
    assert answer["choices"][0]["message"]["content"]
    assert answer["usage"]["completion_tokens"] > 0


async def test_a_stream_is_whole_frames_without_the_end_mark(engine: ChatEngine) -> None:
    items = await collect(engine, stream=True)
    text = b"".join(items).decode()
    assert text.endswith("\n\n") and len(events(items)) > 2
    assert "[DONE]" not in text
    assert {event["model"] for event in events(items)} == {"alias"}
    assert "".join(event["choices"][0]["delta"].get("content") or "" for event in events(items) if event["choices"])


async def test_requests_run_side_by_side(engine: ChatEngine) -> None:
    answers = await asyncio.gather(*(collect(engine, stream=True) for _ in range(engine.max_running)))
    assert all(len(answer) > 1 for answer in answers)


async def test_leaving_frees_the_place(engine: ChatEngine) -> None:
    for _ in range(engine.max_running * 2):
        request = json.dumps(BODY | {"stream": True, "max_tokens": 400}).encode()
        items = engine.generate(ChatKind.CHAT, request, stream=True)
        await anext(items)
        await items.aclose()
    async with asyncio.timeout(PATIENCE):
        assert await collect(engine, stream=False)
