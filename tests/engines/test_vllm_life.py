"""La vie de vLLM : un raisonnement et un adaptateur LoRA réglés par le profil, puis la mort du processus du modèle."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from server.engines.base import ChatKind
from server.engines.vllm.engine import VllmEngine, create_engine
from server.errors import EngineDead
from tests.support.chat_options_suite import answer
from tests.support.chat_suite import collect
from tests.support.qwen3_vl import adapter
from tests.support.vllm_opened import core, family, opened, spec

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.filterwarnings("default"), pytest.mark.timeout(600)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def vllm(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[VllmEngine]:
    folder = tmp_path_factory.mktemp("qwen3-vl")
    lora = [{"name": "conteur", "path": str(adapter(folder / "lora"))}]
    async with opened(spec(folder / "model", reasoning_parser="qwen3", lora_modules=lora, max_lora_rank=8)) as made:
        yield made


async def test_leaving_during_the_load_leaves_nothing(tmp_path_factory: pytest.TempPathFactory) -> None:
    opening = asyncio.create_task(create_engine(spec(tmp_path_factory.mktemp("abandon"))).open())
    async with asyncio.timeout(500):
        while not family():
            await asyncio.sleep(0.05)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
    assert not family()


async def test_the_reasoning_is_told_apart(vllm: VllmEngine) -> None:
    assert {"reasoning", "lora"} <= vllm.features
    message = (await answer(vllm))["choices"][0]["message"]
    assert message["reasoning"] and not message["content"]


async def test_an_adapter_answers_under_its_name(vllm: VllmEngine) -> None:
    found = [await answer(vllm, model=name, temperature=0) for name in ("alias", "conteur", "alias")]
    assert [one["model"] for one in found] == ["alias", "conteur", "alias"]
    plain, told, again = (one["choices"][0]["message"]["reasoning"] for one in found)
    assert plain == again != told


async def test_the_death_of_the_model_is_seen_by_all(vllm: VllmEngine) -> None:
    """Le dernier essai de ce module : il ne reste rien à servir."""
    watch = asyncio.create_task(vllm.wait_dead())
    body = {"model": "alias", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1900, "ignore_eos": True}
    stream = vllm.generate(ChatKind.CHAT, json.dumps(body).encode(), stream=True)
    await anext(stream)
    core().send_signal(signal.SIGKILL)
    async with asyncio.timeout(60):
        with pytest.raises(EngineDead):
            async for _ in stream:
                pass
        assert "mort" in await watch
        with pytest.raises(EngineDead):
            await collect(vllm, stream=False)
