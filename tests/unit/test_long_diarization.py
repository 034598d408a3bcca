"""Le regroupement d'un fichier de six heures : ni interpréteur tenu, ni mémoire sans borne, et les mêmes locuteurs."""

import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from scipy.cluster.hierarchy import linkage

from server.engines.pyannote.clustering import BoundedLinkage, spread
from server.engines.pyannote.leaving import Cancelled, stopped_by
from server.engines.pyannote.options import ClusteringSettings
from server.errors import EngineFailed
from tests.support.long_speech import clustering, embeddings, six_hours_are_clustered_while_the_loop_beats
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("name", ["agglomerative", "vbx"])
async def test_six_hours_of_embeddings_are_clustered_while_the_loop_beats(tmp_path: Path, name: str) -> None:
    """Aux bornes des profils, dix secondes de processeur : tests/peers/test_long_diarization.py."""
    await six_hours_are_clustered_while_the_loop_beats(tmp_path, name, max_clustered_embeddings=2000)


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
