"""Les poids qu'un autre outil met sur le disque : reconnus, vérifiés, et le modèle passe en cache de lui-même."""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from server.control.weights.cache import PLAN, model_dir
from server.control.weights.hub_listing import repository_dir
from server.domain import HubRepository, ModelSpec
from server.errors import PasserelleError

logger = logging.getLogger(__name__)

STABLE_TICKS = 3
"""Lectures du disque sans changement avant de vérifier : une copie est peut-être en cours."""


@dataclass(slots=True)
class _Seen:
    trace: str
    ticks: int = 0


class Adoption:
    """Suit la trace de chaque modèle absent, et lance une vérification quand elle ne change plus."""

    def __init__(self, cache_dir: Path, hub_caches: Iterable[Path], adopt: Callable[[str], Awaitable[None]]) -> None:
        """`adopt` vérifie et déclare les poids d'un modèle, de clé donnée."""
        self._cache_dir = cache_dir
        self._hub_caches = tuple(hub_caches)
        self._adopt = adopt
        self._seen: dict[str, _Seen] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def aclose(self) -> None:
        """Arrête les vérifications."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def traces(self, specs: Iterable[ModelSpec]) -> dict[str, str]:
        """Trace des poids trouvés de chaque modèle du hub ; vide s'il n'y en a pas. Lit le disque."""
        return {spec.key: self._trace(spec) for spec in specs if spec.source.kind == "hub"}

    def follow(self, traces: Mapping[str, str]) -> None:
        """Compare aux traces précédentes ; une trace n'est vérifiée qu'une fois."""
        for key, trace in traces.items():
            seen = self._seen.setdefault(key, _Seen(""))
            seen.ticks = seen.ticks + 1 if seen.trace == trace else 0
            seen.trace = trace
            if trace and seen.ticks == STABLE_TICKS and (key not in self._tasks or self._tasks[key].done()):
                self._tasks[key] = asyncio.create_task(self._check(key))

    async def _check(self, key: str) -> None:
        try:
            await self._adopt(key)
        except PasserelleError as error:
            logger.warning(
                "artifacts_not_adopted", extra={"model": key, "reason": error.reason, "detail": error.message}
            )
        else:
            logger.info("artifacts_adopted", extra={"model": key})

    def _trace(self, spec: ModelSpec) -> str:
        folder = model_dir(self._cache_dir, spec)
        if (folder / PLAN).exists():
            return ""  # un téléchargement interrompu : le reprendre ou non est le choix d'une personne
        found = _files(folder)
        for cache in self._hub_caches:
            for wanted in spec.source.repositories:
                found += _snapshot(cache, wanted)
        return "\n".join(found)


def _files(folder: Path) -> list[str]:
    """Nom, taille et date de chaque fichier."""
    found = []
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                status = (Path(parent) / name).stat()
            except OSError:
                continue
            found.append(f"{parent}/{name} {status.st_size} {status.st_mtime_ns}")
    return sorted(found)


def _snapshot(cache: Path, wanted: HubRepository) -> list[str]:
    """Instantanés de ce dépôt et ses fichiers inachevés."""
    repository = repository_dir(cache, wanted.repository)
    return _files(repository / "snapshots") + [str(path) for path in sorted(repository.glob("blobs/*.incomplete"))]
