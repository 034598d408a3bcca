"""Compter les jetons : les deux routes de vLLM et `CountTokens`, d'un front à son exemplaire."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from google.api.httpbody_pb2 import HttpBody
from passerelle.v1 import chat_pb2

from server.domain import Limits
from server.worker.handlers import handlers_for
from tests.support.front_calls import gate
from tests.support.front_rig import Rig, answer, body, front, typed
from tests.support.waiting import until

HELLO = [{"role": "user", "content": "Où ?"}]
BYTES = list("Où ?".encode())
PIECES = [chr(one) for one in BYTES]


@pytest_asyncio.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with front(tmp_path) as made:
        yield made


def sent(**fields: Any) -> HttpBody:
    return HttpBody(content_type="application/json", data=json.dumps({"model": "smollm2", **fields}).encode())


async def tokenized(rig: Rig, **fields: Any) -> tuple[int, Any]:
    status, _, _, data = await answer(rig.rest.Tokenize(sent(**fields)))
    return status, json.loads(data)


async def detokenized(rig: Rig, **fields: Any) -> tuple[int, Any]:
    status, _, _, data = await answer(rig.rest.Detokenize(sent(**fields)))
    return status, json.loads(data)


async def test_a_text_in_vllms_shape(rig: Rig) -> None:
    assert await tokenized(rig, prompt="Où ?") == (
        200,
        {"count": 6, "max_model_len": 4096, "tokens": [0, *BYTES], "token_strs": None},
    )
    status, found = await tokenized(rig, prompt="Où ?", add_special_tokens=False, return_token_strs=True)
    assert (status, found["tokens"], found["token_strs"]) == (200, BYTES, PIECES)
    assert await detokenized(rig, tokens=BYTES) == (200, {"prompt": "Où ?"})


async def test_a_conversation_by_rest_and_by_grpc(rig: Rig) -> None:
    """Un corps entier de conversation se compte tel quel : ses réglages n'y changent rien."""
    _, rest = await tokenized(rig, messages=HELLO, temperature=0.2, max_tokens=5, return_token_strs=True)
    chat = chat_pb2.ChatRequest(model="qwen")
    chat.messages.add(role=chat_pb2.CHAT_ROLE_USER).content.add(text="Où ?")
    found = await rig.chat.CountTokens(chat_pb2.CountTokensRequest(chat=chat, with_tokens=True))
    assert (found.count, list(found.tokens), list(found.pieces)) == (6, rest["tokens"], rest["token_strs"])
    assert found.context_tokens == rest["max_model_len"] == 4096
    alone = await rig.chat.CountTokens(chat_pb2.CountTokensRequest(chat=chat))
    assert (alone.count, list(alone.tokens), list(alone.pieces)) == (6, [], [])


async def test_texts_are_counted_together(rig: Rig) -> None:
    complete = chat_pb2.CompleteRequest(model="qwen")
    for one in ("ab", "c"):
        complete.prompts.add(text=one)
    assert (await rig.chat.CountTokens(chat_pb2.CountTokensRequest(complete=complete))).count == 5


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "prompt"),
        ({"prompt": 3}, "prompt"),
        ({"prompt": "a", "messages": HELLO}, "prompt"),
        ({"prompt": "a", "temperature": 1}, "temperature"),
        ({"prompt": "a", "add_special_tokens": "oui"}, "add_special_tokens"),
        ({"messages": [{"role": "moi", "content": "a"}]}, "messages[0].role"),
        ({"messages": HELLO, "chat_template": "{{ messages }}"}, "chat_template"),
        ({"messages": HELLO, "return_token_strs": 1}, "return_token_strs"),
    ],
)
async def test_what_cannot_be_counted_is_refused_by_name(rig: Rig, fields: dict[str, Any], field: str) -> None:
    status, found = await tokenized(rig, **fields)
    assert status == 400 and found["error"]["param"] == field
    assert rig.engine.requests == []


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "tokens"),
        ({"tokens": "abc"}, "tokens"),
        ({"tokens": [1, -1]}, "tokens[1]"),
        ({"tokens": [True]}, "tokens[0]"),
        ({"tokens": [70000]}, "tokens"),
        ({"tokens": [1], "prompt": "a"}, "prompt"),
    ],
)
async def test_tokens_are_checked_against_the_vocabulary(rig: Rig, fields: dict[str, Any], field: str) -> None:
    rig.engine.vocab_size = 256
    status, found = await detokenized(rig, **fields)
    assert status == 400 and found["error"]["param"] == field


async def test_only_a_list_of_tokens_is_bounded(tmp_path: Path) -> None:
    limits = Limits(max_listed_tokens=4)
    async with front(tmp_path, limits=limits) as rig:
        rig.workers[0].host._handlers = handlers_for(rig.engine, limits=limits)
        status, found = await tokenized(rig, prompt="Où ?")
        assert status == 400 and "4" in found["error"]["message"] and "6" in found["error"]["message"]
        assert (await rig.chat.CountTokens(chat_pb2.CountTokensRequest(chat=typed()))).count > 4
        status, found = await detokenized(rig, tokens=[1] * 5)
        assert status == 400 and found["error"]["param"] == "tokens"


async def test_counting_does_not_wait_for_generations(rig: Rig) -> None:
    """Le moteur plein, et sa file avec : un décompte passe quand même."""
    opened = gate(rig)
    work = [asyncio.ensure_future(answer(rig.rest.CreateChatCompletion(body()))) for _ in range(6)]
    await until(lambda: rig.workers[0].busy == (4, 2))
    assert (await tokenized(rig, prompt="a"))[1]["count"] == 2
    assert rig.workers[0].busy == (4, 2)
    opened.set()
    assert all(status == 200 for status, *_ in await asyncio.gather(*work))


async def test_an_engine_that_cannot_count_says_so(rig: Rig) -> None:
    rig.workers[0].host._handlers = {}
    status, found = await tokenized(rig, prompt="a")
    assert (status, found["error"]["code"]) == (501, "engine_unavailable")
