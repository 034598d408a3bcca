"""Le regroupement d'un fichier de six heures : ni interpréteur tenu, ni mémoire sans borne, et les mêmes locuteurs."""

import asyncio
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pytest
from scipy.cluster.hierarchy import linkage

from server.engines.common.owner import OwnerThread
from server.engines.pyannote.clustering import BoundedLinkage, bound_clustering, spread
from server.engines.pyannote.leaving import Cancelled, stopped_by
from server.engines.pyannote.options import ClusteringSettings
from server.errors import EngineFailed
from tests.support import tiny_pyannote
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.filterwarnings("ignore")

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
    """Plus long silence de la boucle, en secondes."""
    longest, last = 0.0, time.monotonic()
    while not stop.is_set():
        await asyncio.sleep(0.02)
        now = time.monotonic()
        longest, last = max(longest, now - last), now
    return longest


@pytest.mark.parametrize(("name", "bounds"), [("agglomerative", {}), ("vbx", {"max_clustered_embeddings": 2000})])
async def test_six_hours_of_embeddings_are_clustered_while_the_loop_beats(
    tmp_path: Path, name: str, bounds: dict[str, int]
) -> None:
    vectors, spoken, truth = embeddings(SIX_HOURS, 256)
    pipeline = clustering(name, tmp_path, **bounds)
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
    # Chaque empreinte, prise ou non pour faire les groupes, est au groupe de son locuteur.
    assert len(pairs) == len({one for one, _ in pairs}) == len({voice for _, voice in pairs}) == SPEAKERS


def test_a_dendrogram_made_apart_is_the_one_of_scipy() -> None:
    vectors = np.random.default_rng(1).normal(size=(1200, 32)).astype(np.float32)
    for method, metric in (("centroid", "euclidean"), ("average", "cosine")):
        ours = BoundedLinkage(ClusteringSettings())(vectors, method=method, metric=metric)
        assert np.array_equal(ours, linkage(vectors, method=method, metric=metric))


@pytest.mark.parametrize(("option", "value"), [("max_clustering_mib", 64), ("max_clustering_seconds", 1)])
def test_what_exceeds_its_bounds_fails_and_names_them(option: str, value: int) -> None:
    bounded = BoundedLinkage(ClusteringSettings(**{option: value}))
    with pytest.raises(EngineFailed) as refused:
        bounded(np.random.default_rng(2).normal(size=(8000, 64)), method="centroid")
    assert refused.value.metadata == {"field": f"options.{option}", "limit": str(value), "value": "8000"}


def test_a_cancelled_clustering_leaves_no_child(tmp_path: Path) -> None:
    pipeline = clustering("agglomerative", tmp_path)
    vectors, spoken, _ = embeddings(6000, 64)
    stop = threading.Event()
    me = psutil.Process()
    ended: list[BaseException] = []

    def work() -> None:
        try:
            with stopped_by(stop):
                pipeline.clustering(vectors, spoken, min_clusters=1, max_clusters=20)
        except BaseException as error:
            ended.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    while not children(me):
        assert thread.is_alive()
        time.sleep(0.01)
    stop.set()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert [type(error) for error in ended] == [Cancelled]
    assert not children(me)


def children(me: psutil.Process) -> list[psutil.Process]:
    return [child for child in me.children() if any("linkage_child" in word for word in child.cmdline())]


def test_what_is_kept_is_spread_over_the_whole_file() -> None:
    assert np.arange(7)[spread(7, 7)].tolist() == list(range(7))
    kept = np.arange(43200)[spread(43200, 8000)]
    assert len(set(kept.tolist())) == 8000 and kept[0] == 0 and kept[-1] == 43199
    assert set(np.diff(kept).tolist()) <= {5, 6}
