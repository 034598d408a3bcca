"""Ouvrir vLLM dans un essai, et regarder ce qu'il mène."""

import contextlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil

from server.engines.base import EngineSpec, OnPhase, unheard
from server.engines.vllm.engine import VllmEngine, create_engine
from tests.support.qwen3_vl import build

DEVICE = os.environ.get("PASSERELLE_TEST_DEVICE", "cpu")
"""`cpu`, ou `cuda` pour jouer les mêmes essais sur un GPU."""
OPTIONS: dict[str, Any] = {
    "load_format": "dummy",
    "enforce_eager": True,
    "max_model_len": 2048,
    "max_num_seqs": 4,
    "limit_mm_per_prompt": {"image": 2, "video": 0},
}
"""Options d'un modèle minuscule, aux poids tirés au hasard."""
if DEVICE == "cuda":
    OPTIONS["gpu_memory_utilization"] = 0.1


def spec(folder: Path, **more: Any) -> EngineSpec:
    """Le modèle minuscule, avec des options en plus."""
    return EngineSpec("qwen", build(folder), options=OPTIONS | more, device=DEVICE, threads=2)


def family() -> list[psutil.Process]:
    """Processus de vLLM en vie ; le compteur de ressources de multiprocessing, lui, dure autant que l'essai."""
    found = []
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if child.status() != psutil.STATUS_ZOMBIE and "resource_tracker" not in str(child.cmdline()):
                found.append(child)
    return found


@asynccontextmanager
async def opened(settings: EngineSpec, on_phase: OnPhase = unheard) -> AsyncIterator[VllmEngine]:
    """Moteur ouvert et échauffé ; une fois fermé, il ne laisse aucun processus."""
    made = create_engine(settings)
    await made.open(on_phase)
    await made.warm_up()
    yield made
    await made.close()
    await made.close()
    _, alive = psutil.wait_procs(family(), 20)
    assert not alive, alive


def running(engine: VllmEngine) -> int:
    """Requêtes que vLLM n'a pas finies."""
    assert engine._serving is not None
    return int(engine._serving.engine.output_processor.get_num_unfinished_requests())


def core() -> psutil.Process:
    """Processus du modèle."""
    return next(child for child in family() if "EngineCore" in child.name())
