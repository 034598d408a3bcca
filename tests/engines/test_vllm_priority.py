"""L'ordre de passage de vLLM, quand le profil le fait suivre les parts."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from server.engines.base import ChatKind, share
from server.engines.vllm.engine import VllmEngine
from server.errors import InvalidRequest, UnsupportedOption
from tests.support.vllm_opened import opened, running, spec
from tests.support.waiting import until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.filterwarnings("default"), pytest.mark.timeout(600)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def vllm(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[VllmEngine]:
    """Une requête à la fois : les autres attendent chez vLLM, dans son ordre à lui."""
    settings = spec(tmp_path_factory.mktemp("qwen3-vl"), scheduling_policy="priority", max_num_seqs=1)
    async with opened(settings) as made:
        yield made


def body(**more: Any) -> bytes:
    fixed = {"model": "alias", "prompt": "Count.", "allowed_token_ids": [9707], "ignore_eos": True, "stream": True}
    return json.dumps(fixed | more).encode()


async def test_a_bigger_share_passes_first(vllm: VllmEngine) -> None:
    ended: list[str] = []

    async def ask(name: str, parts: int, tokens: int) -> None:
        share.set(parts)
        await vllm.push(ChatKind.COMPLETION, body(max_tokens=tokens), lambda _: None)
        ended.append(name)

    tasks = [asyncio.create_task(ask("en cours", 9, 200))]
    await until(lambda: running(vllm) == 1, "la première est chez vLLM")
    for count, (name, parts) in enumerate((("une part", 1), ("deux", 2), ("huit", 8), ("deux encore", 2)), 2):
        tasks.append(asyncio.create_task(ask(name, parts, 4)))
        await until(lambda count=count: running(vllm) == count, f"{name} attend chez vLLM")  # type: ignore[misc]
    await asyncio.gather(*tasks)
    assert ended == ["en cours", "huit", "deux", "deux encore", "une part"]


async def test_nobody_chooses_its_own_priority(vllm: VllmEngine) -> None:
    with pytest.raises((UnsupportedOption, InvalidRequest)):
        async for _ in vllm.generate(ChatKind.COMPLETION, body(priority=-9), stream=True):
            pass
