"""Le regroupement des voix d'un fichier de six heures, sans un son : ce qu'en voit la boucle, et qui y parle."""

import asyncio
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from server.engines.common.owner import OwnerThread
from server.engines.pyannote.clustering import bound_clustering
from server.engines.pyannote.options import ClusteringSettings
from tests.support import tiny_pyannote

SIX_HOURS = 6 * 3600
"""Fenêtres de 10 s, une par seconde, comme en production."""
SPEAKERS = 5
MUTE_SECONDS = 5.0
"""Silence au-delà duquel un front cesse d'envoyer vers un exemplaire."""


def embeddings(chunks: int, dimension: int) -> tuple[Any, Any, Any]:
    """Empreintes de deux locuteurs par fenêtre, leurs prises de parole, et qui parle vraiment."""
    random = np.random.default_rng(7)
    voices = np.linalg.qr(random.normal(size=(dimension, SPEAKERS)))[0].T
    truth = np.stack([random.permutation(SPEAKERS)[:2] for _ in range(chunks)])
    vectors = np.full((chunks, 3, dimension), np.nan, np.float32)
    vectors[:, :2] = voices[truth] + random.normal(size=(chunks, 2, dimension)) * 0.5 / np.sqrt(dimension)
    spoken = np.zeros((chunks, 10, 3), np.float32)
    spoken[:, :5, 0] = spoken[:, 5:, 1] = 1
    return vectors, SimpleNamespace(data=spoken), truth


def clustering(name: str, folder: Path, **bounds: int) -> Any:
    """Un pipeline réduit à son regroupement, celui des profils, borné."""
    from pyannote.audio.core.plda import PLDA
    from pyannote.audio.pipelines.clustering import AgglomerativeClustering, VBxClustering

    inner: Any
    if name == "vbx":
        plda: Any = PLDA.from_pretrained(str(tiny_pyannote.plain_plda(folder)))
        inner = VBxClustering(plda, metric="cosine")
        inner.instantiate({"threshold": 0.6, "Fa": 0.07, "Fb": 0.8})
    else:
        inner = AgglomerativeClustering("cosine")
        inner.instantiate({"method": "centroid", "min_cluster_size": 6, "threshold": 0.7})
    pipeline = SimpleNamespace(clustering=inner)
    bound_clustering(pipeline, ClusteringSettings(**bounds))
    return pipeline


async def silences(stop: asyncio.Event) -> float:
    """Plus long silence de la boucle, en secondes de processeur de ce processus : une machine chargée n'en ajoute pas."""
    longest, last = 0.0, time.process_time()
    while not stop.is_set():
        await asyncio.sleep(0.02)
        now = time.process_time()
        longest, last = max(longest, now - last), now
    return longest


async def six_hours_are_clustered_while_the_loop_beats(folder: Path, name: str, **bounds: int) -> None:
    """Regroupe : la boucle n'est pas tenue, et chaque empreinte, prise ou non, est au groupe de son locuteur."""
    vectors, spoken, truth = embeddings(SIX_HOURS, 256)
    pipeline = clustering(name, folder, **bounds)
    owner, stop = OwnerThread("essai"), asyncio.Event()
    beating = asyncio.create_task(silences(stop))

    def work() -> Any:
        return pipeline.clustering(vectors, spoken, min_clusters=1, max_clusters=20)

    try:
        found, _, _ = await owner.call(work)
    finally:
        stop.set()
        owner.close()
    assert await beating < MUTE_SECONDS
    pairs = set(zip(found[:, :2].ravel().tolist(), truth.ravel().tolist(), strict=True))
    assert len(pairs) == len({one for one, _ in pairs}) == len({voice for _, voice in pairs}) == SPEAKERS
