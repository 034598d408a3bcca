"""Le regroupement des empreintes d'un long fichier, borné : scipy n'y tient ni l'interpréteur, ni des Gio.

Un dendrogramme demande un temps et une mémoire au carré du nombre d'empreintes, et scipy ne rend l'interpréteur qu'à la
fin : il se construit dans un enfant, que ses bornes ou une annulation tuent. Au-delà de `max_clustered_embeddings`,
seules autant d'empreintes, prises à intervalles réguliers, font les groupes ; pyannote donne ensuite chaque empreinte,
prise ou non, au groupe dont le centre est le plus proche.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from server.engines.pyannote.leaving import Cancelled, abandoned
from server.engines.pyannote.linkage_child import SHORT_OF_MEMORY
from server.engines.pyannote.options import ClusteringSettings
from server.errors import EngineFailed

_CHILD = Path(__file__).with_name("linkage_child.py")
_SMALL = 1000
"""Empreintes dont le dendrogramme se construit sur place : quelques dizaines de millisecondes."""
_LOOK_SECONDS = 0.05
"""Délai au plus entre une annulation et la fin de l'enfant."""
_MIB = 1 << 20


class BoundedLinkage:
    """Remplaçant de `scipy.cluster.hierarchy.linkage`, qui rend le même dendrogramme."""

    def __init__(self, bounds: ClusteringSettings) -> None:
        self._bounds = bounds

    def __call__(self, vectors: Any, method: str = "single", metric: str = "euclidean") -> Any:
        """Dendrogramme.

        Raises:
            Cancelled: l'onde est abandonnée.
            EngineFailed: l'enfant a dépassé une borne.
        """
        if len(vectors) <= _SMALL:
            from scipy.cluster.hierarchy import linkage

            return linkage(vectors, method=method, metric=metric)
        settings = {
            "rows": len(vectors),
            "method": method,
            "metric": metric,
            "seconds": self._bounds.max_clustering_seconds,
            "memory_bytes": self._bounds.max_clustering_mib * _MIB,
        }
        # Des fichiers en mémoire, et non des tubes : rien à lire ni à écrire pendant qu'il calcule.
        with _in_memory("empreintes") as sent, _in_memory("dendrogramme") as received:
            sent.write(np.ascontiguousarray(vectors, np.float64).tobytes())
            sent.seek(0)
            code = self._run([sys.executable, "-I", str(_CHILD), json.dumps(settings)], sent, received)
            if code:
                raise self._failure(code, len(vectors))
            received.seek(0)
            return np.frombuffer(received.read(), np.float64).reshape(-1, 4).copy()

    def _run(self, command: list[str], sent: Any, received: Any) -> int:
        stop = abandoned()
        kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
        with subprocess.Popen(
            command, stdin=sent, stdout=received, env={**kept, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        ) as process:
            while True:
                if stop.is_set():
                    process.kill()
                    raise Cancelled
                try:
                    return process.wait(_LOOK_SECONDS)
                except subprocess.TimeoutExpired:
                    continue

    def _failure(self, code: int, count: int) -> EngineFailed:
        if code == -signal.SIGXCPU:
            option, limit = "max_clustering_seconds", str(self._bounds.max_clustering_seconds)
        elif code in (SHORT_OF_MEMORY, -signal.SIGKILL):
            option, limit = "max_clustering_mib", str(self._bounds.max_clustering_mib)
        else:
            return EngineFailed("Le regroupement des empreintes a échoué.", metadata={"value": str(code)})
        return EngineFailed(
            f"Le regroupement de {count} empreintes ne tient pas dans options.{option} ({limit}) ; réduisez "
            "options.max_clustered_embeddings.",
            metadata={"field": f"options.{option}", "limit": limit, "value": str(count)},
        )


def bound_clustering(pipeline: Any, bounds: ClusteringSettings) -> None:
    """Borne le regroupement d'un pipeline déjà réglé."""
    from pyannote.audio.pipelines import clustering

    kind: Any = type(pipeline.clustering)

    class Bounded(kind):  # type: ignore[misc]
        """Le regroupement choisi, borné."""

        bounded_linkage = BoundedLinkage(bounds)

        def __call__(self, *arguments: Any, **named: Any) -> Any:
            # pyannote prend ce nom dans son module ; un processus n'a qu'un pipeline.
            clustering.linkage = self.bounded_linkage  # type: ignore[attr-defined]
            return super().__call__(*arguments, **named)

        def filter_embeddings(self, *arguments: Any, **named: Any) -> tuple[Any, ...]:
            found = super().filter_embeddings(*arguments, **named)
            kept = spread(len(found[0]), bounds.max_clustered_embeddings)
            return tuple(part[kept] for part in found)

    pipeline.clustering.__class__ = Bounded


def spread(count: int, most: int) -> Any:
    """Rangs gardés parmi `count`, `most` au plus, à intervalles réguliers."""
    if count <= most:
        return slice(None)
    return np.linspace(0, count - 1, most).round().astype(int)


def _in_memory(name: str) -> Any:
    return os.fdopen(os.memfd_create(name), "w+b")
