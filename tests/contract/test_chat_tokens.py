"""Les jetons que compte le moteur du profil embarque."""

import pytest

from server.engines.base import ChatEngine, EngineSpec
from server.engines.registry import engine_factory
from server.errors import EngineFailed
from tests.support.llama_opened import *  # noqa: F403
from tests.support.tokens_suite import *  # noqa: F403

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def counting(real_engine: ChatEngine) -> ChatEngine:
    return real_engine


async def test_a_closed_engine_counts_nothing(spec: EngineSpec) -> None:
    made = engine_factory("llamacpp")(spec)
    with pytest.raises(EngineFailed):
        await made.text_tokens("a", special=True, pieces=False)  # type: ignore[attr-defined]
