"""Des serveurs qui se suivent : chacun part de ce que le précédent a retenu."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from server.domain import ModelSpec
from tests.support.models_rig import Rig, make, spec
from tests.support.waiting import PATIENCE

A, B, C = spec("a"), spec("b"), spec("c")
PROCESSOR = replace(A, requires_gpu=False)

Start = Callable[..., Awaitable[Rig]]


@asynccontextmanager
async def starts(tmp_path: Path) -> AsyncIterator[Start]:
    """Départ d'un serveur sur ce que le précédent a retenu ; tout est fermé à la fin."""
    started: list[Rig] = []

    async def starting(*specs: ModelSpec, gpus: int = 8, life: str = "", **settings: Any) -> Rig:
        for before in started:
            await before.aclose()
        started.clear()
        rig = await make(tmp_path, gpus, *specs, life=life, **settings)
        started.append(rig)
        return rig

    yield starting
    for rig in started:
        await rig.aclose()


def seats(rig: Rig, key: str = "a") -> list[tuple[int, ...]]:
    """GPU de chaque exemplaire."""
    return [one.gpus for one in rig.model(key).replicas]


async def again(start: Start, *specs: ModelSpec, **settings: Any) -> Rig:
    """Un serveur relancé, une fois revenu tout ce qui doit l'être."""
    rig = await start(*specs, **settings)
    await rig.come_back()
    await rig.returned()
    return rig


def phases(rig: Rig) -> list[str]:
    """Étape de chaque modèle en cours d'opération."""
    return [one.operation.progress.phase for one in rig.models if one.operation is not None]


@asynccontextmanager
async def held_opening(rig: Rig, *names: str) -> AsyncIterator[None]:
    """Le retour commencé, ces exemplaires en train de s'ouvrir ; ils s'ouvrent en sortie."""
    rig.replicas.gate.clear()
    await rig.come_back()
    async with asyncio.timeout(PATIENCE):
        while not set(names) <= set(rig.replicas.started) or not all(phases(rig)):
            await rig.journal.settled()
    yield
    rig.replicas.gate.set()
