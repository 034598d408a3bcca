"""Ce que tout vrai moteur de conversation doit faire des options d'OpenAI qu'il annonce.

Un module d'essais importe tout d'ici et donne sa fixture `real_engine`.
"""

import json
from typing import Any

import pytest

from server.engines.base import ChatEngine, ChatKind
from server.errors import ContextLengthExceeded
from tests.support.chat_suite import collect, events

SHAPE = {
    "type": "object",
    "properties": {"color": {"enum": ["red", "blue"]}},
    "required": ["color"],
    "additionalProperties": False,
}

__all__ = [
    "test_a_completion_repeats_its_prompt",
    "test_a_prompt_longer_than_the_context_is_refused",
    "test_a_schema_is_followed",
    "test_a_seed_gives_the_same_text",
    "test_a_stop_sequence_ends_the_text",
    "test_logprobs_come_with_every_token",
    "test_several_answers_are_counted",
    "test_the_usage_closes_a_stream",
]


async def answer(engine: ChatEngine, **more: Any) -> Any:
    """Réponse entière à une conversation."""
    [item] = await collect(engine, stream=False, **more)
    return json.loads(item)


async def test_the_usage_closes_a_stream(real_engine: ChatEngine) -> None:
    found = events(await collect(real_engine, stream=True, stream_options={"include_usage": True}))
    assert found[-1]["choices"] == []
    assert found[-1]["usage"]["completion_tokens"] > 0
    assert any(event["choices"][0]["finish_reason"] for event in found[:-1])


async def test_several_answers_are_counted(real_engine: ChatEngine) -> None:
    found = await answer(real_engine, n=2, max_tokens=4, temperature=1.0)
    assert sorted(choice["index"] for choice in found["choices"]) == [0, 1]
    assert found["usage"]["completion_tokens"] > 4


async def test_logprobs_come_with_every_token(real_engine: ChatEngine) -> None:
    found = await answer(real_engine, logprobs=True, top_logprobs=2, max_tokens=4)
    tokens = found["choices"][0]["logprobs"]["content"]
    assert len(tokens) == found["usage"]["completion_tokens"]
    assert all(token["logprob"] <= 0 and 1 <= len(token["top_logprobs"]) <= 2 for token in tokens)


async def test_a_stop_sequence_ends_the_text(real_engine: ChatEngine) -> None:
    whole = (await answer(real_engine, temperature=0))["choices"][0]["message"]["content"]
    stop = whole[4:7]
    found = (await answer(real_engine, temperature=0, stop=[stop]))["choices"][0]
    assert found["message"]["content"] == whole[: whole.index(stop)]
    assert found["finish_reason"] == "stop"


async def test_a_seed_gives_the_same_text(real_engine: ChatEngine) -> None:
    texts = [
        (await answer(real_engine, temperature=1.0, seed=seed))["choices"][0]["message"]["content"]
        for seed in (7, 7, 8)
    ]
    assert texts[0] == texts[1] != texts[2]


async def test_a_schema_is_followed(real_engine: ChatEngine) -> None:
    shape = {"type": "json_schema", "json_schema": {"name": "color", "schema": SHAPE}}
    found = await answer(real_engine, response_format=shape, max_tokens=60)
    assert json.loads(found["choices"][0]["message"]["content"])["color"] in ("red", "blue")


async def test_a_completion_repeats_its_prompt(real_engine: ChatEngine) -> None:
    request = json.dumps({"model": "alias", "prompt": "One, two,", "max_tokens": 3, "echo": True}).encode()
    [item] = [part async for part in real_engine.generate(ChatKind.COMPLETION, request, stream=False)]
    found = json.loads(item)
    assert found["choices"][0]["text"].startswith("One, two,")
    assert found["model"] == "alias"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("kind", list(ChatKind))
async def test_a_prompt_longer_than_the_context_is_refused(
    real_engine: ChatEngine, kind: ChatKind, stream: bool
) -> None:
    words = "one two " * 20_000
    start = {"messages": [{"role": "user", "content": words}]} if kind is ChatKind.CHAT else {"prompt": words}
    request = json.dumps({"model": "alias", "max_tokens": 3, **start}).encode()
    with pytest.raises(ContextLengthExceeded) as refused:
        [item async for item in real_engine.generate(kind, request, stream=stream)]
    limit = refused.value.metadata["limit"]
    assert refused.value.metadata["field"] == kind.prompt and int(limit) > 0
    assert f"maximum context length is {limit} tokens" in refused.value.message
