"""Ce que tout moteur de conversation doit faire : le faux comme le vrai."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from server.config import load_profile
from server.control.fetching import DownloadSettings
from server.control.package_source import fetch
from server.engines.base import ChatEngine, ChatKind, EngineSpec
from server.engines.registry import engine_factory
from server.errors import EngineUnavailable
from tests.fakes.engines import FakeChatEngine

ROOT = Path(__file__).resolve().parents[2]
BODY = {"model": "alias", "messages": [{"role": "user", "content": "Count to five."}], "max_tokens": 12}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Poids du petit modèle, assemblés et vérifiés par le vrai téléchargement."""
    spec = load_profile("embarque").model("qwen")
    assert spec is not None
    folder = tmp_path_factory.mktemp("poids")
    fetch(DownloadSettings(spec=spec, cache_dir=folder, weights_dir=ROOT / ".venv" / "weights"), lambda _event: None)
    return folder / spec.key / spec.source.revision


@pytest.fixture(params=["fake", "llamacpp"])
async def engine(request: pytest.FixtureRequest, weights: Path) -> AsyncIterator[ChatEngine]:
    spec = load_profile("embarque").model("qwen")
    assert spec is not None
    settings = EngineSpec(model_key="qwen", model_dir=weights, options=spec.options, threads=2)
    made: Any = FakeChatEngine(settings) if request.param == "fake" else engine_factory("llamacpp")(settings)
    await made.open()
    await made.warm_up()
    yield made
    await made.close()
    await made.close()


async def collect(engine: ChatEngine, *, stream: bool, **more: Any) -> list[bytes]:
    request = json.dumps(BODY | {"stream": stream} | more).encode()
    return [item async for item in engine.generate(ChatKind.CHAT, request, stream=stream)]


async def test_a_whole_answer_is_one_item(engine: ChatEngine) -> None:
    [item] = await collect(engine, stream=False)
    answer = json.loads(item)
    assert answer["model"] == "alias"
    assert answer["choices"][0]["message"]["content"]
    assert answer["usage"]["completion_tokens"] > 0


async def test_a_stream_is_whole_frames_without_the_end_mark(engine: ChatEngine) -> None:
    text = b"".join(await collect(engine, stream=True)).decode()
    frames = [frame for frame in text.split("\n\n") if frame]
    assert text.endswith("\n\n") and len(frames) > 2
    assert "[DONE]" not in text
    events = [json.loads(frame.removeprefix("data: ")) for frame in frames]
    assert {event["model"] for event in events} == {"alias"}
    assert "".join(event["choices"][0]["delta"].get("content") or "" for event in events if event["choices"])


async def test_requests_run_side_by_side(engine: ChatEngine) -> None:
    answers = await asyncio.gather(*(collect(engine, stream=True) for _ in range(engine.max_running)))
    assert all(len(answer) > 1 for answer in answers)


async def test_leaving_frees_the_place(engine: ChatEngine) -> None:
    for _ in range(engine.max_running * 2):
        request = json.dumps(BODY | {"stream": True, "max_tokens": 400}).encode()
        items = engine.generate(ChatKind.CHAT, request, stream=True)
        await anext(items)
        await items.aclose()
    async with asyncio.timeout(20):
        assert await collect(engine, stream=False)


def test_an_unknown_engine_is_named() -> None:
    with pytest.raises(EngineUnavailable, match="inconnu"):
        engine_factory("inconnu")
